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
from nic_cli.errors import NicError, OutputExists, UsageError
from nic_cli.image.reading import from_array
from nic_cli.losses.rate import drawn_q
from nic_cli.losses.spectrum import spectrum
from nic_cli.train import command
from nic_cli.train.clock import Clock
from nic_cli.train.data import Pool, files, grained
from nic_cli.train.export import export, kept_tables, snapshot
from nic_cli.train.loop import Loop
from nic_cli.train.optim import orthogonal
from nic_cli.train.recipe import Data, Phase, Recipe
from nic_cli.train.task import Task
from nic_cli.transform.layers import Block
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
log_every = 1
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


TWO = (Phase("all", steps=4), Phase("decoder", steps=4, train=("synthesis",), realism=(0.0, 1.0)))


@pytest.mark.parametrize("half", [2, 4, 5])
def test_a_run_stopped_and_resumed_gives_the_same_weights(recipe, tmp_path, half):
    """In the first phase, between the phases, and in the second."""
    recipe = replace(recipe, phases=TWO)
    whole = Loop(ready(recipe), tmp_path / "whole", lambda line: None)
    whole.run()

    first = Loop(ready(recipe), tmp_path / "parts", lambda line: None)
    step = first.task.step

    def stopping(*given):
        first.stopped = first.steps + 1 == half
        return step(*given)

    first.task.step = stopping
    assert not first.run()
    second = Loop(ready(recipe), tmp_path / "parts", lambda line: None)
    second.resume(tmp_path / "none")
    assert second.steps == half and second.run()
    for name, tensor in whole.task.state().items():
        assert torch.equal(tensor, second.task.state()[name]), name


def test_a_run_that_ended_goes_on_from_before_its_decay(recipe, tmp_path):
    recipe = replace(recipe, phases=(Phase(steps=5, decay=0.4),))
    Loop(ready(recipe), tmp_path, lambda line: None).run()
    again = Loop(ready(recipe), tmp_path, lambda line: None)
    (tmp_path / "model").write_bytes(b"exported, and later than the state")
    again.resume(tmp_path / "model")
    assert int(again.task.steps) == 4 and again.run() and int(again.task.steps) == 9


def test_a_run_that_was_killed_before_its_export_has_that_to_do_and_no_more(recipe, tmp_path):
    recipe = replace(recipe, phases=(Phase(steps=5, decay=0.4),))
    Loop(ready(recipe), tmp_path, lambda line: None).run()
    trunk = (tmp_path / "trunk.safetensors").read_bytes()
    again = Loop(ready(recipe), tmp_path, lambda line: None)
    again.resume(tmp_path / "none")
    assert int(again.task.steps) == 5 and again.run() and int(again.task.steps) == 5
    assert (tmp_path / "trunk.safetensors").read_bytes() == trunk


def test_a_phase_trains_only_its_parts_and_starts_from_averages(recipe, tmp_path):
    task = ready(replace(recipe, phases=TWO))
    Loop(task, tmp_path, lambda line: None).run()
    kept = {n: p for n, p in task.network.named_parameters() if not n.startswith("synthesis.")}
    assert all(torch.equal(p, task.ema[n]) and p.grad is None for n, p in kept.items())
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [e["name"] for e in events if e["event"] == "phase"] == ["decoder"]


def test_realisms_that_no_phase_has_trained_begin_at_the_nearest_that_was(recipe):
    phases = Phase("all", steps=2), Phase("up", steps=2, train=("realism",), realism=(0.5, 1.0))
    model = replace(recipe.model, realism_rank=2)
    task = ready(replace(recipe, model=model, phases=phases))
    for _ in range(3):
        task.step(1.0, 0.0)
    assert not torch.equal(*task.network.gains.inward[:2])
    task.enter(phases[1])
    found = [task.network.gains.inward, task.ema["gains.inward"]]
    assert all(torch.equal(anchors[0], anchors[i]) for anchors in found for i in (1, 2))


def test_a_batch_in_pieces_gives_a_gradient_of_the_same_size(recipe):
    whole = replace(recipe, optimiser=replace(recipe.optimiser, batch=4, late_batch=4))
    pieces = replace(recipe, optimiser=replace(whole.optimiser, accumulate=2))
    losses = [float(ready(r).step(1.0, 0.0)["gradient"]) for r in (whole, pieces)]
    assert losses[0] == pytest.approx(losses[1], rel=0.7)  # other noise and other crops


def test_the_clock_passes_through_the_phases():
    clock = Clock((Phase(steps=10, warmup=0.2, decay=0.5), Phase(steps=30, rate=0.5, warmup=0, decay=0)), 1)
    places = [clock.place(clock.progress(step)) for step in (0, 1, 2, 4, 9, 10, 39)]
    assert [p.index for p in places] == [0, 0, 0, 0, 0, 1, 1]
    assert [round(p.scale, 3) for p in places] == [0.01, 0.5, 1.0, 1.0, 0.106, 0.5, 0.5]
    assert clock.place(clock.progress(40)) is None
    later = Clock((Phase(share=1), Phase(share=3)), 100.0, begun=0.5)
    assert later.progress(0) == pytest.approx(0.5, abs=0.01) and later.place(0.5).index == 1


def test_a_gradient_that_is_not_finite_changes_nothing_for_good(recipe):
    task = ready(recipe)
    task.step(1.0, 0.0)
    next(task.network.parameters()).register_hook(lambda g: g * float("nan"))
    task.step(1.0, 0.0)
    assert all(bool(p.isfinite().all()) for p in task.network.parameters())


def test_a_loss_that_leaves_the_numbers_goes_back_to_the_last_sound_state(recipe, tmp_path):
    task = ready(replace(recipe, phases=(Phase(steps=6),)))
    loop = Loop(task, tmp_path, lambda line: None)
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
    given = replace(recipe, schedule=replace(recipe.schedule, seconds=3.0))
    moved = []
    done = Loop(ready(given), tmp_path, lambda line: None, lambda *where: moved.append(where)).run()
    assert done and {p.name for p in tmp_path.glob("*.safetensors")} == {
        "safe.safetensors", "trunk.safetensors", "release.safetensors"}  # fmt: skip
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert events[-1]["event"] == "end" and events[-1]["bpp@0"] > 0 and events[-1]["ms_ssim@0"] > 0
    seconds, whole, where = zip(*moved, strict=True)
    assert list(seconds) == sorted(seconds) and seconds[-1] in (2, 3) and set(whole) == {3}
    assert where[0] == "fidelity, step 1"
    counted = replace(recipe, phases=TWO)
    moved.clear()
    Loop(ready(counted), tmp_path, lambda line: None, lambda *where: moved.append(where)).run()
    assert moved[0] == (1, 8, "all, step 1 of 8") and moved[-1] == (8, 8, "decoder, step 8 of 8")


def test_sigterm_saves_and_ends(recipe, tmp_path):
    loop = Loop(ready(recipe), tmp_path, lambda line: None, seconds=60.0)
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert not loop.run() and (tmp_path / "safe.safetensors").exists()


def test_an_export_codes_pictures_and_can_be_trained_further(recipe, tmp_path, photographs):
    task = ready(recipe)
    for _ in range(20):
        task.step(1.0, 0.0)
    export(task.network, task.release(), task.pool, tmp_path / "tiny", crops=4)
    model = load(str(tmp_path / "tiny"), "cpu")
    picture = from_array(photographs["coffee"])
    container = file.unpack(file.pack(codec.encode(picture, model, q=3.0, b=0.0)))
    assert codec.decode(container, model).pixels.shape == picture.pixels.shape

    further = ready(replace(recipe, init=str(tmp_path / "tiny")))
    skips = further.network.analysis.skip.weight, model.engine.network.analysis.skip.weight
    assert torch.equal(*skips)
    assert np.isfinite(float(further.step(0.1, 0.0)["loss"]))


def test_a_synthesis_trained_alone_leaves_files_as_they_are(recipe, tmp_path, photographs):
    task = ready(recipe)
    export(task.network, task.release(), task.pool, tmp_path / "tiny", crops=4)
    first = load(str(tmp_path / "tiny"), "cpu")
    data = file.pack(codec.encode(from_array(photographs["coffee"]), first, q=3.0, b=0.0))
    ids = {}
    for parts in (("synthesis",), ("synthesis", "context")):
        phases = (Phase("on", steps=2, train=parts, realism=(0.0, 1.0)),)
        further = replace(recipe, init=str(tmp_path / "tiny"), phases=phases)
        task = ready(further)
        for _ in range(3):
            task.step(1.0, 0.0)
        folder = tmp_path / "-".join(parts)
        tables = kept_tables(further)
        export(task.network, task.release(), task.pool, folder, realism=1.0, crops=4, tables=tables)
        ids[parts] = load(str(folder), "cpu").id
    assert ids[("synthesis",)] == first.id != ids[("synthesis", "context")]
    after = load(str(tmp_path / "synthesis"), "cpu")
    shown = [codec.decode(file.unpack(data), model).pixels for model in (first, after)]
    assert not np.array_equal(*shown)  # the same file, other pixels


def test_counted_tables_code_smaller_than_the_assumed_distributions(recipe, tmp_path, photographs):
    task = ready(recipe)
    for _ in range(40):
        task.step(1.0, 0.0)
    export(task.network, task.release(), task.pool, tmp_path / "tiny", crops=8)
    counted, assumed = load(str(tmp_path / "tiny"), "cpu"), snapshot(task.network, task.release(), "cpu")
    picture = from_array(photographs["coffee"])
    for q in (0.0, 3.0, 6.0):
        sizes = [len(file.pack(codec.encode(picture, model, q=q, b=0.0))) for model in (counted, assumed)]
        assert sizes[0] < sizes[1]


def test_a_dry_run_tries_everything_and_keeps_nothing(tmp_path, pictures):
    phases = '[[phase]]\nname = "one"\n[[phase]]\nname = "two"\n[phase.losses]\nstructure = [0.1, 0.2]\n'
    (tmp_path / "tiny.toml").write_text(TINY + phases)
    said = []
    given = {"data": [pictures], "init": None, "seconds": None, "work": tmp_path / "work", "say": said.append}
    assert command.run(tmp_path / "tiny.toml", resume=False, dry_run=True, **given)
    assert [line.split()[2] for line in said if line.startswith("train ")] == ["1", "2", "3", "4"]
    assert any("could be exported" in line for line in said) and not (tmp_path / "work").exists()


def test_a_finished_training_is_not_replaced_unasked(tmp_path, pictures):
    (tmp_path / "tiny.toml").write_text(TINY)
    work, steps = tmp_path / "work", {"data": [pictures], "init": None, "say": lambda line: None}
    given = {**steps, "resume": False, "seconds": 0.01, "work": work}
    assert command.run(tmp_path / "tiny.toml", dry_run=False, **given)
    assert load(str(work / "model"), "cpu").name == "tiny"
    before = {path.name: path.read_bytes() for path in work.iterdir() if path.is_file()}
    with pytest.raises(OutputExists, match=r"holds a finished model, in .*model"):
        command.run(tmp_path / "tiny.toml", dry_run=False, **given)
    said = []
    go_on = {**given, "resume": True, "seconds": None, "say": said.append}
    assert command.run(tmp_path / "tiny.toml", dry_run=False, **go_on)
    assert len(said) == 1 and "finished, the model is in" in said[0] and str(work / "model") in said[0]
    assert command.run(tmp_path / "tiny.toml", dry_run=True, **given)
    assert command.run(tmp_path / "tiny.toml", dry_run=True, **{**given, "resume": True})
    assert before == {path.name: path.read_bytes() for path in work.iterdir() if path.is_file()}
    os.utime(work / "model" / "model.safetensors", ns=(0, 0))  # as if it was killed before its export
    with pytest.raises(OutputExists, match="holds a training already"):
        command.run(tmp_path / "tiny.toml", dry_run=False, **given)
    (work / "safe.safetensors").unlink()
    with pytest.raises(OutputExists, match="finished"):
        command.run(tmp_path / "tiny.toml", dry_run=False, **given)
    assert command.run(tmp_path / "tiny.toml", dry_run=False, force=True, **given)


def test_a_dry_run_of_a_resumption_tries_all_phases(tmp_path, pictures):
    (tmp_path / "tiny.toml").write_text(TINY + '[[phase]]\nname = "one"\nsteps = 3\n')
    said, work = [], tmp_path / "work"
    given = {"data": [pictures], "init": None, "seconds": None, "work": work, "say": said.append}
    assert command.run(tmp_path / "tiny.toml", resume=False, dry_run=False, **given)
    os.utime(work / "model" / "model.safetensors", ns=(0, 0))
    said.clear()
    assert command.run(tmp_path / "tiny.toml", resume=True, dry_run=True, **given)
    assert [line.split()[2] for line in said if line.startswith("train ")] == ["4", "5"]


def test_resuming_from_nothing_is_refused(tmp_path, pictures):
    (tmp_path / "tiny.toml").write_text(TINY)
    with pytest.raises(NicError, match="resume"):
        command.run(tmp_path / "tiny.toml", data=[pictures], resume=True, init=None, seconds=1, dry_run=False,
                    work=tmp_path / "none", say=lambda line: None)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [("[model]\nlatent = 3", "no name"), ("x = 1\n" + TINY, "x"), (TINY + "\n[data]\n", "not TOML"),
     (TINY.replace("copies", "kopies"), "kopies"), (TINY.replace("latent = 24", "latent = 0"), "latent"),
     (TINY + "[[phase]]\ntrain = ['decoder']", "decoder"), (TINY + "[[phase]]\nrealism = [0.5, 2]", "0..1"), 
     (TINY + "[[phase]]\nturned = 2", "share"), (TINY + "[[phase]]\nmade = [1.0]", "made"),
    (TINY + "[[phase]]\nends = [0.5, 0.5]", "ends"), (TINY + "[[phase]]\nrates = [2, 1]", "rates"),
    (TINY + "[[phase]]\nrates = [2, 7]", "q_top"), (TINY + "[[phase]]\nrates = [0, 7, 1]", "q_top"),
    (TINY + "[[phase]]\nrates = [0, 6, 0]", "power"), (TINY + "[[phase]]\nrates = [0]", "rates"),
    (TINY + "[[phase]]\nrates = [0, 6, 2, 1]", "rates"),
     (TINY + "[[phase]]\n[phase.losses]\nbeauty = 1", "beauty"), (TINY + "[[phase]]\ndecay = 1.5", "shares"),
     (TINY + "[[phase]]\nsteps = 5\n[[phase]]\n", "not some"), (TINY + "[[phase]]\nshare = 'x'", "float"),
     (TINY.replace("late_batch = 1", "accumulate = 3"), "divide"),
     (TINY + "[[phase]]\nrealism = [0.5, 1]\napart = 0.2", "from under"),
     (TINY + "[[phase]]\nrealism = [0, 1]\napart = 0.2", "realism_rank"),
     (TINY + "[[phase]]\ntrain = ['realism']\nrealism = [0, 1]\napart = 0.2", "leave it out"),
     (TINY + "[[phase]]\ntrain = ['analysis']\nrealism = [0, 1]\napart = 0.2", "add realism"),
     (TINY + "[[phase]]\ntrain = ['realism']", "realism_rank or noise"),
     (TINY + "[[phase]]\ntrain = ['context']\nloudness = 0.2", "add realism"),
     (TINY + "[[phase]]\ntrain = ['analysis']\nturned = 0.2", "turned"),
     (TINY + "[[phase]]\ntrain = ['prior']\nspectrum = [1]", "no pixel"),
     (TINY.replace("crop = 64", "crop = 96", 1), "multiples of 64"),
     (TINY.replace("batch = 2", "batch = 0"), "at least 1"),
     (TINY + "[[phase]]\nloudness = 0.2", "needs noise"), (TINY + "[[phase]]\nspectrum = [-1]", "shares")],
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


def test_crops_get_grain_of_a_loudness_each_and_black_and_white_get_none():
    plain = torch.full((40, 64, 64, 3), 128, dtype=torch.uint8)
    plain[:, :, :16], plain[:, :, 16:32] = 0, 255
    found = grained(plain, 4.0, torch.Generator().manual_seed(0))
    assert found.dtype == torch.uint8 and torch.equal(found[:, :, :32], plain[:, :, :32])
    loud = found[:, :, 32:].float().std((1, 2, 3))
    assert float(loud.max()) < 4.8 and float(loud.quantile(0.2)) < 0.7 and 0.6 < float(loud.median()) < 2
    assert abs(float(found[:, :, 32:].float().mean()) - 128) < 0.05


def test_grain_of_the_recipe_is_in_the_crops(pictures):
    for grain, same in ((0.0, True), (3.0, False)):
        pool = Pool(Data(paths=(str(pictures),), copies=1, shrink=1.0, grain=grain), "cpu", 0)
        first = pool.crops(4, 64, torch.Generator().manual_seed(0))
        pool.grain = 0.0
        assert torch.equal(first, pool.crops(4, 64, torch.Generator().manual_seed(0))) is same
    with pytest.raises(UsageError, match="grain"):
        Data(grain=-1.0)


@pytest.mark.parametrize("shape", [(3, 16, 48), (3, 48, 16), (1, 32, 32)])
def test_muon_makes_updates_orthogonal(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
    assert bool((values[:, :14] > 0.6).all()) and bool((values < 1.3).all())


def test_biases_of_the_deep_branches_move_slowly(recipe):
    """At the full rate they switched off 97 % of the units of the coarse blocks within 12,000 steps."""
    task = ready(recipe)
    before = {n: p.detach().clone() for n, p in task.network.named_parameters()}
    task.step(1.0, 0.0)
    moved = {n: float((p - before[n]).detach().abs().max()) for n, p in task.network.named_parameters()}
    assert 0 < moved["analysis.fine.0.block.expand_bias"] < 0.1 * moved["hyper_analysis.fine.expand_bias"]
    assert 0 < moved["synthesis.coarse.0.shift"] < 0.1 * moved["synthesis.coarse.0.scale"]


def test_the_encoder_learns_nothing_from_a_realism_that_it_was_not_asked_for(recipe):
    """What it makes for b = 0 must not lean towards how some will look at it."""
    task = ready(recipe)
    x, q, made = torch.rand(1, 64, 64, 3) - 0.5, torch.tensor([2.0]), torch.zeros(1)
    for shown, taught in ((None, True), (torch.tensor([0.5]), False)):
        out = task.network(x, q, made, torch.float32, shown)
        (out.x.square().mean() + out.y_bits.sum()).backward()
        assert (task.network.analysis.skip.weight.grad is not None) == taught
        assert task.network.synthesis.skip.weight.grad is not None
        task.network.zero_grad()


def test_a_turned_step_trains_like_any_other(recipe):
    task = ready(replace(recipe, phases=(Phase("x", realism=(0.0, 0.5), turned=1.0),)))
    before = {n: p.detach().clone() for n, p in task.network.named_parameters()}
    for _ in range(2):
        assert torch.isfinite(task.step(1.0, 0.0)["loss"])
    after = dict(task.network.named_parameters())
    assert not torch.equal(after["synthesis.coarse.0.scale"], before["synthesis.coarse.0.scale"])


def test_both_ends_of_a_range_of_realism_are_drawn_most(recipe):
    task = ready(replace(recipe, phases=(Phase("x", realism=(0.25, 0.75)),)))
    drawn = [task._realisms()[1] for _ in range(400)]
    assert 0.25 <= min(drawn) and max(drawn) <= 0.75
    assert all(60 < drawn.count(end) < 140 for end in (0.25, 0.75))
    task.phase = replace(task.phase, ends=(0.0, 0.6))
    drawn = [task._realisms()[1] for _ in range(400)]
    assert drawn.count(0.25) == 0 and 190 < drawn.count(0.75) < 290


def test_apart_a_step_trains_what_realism_changes_or_all_else(recipe):
    """So neither pays for the other, though both learn in one run."""
    apart = Phase("whole", realism=(0.0, 1.0), made=(0.0, 0.5), turned=0.5, apart=0.5)
    task = ready(replace(recipe, model=replace(recipe.model, realism_rank=4), phases=(apart,)))
    drawn = [task._realisms() for _ in range(400)]
    assert all(0 <= made <= 1 and (made <= 0.5 or made == shown) for made, shown in drawn)
    assert all(60 < sum(shown == b for _, shown in drawn) < 140 for b in (0.0, 0.5, 1.0)[::2])
    assert 140 < sum(shown > 0.5 for _, shown in drawn) < 260
    for shown in (0.2, 1.0, 0.5, 0.8):
        task._realisms = lambda shown=shown: (0.1, shown)
        before = {n: p.detach().clone() for n, p in task.network.named_parameters()}
        task.step(1.0, 0.0)
        moved = {n for n, p in task.network.named_parameters() if not torch.equal(p, before[n])}
        assert {"realism" in name.split(".") for name in moved} == {shown > 0.5}
    gains = task.network.gains.outward
    assert torch.equal(gains[1], gains[2]) and not torch.equal(gains[0], gains[1])


@pytest.mark.parametrize("noise", [0, 8])
def test_realism_trained_alone_changes_nothing_up_to_its_middle(recipe, tmp_path, photographs, noise):
    """Not a file, and not a pixel that is shown at b = 0.5 or below; above, pixels alone."""
    task = ready(recipe)
    export(task.network, task.release(), task.pool, tmp_path / "tiny", crops=4)
    phases = (Phase("on", steps=2, train=("realism",), realism=(0.5, 1.0), turned=0.5, made=(0.0, 0.5)),)
    model = replace(recipe.model, realism_rank=4, noise=noise)
    further = replace(recipe, model=model, init=str(tmp_path / "tiny"), phases=phases)
    task = ready(further)
    for _ in range(6):
        task.step(1.0, 0.0)
    tables = kept_tables(further)
    export(task.network, task.release(), task.pool, tmp_path / "real", realism=1.0, tables=tables)
    before, after = (load(str(tmp_path / name), "cpu") for name in ("tiny", "real"))
    assert before.id == after.id and after.config.realism_rank == 4
    picture = from_array(photographs["coffee"])
    for made in (0.0, 1.0):
        data = [file.pack(codec.encode(picture, model, q=3.0, b=made)) for model in (before, after)]
        assert data[0] == data[1]
        for shown, same in ((0.0, True), (0.5, True), (0.75, False), (1.0, False)):
            pixels = [codec.decode(file.unpack(data[0]), m, b=shown).pixels for m in (before, after)]
            assert np.array_equal(*pixels) == same, (made, shown)
    searched = [file.pack(codec.encode(picture, m, q=3.0, b=1.0, effort=2)) for m in (before, after)]
    assert searched[0] == searched[1] != data[0]


def test_a_step_for_loudness_trains_what_predicts_it_and_nothing_else(recipe):
    phase = Phase("loud", train=("realism",), realism=(0.5, 1.0), loudness=1.0)
    task = ready(replace(recipe, model=replace(recipe.model, realism_rank=4, noise=8), phases=(phase,)))
    before = {n: p.detach().clone() for n, p in task.network.named_parameters()}
    for _ in range(3):
        assert torch.isfinite(task.step(1.0, 0.0)["loudness"])
    moved = {n for n, p in task.network.named_parameters() if not torch.equal(p, before[n])}
    noise = "synthesis.realism."
    assert f"{noise}loudness.weight" in moved
    assert all(n.startswith(noise) and not n.startswith(f"{noise}direct") for n in moved)


def test_a_fixed_layer_keeps_its_weights_and_a_wrong_name_is_refused_before_the_first_step(recipe):
    def of(*fixed):
        phase = Phase("on", train=("realism",), realism=(1.0, 1.0), fixed=fixed)
        return replace(recipe, model=replace(recipe.model, realism_rank=4, noise=8), phases=(Phase(), phase))

    task = ready(of("direct"))
    task.enter(task.recipe.phases[1])
    task.step(1.0, 0.0)
    task.step(1.0, 0.0)
    before, after = ready(of("direct")).release(), task.release()
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    assert "synthesis.tail.realism.wide" in moved
    assert not any(name.startswith("synthesis.realism.direct") for name in moved)
    for fixed, words in ((("directly",), "'directly'"), (("realism",), "nothing to train")):
        with pytest.raises(UsageError, match=words):
            ready(of(*fixed))


def test_a_share_for_the_spectrum_is_a_pull_at_the_picture(recipe):
    """It alone moves weights where the distortion's gradient is the same with and without it."""
    moved = []
    for share in (0.0, 0.5):
        torch.manual_seed(0)
        phase = Phase("on", realism=(1.0, 1.0), spectrum=(0.0, share))
        task = ready(replace(recipe, phases=(phase,)))
        task.step(1.0, 0.0)
        moved.append(task.network.synthesis.skip.weight.detach().clone())
    assert not torch.equal(*moved)


def test_half_way_the_spectrum_is_held_against_what_is_shown_without_texture(recipe, monkeypatch):
    heard = []

    def spy(found, wanted, before=None, share=1.0):
        heard.append((before, share))
        return spectrum(found, wanted, before, share)

    monkeypatch.setattr("nic_cli.train.task.spectrum", spy)
    for b in (0.75, 1.0):
        ready(replace(recipe, phases=(Phase("on", realism=(b, b), spectrum=(0.5,)),))).step(1.0, 0.0)
    (before, share), at_the_top = heard
    assert before.ndim == 4 and float(before.mean()) > 0 and not before.requires_grad and share == 0.5
    assert at_the_top == (None, 1.0)


def test_rates_are_drawn_from_the_range_of_the_phase(recipe):
    random = torch.Generator().manual_seed(0)
    whole, part = (drawn_q(2000, 6.0, random, "cpu", between) for between in ((), (1.0, 3.0)))
    assert 0 <= whole.min() < 0.1 and 5.9 < whole.max() <= 6
    assert 1 <= part.min() < 1.1 and 2.9 < part.max() <= 3 and abs(float(part.mean()) - 2) < 0.1
    low = drawn_q(2000, 6.0, random, "cpu", (0.0, 6.0, 2.0))
    assert 0 <= low.min() < 0.1 and 5.9 < low.max() <= 6
    assert abs(float((low < 1).float().mean()) - 0.41) < 0.04
    one = ready(replace(recipe, phases=(Phase("x", rates=(2.0, 2.0)),)))
    assert torch.isfinite(one.step(1.0, 0.0)["loss"])


def test_a_unit_below_zero_everywhere_finds_back():
    block = Block(4)
    with torch.no_grad():
        block.expand_bias.fill_(-100.0)
    block(torch.randn(1, 4, 4, 4)).square().sum().backward()
    assert block.expand_bias.grad is not None and bool((block.expand_bias.grad != 0).all())
