"""What a `.nic` file says of itself, as Python code is told."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from nic_cli import facts
from nic_cli.api.call import Call
from nic_cli.container import layout
from nic_cli.facts import Original
from nic_cli.types import Container, Header

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a picture says beside its pixels, as bytes; None where it says nothing.

    exif: a bare TIFF structure. webp: its preview. kinds: names of all that is there, gain_map and texts too.
    """

    icc: bytes | None = field(default=None, repr=False)
    exif: bytes | None = field(default=None, repr=False)
    xmp: bytes | None = field(default=None, repr=False)
    iptc: bytes | None = field(default=None, repr=False)
    webp: bytes | None = field(default=None, repr=False)
    kinds: tuple[str, ...] = ()

    @property
    def preview(self) -> Image | None:
        """A small picture of the picture, of at most 256 pixels a side if nic made it; None if there is none.

        Raises PictureError for what is none: files may hold anything.
        """
        if self.webp is None:
            return None
        from nic_cli.image.opening import refusing
        from nic_cli.image.preview import open_preview

        with Call(), refusing("the preview"):
            image = open_preview(self.webp)
            image.load()
            return image


@dataclass(frozen=True, slots=True, kw_only=True)
class Info(Header):
    """A header, and what stands beside it.

    n_bytes: of the file. memory: bytes that decoding takes, about; None if the model is not the embedded one.
    original: the file that it was made of, if that is said.
    """

    alpha: bool
    n_bytes: int
    memory: int | None
    metadata: Metadata
    original: Original | None

    @classmethod
    def of(cls, container: Container, n_bytes: int) -> Info:
        """Sum up a container that came from a file of so many bytes."""
        header, found = container.header, {chunk.kind: chunk.data for chunk in container.chunks}
        alpha = facts.has_alpha(container.chunks)
        return cls(
            **{part.name: getattr(header, part.name) for part in fields(header)},
            alpha=alpha,
            n_bytes=n_bytes,
            memory=facts.decoding_memory(header, alpha=alpha),
            metadata=Metadata(
                icc=found.get(layout.ICC),
                exif=found.get(layout.EXIF),
                xmp=found.get(layout.XMP),
                iptc=found.get(layout.IPTC),
                webp=found.get(layout.PREVIEW),
                kinds=tuple(name for name, kind in layout.METADATA.items() if kind in found),
            ),
            original=facts.original(container.chunks),
        )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    @property
    def mode(self) -> str:
        """Of the PIL image that it is decoded to: L, LA, RGB, RGBA or I;16."""
        return facts.mode(self, alpha=self.alpha)

    @property
    def bpp(self) -> float:
        """Bits a pixel."""
        return 8 * self.n_bytes / (self.width * self.height)
