"""Random numbers whose distribution the image decides: the same draw in both streams, and in a plain pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from l2xbench.attribution.engine.paired import paired_forward
from tests.attribution.properties import Network, images

DRAWN: dict[str, Callable[[Tensor], Tensor]] = {
    "bernoulli": lambda x: x * torch.bernoulli(x.sigmoid()),
    "bernoulli of what carries no gradient": lambda x: x * torch.bernoulli(x.detach().sigmoid()),
    "normal": lambda x: torch.normal(x, 0.3).relu(),
    "multinomial": lambda x: x * torch.multinomial(x.flatten(1).softmax(1), 6).to(x.dtype).view(2, 1, 1, 6),
    "a draw, then another": lambda x: torch.bernoulli(x.sigmoid()) * torch.rand_like(x) + x * torch.rand(6),
}


@pytest.mark.parametrize("name", DRAWN)
def test_both_streams_see_the_draw_of_a_plain_pass(name: str) -> None:
    x, x_ref = images(0)
    plain = []
    for image in (x, x_ref):
        torch.manual_seed(3)
        plain.append(DRAWN[name](image.clone()))
    torch.manual_seed(3)
    with paired_forward(Network(DRAWN[name]), x, x_ref) as out:
        torch.testing.assert_close([out.value.detach(), out.reference], plain)
        (m,) = torch.autograd.grad(out.value.sum(), out.inputs)
        difference = (out.value.detach() - out.reference).sum()
    torch.testing.assert_close((m * (x - x_ref)).sum(), difference)
