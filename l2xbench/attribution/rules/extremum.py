"""One rule for what picks its outputs out of its input: the largest, or smallest, of each window.

For y = max x over a window, attained at i in the value stream and at j in the reference stream: where y >= y',
x_i - x'_i >= y - y' >= 0, so that i alone with the multiplier (y - y')/(x_i - x'_i) in [0, 1] is complete; where
y < y', the same holds for j. This is the split of dy through m = max(y, y'), and nothing is divided by a small number.

Where several elements attain the maximum, each alone would be complete, and which one is met first says nothing of the
image: a constant reference makes all of a window equal, but for the last bit. They share the difference: element k gets
w_k (y - y')/(x_k - x'_k), complete for any weights of sum 1. The weight of an element falls in proportion to what it
lacks of the maximum, from that of the maximum itself to 0 at a thousandth of |y - y'|, so that a map follows rounding
continuously. Multipliers stay in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.questions import asked_at_once

TIE = 1e-3
"""What an element may lack of the maximum, in |y - y'|, to have a share: far above rounding, far below what shows."""

BLOCK = 2**22
"""Elements of windows that are looked at at once: 16 MiB a tensor in float32."""

Find = Callable[[Tensor], tuple[Tensor, Tensor]]


class Extremum(torch.autograd.Function):
    """Outputs that each are one element of x (..., n): `find` gives (y, its index along the last axis), (..., windows).

    `members`, called after it, gives the indices of each window's elements, (windows, k), -1 for none; None where the
    last axis is the one window. `sign` is 1 for maxima, -1 for minima.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, x_ref: Tensor, find: Find, sign: int, members: Callable[[], Tensor] | None = None
    ) -> Any:
        (y, i), (y_ref, j) = find(x), find(x_ref)
        chosen = torch.where((y - y_ref) * sign >= 0, i, j)
        dx = x.gather(-1, chosen) - x_ref.gather(-1, chosen)
        m = torch.where(dx == 0, torch.ones_like(dx), (y - y_ref) / dx).contiguous()
        table = None if members is None else members()
        ctx.sign, ctx.steady = sign, not asked_at_once()
        ctx.mark_non_differentiable(y_ref, i, j)
        ctx.set_materialize_grads(False)
        if ctx.steady:
            ctx.save_for_backward(m, chosen, x, x_ref, y, y_ref, table)
            return y, y_ref, i, j
        tied, shares = _shares(*(t.reshape(-1, t.shape[-1]) for t in (x, x_ref, y, y_ref)), sign=sign, table=table)
        m.view(-1)[tied] = 0
        ctx.shape, ctx.windows = x.shape, y.shape[-1]
        ctx.save_for_backward(m, chosen, tied, shares, table)
        return y, y_ref, i, j

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
        if g is None:
            return None, None, None, None, None
        if ctx.steady:
            return steady_back(g, *ctx.saved_tensors, sign=ctx.sign), None, None, None, None
        m, chosen, tied, shares, table = ctx.saved_tensors
        to_x = g.new_zeros(ctx.shape).scatter_add_(-1, chosen, g * m)
        if len(tied):
            n = ctx.shape[-1]
            within = torch.arange(n, device=g.device) if table is None else table[tied % ctx.windows].clamp_min(0)
            at = (tied // ctx.windows * n).unsqueeze(-1) + within
            to_x.view(-1).index_add_(0, at.flatten(), (g.reshape(-1)[tied].unsqueeze(-1) * shares).flatten())
        return to_x, None, None, None, None


def steady_back(
    g: Tensor, m: Tensor, chosen: Tensor, x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor, table: Any, *, sign: int
) -> Tensor:
    """The multipliers of x, where the host is not asked which windows have more than one candidate: all are looked at,
    and nothing is kept of them.
    """
    g, m, chosen, rows, rows_ref, tops, tops_ref = (
        t.reshape(-1, t.shape[-1]) for t in (g, m, chosen, x, x_ref, y, y_ref)
    )
    to_x = torch.zeros_like(rows)
    for here, weight, dx, dy in _weights(rows, rows_ref, tops, tops_ref, sign, table):
        several = (weight > 0).sum(-1) > 1
        parts = torch.where(several.unsqueeze(-1), multipliers_of(weight, dx, dy), 0.0) * g[here].unsqueeze(-1)
        to_x[here].scatter_add_(-1, chosen[here], torch.where(several, 0.0, g[here] * m[here]))
        if table is None:
            to_x[here] += parts.squeeze(1)
        else:
            to_x[here].index_add_(1, table.clamp_min(0).flatten(), parts.flatten(1))
    return to_x.view(x.shape)


def multipliers_of(weight: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    """w_k dy / dx_k for weights of sum 1."""
    return weight / weight.sum(-1, keepdim=True) * dy / torch.where(weight > 0, dx, 1)


def _weights(
    x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor, sign: int, table: Tensor | None
) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
    """Block by block of planes: its place, its elements' weights before they are scaled to sum 1 (planes, windows, k),
    their dx, and dy (planes, windows, 1).
    """
    size = table.numel() if table is not None else x.shape[-1]
    step = max(1, BLOCK // max(1, size))
    for at in range(0, len(x), step):
        here = slice(at, at + step)
        rows, rows_ref = (t[here].unsqueeze(1) if table is None else t[here][:, table] for t in (x, x_ref))
        dy = (y[here] - y_ref[here]).unsqueeze(-1)
        peak = torch.where(dy * sign >= 0, y[here].unsqueeze(-1), y_ref[here].unsqueeze(-1))
        lacking = (peak - torch.where(dy * sign >= 0, rows, rows_ref)) * sign
        weight = (1 - lacking / (TIE * dy.abs())).clamp_min_(0).nan_to_num_(0)
        if table is not None:
            weight *= table >= 0
        yield here, weight, rows - rows_ref, dy


def _shares(
    x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor, *, sign: int, table: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The windows with more than one candidate, by flat index, and their elements' multipliers (tied, k).

    x, x_ref (planes, n); y, y_ref (planes, windows).
    """
    found = []
    for here, weight, dx, dy in _weights(x, x_ref, y, y_ref, sign, table):
        plane, window = torch.nonzero((weight > 0).sum(-1) > 1, as_tuple=True)
        part = multipliers_of(weight[plane, window], dx[plane, window], dy[plane, window])
        found.append(((plane + here.start) * y.shape[-1] + window, part))
    if not found:
        return torch.empty(0, dtype=torch.long, device=x.device), x.new_empty(0, 1)
    tied, shares = (torch.cat(parts) for parts in zip(*found, strict=True))
    return tied, shares
