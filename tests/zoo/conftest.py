"""A tiny model, a hub in this process, and a place with nothing in it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from nic_cli.__main__ import main
from nic_cli.zoo import hub_client
from nic_cli.zoo.model_files import hashes
from nic_cli.zoo.registry import CARD, TABLE, Entry

from ..cli.conftest import Result, Stream
from ..hub_server import Hub

CARD_TEXT = b"---\nlicense: cc-by-4.0\nlibrary_name: nic\n---\n\n# tiny\n"
VARIABLES = (
    "NIC_MODEL", "NIC_DEVICE", "NIC_DEBUG", "NO_COLOR", "FORCE_COLOR",
    "HF_HUB_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN",
)  # fmt: skip


def tiny_network(seed: int):
    """A network of the smallest widths, with weights of its own."""
    from nic_cli.transform.config import ModelConfig
    from nic_cli.transform.network import Network

    torch.manual_seed(seed)
    widths = "analysis_fine analysis_coarse synthesis_coarse synthesis_fine hyper_coarse hyper_fine".split()
    depths = [f"{part}_depth" for part in (*widths[:4], "context")]
    sizes = dict.fromkeys([*widths, "scale", "context"], 16) | dict.fromkeys(depths, 1)
    return Network(ModelConfig("tiny", latent=24, hyper=8, **sizes)).requires_grad_(False)


def tiny_files(folder: Path, seed: int = 1) -> dict[str, bytes]:
    """Write a model folder and give its files."""
    from nic_cli.train.export import coding_tables
    from nic_cli.zoo.model_folder import write_folder

    network = tiny_network(seed)
    write_folder(folder, network, coding_tables(network))
    (folder / CARD).write_bytes(CARD_TEXT)
    (folder / "results.tsv").write_bytes(b"q\tb\tbpp\n2\t0\t0.3\n")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> dict[str, bytes]:
    """The files of a tiny model, as the hub would hold them."""
    return tiny_files(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def tiny_folder(tiny, tmp_path: Path) -> Path:
    """A model folder that tests may spoil."""
    folder = tmp_path / "tiny-folder"
    folder.mkdir()
    for name, data in tiny.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, an empty cache (cache/), no models of the user's (data/), no token."""
    from huggingface_hub import constants

    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("NIC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("nic_cli.zoo.directories.user_data", lambda: tmp_path / "data")
    monkeypatch.setattr("nic_cli.jobs.settings.config_file", lambda: tmp_path / "config.toml")
    for name in ("HF_TOKEN_PATH", "AGENT_HARNESSES_PATH"):
        if hasattr(constants, name):
            monkeypatch.setattr(constants, name, str(tmp_path / name))
    (tmp_path / "place").mkdir()
    monkeypatch.chdir(tmp_path / "place")
    return tmp_path


@pytest.fixture
def hub(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that the program and the client take for the real one."""
    from huggingface_hub import close_session, constants

    with Hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, running.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        yield running
        close_session()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """All waiting shortened, so that every fault can be tried; `test_patience` has the real figures."""
    monkeypatch.setattr(hub_client, "SILENCE", 0.4)
    monkeypatch.setattr(hub_client, "GRACE", 0.3)
    monkeypatch.setattr(hub_client, "PAUSE", 0.01)


@dataclass(frozen=True)
class Published:
    """What lies on the hub: the commit, its address, and the entry that pins it."""

    commit: str
    address: str
    entry: Entry


@pytest.fixture
def published(hub: Hub, tiny: dict[str, bytes]) -> Published:
    """The tiny model on the hub as someone/tiny, beside what must never be fetched; not in the table."""
    commit = hub.commit("someone/tiny", {**tiny, "run_me.py": b"raise SystemExit", "pytorch_model.bin": b"x"})
    entry = Entry("tiny", "someone/tiny", commit, "cc-by-4.0", hashes(tiny))
    return Published(commit, f"hf://someone/tiny@{commit}", entry)


@pytest.fixture(scope="session")
def tiny_id(tiny) -> str:
    """The id of the tiny model, as files name it."""
    from nic_cli.zoo.model_folder import parsed

    return parsed(tiny, Path("tiny")).id.hex()


@pytest.fixture
def known(published: Published, tiny_id: str, monkeypatch: pytest.MonkeyPatch) -> Published:
    """The same, also in the table of named models."""
    entry = replace(published.entry, id=tiny_id)
    monkeypatch.setitem(TABLE, "tiny", entry)
    return replace(published, entry=entry)


@pytest.fixture
def nic(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `nic` in this process; every model is loaded anew."""

    def run(*arguments: object, err_terminal: bool = False) -> Result:
        streams = Stream(), Stream(), Stream(terminal=err_terminal)
        with monkeypatch.context() as patch:
            for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
                patch.setattr(sys, name, stream)
            for name in ("HF_HUB_OFFLINE", "NO_COLOR"):  # options set these for the rest of a process
                patch.delenv(name, raising=False)
            code = main([str(argument) for argument in arguments])
        return Result(code, streams[1].kept.getvalue(), streams[2].kept.getvalue().decode())

    return run


def refused(done: Result, code: int, *words: str) -> None:
    """One line on standard error that says what and names these words; no result."""
    assert (done.code, done.out, len(done.lines)) == (code, b"", 1), done
    assert done.err.startswith("nic: ")
    assert "\x1b" not in done.err
    for word in words:
        assert word in done.err, done.err


def kept(place: Path) -> set[str]:
    """All files in the cache and in the user's data, by name."""
    folders = (place / "cache", place / "data")
    return {path.name for folder in folders for path in folder.rglob("*") if path.is_file()}
