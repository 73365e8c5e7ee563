"""Runs that split a batch do every input once, and a list of inputs is read as it is written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from nic_cli.errors import UsageError
from nic_cli.jobs.files.plan import plan, plan_lines
from nic_cli.storage.manifest import Line, parse
from nic_cli.storage.shard import WHOLE, Shard
from nic_cli.storage.shard import parse as parse_shard

PLACES = [Path(f"folder {n % 7}/picture {n}.png") for n in range(2000)]


@pytest.mark.parametrize("count", [1, 2, 3, 64])
def test_every_input_is_in_exactly_one_shard(count):
    owners = [[n for n in range(1, count + 1) if Shard(n, count).takes(place)] for place in PLACES]
    assert all(len(owner) == 1 for owner in owners)
    sizes = Counter(owner[0] for owner in owners)
    assert len(sizes) == count
    assert max(sizes.values()) < 2 * len(PLACES) / count  # and no shard has much more than its share


def test_the_share_of_a_name_never_changes():
    names = ("a.png", "b/c.png", "é.png", "d")
    taken = [n for name in names for n in range(1, 65) if Shard(n, 64).takes(Path(name))]
    assert taken == [25, 16, 12, 10]
    assert WHOLE == parse_shard(None) == parse_shard("1/1")


@pytest.mark.parametrize(
    "text", ["", "3", "0/3", "4/3", "1/0", "-1/3", "1/3/4", "a/b", "1 / 2", "١/٢", "1/9999999", "1/"]
)
def test_nonsense_is_refused(text):
    with pytest.raises(UsageError, match=r"--shard: .+ cannot be used"):
        parse_shard(text)


def planned(*inputs, shard=WHOLE, output=None):
    picture = frozenset({".png", ".jpg"})
    return plan(
        [str(i) for i in inputs], output, suffix_in=picture, suffix_out=".nic", recursive=True, shard=shard
    )


def test_shards_of_a_tree_follow_the_place_inside_it(tmp_path):
    for name in PLACES[:40]:
        path = tmp_path / "one" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    shards = [Shard(n, 3) for n in (1, 2, 3)]
    before = [{job.source for job in planned(tmp_path / "one", shard=shard)} for shard in shards]
    assert sum(map(len, before)) == len(set.union(*before)) == 40
    (tmp_path / "one/new.png").touch()
    after = [{job.source for job in planned(tmp_path / "one", shard=shard)} for shard in shards]
    assert all(old <= new for old, new in zip(before, after, strict=True))
    (tmp_path / "one").rename(tmp_path / "two")
    moved = [{job.source for job in planned(tmp_path / "two", shard=shard)} for shard in shards]
    assert [{p.relative_to(tmp_path / "two") for p in part} for part in moved] == [
        {p.relative_to(tmp_path / "one") for p in part} for part in after
    ]


def test_names_that_collide_keep_their_suffix_in_every_shard(tmp_path):
    for name in ("a.png", "a.jpg"):
        (tmp_path / name).touch()
    shards = [Shard(n, 3) for n in (1, 2, 3)]
    assert not all(shard.takes(Path("a.png")) or shard.takes(Path("a.jpg")) for shard in shards)
    made = [job.target.name for shard in shards for job in planned(tmp_path, shard=shard)]
    assert sorted(made) == ["a.jpg.nic", "a.png.nic"]


def test_collisions_are_found_across_shards(tmp_path):
    inputs = [tmp_path / folder / "a.png" for folder in ("x", "y")]
    shards = [Shard(n, 3) for n in (1, 2, 3)]
    for shard in shards:
        with pytest.raises(UsageError, match="both"):
            planned(*inputs, output=f"{tmp_path}/out/", shard=shard)


def test_standard_input_is_not_split():
    with pytest.raises(UsageError, match="leave out --shard"):
        planned("-", shard=Shard(1, 2))


def test_a_list_is_read_line_by_line():
    text = "\ufeffa.png\r\n\r\nin/é b.png\tout/c.nic\n  \nd.png\t\nlast.png"
    assert parse(text.encode(), "list") == [
        Line(Path("a.png"), None),
        Line(Path("in/é b.png"), Path("out/c.nic")),
        Line(Path("d.png"), None),
        Line(Path("last.png"), None),
    ]
    assert parse(b"\n\r\n", "list") == []


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"a.png\nb\xff.png\n", "list: line 2 is not UTF-8"),
        ("a.png\n".encode("utf-16"), "list: line 1 is not UTF-8"),
        ("a.png\n".encode("utf-16-le"), "list: line 1 holds a zero byte"),
        (b"a.png\tb.nic\tc.nic", "list: line 1 cannot be used"),
        (b"a.png\n\tb.nic", "list: line 2 cannot be used"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(data, says):
    with pytest.raises(UsageError, match=says):
        parse(data, "list")


def listed(*lines, output=None, shard=WHOLE):
    jobs = plan_lines(parse("\n".join(lines).encode(), "list"), output, suffix_out=".nic", shard=shard)
    return [(str(job.source), str(job.target)) for job in jobs]


def test_outputs_of_a_list(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert listed("in/a.png", "in/b.png\tx/y.nic") == [("in/a.png", "in/a.nic"), ("in/b.png", "x/y.nic")]
    assert listed("in/a.png", "./in/../b.png", "/data/c.png", "../../d.png", output="out/") == [
        ("in/a.png", "out/in/a.nic"),
        ("in/../b.png", "out/b.nic"),
        ("/data/c.png", "out/data/c.nic"),
        ("../../d.png", "out/d.nic"),
    ]
    assert len(listed("a.png", "a.png", "./a.png", "a.png\tother.nic")) == 2
    for output in ("one.nic", "-"):
        with pytest.raises(UsageError, match="name a folder"):
            listed("a.png", output=output)


def test_a_list_is_split_and_checked_as_a_folder_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [str(place) for place in PLACES[:40]]
    parts = [listed(*lines, shard=Shard(n, 3)) for n in (1, 2, 3)]
    assert sorted(pair for part in parts for pair in part) == sorted(listed(*lines))
    assert all(parts)
    with pytest.raises(UsageError, match="both"):
        listed("a.png\tx.nic", "b.png\tx.nic", shard=Shard(1, 2))
    with pytest.raises(UsageError, match="is an input"):
        listed("a.png\tb.png", "b.png")
