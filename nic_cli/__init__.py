"""nic: a neural image codec for the command line.

    import nic_cli
    data = nic_cli.encode(image, q=2.0, b=0.75)    # PIL.Image, numpy [H, W, C] or path -> bytes
    image = nic_cli.decode(data)                   # bytes, path or file object -> PIL.Image
    header = nic_cli.info(data)                    # frozen dataclass; nothing heavy is imported

Importing this package imports neither torch nor numpy; the calls do what they need.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Union

from nic_cli.errors import NicError, UsageError
from nic_cli.types import Header

if TYPE_CHECKING:
    from PIL.Image import Image

    from nic_cli.types import Container

Source = Union[bytes, bytearray, memoryview, str, "os.PathLike[str]", BinaryIO]
"""A `.nic` file: its bytes, its path, or a binary file object."""

__version__ = "0.1.0"
__all__ = ["Header", "NicError", "__version__", "decode", "encode", "info"]


def encode(
    image: Image | str | os.PathLike[str] | Any,
    *,
    q: float | None = None,
    b: float = 0.75,
    target_bytes: int | None = None,
    effort: int = 1,
    tile: int = 1024,
    preview: bool = False,
    model: str | None = None,
    device: str = "auto",
) -> bytes:
    """Encode a PIL image, an array [H, W] or [H, W, 1..4] of uint8 or uint16, or a picture file to `.nic`.

    image: a path is a str or a Path; of the file itself all is kept that the command keeps.
    q: rate, 0..6 (None: 2). b: realism that the file is made for, 0..1. target_bytes: search the q of the
    largest file up to this size instead. effort: 0..9, from 2 on a smaller file of the same quality is looked
    for, the longer the higher. preview: put a small WebP of it into the file. model: a name of
    `nic models list`, or a folder. Of an animation or several pages, seek to one and give `image.copy()`.
    Raises NicError and its kinds.
    """
    from nic_cli import codec
    from nic_cli.container import file
    from nic_cli.image.preview import with_preview
    from nic_cli.image.reading import from_array, from_pil, read
    from nic_cli.zoo.load import shared

    _check_numbers(q=q, b=b, target_bytes=target_bytes, effort=effort, tile=tile)
    if isinstance(image, (str, os.PathLike)):
        picture = read(_path(image), os.fsdecode(image))
    elif hasattr(image, "dtype"):
        picture = from_array(image)
    elif hasattr(image, "getbands"):
        picture = from_pil(image)
    else:
        raise UsageError(f"a picture is a PIL image, an array or a path, not {type(image).__name__}")
    picture = with_preview(picture) if preview else picture
    with _memory():
        made = codec.encode(
            picture, shared(model, device), q=q, b=b, tile=tile, target_bytes=target_bytes, effort=effort
        )
        return file.pack(made)


def decode(
    data: Source,
    *,
    b: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    scale: int = 1,
    model: str | None = None,
    device: str = "auto",
) -> Image:
    """Decode a `.nic` file, its bytes, its path or a binary file object, to a PIL image.

    b: realism, 0..1; None for the one that the file asks for. crop: x, y, width and height of a part, in
    pixels of the whole; of a seekable file only what it needs is read. scale: 1, 2, 4 or 8 times smaller
    along each side. model: None for the one that the file names or, where that is not known here, NIC_MODEL
    of the environment. Raises NicError and its kinds.
    """
    _check_numbers(b=b, scale=scale)
    from nic_cli import codec
    from nic_cli.image.writing import to_pil
    from nic_cli.types import Region
    from nic_cli.zoo.find import names_for
    from nic_cli.zoo.load import shared

    container = _container(data, whole=crop is None)
    named = [model] if model else [*names_for(container.header), os.environ.get("NIC_MODEL")]
    if crop is not None and (len(crop) != 4 or not all(isinstance(side, Integral) for side in crop)):
        raise UsageError(f"crop is {crop!r}: it takes x, y, width and height in whole pixels")
    region = None if crop is None else Region(*map(int, crop))
    with _memory():
        return to_pil(codec.decode(container, shared(named[0], device), b=b, region=region, scale=scale))


def info(data: Source) -> Header:
    """What a `.nic` file says of itself, its checksums checked. Raises FormatError and its kinds."""
    return _container(data, whole=True).header


def _container(data: Source, *, whole: bool) -> Container:
    from nic_cli import bounded
    from nic_cli.container import file, incoming
    from nic_cli.limits import MAX_FILE

    if isinstance(data, (str, os.PathLike)):
        try:
            stream = _path(data).open("rb")
            if not whole:
                return file.unpack_lazily(stream, owned=True)
            with stream:
                return file.unpack(incoming.read(stream))
        except OSError as error:
            raise NicError(f"{os.fsdecode(data)}: {error.strerror or error}") from error
    if isinstance(data, (bytes, bytearray, memoryview)):
        return file.unpack(bytes(data))
    if not isinstance(data.read(0) if hasattr(data, "read") else None, bytes):
        raise UsageError(f"a .nic file is bytes, a path or a binary file object, not {type(data).__name__}")
    if whole or not data.seekable():
        return file.unpack(bounded.read(data, MAX_FILE))
    return file.unpack_lazily(data)


@contextmanager
def _memory() -> Iterator[None]:
    """Have lack of memory, which libraries tell in their own ways, be one of our errors."""
    try:
        yield
    except NicError:
        raise
    except Exception as error:
        from nic_cli import memory

        if not memory.is_out_of_memory(error):
            raise
        raise NicError(memory.shortage()) from error


def _path(name: str | os.PathLike[str]) -> Path:
    if not os.fsdecode(name) or "\0" in os.fsdecode(name):
        raise UsageError(f"no file has the name {os.fsdecode(name)!r}")
    return Path(name)


def _check_numbers(**given: object) -> None:
    """Raise UsageError for what is no number, or no whole one where only those have a meaning."""
    for name, value in given.items():
        whole = name not in ("q", "b")
        if value is not None and not isinstance(value, Integral if whole else Real):
            raise UsageError(f"{name} is {value!r}: it takes {'whole numbers' if whole else 'numbers'}")
