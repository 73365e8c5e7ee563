"""Our networks against what the authors' own programs gave with the same weights.

A vector holds a picture, settings and what came of them: integers of z and y, the table of each y, the
picture decoded, and the authors' own byte strings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from nic_cli.tiles import strips
from nic_cli.transform.research.engine import Engine, _places
from nic_cli.transform.research.systems import SYSTEMS, System
from tests.transform.research import weights

THIN = 4  # of the vectors beside this file: every fourth row and column of the decoded picture
VARIANTS = {"low": {}, "med": {"blocks": 7, "normalised": False, "logistic": True}}


def build(kind: str, variant: str = "low") -> System:
    """A system with the weights of the vectors."""
    with torch.device("meta"):
        system = SYSTEMS[kind](**(VARIANTS[variant] if kind == "hific" else {}))
    system.load_state_dict(weights.state(kind, system), assign=True)
    return system


@dataclass
class Found:
    """Differences from the original: counts of integers (beyond its ties), the largest of floats."""

    z: int
    y: int
    index: int
    y_hat: float
    x_hat: float
    bits: float  # relative


@torch.no_grad()
def compare(system: System, vector: Mapping[str, np.ndarray]) -> Found:
    """Encode the picture, then decode the original's integers."""
    engine = Engine(system.kind, [lambda: system], "cpu")
    engine.system(0.0)
    q = float(vector["q"]) if system.kind == "crdr" else 0.0
    if system.kind == "qvrf" and int(vector["s"]) >= 0:
        vars(system).pop("gain", None)
        q = float(vector["s"])
    elif system.kind == "qvrf":  # a factor that is no level
        system.gain = lambda q: float(vector["gain"])
    image = vector["image"]
    rows = strips.split(image, multiple=system.multiple, border=system.border)
    y = torch.cat(list(engine.analyse(rows, q, 0.0)), 1)
    symbols = engine.quantise(y, q, 0.0)
    z_wanted, y_wanted = (vector[k].astype(np.int32).transpose(1, 2, 0) for k in ("z_symbols", "y_symbols"))
    tables = np.zeros(y_wanted.shape, np.uint8).reshape(-1, y_wanted.shape[2])
    flat, kept = y_wanted.reshape(tables.shape), []

    def reveal(positions, channels, means, scales):
        place = np.ix_(_places(positions, len(flat)), np.arange(flat.shape[1])[channels])
        tables[place] = engine._indices(scales)[0]
        kept.append((scales.clamp(min=0.11), torch.from_numpy(flat[place])))
        return torch.from_numpy(flat[place]).to(means.dtype)

    z = torch.from_numpy(z_wanted).permute(2, 0, 1)[None].double()
    y_hat = system.latents(z + system.medians[None, :, None, None].double(), q, reveal)
    betas = [b / 5.12 for b in vector["beta"]] if system.kind == "crdr" else [0.0]
    shown = np.stack([_shown(engine, y_hat, q, b, image.shape) for b in betas])
    shown = 2 * shown - 1 if system.kind == "crdr" else shown[0]
    thin = "x_hat" not in vector
    wanted = vector["x_hat_thin" if thin else "x_hat"]
    shown = shown[..., ::THIN, ::THIN, :] if thin else shown
    tables = tables.reshape(y_wanted.shape)
    return Found(
        _beyond(symbols.z, z_wanted, vector["z_ties"]),
        _beyond(symbols.r, y_wanted, vector["y_ties"]),
        _beyond(tables, vector["scale_index"].transpose(1, 2, 0), vector["index_ties"]),
        float(np.abs(y_hat[0].numpy() - vector["y_hat"]).max()) if "y_hat" in vector else 0.0,
        float(np.abs(shown - wanted).max()),
        abs(_bits(system, kept) / float(vector["bits_y"]) - 1),
    )


def _shown(engine: Engine, y_hat: torch.Tensor, q: float, b: float, shape: tuple[int, ...]) -> np.ndarray:
    rows = engine.synthesise([y_hat.permute(0, 2, 3, 1)], q, b, b)
    return np.concatenate(list(rows))[: shape[0], : shape[1]].clip(0, 1)


def _beyond(found: np.ndarray, wanted: np.ndarray, ties: np.ndarray) -> int:
    """Differences at other places than the ties, which count channels first."""
    differ = np.flatnonzero((found != wanted).transpose(2, 0, 1))
    return len(set(differ.tolist()) - set(ties.tolist()))


def _bits(system: System, kept: list) -> float:
    """Bits of y as the originals estimate them."""
    logistic = getattr(system, "logistic", False)
    total = 0.0
    for scales, values in kept:
        away = values.abs().double()
        ends = [(sign * 0.5 - away) / scales for sign in (1, -1)]
        above, below = (torch.sigmoid(e) if logistic else torch.special.ndtr(e) for e in ends)
        floor = 1e-9 if system.kind == "hific" else 0.0
        total -= float(torch.log2((above - below).clamp(min=1e-9) + floor).sum())
    return total


# -- the authors' byte strings: rANS of CompressAI, to prove the tables ----------------------------------


def read_string(data: bytes, tables: list, order: Iterator[int]) -> list[int]:
    """Symbols of a byte string; every byte must be used. tables: of 16 bits, an escape last."""
    words = np.frombuffer(data, "<u4").tolist()
    state, at = words[0] | words[1] << 32, 2
    starts = [(low, np.concatenate([[0], np.cumsum(counts)]).tolist(), counts) for low, counts in tables]
    lookup = [np.repeat(np.arange(len(counts)), counts).tolist() for _, counts in tables]
    found = []

    def refilled(state: int) -> int:
        nonlocal at
        if state < 1 << 31:
            state, at = state << 32 | words[at], at + 1
        return state

    def nibble() -> int:
        nonlocal state
        value = state & 15
        state = refilled(state >> 4)
        return value

    for index in order:
        low, edges, counts = starts[index]
        slot = state & 0xFFFF
        entry = lookup[index][slot]
        state = refilled(int(counts[entry]) * (state >> 16) + slot - edges[entry])
        if entry == len(counts) - 1:
            groups = part = nibble()
            while part == 15:
                groups += (part := nibble())
            raw = sum(nibble() << 4 * k for k in range(groups))
            entry = -(raw >> 1) - 1 if raw & 1 else (raw >> 1) + len(counts) - 1
        found.append(low + entry)
    assert at == len(words), f"{len(words) - at} words left"
    return found


def strings(kind: str, vector: Mapping[str, np.ndarray]) -> tuple[bytes, bytes] | None:
    """The strings of z and y."""
    if kind == "crdr":
        rest, found = vector["bin"].tobytes(), []
        while rest:
            size = int.from_bytes(rest[:4], "little")
            found.append(rest[4 : 4 + size])
            rest = rest[4 + size :]
        return found[1], found[2]
    if "y_string" in vector:
        return vector["z_string"].tobytes(), vector["y_string"].tobytes()
    return None


def strings_hold(system: System, vector: Mapping[str, np.ndarray]) -> bool:
    """Whether the authors' own strings, read with our tables, give their integers."""
    z_string, y_string = strings(system.kind, vector)
    z, y, index = (vector[k] for k in ("z_symbols", "y_symbols", "scale_index"))
    order = iter(np.repeat(np.arange(z.shape[0]), z[0].size).tolist())
    if read_string(z_string, system.z_tables(), order) != z.reshape(-1).tolist():
        return False
    if system.kind == "qvrf":  # position by position there, channel by channel in the others
        y, index = y.transpose(1, 2, 0), index.transpose(1, 2, 0)
    found = read_string(y_string, system.r_tables(), iter(index.reshape(-1).tolist()))
    return found == y.reshape(-1).tolist()
