"""Initial weights from which a short training gets further than from the architecture's own."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from l2xbench.errors import RequestError

STARTS = ("own", "interpolation")
_RIDGE = 1e-6
"""Part of the features' mean square that keeps the readout finite where features repeat each other."""


def begin(network: nn.Module, start: str, lr: Tensor) -> None:
    """Change the initial weights of `network` in place as `start` says; `own` leaves them.

    Args:
        network: maps (N, 3, H, W) in [0, 1] to (N, 3, sH, sW).
        start: one of `STARTS`.
        lr: (N, 3, H, W) in [0, 1], images such as the network will see.

    Raises:
        RequestError: an unknown start, or a network that has no place for it.
    """
    if start == "interpolation":
        interpolation(network, lr)
    elif start != "own":
        raise RequestError(f"recipe: start: found '{start}', needed {' or '.join(STARTS)}")


@torch.no_grad()
def interpolation(network: nn.Module, lr: Tensor) -> None:
    """Make the network begin as an interpolation near bicubic, whatever lies between its first and last layers.

    For networks that end in sub-pixel convolutions (Shi et al., CVPR 2016), perhaps rectified, and at most one
    convolution to RGB after them; which layers these are is seen from a run. Three channels of the first convolution
    pass RGB. A linear readout of the features before the first pixel shuffle is fitted to the image, and the layers
    from there on carry it up with a cubic kernel. All other weights stay random, and every weight is trained.
    """
    was_training = network.training
    network.eval()
    try:
        first, tail = _layout(network, lr)
        _pass_rgb(first)
        gain, offset = _output_of_last(network, lr, tail)
        target = (lr - offset) / gain
        # a rectified upsampler must carry values above zero; the last convolution takes the shift off again
        shift = max(0.0, 0.2 * float(target.max() - target.min()) - float(target.min())) if tail.rectified else 0.0
        readout, constant = _fit(_features(network, lr, tail), target + shift)
        _carry_up(tail, readout, constant, shift)
    finally:
        network.train(was_training)


@dataclass(frozen=True)
class _Tail:
    """The layers that make the image larger, in the order they run."""

    expand: list[nn.Conv2d]
    factors: list[int]
    last: nn.Conv2d | None
    """The convolution to RGB after the last pixel shuffle, where there is one."""
    rectified: bool

    @property
    def end(self) -> nn.Conv2d:
        """The convolution that makes RGB."""
        return self.last if self.last is not None else self.expand[-1]


def _layout(network: nn.Module, lr: Tensor) -> tuple[nn.Conv2d, _Tail]:
    """The first convolution and the tail, seen from the order in which a run calls the layers."""
    called: list[nn.Module] = []
    with ExitStack() as stack:
        for module in network.modules():
            if not any(True for _ in module.children()):
                hook = module.register_forward_pre_hook(lambda layer, _: called.append(layer))
                stack.callback(hook.remove)
        network(lr[:1])
    kinds = [type(layer).__name__ for layer in called]
    shuffles = [i for i, layer in enumerate(called) if isinstance(layer, nn.PixelShuffle)]
    convolutions = [layer for layer in called if isinstance(layer, nn.Conv2d)]

    def refuse(why: str) -> RequestError:
        return RequestError(f"recipe: start: interpolation: {why} ({', '.join(kinds[-8:]) or 'no layers'}); use own")

    if not shuffles or not convolutions or convolutions[0].in_channels != 3:
        raise refuse("needs a network that begins with a convolution of RGB and ends in pixel shuffles")
    start = max((i for i in range(shuffles[0]) if isinstance(called[i], nn.Conv2d)), default=0)
    stop = max(i for i, layer in enumerate(called) if isinstance(layer, nn.Conv2d | nn.PixelShuffle))
    tail = [layer for layer in called[start : stop + 1] if not isinstance(layer, nn.Identity)]
    layers = [layer for layer in tail if isinstance(layer, nn.Conv2d)]
    between = [layer for layer in tail if not isinstance(layer, nn.Conv2d | nn.PixelShuffle | nn.ReLU)]
    ends = len(layers) - len(shuffles)
    if between or ends not in (0, 1) or any(layer.groups != 1 for layer in layers):
        raise refuse("needs plain convolutions and pixel shuffles from the first shuffle on")
    return convolutions[0], _Tail(
        expand=layers[: len(shuffles)],
        factors=[called[i].upscale_factor for i in shuffles],  # type: ignore[misc]
        last=layers[-1] if ends else None,
        rectified=any(isinstance(layer, nn.ReLU) for layer in tail),
    )


def _output_of_last(network: nn.Module, lr: Tensor, tail: _Tail) -> tuple[Tensor, Tensor]:
    """(gain, offset), each (1, 3, 1, 1): the network's output is gain * (the tail's RGB) + offset."""
    outputs = []
    for value in (0.0, 1.0):
        hook = tail.end.register_forward_hook(lambda _layer, _inputs, out, value=value: torch.full_like(out, value))
        outputs.append(network(lr[:1]).mean(dim=(2, 3), keepdim=True))
        hook.remove()
    return outputs[1] - outputs[0], outputs[0]


def _features(network: nn.Module, lr: Tensor, tail: _Tail) -> Tensor:
    """(N, C, H, W): what the tail's first convolution is given."""
    kept: list[Tensor] = []

    def keep(_layer: nn.Module, inputs: Any) -> None:
        kept.append(inputs[0])

    hook = tail.expand[0].register_forward_pre_hook(keep)
    network(lr)
    hook.remove()
    return kept[0][..., : lr.shape[-2], : lr.shape[-1]]


def _fit(features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """((3, C), (3,)): the readout and constant nearest to `target` (N, 3, H, W) by ridge regression."""
    x = features.double().permute(1, 0, 2, 3).flatten(1)
    y = target.double().permute(1, 0, 2, 3).flatten(1)
    x_mean, y_mean = x.mean(1, keepdim=True), y.mean(1, keepdim=True)
    x, y = x - x_mean, y - y_mean
    gram = x @ x.T
    gram.diagonal().add_(_RIDGE * gram.diagonal().mean())
    readout = torch.linalg.solve(gram, x @ y.T).T
    return readout.to(features), (y_mean - readout @ x_mean)[:, 0].to(features)


def _carry_up(tail: _Tail, readout: Tensor, constant: Tensor, shift: float) -> None:
    for stage, (expand, factor) in enumerate(zip(tail.expand, tail.factors, strict=True)):
        phases = _phases(factor).to(readout)
        kernels = torch.einsum("iy,jx->ijyx", phases, phases).reshape(factor**2, 3, 3)
        pass_on = readout if stage == 0 else torch.eye(3, expand.in_channels).to(readout)
        expand.weight[: 3 * factor**2] = torch.einsum("oc,pyx->opcyx", pass_on, kernels).flatten(0, 1)
        assert expand.bias is not None
        expand.bias[: 3 * factor**2] = constant.repeat_interleave(factor**2) if stage == 0 else 0.0
    if tail.last is not None:
        tail.last.weight *= 0.1  # the other channels are seen faintly at first
        _pass_rgb(tail.last)
        assert tail.last.bias is not None
        tail.last.bias -= shift


def _pass_rgb(convolution: nn.Conv2d) -> None:
    """Let the first three outputs of a convolution be its first three inputs, plus what it makes of the rest."""
    convolution.weight[:3, :3] = 0
    centre = convolution.kernel_size[0] // 2
    for channel in range(3):
        convolution.weight[channel, channel, centre, centre] = 1
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
