"""`nic-thumbnailer`: the PNG of a `.nic` file that file managers ask for, see nic.thumbnailer.

The preview that a file carries is enough, and costs no torch; without one, the picture is decoded at
1/2, 1/4 or 1/8.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from nic_cli.errors import NicError
from nic_cli.storage.atomic import put
from nic_cli.storage.printable import printable
from nic_cli.terminal.failures import guarded


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give the exit code. As with `nic`, a failure is one line and leaves no output."""
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser("nic-thumbnailer", description="Make a PNG of a .nic file.")
    parser.add_argument("-s", "--size", type=int, default=256, help="longest side in pixels (default: 256)")
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    given = parser.parse_args(arguments)
    try:
        made = thumbnail(given.input, max(1, given.size))
    except NicError as error:
        raise type(error)(f"{printable(given.input)}: {error}") from error
    put(given.output, made, links=False)
    return 0


def thumbnail(path: Path, size: int) -> bytes:
    """Make a PNG of the picture, at most `size` pixels a side. Raises OSError, NicError."""
    import nic_cli
    from nic_cli.api.call import silently
    from nic_cli.container import file, incoming, layout
    from nic_cli.image.opening import refusing
    from nic_cli.image.preview import open_preview

    with path.open("rb") as given, incoming.spooled(given) as stream:
        header, chunks = file.read_opening(stream)
        preview = next((chunk.data for chunk in chunks if chunk.kind == layout.PREVIEW), None)
        if preview is None:
            stream.seek(0)
            longest = max(header.width, header.height)
            scale = next((scale for scale in (8, 4, 2) if scale * size <= longest), 1)
            with silently():
                image = nic_cli.decode(stream, scale=scale)
        else:
            image = open_preview(preview)
    made = io.BytesIO()
    with refusing("the preview"):
        image.thumbnail((size, size), reducing_gap=None)  # with a gap, not for 16-bit grey
        image.save(made, "PNG")
    return made.getvalue()


if __name__ == "__main__":
    sys.exit(main())
