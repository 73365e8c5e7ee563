"""`nic batch`: between stores, by processes that may be killed, each item done and told once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from nic_cli.container.file import unpack
from nic_cli.errors import DamagedFile, UsageError
from nic_cli.extras import adding
from nic_cli.jobs import option_values, runner, settings
from nic_cli.jobs.many import archive
from nic_cli.jobs.many.worker import Coder, Item, Order, Receipt
from nic_cli.jobs.run_options import RunOptions
from nic_cli.storage.store import find, open_store
from nic_cli.terminal.console import Console
from tests.processes import below

from .conftest import bare, damaged, spawn

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


def order(source, target, *, target_rate=option_values.RateTarget(2.0), quiet=False):  # noqa: B008
    return Order(
        open_store(source), open_store(target), settings.load(device="cpu"), target_rate, None, quiet
    )


def done(coder, *items):
    """Give the receipts of items."""
    rows = [coder({"item": json.dumps(asdict(item)).encode()}) for item in items]
    return [Receipt(**json.loads(row["receipt"])) for row in rows]


@pytest.fixture
def memory():
    """An object store in this process."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    yield store
    store.store.clear()


# -- one item, in this process ---------------------------------------------------------------------


@pytest.fixture
def loaded(monkeypatch, load_once):
    monkeypatch.setattr("nic_cli.zoo.load.load", load_once)


def test_an_object_becomes_what_nic_encode_makes_of_it(loaded, memory, picture, coded):
    memory.pipe_file("/in/deep/a.png", picture.read_bytes())
    (receipt,) = done(
        Coder(order("memory://in", "memory://out/x")), Item(0, "deep/a.png", "deep/a.nic", False)
    )
    made = memory.cat_file("/out/x/deep/a.nic")
    assert bare(made) == coded
    assert receipt.line.startswith(f"memory://out/x/deep/a.nic  {len(made):,} bytes")
    assert receipt.record["input"] == "memory://in/deep/a.png"
    assert receipt.record["output"] == "memory://out/x/deep/a.nic"
    assert memory.find("/out") == ["/out/x/deep/a.nic"]
    coder = Coder(order("memory://out/x", "back/", target_rate=None))
    (receipt,) = done(coder, Item(3, "deep/a.nic", "deep/a.png", False))
    assert (receipt.number, receipt.record["output"]) == (3, "back/deep/a.png")
    with Image.open("back/deep/a.png") as image:
        assert image.size == (80, 48)


def test_names_that_would_be_one_keep_their_suffix(picture):
    places = ["x/a.jpg", "x/a.png", "y/a.png"]
    made = archive.plan(places, order("in", "out"), RunOptions())
    assert [item.target for item in made] == ["x/a.jpg.nic", "x/a.png.nic", "y/a.nic"]
    made = archive.plan(places[2:], order("in", "out"), RunOptions(keep_suffix=True))
    assert [item.target for item in made] == ["y/a.png.nic"]
    with pytest.raises(UsageError, match=r"would both become out/A\.jpg\.nic"):
        archive.plan(["a.jpg", "A.jpg", "a.png"], order("in", "out"), RunOptions())


def test_what_is_stripped_and_the_format_are_those_of_the_order(loaded, memory, picture):
    memory.pipe_file("/in/a.png", picture.read_bytes())
    stripping = replace(order("memory://in", "memory://out"), strip=frozenset({"all"}))
    (receipt,) = done(Coder(stripping), Item(0, "a.png", "a.nic", False))
    assert receipt.record["kept"] == []
    back = replace(order("memory://out", "memory://back", target_rate=None), format="jpeg")
    (item,) = archive.plan(["a.nic"], back, RunOptions())
    assert item.target == "a.jpg" and done(Coder(back), item)[0].error == ""
    assert memory.cat_file("/back/a.jpg")[:2] == b"\xff\xd8"


def test_bad_and_missing_items_are_named_by_their_address(loaded, memory):
    memory.pipe_file("/in/a.png", b"no picture")
    coder = Coder(order("memory://in", "memory://out"))
    bad, gone = done(coder, Item(0, "a.png", "a.nic", False), Item(1, "b.png", "b.nic", False))
    assert (bad.code, gone.code) == (3, 1)
    assert bad.error.startswith("memory://in/a.png: not a picture")
    assert gone.error.startswith("memory://in/b.png: no such file or object")
    assert memory.find("/out") == []


def test_what_is_there_is_kept_only_if_it_is_whole(loaded, memory, picture, coded):
    for name, data in {"a": coded, "b": damaged(coded), "c": b""}.items():
        memory.pipe_file(f"/in/{name}.png", picture.read_bytes())
        memory.pipe_file(f"/out/{name}.nic", data)
    items = [Item(n, f"{name}.png", f"{name}.nic", True) for n, name in enumerate("abc")]
    kept, *made = done(Coder(order("memory://in", "memory://out")), *items)
    assert (kept.line, kept.error, kept.notices) == ("", "", ["memory://out/a.nic  skipped, exists"])
    assert all(receipt.line for receipt in made)
    assert (
        made[0].notices[0].startswith("nic: warning: memory://out/b.nic: exists, but is made again: tile 0")
    )
    assert all(bare(memory.cat_file(f"/out/{name}.nic")) == coded for name in "abc")
    back = Coder(order("memory://out", "memory://back", target_rate=None))
    memory.pipe_file("/back/a.png", picture.read_bytes())
    memory.pipe_file("/back/b.png", picture.read_bytes()[:-9])
    first, second = done(back, *(Item(n, f"{x}.nic", f"{x}.png", True) for n, x in enumerate("ab")))
    assert (first.line, bool(second.line)) == ("", True)


def test_no_model_stops_the_batch(memory, picture):
    memory.pipe_file("/in/a.png", picture.read_bytes())
    place = order("memory://in", "memory://out")
    chosen = settings.load(model="nobody", device="cpu")
    coder = Coder(Order(place.source, place.target, chosen, place.target_rate, None, False))
    (receipt,) = done(coder, Item(0, "a.png", "a.nic", False))
    assert (receipt.stops, receipt.code) == (True, 4)


def test_places_of_a_store(memory, picture):
    for name in ("/in/b.PNG", "/in/deep/a.png", "/in/.hidden/c.png", "/in/note.txt"):
        memory.pipe_file(name, b"x")
    suffixes = frozenset({".png"})
    assert find("memory://in", suffixes)[1] == ["b.PNG", "deep/a.png"]
    store, places = find("memory://in/deep/a.png", suffixes)
    assert (store.name(places[0]), places) == ("memory://in/deep/a.png", ["a.png"])
    store, places = find("photo.png", suffixes)
    assert (store.name(places[0]), store.path(places[0])) == ("photo.png", picture.absolute())
    for address in ("memory://nothing", "nowhere://in", "empty"):
        with pytest.raises(UsageError):
            find(address, suffixes)


# -- all items, with other work --------------------------------------------------------------------


def settled(work, capsys, count=6):
    tally = runner.Tally(console := Console(), console.say, runner.Failure, False, lambda n: None)
    items = [Item(n, f"{n}.png", f"{n}.nic", False) for n in range(count)]
    archive.settle(items, order("in", "out"), tally, work)
    return tally.end(count), capsys.readouterr().err.splitlines()


def record(number):
    return (
        dict.fromkeys(["input", "output", "model"], "")
        | dict.fromkeys(["q", "b", "width", "height", "bytes", "bpp", "tiles", "seconds"], number)
        | {"kept": [], "not_kept": [], "removed": False}
    )


def test_each_item_is_told_once_whatever_comes_back(capsys):
    def work(items, together):
        lost = {2, 4} if together > 1 else {4}
        for item in items:
            if item.number not in lost:
                receipt = Receipt(item.number, line=f"{item.number} done", record=record(item.number))
                yield from (receipt, receipt)  # and once more

    code, lines = settled(work, capsys)
    assert code == 1
    *each, total = [line for line in lines if "done" in line]
    assert each == [f"{n} done" for n in (0, 1, 3, 5, 2)]
    assert total.startswith("5 done, 1 failed (in/4.png): ")
    assert [line[:15] for line in lines if line.startswith("nic: ")] == ["nic: in/4.png: "]


def test_a_reason_to_stop_stops(capsys):
    def work(items, together):
        yield Receipt(0, error="no model", code=3, stops=True)
        raise AssertionError("went on")

    with pytest.raises(DamagedFile.__bases__, match="no model"):
        settled(work, capsys)


# -- the command -----------------------------------------------------------------------------------


def test_without_ray_one_line_says_how_to_get_it(nic, picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    result = nic("batch", ".", "-o", "out/")
    assert (result.code, result.lines) == (
        2,
        [f"nic: nic batch runs on Ray, which is not here: {adding('ray')}"],
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["photo.png"], "missing option"),
        (["photo.png", "-o", "out/", "--actors", "0"], "--actors: 0"),
        (["photo.png", "-o", "out/", "--gpus", "-1"], "--gpus: -1"),
        (["photo.png", "-o", "out/", "--decode", "-q", "1"], "--decode"),
        (["gone", "-o", "out/"], "nothing to do in gone"),
        (["nowhere://x", "-o", "out/"], "nowhere://x"),
        (["photo.png", "-o", "out/", "--decode", "--strip", "gps"], "--decode"),
        (["photo.png", "-o", "out/", "--format", "jpg"], "--format is for --decode"),
        (["photo.png", "-o", "out/", "--decode", "--format", "gif"], "--format: 'gif' cannot be used"),
        (["photo.png", "-o", "out/", "-q", "1", "--target-size", "9k"], "exclude each other"),
    ],
)
def test_nonsense_is_usage(nic, picture, arguments, says):
    result = nic("batch", *arguments)
    assert (result.code, result.out, len(result.lines)) == (2, b"", 1)
    assert says in result.err
    assert not Path("out").exists()


def test_a_cluster_that_does_not_answer_is_told_at_once(picture):
    process = spawn("batch", "photo.png", "-o", "out/", "--address", "127.0.0.1:1", stderr=subprocess.PIPE)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err == b"nic: Ray at 127.0.0.1:1 cannot be used: [Errno 111] Connection refused; check --address\n"


def test_an_output_that_exists_is_refused_without_starting_anything(nic, picture):
    Path("out").mkdir()
    Path("out/photo.nic").write_text("mine")
    result = nic("batch", "photo.png", "-o", "out/", "--json")
    assert (result.code, len(result.lines)) == (5, 1)
    assert json.loads(result.out)["code"] == 5
    assert Path("out/photo.nic").read_text() == "mine"


# -- on Ray ----------------------------------------------------------------------------------------


@pytest.fixture
def bucket(clean_place):
    """A client of an object store on this machine, and what reaches it in the environment."""
    import boto3

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    os.environ.update(KEYS, AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        client = boto3.client("s3")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                client.create_bucket(Bucket="archive")
                break
            except Exception:
                time.sleep(0.1)
        yield client
        client.close()
        server.terminate()


def objects(client, prefix):
    found = client.list_objects_v2(Bucket="archive", Prefix=prefix).get("Contents", [])
    return {item["Key"].removeprefix(prefix) for item in found}


def actors_of(process):
    """The processes with a model that stand below this one."""
    return [pid for pid, line in below(process.pid).items() if line.startswith(b"ray::MapWorker")]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_a_killed_actor_loses_nothing_and_doubles_nothing(bucket, nic):
    names = [f"{'deep/' if n % 3 else ''}{n}.png" for n in range(40)]
    bad = {names[3], names[20], names[21]}
    rng = np.random.default_rng(0)
    for name in names:
        noise = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((192, 192)).save("one.png")
        data = b"no picture" if name in bad else Path("one.png").read_bytes()
        bucket.put_object(Bucket="archive", Key=f"in/{name}", Body=data)
    command = ["batch", "s3://archive/in", "-o", "s3://archive/out", "--actors", 2, "--json"]
    with Path("receipts").open("wb") as out, Path("told").open("wb") as err:
        process = spawn(*command, stdout=out, stderr=err)
        deadline, killed = time.monotonic() + 200, None
        while killed is None and process.poll() is None and time.monotonic() < deadline:
            there = objects(bucket, "out/")
            actors = actors_of(process) if 3 <= len(there) < 30 else []
            if len(actors) == 2:
                killed = actors[0]
                os.kill(killed, signal.SIGKILL)
            time.sleep(0.02)
        code = process.wait(timeout=200)
    told = Path("told").read_text().splitlines()
    assert killed is not None, told
    assert code == 1, told
    assert told[-1].startswith("37 done, 3 failed (")
    items = [json.loads(line) for line in Path("receipts").read_text().splitlines()]
    assert sorted(item["input"] for item in items) == sorted(f"s3://archive/in/{name}" for name in names)
    assert {item["input"].removeprefix("s3://archive/in/") for item in items if "error" in item} == bad
    assert len(told) == len(items) + 1  # and nothing of Ray's own
    assert objects(bucket, "out/") == {name.replace(".png", ".nic") for name in names if name not in bad}
    for name in set(names) - bad:
        data = bucket.get_object(Bucket="archive", Key=f"out/{name.replace('.png', '.nic')}")["Body"].read()
        assert unpack(data).header.width == 192
    Path("one.png").write_bytes(bucket.get_object(Bucket="archive", Key=f"in/{names[0]}")["Body"].read())
    assert nic("encode", "one.png").code == 0
    stored = bucket.get_object(Bucket="archive", Key="out/0.nic")["Body"].read()
    assert bare(Path("one.nic")) == bare(stored)
