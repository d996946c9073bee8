"""The backward pass from an output, whose weights are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge


class _Weighted(torch.autograd.Function):
    """A number whose derivative by the output is the weights.

    `torch.autograd.grad` takes weights too, and loads SymPy to see that they fit, for longer than the map of a small
    image takes.
    """

    @staticmethod
    def forward(ctx: Any, output: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(weights)
        return output.new_zeros(())

    @staticmethod
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor, None]:
        return ctx.saved_tensors[0], None


def backward(
    output: Tensor, weights: Tensor, at: Sequence[Tensor | GradientEdge], *, keep: bool = False, unused: bool = False
) -> tuple[Tensor, ...]:
    """The gradients of sum(weights * output), which are multipliers if the output is of a paired pass.

    Args:
        output: of any shape.
        weights: of its shape.
        at: tensors, or places in the graph.
        keep: whether the graph is needed again.
        unused: whether None is an answer, for what the output does not depend on.

    Examples:
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> backward(3 * x, torch.tensor([1.0, -1.0]), [x])
        (tensor([ 3., -3.]),)
    """
    with torch.enable_grad():
        score = _Weighted.apply(output, weights)
    return torch.autograd.grad(score, list(at), retain_graph=keep, allow_unused=unused)  # type: ignore[arg-type]
