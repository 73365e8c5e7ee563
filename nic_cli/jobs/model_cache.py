"""The models of one run, each loaded once and only when a picture needs it."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from nic_cli.errors import ModelError, UsageError
from nic_cli.jobs import pull_report
from nic_cli.jobs.outcome import Stop
from nic_cli.jobs.settings import Settings
from nic_cli.limits import SEARCH_STEPS
from nic_cli.storage.printable import printable
from nic_cli.terminal.console import Console
from nic_cli.types import Header
from nic_cli.zoo.find import names_for
from nic_cli.zoo.pins import is_address

if TYPE_CHECKING:
    from nic_cli.zoo.load import Model


class Models:
    """Gives models by what asks for them: the settings when encoding, a file when decoding."""

    def __init__(self, settings: Settings, console: Console, *, trust: bool = False) -> None:
        self._settings, self._console, self._trust = settings, console, trust
        self._loaded: dict[str | None, Model] = {}
        self._coming: Future[Model] | None = None

    def __reduce__(self) -> tuple[type[Models], tuple[Settings, Console]]:
        """In another process models are loaded anew. What --trust fetches is here by then."""
        return Models, (self._settings, self._console)

    def prepare(self, pixels: int, *, searching: bool) -> None:
        """Begin to load, in a thread of its own, what encoding a picture of so many pixels will need.

        searching: for better latents, which takes torch. What goes wrong is raised by `for_encoding`.
        """
        if self._trust:  # which may fetch, and tell of it
            return

        def ready() -> Model:
            model = self._for_encoding()
            model.engine_for(1 << 62 if searching else pixels)
            return model

        helper = ThreadPoolExecutor(1)
        self._coming = helper.submit(ready)
        helper.shutdown(wait=False)

    def for_encoding(self) -> Model:
        """Load the model that the settings name. Raises Stop with the reason if there is none.

        One of the hub is fetched only if the user said --trust.
        """
        if self._coming is None:
            return self._for_encoding()
        coming, self._coming = self._coming, None
        return coming.result()

    def _for_encoding(self) -> Model:
        name = self._settings.model
        try:
            if self._trust and name is not None and name not in self._loaded and is_address(name):
                pull_report.pull_trusted(name, self._console)
            fresh, model = name not in self._loaded, self._load(name)
        except (ModelError, UsageError) as error:
            raise Stop(error) from error
        if fresh and SEARCH_STEPS[self._settings.effort] and not model.searched:
            self._console.warn(f"model {model.name} cannot be searched for better latents: encoding without")
        return model

    def for_decoding(self, header: Header) -> Model:
        """Load the model that a file asks for. Raises ModelError if none here has its id.

        The name in a file is looked up, and never taken for a folder or fetched.
        """
        names, absent = [], None
        try:
            names = names_for(header)
        except ModelError as error:  # known, but not here; the model of the settings may be a copy
            absent = error
        chosen = self._settings.model
        for name in [*names, *([chosen] if chosen else [])]:
            model = self._load(name)
            if model.id == header.model_id:
                return model
        asked = f"encoded with model {header.model} (id {header.model_id.hex()})"
        if chosen is not None and absent is None:
            source = "NIC_MODEL" if os.environ.get("NIC_MODEL") else "config.toml"
            said = f"{asked}, but {printable(chosen)}, which {source} names, has id {model.id.hex()}"
            raise ModelError(f"{said}: name the folder of the model that wrote the file")
        raise absent or ModelError(
            f"{asked}, which is not here: set NIC_MODEL to its folder, or use the nic that wrote the file"
        )

    def _load(self, name: str | None) -> Model:
        if name not in self._loaded:
            from nic_cli.zoo.load import load

            try:
                self._loaded[name] = load(name, self._settings.device, self._console.warn)
            except UsageError as error:  # the device is not there, for any picture
                raise Stop(error) from error
        return self._loaded[name]
