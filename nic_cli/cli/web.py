"""`nic web`: a site that decodes `.nic` files in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nic_cli.cli import declaring, options
from nic_cli.cli.declaring import COMMON, OUTPUT
from nic_cli.units import in_bytes

EXAMPLES = (
    ("nic web site/", "writes the page, the decoder and the weights of iris"),
    ("python -m http.server -d site 8000", "any server serves it; then open http://localhost:8000"),
    ("nic web site/ -m iris -m my-model", "with models of your own, whose files it shows as well"),
)


@declaring.grouped
def web(
    *,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", show_default=False, help="Where the site is written.")
    ],
    model: Annotated[
        list[str] | None,
        declaring.value(
            "-m",
            "--model",
            metavar="NAME",
            panel=COMMON,
            help="A native model whose files it is to show; may be repeated. Default: iris.",
        ),
    ] = None,
    force: Annotated[
        bool,
        declaring.flag("-f", "--force", panel=OUTPUT, help="Write into a folder that holds other files."),
    ] = False,
    plain: options.Plain,
) -> int:
    """Write a site that decodes .nic files in the browser.

    Plain files, for any server: a page to drop pictures on, and an element, nic-image, for pages of your own.
    Everything happens in the browser: nothing is uploaded, and nothing is asked of other servers. Its second
    visit takes the weights from where the browser kept them.
    """
    console = plain.console()
    from nic_cli.web import site

    said = site.write(folder, model or ["iris"], force=force)
    console.say(f"{said.output}  {in_bytes(said.bytes)}, models: {', '.join(said.models)}")
    console.record(said)
    return 0
