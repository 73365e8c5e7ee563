"""What makes the scale network exact is looked at in files too: a z that no encoder makes is damage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nic_cli import codec
from nic_cli.container import file
from nic_cli.errors import DamagedFile
from nic_cli.image.reading import from_array
from nic_cli.tile_coding import code
from nic_cli.transform.config import Z_LIMIT
from nic_cli.types import Symbols


def stored(model, value):
    """A file of 64x64 pixels whose z is 0 but for one such value, sound in all else."""
    sound = codec.encode(from_array(np.zeros((64, 64, 3), np.uint8)), model, q=2.0)
    tables = model.plain.z_tables(1, 1, 2.0)
    z = np.zeros(tables.shape, np.int32)
    z[0, 0, 5] = value
    indices = model.plain.integers(z, 2.0)
    r = np.zeros(indices.shape, np.int32)
    stream = code(Symbols(z, r, ((tables, z), (indices, r))), model)
    return file.unpack(file.pack(replace(sound, tiles=(stream,))))


@pytest.mark.parametrize("sign", [1, -1])
def test_z_within_its_limit_is_read_and_beyond_it_refused(model, sign):
    codec.decode(stored(model, sign * Z_LIMIT), model)
    for value in (Z_LIMIT + 1, 60_001):
        with pytest.raises(DamagedFile, match="hyper-latents beyond 127"):
            codec.decode(stored(model, sign * value), model)
