"""Initial weights from which a short training gets further than from the architecture's own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l2xbench.errors import RequestError


def begin(core: nn.Module, start: str) -> None:
    """Change the initial weights of `core` in place as `start` says; `own` leaves them."""
    if start == "interpolation":
        interpolation(core)
    elif start != "own":
        raise RequestError(f"recipe: start: found '{start}', needed own or interpolation")


@torch.no_grad()
def interpolation(core: nn.Module) -> None:
    """Make the network begin as an interpolation near bicubic: three channels carry RGB past the body to the end.

    For networks laid out as BasicSR's EDSR and RCAN are: `conv_first`, a body that ends in `conv_after_body` under a
    skip, `upsample` (convolutions and pixel shuffles in turn), `conv_last`. The other channels keep their random
    weights, and the output sees them faintly at first. The architecture is as before, and every weight is trained.
    """
    names = ("conv_first", "conv_after_body", "upsample", "conv_last")
    first, after_body, upsample, last = (getattr(core, name, None) for name in names)
    if not (
        isinstance(first, nn.Conv2d)
        and isinstance(after_body, nn.Conv2d)
        and isinstance(upsample, nn.Sequential)
        and isinstance(last, nn.Conv2d)
    ):
        raise RequestError(
            f"recipe: start: interpolation needs {', '.join(names)} as in BasicSR's EDSR; "
            f"{type(core).__name__} has another layout, use own"
        )
    _pass_rgb(first)
    _silence(after_body, 3)
    stages = list(upsample)  # slicing BasicSR's own class of nn.Sequential would call its constructor
    for expand, shuffle in zip(stages[::2], stages[1::2], strict=True):
        assert isinstance(expand, nn.Conv2d) and isinstance(shuffle, nn.PixelShuffle)
        factor = shuffle.upscale_factor
        _silence(expand, 3 * factor**2)
        phases = _phases(factor)
        kernels = torch.einsum("iy,jx->ijyx", phases, phases).reshape(factor**2, 3, 3)
        for channel in range(3):
            expand.weight[channel * factor**2 : (channel + 1) * factor**2, channel] = kernels
    last.weight *= 0.1
    _pass_rgb(last)


def _silence(convolution: nn.Conv2d, outputs: int) -> None:
    convolution.weight[:outputs] = 0
    if convolution.bias is not None:
        convolution.bias[:outputs] = 0


def _pass_rgb(convolution: nn.Conv2d) -> None:
    """Let the first three outputs of a 3x3 convolution be its first three inputs, plus what it makes of the rest."""
    convolution.weight[:3, :3] = 0
    for channel in range(3):
        convolution.weight[channel, channel, 1, 1] = 1
    if convolution.bias is not None:
        convolution.bias[:3] = 0


def _phases(factor: int) -> Tensor:
    """(factor, 3): for each output position in an input pixel, a cubic kernel's weights on the three nearest pixels."""
    offsets = (torch.arange(factor) + 0.5) / factor - 0.5
    distance = (torch.tensor([-1.0, 0.0, 1.0])[None] - offsets[:, None]).abs()
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    weights = torch.where(distance <= 1, near, far)
    return weights / weights.sum(dim=1, keepdim=True)
