"""nic: a neural image codec for the command line, and for Python.

    import nic_cli
    data = nic_cli.encode("photo.png", q=2.0, b=0.75)   # a path, bytes, file, PIL image or array -> bytes
    image = nic_cli.decode(data)                        # a path, bytes or file -> PIL.Image
    with nic_cli.open("map.nic") as nic:                # its header; nothing is decoded
        part = nic.crop(0, 0, 512, 512).decode(b=0)     # what this part needs is read
    nic_cli.info(data).size                             # a header and more; nothing heavy is imported

Importing this package imports neither torch nor numpy; the calls do what they need. Errors are a NicError of
some kind, also a TypeError or ValueError where Python would raise these; what could not be kept of a picture
is told by a NicWarning.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, Union

from nic_cli.api.given import HasArray, HasInterface, Readable
from nic_cli.api.info import Info, Metadata
from nic_cli.api.nic_file import NicFile
from nic_cli.errors import NicError, NicWarning
from nic_cli.types import Header

if TYPE_CHECKING:
    from PIL.Image import Image

Source = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, Readable]
"""A file: its path, its bytes, or a binary file object, of which only `read` is needed."""

__version__ = "1.0.0rc1"
__all__ = [
    "Header",
    "Info",
    "Metadata",
    "NicError",
    "NicFile",
    "NicWarning",
    "Source",
    "__version__",
    "decode",
    "encode",
    "info",
    "open",
]


def encode(
    image: Source | Image | HasInterface | HasArray,
    *,
    q: float | None = None,
    b: float = 0.75,
    bpp: float | None = None,
    target_size: int | str | None = None,
    ssimulacra2: float | None = None,
    like: str | None = None,
    effort: int = 1,
    tile: int = 1024,
    preview: bool = False,
    strip: str | Iterable[str] = (),
    frame: int | None = None,
    max_pixels: int | None = None,
    hdr: Literal["plain", "keep"] = "plain",
    accept_truncated: bool = False,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    target_bytes: int | None = None,
) -> bytes:
    """Encode a picture to the bytes of a `.nic` file, the same as `nic encode` writes.

    image: a picture file by its path, its bytes or a binary file object; a PIL image; or an array, [H, W] or
    [H, W, 1..4] of uint8 or uint16 in sRGB: grey, grey and alpha, RGB, RGBA.
    q: rate, 0 (smallest) to 6; None: 2. bpp: the q that gives at most so many bits a pixel. target_size: that
    which gives a file of at most so many bytes, 40000 or "40kB". ssimulacra2: the smallest file with this
    score. like: that as good as another codec's, "jpeg:80". One of these five.
    b: realism that the file is made for, 0 (most faithful) to 1; it can be chosen again at decoding.
    effort: 0..9, from 2 on a smaller file of the same quality is looked for, the longer the higher.
    tile: pixels a side, a multiple of 64 to 2048; smaller ones make parts cheaper. preview: put a small WebP
    into the file. strip: metadata to be left out, such as "gps" or ("exif", "xmp"), or "all".
    frame: which one of an animation or of pages, from 1. max_pixels: refuse larger ones before they are
    read. hdr: "keep" leaves PQ and HLG as they are. accept_truncated: take what there is of a file cut short.
    model: a name of `nic models list`, or a folder. device: auto, cpu, cuda or mps. target_bytes: the old
    name of target_size.

    Raises NicError and its kinds; gives a NicWarning for each thing that is not kept.
    """
    from nic_cli.api import encoding

    return encoding.encode(
        image,
        q=q,
        b=b,
        bpp=bpp,
        target_size=target_size,
        ssimulacra2=ssimulacra2,
        like=like,
        target_bytes=target_bytes,
        effort=effort,
        tile=tile,
        preview=preview,
        strip=strip,
        frame=frame,
        max_pixels=max_pixels,
        hdr=hdr,
        accept_truncated=accept_truncated,
        model=model,
        device=device,
    )


def decode(
    data: Source,
    *,
    b: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    scale: int | str = 1,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    max_pixels: int | None = None,
) -> Image:
    """Decode a `.nic` file, by its path, its bytes or a binary file object, to a PIL image.

    b: realism, 0..1; None for the one that the file asks for. crop: x, y, width and height of a part, in
    pixels of the whole; of a seekable file only what it needs is read. scale: 1, 2, 4 or 8 times smaller
    along each side, or "1/2", "1/4", "1/8". max_pixels: refuse what would have more; None: 2^28.
    model: None for the one that the file names or, where that is not known here, NIC_MODEL
    of the environment. device: auto, cpu, cuda or mps.

    Raises NicError and its kinds; gives a NicWarning for what a PIL image cannot hold.
    """
    from nic_cli.api import decoding

    return decoding.decode(
        data, b=b, crop=crop, scale=scale, model=model, device=device, max_pixels=max_pixels
    )


def info(data: Source) -> Info:
    """What a `.nic` file says of itself, its checksums checked. Raises FormatError and its kinds."""
    from nic_cli.api import decoding

    return decoding.info(data)


def open(data: Source) -> NicFile:
    """Open a `.nic` file, by its path, its bytes or a binary file object, and read its header.

    Nothing is decoded before `decode`, `to_array` or `thumbnail` of what this gives, or of a part of it:
    nic_cli.open("map.nic").crop(0, 0, 512, 512).scale("1/2").decode(). A file object stays open, and must
    for as long as it is decoded from. Raises NicError and its kinds.
    """
    from nic_cli.api import decoding

    return decoding.opened(data)
