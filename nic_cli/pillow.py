"""The plugin of Pillow: from the import of this module on, Pillow opens and saves `.nic` files.

    import nic_cli.pillow
    with Image.open("photo.nic") as image:       # the header and the metadata; no torch
        image.thumbnail((256, 256))              # decodes at 1/2, 1/4 or 1/8 where that is enough
    image.save("photo.nic", q=2.0, b=0.75)       # with any of the arguments of nic_cli.encode

Threads may open and save at once; one image is for one thread at a time, as everywhere in Pillow.
"""

from __future__ import annotations

from typing import IO, Any, BinaryIO, cast

from PIL import Image, ImageFile

import nic_cli
from nic_cli import bounded, facts
from nic_cli.api.call import silently
from nic_cli.container import file, layout
from nic_cli.container.layout import SIGNATURE
from nic_cli.errors import NicError, UsageError
from nic_cli.limits import MAX_FILE

FORMAT = "NIC"
SAID = (
    ("icc_profile", layout.ICC, b""),
    ("exif", layout.EXIF, b"Exif\0\0"),
    ("xmp", layout.XMP, b""),
)
"""Metadata: the key in `info`, the chunk, and what Pillow wants before it."""
WISHES = ["q", "b", "bpp", "target_size", "target_bytes", "effort", "tile", "preview", "strip", "max_pixels"]
WISHES += ["hdr", "model", "device"]
"""What `save` hands on to `nic_cli.encode`, which may give notices as Python's warnings."""


class NicImageFile(ImageFile.ImageFile):
    """A `.nic` file that is decoded when its pixels are asked for."""

    format = FORMAT
    format_description = "nic neural image"
    _scale = 0
    """1, 2, 4 or 8, how many times smaller it will be decoded; 0 once that is done."""

    def _open(self) -> None:
        try:
            header, chunks = file.read_opening(cast(BinaryIO, self.fp))
        except NicError as error:
            raise SyntaxError(str(error)) from error  # for Pillow to ask its other plugins
        found = {chunk.kind: chunk.data for chunk in chunks}
        self._size = header.width, header.height
        self._mode = facts.mode(header, alpha=layout.ALPHA in found)
        self.info.update({key: head + found[kind] for key, kind, head in SAID if kind in found})
        self.info.update(q=header.q, b=header.b, model=header.model)
        self._scale = 1

    def draft(
        self, mode: str | None, size: tuple[int, int] | None
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Let `load` decode at 1/2, 1/4 or 1/8, as far as the image stays as large as `size`.

        The mode stays. Returns what Pillow wants: the mode, and the box of the picture in the smaller one.
        """
        if self._scale != 1 or size is None:
            return None
        width, height = self.size
        fits = min(width // max(size[0], 1), height // max(size[1], 1))
        scale = next((scale for scale in (8, 4, 2) if scale <= fits), 1)
        if scale == 1:
            return None
        self._scale = scale
        self._size = -(-width // scale), -(-height // scale)
        return self.mode, (0, 0, width / scale, height / scale)

    def load(self) -> Any:
        """Decode, the first time. Raises OSError: damaged, or made with a model that is not here."""
        if self._scale:
            try:
                with silently():  # Pillow says nothing of what it rounds either
                    image = nic_cli.decode(self._bytes(), scale=self._scale)
            except NicError as error:
                raise OSError(str(error)) from error
            self.im, self._mode, self._size = image.im, image.mode, image.size
            self.info |= {key: value for key, value in image.info.items() if key not in self.info}  # dpi
            if "icc_profile" not in image.info:  # of no use, and the pixels are in sRGB
                self.info.pop("icc_profile", None)
            self._scale = 0
            self._leave()
        return super().load()

    def verify(self) -> None:
        """Check all but the symbols, without the model, and close the file. Raises OSError if damaged."""
        try:
            file.unpack(self._bytes())
        except NicError as error:
            raise OSError(str(error)) from error
        self._leave()

    def _leave(self) -> None:
        if self._exclusive_fp and self.fp is not None:
            self.fp.close()
        self.fp = None

    def _bytes(self) -> bytes:
        if self.fp is None:
            raise ValueError("the .nic file was closed before it was decoded; call load() first")
        self.fp.seek(0)
        return bounded.read(self.fp, MAX_FILE)


def register() -> None:
    """Make `.nic` known to Pillow; importing this module did."""
    Image.register_open(FORMAT, NicImageFile, _accept)
    Image.register_save(FORMAT, _save)
    Image.register_extension(FORMAT, ".nic")
    Image.register_mime(FORMAT, "image/x-nic")


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(SIGNATURE)


def _save(image: Image.Image, stream: IO[bytes], filename: str | bytes) -> None:
    """Write the frame that `image` shows, with its metadata or with those given to `save`.

    Raises ValueError for an argument out of range, OSError for a picture or a model that cannot be used.
    """
    from nic_cli.image.formats.plugins import is_upright
    from nic_cli.image.metadata import exif_of

    given = image.encoderinfo
    frame = image.copy()
    frame.info["exif"] = exif_of(image)  # that of a TIFF is not in its info
    if is_upright(image):
        frame.format = image.format  # which says so
    if "xmp" in given:
        frame.info.pop("XML:com.adobe.xmp", None)  # Pillow's other name for it
    frame.info |= {key: _plain(given[key]) for key, *_ in SAID if key in given}
    try:
        data = nic_cli.encode(frame, **{key: given[key] for key in WISHES if key in given})
    except UsageError as error:
        raise ValueError(str(error)) from error
    except NicError as error:
        raise OSError(str(error)) from error
    stream.write(data)


def _plain(value: Image.Exif | bytes | str | None) -> bytes | str | None:
    return value.tobytes() if isinstance(value, Image.Exif) else value


register()
