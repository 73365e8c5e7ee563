"""Training at a tiny width: it learns, goes on exactly, ends in order, and exports what codes."""

from __future__ import annotations

import io
import json
import os
import signal
import tarfile
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from nic_cli import codec
from nic_cli.container import file
from nic_cli.errors import NicError, UsageError
from nic_cli.image.reading import from_array
from nic_cli.train import command
from nic_cli.train.data import Pool, files
from nic_cli.train.export import export
from nic_cli.train.loop import Loop
from nic_cli.train.optim import orthogonal
from nic_cli.train.recipe import Data, Recipe, Schedule
from nic_cli.train.task import Task
from nic_cli.zoo.load import load

TINY = """
[model]
name = "tiny"
latent = 24
hyper = 8
analysis_fine = 16
analysis_fine_depth = 1
analysis_coarse = 16
analysis_coarse_depth = 1
synthesis_coarse = 16
synthesis_coarse_depth = 1
synthesis_fine = 16
synthesis_fine_depth = 1
hyper_coarse = 16
hyper_fine = 16
scale = 16
context = 16
context_depth = 1
[data]
copies = 1
validation_limit = 1
[schedule]
log_every = 5
validate_every = 0
[optimiser]
batch = 2
crop = 64
late_batch = 1
late_crop = 128
bf16 = false
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, photographs):
    folder = tmp_path_factory.mktemp("pictures")
    for name, pixels in photographs.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def recipe(tmp_path, pictures):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    data = Data(paths=(str(pictures),), validation=(str(pictures),), validation_limit=1, copies=1)
    return replace(Recipe.read(path), data=data)


def ready(recipe):
    task = Task(recipe)
    task.setup("cpu", {})
    return task


def test_it_learns(recipe):
    task = ready(recipe)
    losses = [float(task.step(1.0, 0.0)["loss"]) for _ in range(60)]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])
    assert all(bool(p.isfinite().all()) for p in task.network.parameters())


def test_going_on_from_a_saved_state_is_exact(recipe, tmp_path):
    one = ready(recipe)
    for _ in range(6):
        one.step(1.0, 0.0)

    two = ready(recipe)
    for _ in range(3):
        two.step(1.0, 0.0)
    Loop(two, tmp_path, Schedule(), print).save("safe")
    three = ready(recipe)
    Loop(three, tmp_path, Schedule(), print).resume(tmp_path / "safe.safetensors")
    for _ in range(3):
        three.step(1.0, 0.0)
    for name, tensor in one.state().items():
        if not name.startswith("random/torch"):
            assert torch.equal(tensor, three.state()[name]), name


def test_a_gradient_that_is_not_finite_changes_nothing_for_good(recipe):
    task = ready(recipe)
    task.step(1.0, 0.0)
    next(task.network.parameters()).register_hook(lambda g: g * float("nan"))
    task.step(1.0, 0.0)
    assert all(bool(p.isfinite().all()) for p in task.network.parameters())


def test_a_loss_that_leaves_the_numbers_goes_back_to_the_last_sound_state(recipe, tmp_path):
    task = ready(recipe)
    loop = Loop(task, tmp_path, Schedule(seconds=6, warmup=1, decay=1, log_every=1), lambda line: None)
    step, calls = task.step, []

    def broken(*given):
        calls.append(1)
        parts = step(*given)
        return {**parts, "loss": torch.tensor(float("nan"))} if len(calls) == 3 else parts

    task.step = broken
    loop.run()
    assert loop.rollbacks == 1 and loop.backoff == 0.5
    assert "rolled back" in (tmp_path / "log.jsonl").read_text()


def test_the_clock_runs_out_in_order(recipe, tmp_path):
    task, lines = ready(recipe), []
    done = Loop(task, tmp_path, Schedule(seconds=4, warmup=1, decay=2, log_every=5), lines.append).run()
    assert done and {p.name for p in tmp_path.glob("*.safetensors")} == {
        "safe.safetensors", "trunk.safetensors", "release.safetensors"}  # fmt: skip
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert events[-1]["event"] == "end" and events[-1]["bpp@0"] > 0


def test_sigterm_saves_and_ends(recipe, tmp_path):
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    loop = Loop(ready(recipe), tmp_path, Schedule(seconds=60, warmup=1, decay=10), lambda line: None)
    assert not loop.run() and (tmp_path / "trunk.safetensors").exists()


def test_an_export_codes_pictures_and_can_be_trained_further(recipe, tmp_path, photographs):
    task = ready(recipe)
    for _ in range(20):
        task.step(1.0, 0.0)
    export(task.network, task.release(), task.pool, tmp_path / "tiny")
    model = load(str(tmp_path / "tiny"), "cpu")
    picture = from_array(photographs["coffee"])
    container = file.unpack(file.pack(codec.encode(picture, model, q=3.0, b=0.0)))
    assert codec.decode(container, model).pixels.shape == picture.pixels.shape

    further = ready(replace(recipe, init=str(tmp_path / "tiny")))
    skips = further.network.analysis.skip.weight, model.native.network.analysis.skip.weight
    assert torch.equal(*skips)
    assert np.isfinite(float(further.step(0.1, 0.0)["loss"]))


def test_the_command_tries_everything_in_a_dry_run(tmp_path, pictures):
    (tmp_path / "tiny.toml").write_text(TINY)
    done = command.run(
        tmp_path / "tiny.toml", data=[pictures], resume=False, init=None, seconds=None, dry_run=True,
        work=tmp_path / "work", say=lambda line: None)  # fmt: skip
    assert done and load(str(tmp_path / "work" / "model"), "cpu").name == "tiny"


def test_resuming_from_nothing_is_refused(tmp_path, pictures):
    (tmp_path / "tiny.toml").write_text(TINY)
    with pytest.raises(NicError, match="resume"):
        command.run(tmp_path / "tiny.toml", data=[pictures], resume=True, init=None, seconds=1, dry_run=False,
                    work=tmp_path / "none", say=lambda line: None)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [("[model]\nlatent = 3", "no name"), ("x = 1\n" + TINY, "x"), (TINY + "\n[data]\n", "not TOML"),
     (TINY.replace("copies", "kopies"), "kopies"), (TINY.replace("latent = 24", "latent = 0"), "latent")],
)  # fmt: skip
def test_a_wrong_recipe_names_its_fault(tmp_path, text, words):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(UsageError, match=words):
        Recipe.read(tmp_path / "r.toml")


def test_pictures_come_from_folders_and_tars(tmp_path, photographs):
    data = io.BytesIO()
    Image.fromarray(photographs["coffee"]).save(data, "png")
    with tarfile.open(tmp_path / "some.tar", "w") as tar:
        for name in ("a.png", "b.txt"):
            member = tarfile.TarInfo(name)
            member.size = len(data.getvalue())
            tar.addfile(member, io.BytesIO(data.getvalue()))
    assert [name for name, _ in files((str(tmp_path),))] == ["a.png"]
    with pytest.raises(UsageError, match="no pictures"):
        list(files((str(tmp_path / "nowhere"),)))


def test_crops_are_pieces_of_the_pictures(pictures, photographs):
    pool = Pool(Data(paths=(str(pictures),), copies=1, shrink=1.0), "cpu", 0)
    crops = pool.crops(8, 64, torch.Generator().manual_seed(0))
    assert crops.shape == (8, 64, 64, 3) and crops.dtype == torch.uint8
    known = {bytes(row) for pixels in photographs.values() for p in (pixels, pixels.transpose(1, 0, 2))
             for q in (p, p[:, ::-1]) for row in np.ascontiguousarray(q[:, :, :]).reshape(-1, 3)}  # fmt: skip
    assert all(bytes(row) in known for row in crops.numpy().reshape(-1, 3)[::97])


def test_muon_makes_updates_orthogonal():
    torch.manual_seed(0)
    found = orthogonal(torch.randn(3, 16, 48))
    values = torch.linalg.svdvals(found)
    assert bool((values > 0.6).all()) and bool((values < 1.3).all())
