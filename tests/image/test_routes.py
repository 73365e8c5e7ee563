"""One file, one answer: whichever reader takes it, and however it is handed over."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from nic_cli.errors import PictureError
from nic_cli.image import huge
from nic_cli.image.reading import from_pil, read
from nic_cli.types import Metadata
from tests.image.pictures import stream
from tests.image.routes import RGB, Case, cases

CASES = cases()


class Pipe(io.RawIOBase):
    """What cannot be rewound."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, room) -> int:
        return self._data.readinto(room)


def by_path(case: Case, tmp_path, _):
    path = tmp_path / "picture"
    path.write_bytes(case.data)
    return read(path)


def by_rows(case: Case, tmp_path, monkeypatch):
    monkeypatch.setattr(huge, "FROM", 0)
    return by_path(case, tmp_path, monkeypatch)


def by_stream(case: Case, *_):
    return read(io.BufferedReader(Pipe(case.data)))


def by_pillow(case: Case, *_):
    return from_pil(Image.open(io.BytesIO(case.data)))


def by_loaded(case: Case, *_):
    """Of which Pillow has kept 8 bits of 16 in colour."""
    image = Image.open(io.BytesIO(case.data))
    image.load()
    return from_pil(image)


ROUTES = (by_path, by_rows, by_stream, by_pillow)


def wrong(route, case: Case, tmp_path, monkeypatch) -> str:
    """What is not as it should be about a case by a route; nothing if all is."""
    try:
        picture = route(case, tmp_path, monkeypatch)
        pixels = picture.pixels[: picture.height]
    except UnidentifiedImageError as error:  # Pillow's own, and none of ours
        return "" if case.refusal else str(error)
    except PictureError as error:
        text = str(error)
        return (
            "" if case.refusal and re.search(case.refusal, text) and "\n" not in text else f"refused: {text}"
        )
    if case.refusal:
        return f"taken as {pixels.shape}, {pixels.dtype}"
    if case.pixels is not None:
        right = np.atleast_3d(case.pixels)
        if pixels.shape != right.shape or pixels.dtype != right.dtype:
            return f"{pixels.shape} {pixels.dtype} for {right.shape} {right.dtype}"
        shown = np.ones(pixels.shape[:2], bool) if case.alpha is None else case.alpha > 0
        if (apart := int(np.abs(pixels[shown].astype(int) - right[shown]).max())) > case.most:
            return f"differs by {apart}"
    if (picture.alpha is None) != (case.alpha is None):
        return "alpha lost" if picture.alpha is None else "alpha made up"
    if case.alpha is not None and not np.array_equal(picture.alpha, case.alpha):
        return "another alpha"
    return ""


def test_there_are_enough_cases():
    assert len(CASES) >= 150 and len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.__name__)
def test_every_file_is_what_it_is_by_every_route(route, tmp_path, monkeypatch):
    if route is by_rows:
        pytest.importorskip("pyvips")
    found = {case.name: wrong(route, case, tmp_path, monkeypatch) for case in CASES}
    assert not {name: what for name, what in found.items() if what}


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("nic_cli.image.metadata.turn", lambda pixels, _: pixels.copy()),
        ("nic_cli.image.huge.metadata.gather", lambda *_: (Metadata(), 1)),
        ("nic_cli.image.modes.split", lambda values: (np.atleast_3d(values)[:, :, :3], None)),
        ("nic_cli.image.colour.from_cmyk", lambda *_: lambda image: image.convert("L").convert("RGB")),
        ("nic_cli.image.formats.tiff.check", lambda *_: None),
        ("nic_cli.image.colour_space.settled", lambda picture, *_, **__: picture),
    ],
    ids=["turned", "said", "alpha", "inks", "samples", "colour"],
)
def test_the_table_finds_a_reader_that_forgets_something(place, fault, tmp_path, monkeypatch):
    monkeypatch.setattr(place, fault)
    assert any(wrong(by_path, case, tmp_path, monkeypatch) for case in CASES)


def test_a_pillow_image_brings_what_its_info_says_and_no_more():
    notes = PngInfo()
    notes.add_text("note", "private")
    data = stream(Image.fromarray(RGB), "PNG", pnginfo=notes, dpi=(300, 300))
    said, image = [], Image.open(data)
    image.info.clear()
    picture = from_pil(image, warn=said.append)
    assert picture.metadata == Metadata() and len(said) == 1 and "resolution, texts" in said[0]
    data.seek(0)
    assert read(data).metadata.texts and read(io.BytesIO(data.getvalue())).metadata.resolution


def test_a_loaded_image_is_refused_as_its_file_is_or_has_the_same_shape():
    for case in CASES:
        try:
            picture = by_loaded(case)
        except (UnidentifiedImageError, ValueError):  # Pillow's own
            continue
        except PictureError as error:
            assert case.refusal or "planes" in str(error), case.name
            continue
        assert not case.refusal, case.name
        right = case.pixels is None or np.atleast_3d(case.pixels).shape[:2] == picture.pixels.shape[:2]
        assert right, case.name
