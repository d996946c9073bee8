"""Operations that are a chain of others, each of which has its own treatment.

A function here takes the operation's own arguments, as ATen gives them, and is written as any network's code is: the
engine runs it on both streams.
"""

from __future__ import annotations

import torch
from torch import Tensor

from l2xbench.attribution.rules.treatment import composed


@composed("a (cos t + i sin t)")
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Complex numbers from their size a and phase t."""
    return torch.complex(abs * angle.cos(), abs * angle.sin())


@composed("z s(z)")
def silu(self: Tensor) -> Tensor:
    """The product with the sigmoid, of complex numbers."""
    return self * self.sigmoid()


@composed("z / |z|, 0 at 0")
def sgn(self: Tensor) -> Tensor:
    """The direction of a complex number."""
    size = self.abs()
    return self / size.clamp_min(torch.finfo(size.dtype).tiny)


@composed("that of the real part plus that of the imaginary part")
def variance(
    self: Tensor, dim: int | list[int] | None = None, *, correction: float | None = None, keepdim: bool = False
) -> Tensor:
    """The variance of complex numbers."""
    centred = torch.view_as_real(self - self.mean(dim, keepdim=True))
    count = self.numel() / self.mean(dim, keepdim=True).numel()
    squares = centred.square().sum(-1).sum(dim, keepdim=keepdim)
    return squares / max(count - (1 if correction is None else correction), 0)


@composed("the root of the variance")
def deviation(
    self: Tensor, dim: int | list[int] | None = None, *, correction: float | None = None, keepdim: bool = False
) -> Tensor:
    """The standard deviation of complex numbers."""
    assert variance.compose is not None
    found: Tensor = variance.compose(self, dim, correction=correction, keepdim=keepdim)
    return found.sqrt()


@composed("a s(b), a and b the two halves of x")
def glu(self: Tensor, dim: int = -1) -> Tensor:
    """A gated linear unit: one half times the sigmoid of the other."""
    a, b = self.chunk(2, dim)
    return a * b.sigmoid()


@composed("a tree of products of two")
def prod(self: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Tensor:
    """A product of many."""
    x = self if dtype is None else self.to(dtype)
    if dim is None:
        x, dim = x.reshape(-1), 0
    x = x.movedim(dim, -1)
    while x.shape[-1] > 1:
        n = x.shape[-1]
        pairs = x[..., 0 : n - 1 : 2] * x[..., 1:n:2]
        x = torch.cat([pairs, x[..., n - 1 :]], -1) if n % 2 else pairs
    return x.movedim(-1, dim) if keepdim else x.squeeze(-1)


@composed("max, then min")
def clamp(self: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
    """Bounds that depend on the data."""
    x = self if min is None else torch.maximum(self, min)
    return x if max is None else torch.minimum(x, max)


@composed("max(x, low)")
def clamp_min(self: Tensor, min: Tensor) -> Tensor:
    """A lower bound that depends on the data."""
    return torch.maximum(self, min)


@composed("min(x, high)")
def clamp_max(self: Tensor, max: Tensor) -> Tensor:
    """An upper bound that depends on the data."""
    return torch.minimum(self, max)


@composed("1 where x > 0, v where x = 0, else 0")
def heaviside(self: Tensor, values: Tensor) -> Tensor:
    """The step, with its value at 0 given."""
    return torch.where(self == 0, values, (self > 0).to(values.dtype))


@composed("|x| by its maximum, minimum or sum, or (sum |x|^p)^(1/p)")
def norm(
    self: Tensor,
    ord: float | None = 2,
    dim: int | list[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """The p-norm over some axes, for any p but 2."""
    x = (self if dtype is None else self.to(dtype)).abs()
    dims = list(range(x.dim())) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    p = 2.0 if ord is None else float(ord)
    if p == float("inf"):
        return x.amax(dims, keepdim=keepdim)
    if p == float("-inf"):
        return x.amin(dims, keepdim=keepdim)
    if p == 1:
        return x.sum(dims, keepdim=keepdim)
    if p == 0:
        return (x != 0).sum(dims, keepdim=keepdim).to(x.dtype)
    return torch.pow(torch.pow(x, p).sum(dims, keepdim=keepdim), 1 / p)
