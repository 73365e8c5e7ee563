"""Pictures of several frames or pages: one of them, counted from 1, or none."""

from __future__ import annotations

from PIL import Image

from nic_cli.errors import PictureError


def choose(image: Image.Image, frame: int | None, name: str) -> None:
    """Turn a freshly opened `image` to `frame`, as a viewer shows it; None for the only one there is.

    Raises PictureError where there are several and none is named, or where there is no such frame.
    """
    count = _count(image)
    if frame is None:
        if _several(image):
            raise PictureError(f"{name}: holds {count} frames or pages; give --frame 1 to {count}")
    elif frame > count:
        if count == 1:
            raise PictureError(f"{name}: holds one picture, no frame {frame}; leave out --frame")
        raise PictureError(f"{name}: holds {count} frames or pages, no {frame}; give --frame 1 to {count}")
    else:
        image.seek(frame - 1)


def refuse_several(image: Image.Image, name: str) -> None:
    """Raise PictureError where `image`, given by a program, holds several pictures."""
    if _several(image):
        raise PictureError(
            f"{name}: holds {_count(image)} frames or pages; seek to one and give image.copy()"
        )


def _count(image: Image.Image) -> int:
    return int(getattr(image, "n_frames", 1))


def _several(image: Image.Image) -> bool:
    return _count(image) > 1 and image.format != "MPO"  # whose others are further views of one camera
