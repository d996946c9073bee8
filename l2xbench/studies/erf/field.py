"""The effective receptive field of one image: the rectified gradient of the centre SR pixel, and its exact kind.

W. Luo et al., Understanding the effective receptive field in deep convolutional neural networks, NeurIPS 2016; as
drawn by X. Ding et al., Scaling up your kernels to 31x31, CVPR 2022, and for SR by H. Guo et al., MambaIR, ECCV 2024.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l2xbench.attribution.captured import Wanted, replayed
from l2xbench.attribution.engine.paired import paired_forward
from l2xbench.attribution.methods.plain import quiet
from l2xbench.attribution.references import make_reference

Kind = Literal["gradient", "multipliers"]
MAMBAIR_SIDE = 120
"""Side in LR pixels to which MambaIR's script brings every image."""


def receptive_field(
    network: nn.Module, lr: Tensor, kind: Kind = "gradient", reference: str | Tensor = "blur"
) -> Tensor:
    """How much the centre SR pixel depends on each LR pixel: its derivative, rectified, summed over channels.

    The centre is the pixel [H // 2, W // 2] of the SR image, all its channels summed: one that belongs to the LR pixel
    [h // 2, w // 2] whatever the scale, and the outputs are not rectified, so that a network whose outputs lie about
    zero has the same field as one whose outputs lie about a half.

    Args:
        network: maps (N, 3, h, w) to (N, C, scale h, scale w).
        lr: (N, 3, h, w).
        kind: `gradient`, as published, or `multipliers`: L2X's between the image and its reference, for which
            m (x - x') sums to the centre's change exactly.
        reference: of the multipliers, as `l2xbench.explain` takes it.

    Returns:
        (N, h, w), not below 0.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Upsample(scale_factor=2))
        >>> _ = [nn.init.ones_(parameter) for parameter in net.parameters()]
        >>> receptive_field(net, torch.rand(1, 3, 6, 6))[0, 2:5, 2:5].tolist()
        [[9.0, 9.0, 9.0], [9.0, 9.0, 9.0], [9.0, 9.0, 9.0]]
    """
    derivative = _gradient(network, lr) if kind == "gradient" else _multipliers(network, lr, reference)
    return derivative.clamp(min=0).sum(1)


def _gradient(network: nn.Module, lr: Tensor) -> Tensor:
    with torch.inference_mode(False), torch.enable_grad(), quiet(network):
        inputs = lr.detach().clone().requires_grad_(True)
        (found,) = torch.autograd.grad(_centre(network(inputs)), inputs)
    return found


def _multipliers(network: nn.Module, lr: Tensor, reference: str | Tensor) -> Tensor:
    inputs = lr.detach().clone()
    compared = make_reference(reference, inputs)
    recorded = replayed(network, inputs, compared, [Wanted(_centre_window, signed=False)])
    if recorded is not None:
        return recorded.multipliers[0]
    with paired_forward(network, inputs, compared) as paired, torch.enable_grad():
        (found,) = torch.autograd.grad(_centre(paired.value), paired.inputs)
    return found


def _centre(sr: Tensor) -> Tensor:
    return sr[(slice(None), *_centre_window(sr.shape))].sum()


def _centre_window(shape: Sequence[int]) -> tuple[slice, ...]:
    y, x = shape[2] // 2, shape[3] // 2
    return (slice(0, shape[1]), slice(y, y + 1), slice(x, x + 1))


def as_mambair(lr: Tensor, side: int = MAMBAIR_SIDE) -> Tensor:
    """(N, 3, h, w) brought to (N, 3, side, side) by the nearest pixel, its proportions not kept."""
    return F.interpolate(lr, size=(side, side), mode="nearest")


class RunningMean:
    """The mean of fields of one shape, of which none is kept.

    Examples:
        >>> import numpy as np
        >>> mean = RunningMean()
        >>> for field in (np.zeros((2, 2)), np.full((2, 2), 4.0)):
        ...     mean.add(field)
        >>> mean.count, mean.value.tolist()
        (2, [[2.0, 2.0], [2.0, 2.0]])
    """

    def __init__(self, fields: Iterable[np.ndarray] = ()) -> None:
        self.count = 0
        self.value: np.ndarray = np.zeros(())
        for field in fields:
            self.add(field)

    def add(self, field: np.ndarray) -> None:
        """Counts another field.

        Raises:
            ValueError: its shape is not that of those before.
        """
        if self.count and field.shape != self.value.shape:
            raise ValueError(f"a field of shape {field.shape} among those of shape {self.value.shape}")
        self.count += 1
        self.value = self.value + (field.astype(np.float64) - self.value) / self.count
