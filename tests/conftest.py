"""The embedded model and a few real photographs, loaded once."""

from __future__ import annotations

import os
import signal

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: threads that spin starve each other

import numpy as np
import pytest
import torch

from tests.bench.browser import chromium, missing
from tests.engines import ENGINES, by

# Where a shell runs the tests in the background it ignores interrupts for all below it, which some test.
signal.signal(signal.SIGINT, signal.default_int_handler)
torch.set_num_threads(1)  # small pictures gain nothing from two, and busy machines lose a lot


@pytest.fixture(autouse=True)
def same_environment():
    """Commands set variables for the libraries that they load; no test is to see another's."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def browser():
    """A page of Chromium; without one the tests that ask for it are skipped."""
    if reason := missing():
        pytest.skip(reason)
    with chromium() as page:
        page.driver.set_script_timeout(120)
        yield page


@pytest.fixture(scope="session")
def model():
    from nic_cli.zoo.load import load

    return load(None, "cpu")


@pytest.fixture(scope="session", params=ENGINES)
def of_each_engine(request, model):
    """The embedded model on each engine in turn."""
    return by(request.param, model) or pytest.skip("this processor has no bfloat16")


@pytest.fixture(scope="session")
def photographs():
    """Crops of photographs that scikit-image ships, [H, W, 3] uint8, by name."""
    from skimage import data

    return {
        "astronaut": data.astronaut()[:256, 100:420],
        "coffee": data.coffee()[60:260, 100:357],
        "chelsea": data.chelsea()[:199, 60:301],
        "rocket": data.rocket()[120:312, 200:520],
    }


@pytest.fixture(scope="session")
def wide(photographs):
    """A picture of two entropy tiles at --tile 128: [120, 250, 3]."""
    return np.ascontiguousarray(photographs["astronaut"][:120, :250])
