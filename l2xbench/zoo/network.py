"""The network that callers see: range, padding and cropping are its own business."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l2xbench.zoo.cards import ModelCard


class Network(nn.Module):
    """An SR network that takes any LR image in [0, 1] and returns its SR image.

    Its forward pass uses plain torch operations only, so attribution explains padding and scaling with the rest.

    Attributes:
        core: the architecture itself, as published.
        card: what is known of it.
        name: the name it was asked for by.
        scale: SR size over LR size.
        weights: which weights it carries, in words (a path, `bundled`, `random`, `given`).
    """

    def __init__(
        self,
        core: nn.Module,
        card: ModelCard,
        *,
        scale: int,
        weights: str,
        multiple: int = 1,
        minimum: int = 1,
        square: bool = False,
    ) -> None:
        super().__init__()
        self.core = core
        self.card = card
        self.name = card.name
        self.scale = scale
        self.weights = weights
        self.multiple = multiple
        self.minimum = minimum
        self.square = square
        self.eval()

    @property
    def parameter_count(self) -> int:
        """How many learned numbers the network holds; frozen mean shifts do not count."""
        return sum(p.numel() for p in self.core.parameters() if p.requires_grad)

    @property
    def scales(self) -> tuple[int, ...]:
        """The scales that the network holds weights for; most hold one."""
        several = tuple(self.core.scales) if hasattr(self.core, "run_at") else ()  # type: ignore[arg-type]
        return several or (self.scale,)

    def run_at(self, scale: int) -> None:
        """Choose one of `scales`."""
        if scale != self.scale:
            self.core.run_at(scale)  # type: ignore[operator]
            self.scale = scale

    def forward(self, lr: Tensor) -> Tensor:
        """Super-resolves.

        Args:
            lr: (N, 3, H, W), float, in [0, 1]. A network of higher precision computes in its own and returns this one.

        Returns:
            (N, 3, scale H, scale W), about [0, 1], not clamped.
        """
        height, width = lr.shape[-2:]
        x = self._pad(lr)
        precision = next((p.dtype for p in self.core.parameters()), lr.dtype)
        raised = precision != lr.dtype and torch.promote_types(precision, lr.dtype) == precision
        if raised:
            x = x.to(precision)
        if self.card.input_range == 255:
            x = x * 255.0
        x = self.core(x)
        if self.card.input_range == 255:
            x = x / 255.0
        if raised:
            x = x.to(lr.dtype)
        if x.shape[-2:] == (height * self.scale, width * self.scale):
            return x
        return x[..., : height * self.scale, : width * self.scale]

    def _pad(self, lr: Tensor) -> Tensor:
        height, width = lr.shape[-2:]
        padded_height = _round_up(max(height, self.minimum), self.multiple)
        padded_width = _round_up(max(width, self.minimum), self.multiple)
        if self.square:
            padded_height = padded_width = max(padded_height, padded_width)
        # reflection reaches as far as the image goes; what is still missing repeats the edge
        for mode in ("reflect", "replicate"):
            height, width = lr.shape[-2:]
            below, right = padded_height - height, padded_width - width
            if mode == "reflect":
                below, right = min(below, height - 1), min(right, width - 1)
            if below > 0 or right > 0:
                lr = F.pad(lr, (0, right, 0, below), mode=mode)
        return lr


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
