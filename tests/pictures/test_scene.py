"""The picture of the README is what its script paints."""

from __future__ import annotations

import numpy as np
from PIL import Image

from . import scene


def test_the_script_paints_the_stored_picture():
    stored = np.asarray(Image.open(scene.PATH)).astype(int)
    painted = np.asarray(scene.paint()).astype(int)
    assert painted.shape == stored.shape == (512, 768, 3)
    # Libraries may round apart in the last place, and a newer FreeType may set letters a little differently.
    assert np.abs(painted - stored).mean() < 0.2


def test_it_stays_small_enough_to_travel():
    assert scene.PATH.stat().st_size < 500_000
