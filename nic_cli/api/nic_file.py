"""What `nic_cli.open` gives: a `.nic` file whose header is read, and parts of it to be decoded."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from nic_cli import facts, memory
from nic_cli.api import given
from nic_cli.api.call import Call
from nic_cli.api.info import Info, Metadata
from nic_cli.api.source import Source
from nic_cli.container import notices
from nic_cli.errors import WrongValue
from nic_cli.limits import HELD
from nic_cli.tiles.grid import HYPER, SCALES, Grid
from nic_cli.types import Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from nic_cli.types import Picture

    Pixels = NDArray[np.uint8] | NDArray[np.uint16]

T = TypeVar("T")
_BY_NAME = {"1": 1, **{f"1/{scale}": scale for scale in SCALES}}
_PREVIEWS = 256  # pixels along the longer side of a preview


@dataclass(frozen=True, eq=False, repr=False)
class NicFile:
    """A `.nic` file, or a part of it, at its size or smaller; its header is read, and nothing is decoded.

    Made by `nic_cli.open`. `crop` and `scale` give further views, which read only what they need; all are
    closed at the end of `with` or by `close` of any, and else with the last of them. Threads may use one at
    once.
    """

    _source: Source
    _region: Region | None = None
    _scale: int = 1

    # -- what it is ---------------------------------------------------------------------------------

    @property
    def info(self) -> Info:
        """All that the file says of itself, of the whole picture."""
        return self._source.info

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is decoded, in pixels."""
        area = self._area()
        return area.width // self._scale, area.height // self._scale

    @property
    def width(self) -> int:
        """Columns of what is decoded."""
        return self.size[0]

    @property
    def height(self) -> int:
        """Rows of what is decoded."""
        return self.size[1]

    @property
    def mode(self) -> str:
        """Of the PIL image that it is decoded to: L, LA, RGB, RGBA or I;16."""
        return self.info.mode

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB, and not counting alpha."""
        return self.info.channels

    @property
    def bit_depth(self) -> int:
        """8 or 16, of each channel of `to_array`."""
        return self.info.bit_depth

    @property
    def q(self) -> float:
        """The rate it was encoded at."""
        return self.info.q

    @property
    def b(self) -> float:
        """The realism it was made for, at which it is decoded if no other is asked for."""
        return self.info.b

    @property
    def model(self) -> str:
        """The name of the model that it was made with."""
        return self.info.model

    @property
    def metadata(self) -> Metadata:
        """Profile, EXIF, XMP and the like, of the whole picture."""
        return self.info.metadata

    @property
    def original(self) -> facts.Original | None:
        """Name and format of the file that it was made of; None where that is not said."""
        return self.info.original

    @property
    def memory(self) -> int | None:
        """Bytes of memory that decoding this takes, about; None if the model is not the embedded one."""
        return facts.decoding_memory(self.info, alpha=self.info.alpha, size=self.size)

    def __repr__(self) -> str:
        depth = f", {self.bit_depth} bits" if self.bit_depth > 8 else ""
        part = "" if self._region is None else " at {0.x},{0.y}".format(self._area())
        part += f" at 1/{self._scale}" if self._scale > 1 else ""
        part += f" of {self.info.width} x {self.info.height}" if part else ""
        state = ", closed" if self._source.closed else ""
        return (
            f"<NicFile {self._source.name}: {self.width} x {self.height}{part}, {self.mode}{depth}, "
            f"q {self.q:.4g}, b {self.b:.4g}, model {self.model}{state}>"
        )

    # -- which part of it ---------------------------------------------------------------------------

    def crop(self, x: int, y: int, width: int, height: int) -> NicFile:
        """A part, by its first column and row and its size, in pixels of this view. Raises NicError."""
        with Call():
            sides = {"x": x, "y": y, "width": width, "height": height}
            wanted = Region(*(given.whole(name, value) for name, value in sides.items()))
            Grid(self.width, self.height, HYPER).area(wanted, 1)
            area, scale = self._area(), self._scale
            left, top = area.x + scale * wanted.x, area.y + scale * wanted.y
            right = min(left + scale * wanted.width, self.info.width)
            bottom = min(top + scale * wanted.height, self.info.height)
            return replace(self, _region=Region(left, top, right - left, bottom - top))

    def scale(self, by: int | str) -> NicFile:
        """So many times smaller: 1, 2, 4, 8, or "1", "1/2", "1/4", "1/8". Raises NicError.

        Every pixel is the mean of a square of pixels, with which a part begins and ends.
        """
        with Call():
            if isinstance(by, str) and by not in _BY_NAME:
                raise WrongValue(f"scale is {by!r}: it takes 1, 2, 4 or 8, or {', '.join(_BY_NAME)}")
            times = given.whole("scale", _BY_NAME[by] if isinstance(by, str) else by)
            view = replace(self, _scale=self._scale * times)
            view._area()
            return view

    def _area(self) -> Region:
        header = self.info
        return Grid(header.width, header.height, header.tile).area(self._region, self._scale)

    # -- its pixels ---------------------------------------------------------------------------------

    def decode(
        self,
        b: float | None = None,
        *,
        model: str | os.PathLike[str] | None = None,
        device: str = "auto",
        max_pixels: int | None = None,
    ) -> Image:
        """Decode to a PIL image, with ICC, EXIF and XMP in its `info`; arguments as of `nic_cli.decode`.

        Pillow has no 16 bits for colour or alpha: 8 are given, with a notice. Raises NicError.
        """
        from nic_cli.image.writing import to_pil

        return self._shown(b, model, device, max_pixels, to_pil)

    def to_array(
        self,
        b: float | None = None,
        *,
        model: str | os.PathLike[str] | None = None,
        device: str = "auto",
        max_pixels: int | None = None,
    ) -> Pixels:
        """Decode to an array of uint8 or uint16: [H, W] is grey, [H, W, 2..4] grey and alpha, RGB, RGBA.

        Values are in the colours of `metadata.icc`, sRGB where there is none. Raises NicError.
        """
        from nic_cli.image.writing import to_array

        return self._shown(b, model, device, max_pixels, to_array)

    def thumbnail(self, side: int = 256) -> Image:
        """A PIL image of at most so many pixels a side. Raises NicError.

        Of a whole file with a preview it is that, up to 256 pixels; else it is decoded at 1/2, 1/4 or 1/8.
        """
        with Call():
            side = given.whole("side", side, 1)
        whole = self._region is None and self._scale == 1
        image = self.metadata.preview if whole and side <= _PREVIEWS else None
        if image is None:
            room = [scale for scale in SCALES if scale * self._scale in SCALES]
            fits = [scale for scale in room if scale * side <= max(self.size)]
            image = self.scale(max(fits, default=1)).decode()
        image.thumbnail((side, side), reducing_gap=None)  # with a gap, not for 16-bit grey
        return image

    def _shown(
        self,
        b: object,
        model: object,
        device: object,
        max_pixels: object,
        to: Callable[..., T],
    ) -> T:
        with Call() as call:
            realism, name = given.number("b", b), given.model_name(model)
            chosen = given.choice("device", device, given.DEVICES)
            most = given.whole_or_none("max_pixels", max_pixels, 1) or HELD
            self._source.check_open()
            try:
                picture = self._decoded(call, realism, name, chosen, most)
            except ValueError:  # what a stream raises that is closed meanwhile
                self._source.check_open()
                raise
            container = self._source.container
            lines = notices.of_contents(container.chunks, picture.metadata.unread)
            for line in filter(None, (notices.of_format(container.header), *lines)):
                call.warn(line)
            if picture.metadata.lost:
                call.warn(f"left out of what is cut or scaled: {', '.join(picture.metadata.lost)}")
            return to(picture, warn=call.warn)

    def _decoded(self, call: Call, b: float | None, name: str | None, device: str, most: int) -> Picture:
        from nic_cli import codec
        from nic_cli.zoo.find import names_for
        from nic_cli.zoo.load import shared

        container = self._source.container
        header = container.header
        named = [name] if name else [*names_for(header), os.environ.get("NIC_MODEL")]
        models = (shared(one, device) for one in named)
        first = next(models)  # whose error says what is missing, if none fits
        using = next((one for one in (first, *models) if one.id == header.model_id), first)
        return memory.with_less_memory(
            lambda divisor: codec.decode(
                container,
                using,
                b=b,
                region=self._region,
                scale=self._scale,
                divisor=divisor,
                most=most,
            ),
            call.warn,
            memory.for_coding(
                *self.size, header.channels * header.bit_depth // 8, header.width * header.height
            ),
        )

    # -- its end ------------------------------------------------------------------------------------

    def close(self) -> None:
        """Have nothing more decoded, by any view; a file that was opened here is closed."""
        self._source.close()

    def __enter__(self) -> NicFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()
