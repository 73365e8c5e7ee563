"""What a command means is settled, and refused if need be, before anything is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nic_cli.errors import NicError, OutputExists, UsageError
from nic_cli.jobs.files.plan import Job, check_free, check_writable, plan, plan_lines
from nic_cli.storage.manifest import Line
from nic_cli.storage.printable import printable

PICTURES = frozenset({".png", ".jpg"})


def encode(*inputs, output=None, recursive=False, keep_suffix=False):
    return plan(
        [str(path) for path in inputs],
        output,
        suffix_in=PICTURES,
        suffix_out=".nic",
        recursive=recursive,
        keep_suffix=keep_suffix,
    )


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "a.png",
        "in/b.PNG",
        "in/c.jpg",
        "in/note.txt",
        "in/.hidden.png",
        "in/deep/d.png",
        "in/.git/e.png",
    ):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    Path("in/deep/empty").mkdir()
    return tmp_path


def pairs(jobs):
    return [(str(job.source), str(job.target)) for job in jobs]


def test_the_output_lies_beside_the_input(tree):
    assert pairs(encode("a.png", "in/note.txt")) == [("a.png", "a.nic"), ("in/note.txt", "in/note.nic")]


def test_a_folder_gives_its_own_pictures(tree):
    assert pairs(encode("in")) == [("in/b.PNG", "in/b.nic"), ("in/c.jpg", "in/c.nic")]


def test_the_tree_is_kept_under_the_output_folder(tree):
    assert pairs(encode("in", "a.png", output="out/", recursive=True)) == [
        ("in/b.PNG", "out/b.nic"),
        ("in/c.jpg", "out/c.nic"),
        ("in/deep/d.png", "out/deep/d.nic"),
        ("a.png", "out/a.nic"),
    ]
    assert not Path("out").exists()


def test_a_folder_that_exists_needs_no_slash(tree):
    Path("out").mkdir()
    assert pairs(encode("a.png", output="out")) == [("a.png", "out/a.nic")]
    assert pairs(encode("a.png", output="new")) == [("a.png", "new")]


def test_streams(tree):
    assert encode("-") == encode("-", output="-") == [Job(None, None)]
    assert encode("-", output="x.nic") == [Job(None, Path("x.nic"))]
    assert encode("a.png", output="-") == [Job(Path("a.png"), None)]


@pytest.mark.parametrize(
    ("inputs", "output", "says"),
    [
        ([], None, "no input"),
        (["-", "a.png"], None, "stands alone"),
        (["-"], "in", "name the output file"),
        (["a.png", "in/c.jpg"], "x.nic", "end it with /"),
        (["in"], "x.nic", "end it with /"),
        (["a.png", "in/c.jpg"], "-", "leave out -o -"),
        (["in/deep/.."], "a.png", "end it with /"),
        (["in/deep/empty"], None, "nothing to do"),
        (["a.png"], "a.png", "is no .nic file: -o names an output"),
        (["a.png", "in/../a.nic"], None, "not there, and an input here"),
        (["in/../a.nic", "a.png"], None, "a.nic is a .nic file already"),
        (["https://x.example/a.png"], None, "an address"),
    ],
)
def test_what_cannot_be_meant_is_refused(tree, inputs, output, says):
    with pytest.raises(UsageError, match=says) as caught:
        encode(*inputs, output=output)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("one", "two", "output"),
    [
        ("x/a.png", "y/a.png", "out/"),
        ("x/a.png", "y/A.png", "out/"),
        ("x/\u00e9.png", "y/e\u0301.png", "out/"),
    ],
)
def test_collisions_name_both_inputs(tree, one, two, output):
    with pytest.raises(UsageError, match="both") as caught:
        encode(one, two, output=output)
    assert one in str(caught.value) and two in str(caught.value)


def test_names_that_would_be_one_keep_their_suffix(tree):
    Path("in/b.jpg").write_bytes(b"x")
    assert pairs(encode("in", output="out/")) == [
        ("in/b.PNG", "out/b.PNG.nic"),
        ("in/b.jpg", "out/b.jpg.nic"),
        ("in/c.jpg", "out/c.nic"),
    ]
    assert pairs(encode("a.png", keep_suffix=True)) == [("a.png", "a.png.nic")]
    assert pairs(encode("a.png", output="b.nic", keep_suffix=True)) == [("a.png", "b.nic")]


def test_listed_names_keep_their_suffix_unless_they_were_given(tree):
    lines = [
        Line(Path("in/b.PNG"), None),
        Line(Path("in/b.jpg"), None),
        Line(Path("a.png"), Path("in/b.nic")),
    ]
    made = plan_lines(lines, None, suffix_out=".nic")
    assert [str(job.target) for job in made] == ["in/b.PNG.nic", "in/b.jpg.nic", "in/b.nic"]


def test_a_place_that_cannot_be_written_is_known_before_the_work(tree):
    check_writable(Path("new/folder/a.nic"))
    with pytest.raises(NicError, match=r"^a.png/b.nic: cannot be written: .*a.png is no folder"):
        check_writable(Path("a.png/b.nic"))


def test_a_folder_without_leave_is_known_before_the_work(tree, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "in")  # the superuser has leave
    check_writable(Path("new/b.nic"))
    with pytest.raises(NicError, match="its folder may not be written to"):
        check_writable(Path("in/new/b.nic"))


def test_an_input_counts_once(tree):
    assert len(encode("a.png", "./a.png", str(tree / "a.png"))) == 1


def test_links_to_folders_are_not_entered_and_links_to_files_are(tree):
    Path("in/loop").symlink_to("..")
    Path("in/self.png").symlink_to("self.png")
    Path("in/link.png").symlink_to(tree / "a.png")
    assert [job.source.name for job in encode("in", recursive=True)] == [
        "b.PNG",
        "c.jpg",
        "link.png",
        "d.png",
    ]


def test_a_missing_input_is_left_to_the_job(tree):
    assert pairs(encode("a.png", "gone.png")) == [("a.png", "a.nic"), ("gone.png", "gone.nic")]


def test_devices_may_take_many_outputs(tree):
    assert encode("a.png", output=os.devnull) == [Job(Path("a.png"), Path(os.devnull))]


def test_existing_outputs(tree):
    target = Path("a.png")
    with pytest.raises(OutputExists, match="png: exists already"):
        check_free(target, force=False, skip=False)
    assert check_free(target, force=True, skip=False)
    assert not check_free(target, force=False, skip=True)
    for free in (Path("new.nic"), Path(os.devnull), None):
        assert check_free(free, force=False, skip=False)


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("plain é 写真.png", "plain é 写真.png"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        (os.fsdecode(b"latin\xe9"), "latin\\xe9"),
    ],
)
def test_names_are_shown_on_one_harmless_line(name, printed):
    assert printable(name) == printed == printable(Path(name))
