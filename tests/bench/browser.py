"""Drives a real Chromium, with no window, for the tests of pages that the program makes.

Needs Debian's packages `chromium` and `chromium-driver` and the Python package `selenium`. Everything that
the browser asks for and everything it complains about is recorded: a report must do neither.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FLAGS = (
    "--headless",
    "--no-sandbox",  # as root in a container there is no other way
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",  # containers give it 64 MB
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)


def missing() -> str:
    """What is not installed, as the reason to skip a test; empty if all is there."""
    found = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    found["selenium"] = importlib.util.find_spec("selenium") and "importable"
    lacking = ", ".join(f"no {name}" for name, place in found.items() if not place)
    return lacking and f"{lacking}: apt-get install chromium chromium-driver, pip install selenium"


class Page:
    """One page in one browser."""

    def __init__(self, driver):
        self.driver = driver

    def size(self, width: int, height: int = 800, dark: bool = False, scale: float = 1) -> None:
        """As a screen of width x height CSS pixels; a window has a least width, a screen has not."""
        screen = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})

    def open(self, path: Path) -> None:
        """A file, by its file:// address."""
        self.driver.get(path.resolve().as_uri())

    def run(self, script: str, *values):
        """What a piece of script returns; it runs beside the page's own content security policy."""
        return self.driver.execute_script(script, *values)

    def find(self, selector: str):
        """The first element of a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def press(self, selector: str, *keys: str) -> None:
        """Keys as a person would press them on an element."""
        self.find(selector).send_keys(*keys)

    def complaints(self) -> list[str]:
        """What stands in the console since the last call, refusals by the content security policy too."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """What was asked for since the last call, but for what lies inside the page."""
        events = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith("data:")]

    def shoot(self, path: Path, whole: bool = True) -> None:
        """A screenshot, by default of all of the page."""
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": whole})
        if whole:
            area = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
            options = {"captureBeyondViewport": True, "clip": {**area, "scale": 1}}
            shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", options)
        import base64

        path.write_bytes(base64.b64decode(shot["data"]))


def until(page: Page, script: str, *values, seconds: float = 60):
    """What a script returns once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := page.run(script, *values)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert found, script
    return found


@contextmanager
def chromium(*flags: str) -> Iterator[Page]:
    """A fresh browser with a fresh profile and further flags, closed at the end."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # Selenium's own clients would ask a proxy for the driver on this machine.
    os.environ["NO_PROXY"] = ",".join(filter(None, [os.environ.get("NO_PROXY"), "localhost,127.0.0.1"]))
    with tempfile.TemporaryDirectory(prefix="nic-browser-", ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        try:
            driver.set_page_load_timeout(60)
            driver.get("about:blank")  # the first tab is a page of the browser itself
            yield Page(driver)
        finally:
            driver.quit()
