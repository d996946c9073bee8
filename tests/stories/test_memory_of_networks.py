"""Memory that a network, or a function of PyTorch's, makes empty and fills through views; and memory that takes the
place of another tensor's (`y.data = ...`).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l2xbench.attribution import explain
from tests.attribution.properties import assert_complete, assert_followed, images

Fill = Callable[[Tensor], Tensor]


def filled(empty: Fill) -> Fill:
    """The image in halves, doubled, written into `empty(x)` through views, one of them taken before."""

    def f(x: Tensor) -> Tensor:
        out = empty(x)
        early = out.view(x.shape[0], -1)[:, :7]
        out[..., :3] = x[..., 3:]
        out[..., 3:].copy_(x[..., :3])
        out.narrow(1, 0, 1).mul_(2)
        torch.mul(x[:, :1], 3, out=out[:, 1:2])
        early += x.flatten(1)[:, :7]
        out[:, 2].copy_(out[:, 0])
        return out * early.sum()

    return f


def by_strides(x: Tensor) -> Tensor:
    out = x.new_empty(x.numel())
    out.as_strided(x.shape, x.stride()).copy_(x)
    torch.as_strided(out, (5,), (2,), 1).add_(x.flatten()[:5])
    return out.as_strided(x.shape, x.stride()).relu()


def set_to_another(x: Tensor) -> Tensor:
    out = torch.empty(0, dtype=x.dtype)
    out.set_(x * 2)
    rest = torch.empty_like(x)
    rest.set_(x * x)
    part = torch.empty(0, dtype=x.dtype).set_((x * 5).contiguous(), 3, (2, 2), (2, 1))
    return out * rest + part.sum()


def complex_parts(x: Tensor) -> Tensor:
    z = torch.empty(x.shape, dtype=torch.promote_types(x.dtype, torch.complex64))
    z.real, z.imag = x, x.roll(1, 2)
    parts = torch.view_as_real(torch.zeros_like(z))
    parts[..., 0] = x * 2
    parts[..., 1].copy_(x.flip(3))
    return (z * torch.view_as_complex(parts)).abs() + z.imag


def of_no_size(x: Tensor) -> Tensor:
    plain, like = torch.empty(0, dtype=x.dtype), x.new_empty(0)
    torch.mul(x, 3, out=plain)
    torch.cat([x, x * x], 1, out=like)
    sized = torch.empty(0, dtype=x.dtype)
    sized.resize_(x.shape).copy_(x.tanh())
    return plain * like[:, :3] + sized


def given_out(x: Tensor) -> Tensor:
    """Calls that the engine follows whole, and others, into memory that they are given."""
    made = [torch.empty_like(x) for _ in range(8)]
    torch.matmul(x, x.mT, out=made[0])
    F.normalize(x, dim=1, out=made[1])
    torch.clamp(x, -0.2, 0.3, out=made[2])
    torch.where(x > 0, x, 2 * x, out=made[3])
    torch.gather(x, 1, x.argsort(1), out=made[4])
    torch.sort(x, 1, out=(made[5], torch.empty(x.shape, dtype=torch.long)))
    torch.addcmul(x, x, x, out=made[6])
    torch.exp(input=x, out=made[7])
    return torch.stack(made).prod(0) + torch.stack(made).sum(0)


def powers_in_place(x: Tensor) -> Tensor:
    return x.clone().pow_(3).abs_().add_(0.1).pow_(0.5).pow_(x.abs() + 1)


@torch.jit.script
def scripted(x: Tensor) -> Tensor:
    out = torch.empty_like(x)
    out[:, :1] = x[:, 1:2]
    out[:, 1:] = x[:, 1:] * 2
    out[:, 2] = out[:, 0]
    return out


MADE_EMPTY: dict[str, Fill] = {
    "new_empty": filled(lambda x: x.new_empty(x.shape)),
    "empty_like": filled(torch.empty_like),
    "empty": filled(lambda x: torch.empty(x.shape, dtype=x.dtype)),
    "empty_strided": filled(lambda x: torch.empty_strided(x.shape, x.stride(), dtype=x.dtype)),
    "new_empty_strided": filled(lambda x: x.new_empty_strided(x.shape, x.stride())),
    "zeros_like": filled(torch.zeros_like),
    "as_strided": by_strides,
    "set_": set_to_another,
    "scripted": scripted,
    "complex parts": complex_parts,
    "of no size": of_no_size,
    "given out": given_out,
    "powers in place": powers_in_place,
    "unfold": lambda x: torch.empty_like(x).copy_(x).unfold(3, 2, 2).flip(-1).mul_(2).flatten(3),
    "F.pad circular, 1 axis": lambda x: F.pad(x[:, :, 0], (2, 3), mode="circular").relu(),
    "F.pad circular, 2 axes": lambda x: F.pad(x, (1, 2, 3, 1), mode="circular").relu(),
    "F.pad circular, 3 axes": lambda x: F.pad(x.unsqueeze(1), (1, 2, 3, 1, 2, 0), mode="circular").relu(),
    "CircularPad2d": nn.CircularPad2d(2),
    "padding_mode": nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular").double(),
    "cosine_embedding_loss": lambda x: F.cosine_embedding_loss(
        x.flatten(2)[0], x.flatten(2)[1] ** 2, torch.tensor([1, -1, 1]), margin=0.1, reduction="none"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE_EMPTY)
def test_made_empty_and_filled(name: str) -> None:
    f = MADE_EMPTY[name]
    x, x_ref = images(3)
    if isinstance(f, nn.Conv2d):
        assert_complete(f, x, x_ref, 1e-10)
    else:
        assert_followed(f, x, x_ref)
        assert_complete(f, x, x_ref, 1e-10)
        assert_complete(f, x.float(), x_ref.float(), 1e-4)


def own_data(x: Tensor) -> Tensor:
    y = x * 2
    part = y[:, :1]
    y.data = y.data.clamp(-0.5, 0.5)
    return y * part  # `part` still has the old memory


def anothers_data(x: Tensor) -> Tensor:
    y, z = x * 2, x.relu() * 3
    y.data = z
    z.mul_(2)  # one memory by now
    return y + z


def other_shape(x: Tensor) -> Tensor:
    y = x.sigmoid()
    y.data = x[..., :2, :3] ** 2
    return y


def constant_data(x: Tensor) -> Tensor:
    y = x.relu()
    y.data = torch.linspace(0, 1, 6, dtype=x.dtype)
    return x * y


def through_setattr(x: Tensor) -> Tensor:
    y = x[:, :2] * 1
    setattr(y, "data", x[:, 1:].tanh())  # noqa: B010
    return y


@pytest.mark.parametrize("f", [own_data, anothers_data, other_shape, constant_data, through_setattr])
def test_data_assigned(f: Fill) -> None:
    x, x_ref = images(4)
    assert_followed(f, x, x_ref)
    assert_complete(f, x, x_ref, 1e-10)


class Keeps(nn.Module):
    """Puts its features into a buffer, a parameter or a plain attribute."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.register_buffer("kept", torch.zeros(2))
        self.weight = nn.Parameter(torch.ones(3))
        self.plain = torch.zeros(2, 3, 6, 6)

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "buffer":
            self.kept.data = x.relu()
            return self.kept * 2
        if self.how == "parameter":
            self.weight.data = x.mean((0, 2, 3))
            return x * self.weight.view(-1, 1, 1)
        if self.how == "set_":
            self.kept.set_(x * x)
            return self.kept[:, 1:].sum(-1)
        self.plain.data = x * 3
        self.plain.data[:, 0] = x[:, 1]
        return self.plain.view(2, -1).sigmoid()


@pytest.mark.parametrize("how", ["buffer", "parameter", "set_", "attribute"])
@pytest.mark.filterwarnings("error")
def test_data_of_what_the_network_owns(how: str) -> None:
    x = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(2))
    network = Keeps(how)
    before = {name: (id(t), t.data_ptr(), t.clone()) for name, t in network.state_dict(keep_vars=True).items()}
    found = explain(network, x, reference="black")
    for name, t in network.state_dict(keep_vars=True).items():
        assert (id(t), t.data_ptr()) == before[name][:2]
        assert torch.equal(t, before[name][2])
    with torch.no_grad():
        difference = (Keeps(how)(x) - Keeps(how)(torch.zeros_like(x))).abs().flatten(1).sum(1)
    torch.testing.assert_close(found.values.flatten(1).sum(1), difference, rtol=1e-5, atol=1e-5)


class WritesPast(nn.Module):
    """Changes its weights through `data`, which no version tells of; `again` puts them back."""

    def __init__(self, again: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weight, self.again = nn.Parameter(torch.rand(3, 3)), again

    def forward(self, x: Tensor) -> Tensor:
        kept = self.weight.data.clone()
        self.weight.data.mul_(1.5)
        y = torch.einsum("nchw,oc->nohw", x.tanh(), self.weight)
        if self.again:
            self.weight.data.copy_(kept)
        return y.relu()


@pytest.mark.parametrize("again", [True, False])
def test_weights_that_are_changed_through_data(again: bool) -> None:
    x = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(2))
    network = WritesPast(again)
    before = network.weight.detach().clone()
    found = explain(network, x, reference="black")
    assert torch.equal(network.weight, before)
    with torch.no_grad():
        difference = (WritesPast(again)(x) - WritesPast(again)(torch.zeros_like(x))).abs().flatten(1).sum(1)
    torch.testing.assert_close(found.values.flatten(1).sum(1), difference, rtol=1e-5, atol=1e-5)
