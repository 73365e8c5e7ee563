"""The plot in the README: the curves of one metric as the page of `nic bench` shows them.

    nic bench kodak/ --metrics psnr,ms-ssim,ssimulacra2 --html kodak.html
    python -m tests.pictures.curves kodak.html [--metric 3]

Needs what the tests of the page need: Chromium, its driver and selenium.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.bench.browser import chromium


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("--metric", type=int, default=3, help="which of the page's, from 1")
    parser.add_argument("-o", type=Path, default=Path(__file__).with_name("curves.png"))
    given = parser.parse_args()
    with chromium() as page:
        page.size(1180, 1000, scale=1.5)
        page.open(given.page)
        figures = page.driver.find_elements("css selector", "figure.metric svg.plot")
        figures[given.metric - 1].screenshot(str(given.o))


if __name__ == "__main__":
    main()
