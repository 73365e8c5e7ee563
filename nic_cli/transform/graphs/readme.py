"""README.md of an exported model: what each graph takes and gives, and how pictures come of them."""

from __future__ import annotations

from collections.abc import Mapping

from nic_cli.transform.config import ModelConfig
from nic_cli.transform.graphs.builder import OPSET, Port
from nic_cli.transform.seeded_noise import VALUES

Ports = tuple[Mapping[str, Port], Mapping[str, Port]]
"""What goes into a graph, and what comes out."""

TEXT = """# {name} as ONNX graphs

Written by `nic models export` from the model {name}, id {id}. Licence of the weights: {licence}.

With an entropy coder these graphs encode and decode `.nic` files: `nic help format` is the whole of it, and
the names below are its names. ONNX opset {opset}. Weights are stored as in the model, mostly in half
precision, and cast to float32, which everything is computed in. Each graph carries the name and the id of
the model as metadata.

| file | takes | gives |
| --- | --- | --- |
{rows}

Activations are [1, rows, columns, channels], float32 where no other type is said. H, W: pixels of the
picture, extended to multiples of 64. h, w: its latents, H/16 and W/16; but of `hyper_analysis`, `scales`,
`hyper_synthesis` and the `context` graphs those of one entropy tile, since these see nothing beyond it.

| | |
| --- | --- |
| `pixels` | red, green and blue, 0..1, into `analysis`; about 0..1 out of `synthesis`, to be clamped |
| `q` | rate, 0..{q_top:g}; files hold it in 1/4096 |
| `b`, `b_made`, `b_shown` | realism, 0..1: of the file, of the file, and the one to be seen |
| `y` | latents, multiplied by their gains: what is quantised |
| `z` | hyper-latents; out of `hyper_analysis` to be rounded and clamped to -127..127, into others so |
| `tables` | which coding table each residual has, 0..{top} |
| `features` | what `hyper_synthesis` says of each latent |
| `before` | latents of the phases before, one after the other along the channels, each of its quarter grid |
| `means` | of the latents of a phase, at its quarter grid |
| `latents` | means and residuals, before gains, which `synthesis` applies |
{noise}
## Decoding

For each tile, from its payload: `z`, by the tables {scales} + {hyper} a + c (c: channel, a: anchor of q);
`scales`; the residuals r by these tables, 0 where the table is under {skip}; `hyper_synthesis`. Then for
the phases k = 0 to 3, which are the positions (0,0), (1,1), (0,1) and (1,0) of each 2x2 cell: `context_k`
of all features of the tile, and latents = means + r at these positions. The latents of all tiles side by
side go into `synthesis`. Clamp its pixels to 0..1; of grey pictures take the mean of the three; multiply by
255 or 65535, round half to even, cut off what was extended. Pixels depend on {reach} latents to each side: a
large picture may be made in parts that overlap by so many.

## Encoding

The picture, its last row and column repeated up to multiples of 64, through `analysis`. For each tile of
`y`: `hyper_analysis`, rounded and clamped; `scales` and `hyper_synthesis` of that; for each phase
`context_k`, r = y - means there, rounded, clamped to -32767..32767, 0 where its table is under {skip}, and
latents = means + r.

## Exactness

`scales` computes integers under 2^24, which float32 carries exactly in any order of summation. In half
precision it does not, and then nothing that it codes can be decoded. The others may differ in their last
digits.

## Tables

`tables.npz` holds `lows`, `sizes` and `frequencies` of the coding tables, the last all tables one after the
other, each summing to 2^24, and as plain numbers `scales`, `hyper`, `skip`, `q_top` and `q_anchors` of the
model, and `id`, 8 bytes.

## Example

`tests/onnx_example.py` in the repository of nic decodes a file with ONNX Runtime, numpy and these files
alone, in a clone of it: `python -m tests.onnx_example FILE.nic FOLDER OUT.png`.
"""

NOISE = (
    f"| `noise` | the {VALUES} signed bytes v of each 8x8 pixels that `nic help format` has under Noise; any "
    "where `b_shown` is up to 0.5 |\n"
)


def text(config: ModelConfig, id: bytes, licence: str | None, graphs: Mapping[str, Ports]) -> str:
    """The page. graphs: by name. licence: None where none is stated."""
    rows = [f"| `{name}.onnx` | {_said(takes)} | {_said(gives)} |" for name, (takes, gives) in graphs.items()]
    return TEXT.format(
        name=config.name,
        id=id.hex(),
        licence=licence or "not stated",
        opset=OPSET,
        rows="\n".join(rows),
        q_top=config.q_top,
        top=config.scales - 1,
        noise=NOISE if config.noise else "",
        scales=config.scales,
        hyper=config.hyper,
        skip=config.skip,
        reach=config.reach,
    )


def _said(ports: Mapping[str, Port]) -> str:
    kinds = {name: "" if kind == "float32" else f" {kind}" for name, (kind, _) in ports.items()}
    return ", ".join(
        f"`{name}`{kinds[name]} [{', '.join(map(str, shape))}]" for name, (_, shape) in ports.items()
    )
