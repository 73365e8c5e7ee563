"""How large a picture may say it is, before anything is made for it; how long to work on it."""

from __future__ import annotations

from nic_cli.errors import PictureError

HELD = 1 << 28
"""Pixels of a picture in memory: a gigabyte with its alpha."""
WHOLE = 1 << 26
"""Pixels up to which a picture is read and written in one piece, if its format can do otherwise."""
PLAIN = 5 << 19
"""Pixels up to which a picture is coded in numpy where that is possible: importing torch takes longer than it
saves, with float32 up to some 8 megapixels, with AMX up to 1.5 or 2. Of a header, never of a part, so that a
part equals the whole."""
MOST = 1 << 30
"""Pixels of one that goes by rows, unless the user says otherwise: some minutes of work."""
MAX_FILE = 1 << 30
"""Bytes of a `.nic` file, or of a list, that are read of a pipe, which may have no end."""
SIDE = 1 << 20
"""Pixels along a side: the most that the container can declare."""
MAX_BPP = 64.0
"""Bits a pixel that may be asked for: four channels of 16 bits; no file needs more."""
SEARCH_STEPS = (0, 0, 15, 25, 40, 60, 100, 160, 300, 500)
"""Steps of the search for better latents, by effort."""


def check_size(width: int, height: int, name: str, most: int = HELD) -> None:
    """Raise PictureError where a picture of this declared size is empty, or over `most` pixels."""
    if width < 1 or height < 1:
        raise PictureError(f"{name}: {width} x {height} pixels, nothing to read; check how the file was made")
    if max(width, height) > SIDE or width * height > most:
        raise PictureError(
            f"{name}: {width} x {height} is over the limit of {most} pixels and 2^20 a side; "
            "cut or shrink the picture, or raise --max-pixels"
        )
