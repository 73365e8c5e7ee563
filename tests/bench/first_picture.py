"""How long a page with one `<nic-image>` takes to its picture in Chromium and Firefox, in turn.

    python -m tests.bench.first_picture kodim05.png [--quality 1.5] [--times 3]

Milliseconds from the beginning of the navigation: until the header was read, and until all was drawn; first
in a fresh profile, which fetches the model from this machine, then the least of further visits.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import nic_cli
from tests.bench import browser, firefox
from tests.web.element import served

PAGE = """<!doctype html><html lang="en"><title>First picture</title>
<script>
window.times = {};
for (const name of ["load", "draw"])
  document.addEventListener(name, () => times[name] ??= Math.round(performance.now()), true);
</script>
<script type="module" src="nic-image.js"></script><nic-image src="a.nic" alt="a"></nic-image></html>
"""


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.bench.first_picture", description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--quality", type=float, default=1.5)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, served(folder := Path(name, "site")) as address:
        (folder / "a.nic").write_bytes(nic_cli.encode(given.picture, q=given.quality))
        (folder / "first.html").write_text(PAGE)
        for start in (browser.chromium, firefox.firefox):
            with start() as tab:
                found = []
                for _ in range(1 + given.times):
                    tab.driver.get(f"{address}first.html")
                    found.append(browser.until(tab, "return window.times.draw && window.times", seconds=120))
                    tab.driver.get("about:blank")
            least = {key: min(times[key] for times in found[1:]) for key in found[0]}
            print(f"{start.__name__:9} first visit {found[0]}  least of {given.times} more {least}")


if __name__ == "__main__":
    main()
