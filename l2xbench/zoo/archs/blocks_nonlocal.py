"""Non-local attention (Wang et al., "Non-local Neural Networks", CVPR 2018) in chunks, as SAN and RNAN use it.

Every position looks at every other one, so the weights are an (HW x HW) matrix: 16 GiB for a 256 x 256 image in
float32. The softmax goes along its rows, so the rows can be made, used and dropped a few at a time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l2xbench.zoo.archs.blocks import conv

CHUNK_ELEMENTS = 1 << 24
"""At most so many attention weights are held at a time, for the whole batch (64 MiB in float32)."""


def chunk_rows(batch: int, columns: int) -> int:
    """How many rows of an attention matrix are made at a time."""
    return max(1, CHUNK_ELEMENTS // (batch * columns))


class NonLocalAttention(nn.Module):
    """x + W(attention(theta(x), phi(x)) g(x)): (N, C, H, W) -> same.

    Args:
        features: channels of the image.
        inner: channels of theta, phi and g.
        over: the positions over which the weights sum to 1: `keys`, so that every output is a mean over the image, as
            published; or `queries`, so that every position hands out a total weight of 1, as in RNAN's code.
        pooled: halve the image of keys and values by maximum, as SAN does; H and W must be at least 2.
    """

    def __init__(self, features: int, inner: int, over: str = "keys", pooled: bool = False) -> None:
        super().__init__()
        if over not in ("keys", "queries"):
            raise ValueError(f"over {over!r}: must be 'keys' or 'queries'")
        self.over = over
        self.theta = conv(features, inner, kernel=1)
        phi, g = conv(features, inner, kernel=1), conv(features, inner, kernel=1)
        self.phi = nn.Sequential(phi, nn.MaxPool2d(2)) if pooled else phi
        self.g = nn.Sequential(g, nn.MaxPool2d(2)) if pooled else g
        self.W = conv(inner, features, kernel=1)
        nn.init.zeros_(self.W.weight)  # the block starts as the identity (Wang et al.)
        assert self.W.bias is not None
        nn.init.zeros_(self.W.bias)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (layer(x).flatten(2) for layer in (self.theta, self.phi, self.g))
        attended = mean_over_keys(query, key, value) if self.over == "keys" else spread_over_queries(query, key, value)
        return self.W(attended.view(x.shape[0], -1, *x.shape[2:])) + x


def mean_over_keys(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """out[q] = sum_k softmax_k(query[q] . key[k]) value[k], all (N, C, P) -> (N, C, P); rows are queries."""
    rows = chunk_rows(query.shape[0], key.shape[2])
    outputs = []
    for some in query.split(rows, dim=2):
        weights = torch.softmax(torch.bmm(some.transpose(1, 2), key), dim=2)
        outputs.append(torch.bmm(value, weights.transpose(1, 2)))
    return torch.cat(outputs, dim=2)


def spread_over_queries(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """out[q] = sum_k softmax_q(query[q] . key[k]) value[k], all (N, C, P) -> (N, C, P); rows are keys."""
    rows = chunk_rows(query.shape[0], query.shape[2])
    chunks = zip(key.split(rows, dim=2), value.split(rows, dim=2), strict=True)
    parts = (torch.bmm(v, torch.softmax(torch.bmm(k.transpose(1, 2), query), dim=2)) for k, v in chunks)
    total = next(parts)
    for part in parts:
        total = total + part
    return total
