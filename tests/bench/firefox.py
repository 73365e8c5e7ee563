"""Drives a real Firefox, with no window, by the protocol that it speaks itself: Marionette, over TCP.

Needs Debian's package `firefox-esr` alone. A message is `length:[0, number, command, values]`, its answer
`length:[1, number, error, value]`.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.bench.browser import Page

WATCH = """
Services.obs.addObserver(this.watcher ??= { observe(channel) {
  channel.QueryInterface(Ci.nsIHttpChannel);
  const { triggeringPrincipal } = channel.loadInfo;
  if (triggeringPrincipal.isContentPrincipal) (Services.askedFor ??= []).push(channel.URI.spec);
} }, "http-on-modify-request");
"""

COMPLAINTS = """
const script = (message) => message instanceof Ci.nsIScriptError && /^https?:/.test(message.sourceName);
const found = Services.console.getMessageArray().filter(script).map((message) => message.errorMessage);
Services.console.reset();
return found;
"""


def missing() -> str:
    """What is not installed, as the reason to skip a test; empty if all is there."""
    return "" if shutil.which("firefox-esr") else "no firefox-esr: apt-get install firefox-esr"


class Marionette:
    """One session, with those calls of selenium's drivers that the tests make."""

    def __init__(self, port: int):
        self.line = socket.create_connection(("127.0.0.1", port), timeout=180)
        self.answers = self.line.makefile("rb")
        self.number = 0
        self._message()  # says who it is
        self.call("WebDriver:NewSession", capabilities={})
        self.call("WebDriver:SetTimeouts", script=120_000, pageLoad=60_000)

    def _message(self):
        length = b""
        while (letter := self.answers.read(1)) != b":":
            assert letter, "Firefox has ended"
            length += letter
        return json.loads(self.answers.read(int(length)))

    def call(self, command: str, **values):
        """What a command gives."""
        self.number += 1
        data = json.dumps([0, self.number, command, values]).encode()
        self.line.sendall(b"%d:%s" % (len(data), data))
        _, number, error, found = self._message()
        assert number == self.number
        if error:
            raise RuntimeError(f"{error['error']}: {error['message']}")
        return found["value"] if found and "value" in found else found

    def close(self) -> None:
        """End the browser."""
        with self.line, self.answers:
            self.call("Marionette:Quit", flags=["eForceQuit"])

    def get(self, url: str) -> None:
        self.call("WebDriver:Navigate", url=url)

    def execute_script(self, script: str, *values):
        return self.call("WebDriver:ExecuteScript", script=script, args=values)

    def execute_async_script(self, script: str, *values):
        return self.call("WebDriver:ExecuteAsyncScript", script=script, args=values)


class Tab(Page):
    """One page in Firefox; `run` and `until` do as in Chromium."""

    def of_the_browser(self, script: str):
        """What a piece of script returns that runs in the browser's own place."""
        self.driver.call("Marionette:SetContext", value="chrome")
        try:
            return self.driver.execute_script(script)
        finally:
            self.driver.call("Marionette:SetContext", value="content")

    def requests(self) -> list[str]:
        """What pages and their workers have asked for since the last call."""
        return self.of_the_browser("return (Services.askedFor ??= []).splice(0)")

    def complaints(self) -> list[str]:
        """What Firefox has said of pages since the last call, refusals by their policies too."""
        return self.of_the_browser(COMPLAINTS)


@contextmanager
def firefox(prefs: dict[str, object] | None = None) -> Iterator[Tab]:
    """A fresh browser with a fresh profile, closed at the end. prefs: of that profile."""
    command = ["firefox-esr", "--headless", "--marionette", "--remote-allow-system-access", "--profile"]
    prefs = {"marionette.port": 0} | (prefs or {})  # 0: any that is free; it is written into the profile
    with tempfile.TemporaryDirectory(prefix="nic-firefox-", ignore_cleanup_errors=True) as name:
        lines = [f"user_pref({key!r}, {json.dumps(value)});" for key, value in prefs.items()]
        Path(name, "user.js").write_text("\n".join(lines))
        with subprocess.Popen(
            [*command, name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=name
        ) as process:
            try:
                port, deadline = Path(name, "MarionetteActivePort"), time.monotonic() + 60
                while not (port.exists() and port.read_text()) and time.monotonic() < deadline:
                    time.sleep(0.05)
                with closing(Marionette(int(port.read_text()))) as driver:
                    tab = Tab(driver)
                    tab.of_the_browser(WATCH)
                    yield tab
                process.wait(30)
            finally:
                process.kill()
