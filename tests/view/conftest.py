"""The server in a thread, over files in an empty folder, with the model loaded once."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from nic_cli.jobs import settings
from nic_cli.jobs.model_cache import Models
from nic_cli.terminal.console import Console
from nic_cli.view.server import Server
from nic_cli.view.shelf import Exhibit, Shelf
from tests.cli.conftest import clean_place, coded, load_once, nic, packed, picture, pixels

__all__ = ["clean_place", "coded", "load_once", "nic", "packed", "picture", "pixels"]


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


def ask(url: str, method: str = "GET", **headers: str) -> Answer:
    """What a server answers, errors too; nothing goes through a proxy."""
    request = urllib.request.Request(url, method=method, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return Answer(answer.status, answer.read(), dict(answer.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read(), dict(error.headers))


@pytest.fixture
def serve(clean_place, monkeypatch, load_once):
    """Start a server: serve(Exhibit(...), ...)."""
    monkeypatch.setattr("nic_cli.zoo.load.load", load_once)
    running = []

    def start(*exhibits: Exhibit) -> Server:
        console = Console()
        server = Server(Shelf(list(exhibits), Models(settings.load(), console), console))
        thread = threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True)
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.settle(30)
        server.server_close()


@pytest.fixture
def served(serve, packed, picture) -> Server:
    """One that shows photo.nic and the picture that it was made from."""
    return serve(Exhibit(Path(packed), Path(picture)))
