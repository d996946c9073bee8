"""The effective receptive field: known kernels, the centre of even and odd outputs, and the exact kind."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import l2xbench
from l2xbench.studies.erf.area import as_mambair as root_scale
from l2xbench.studies.erf.area import as_replknet, squares_holding
from l2xbench.studies.erf.field import RunningMean, as_mambair, receptive_field


def stack(depth: int, upsample: int = 1, shift: float = 0.0) -> nn.Module:
    """`depth` 3 x 3 convolutions of ones in one channel each, then the nearest pixel: its field is known."""

    class Stack(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False) for _ in range(depth))
            for layer in self.layers:
                nn.init.ones_(layer.weight)

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = layer(x)
            return x.repeat_interleave(upsample, 2).repeat_interleave(upsample, 3) + shift

    return Stack().double()


def trinomial(depth: int) -> np.ndarray:
    """The coefficients of (1/x + 1 + x)^depth."""
    return reduce(np.convolve, [np.ones(3)] * depth)


@pytest.mark.parametrize("depth", [1, 4, 7])
@pytest.mark.parametrize("size", [(31, 31), (32, 32), (32, 41)])
@pytest.mark.parametrize("upsample", [1, 2, 3, 4])
def test_a_stack_of_convolutions_has_its_closed_form(depth: int, size: tuple[int, int], upsample: int) -> None:
    lr = torch.rand(1, 3, *size, dtype=torch.float64)
    found = receptive_field(stack(depth, upsample), lr)[0].numpy()
    line = trinomial(depth)
    expected = np.zeros(size)
    row, column = size[0] // 2 - depth, size[1] // 2 - depth
    expected[row : row + 2 * depth + 1, column : column + 2 * depth + 1] = 3 * np.outer(line, line)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    # the sum over a centred square of side 2 r + 1 is the square of the middle 2 r + 1 coefficients' sum
    held = [(line[depth - r : depth + r + 1].sum() / line.sum()) ** 2 for r in range(depth + 1)]
    shares = (0.2, 0.3, 0.5, 0.99)
    for square, share in zip(squares_holding(found, shares), shares, strict=True):
        radius = next(r for r, part in enumerate(held) if part > share)
        assert square == (share, 2 * radius + 1, (2 * radius + 1) ** 2 / (size[0] * size[1]))
        assert square.radius == radius


def test_outputs_about_zero_have_the_same_field() -> None:
    lr = torch.rand(1, 3, 16, 16, dtype=torch.float64)
    assert torch.equal(receptive_field(stack(3), lr), receptive_field(stack(3, shift=-1e3), lr))


def test_the_exact_kind_of_a_linear_network_is_the_gradient() -> None:
    lr = torch.rand(2, 3, 16, 18, dtype=torch.float64)
    for kind in ("gradient", "multipliers"):
        found = receptive_field(stack(3, 2), lr, kind)  # type: ignore[arg-type]
        torch.testing.assert_close(found, receptive_field(stack(3, 2), lr))


def test_the_exact_kind_is_of_multipliers() -> None:
    net = l2xbench.load_model("carn", weights="random").double()
    lr = torch.rand(1, 3, 12, 14, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    reference = torch.full_like(lr, 0.4)
    parts = [l2xbench.explain(net, lr, reference=reference, target=f"neuron:{c},24,28") for c in range(3)]
    multipliers = sum(part.values for part in parts) / (lr - reference)
    expected = multipliers.clamp(min=0).sum(1)
    torch.testing.assert_close(receptive_field(net, lr, "multipliers", reference), expected, rtol=1e-6, atol=1e-9)
    gradient = receptive_field(net, lr)
    assert not torch.allclose(gradient, expected)
    assert (gradient >= 0).all()


def test_the_network_is_left_as_it_was_and_no_grad_does_not_matter() -> None:
    net = stack(2).train()
    with torch.no_grad():
        receptive_field(net, torch.rand(1, 3, 8, 8, dtype=torch.float64))
    assert net.training
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_mambairs_inputs_and_both_scalings() -> None:
    lr = torch.rand(1, 3, 50, 90)
    found = as_mambair(lr)
    assert found.shape == (1, 3, 120, 120)
    assert torch.equal(found[0, :, 119, 119], lr[0, :, 49, 89])
    field = np.array([[0.0, 1.0], [15.0, 99.0]])
    np.testing.assert_allclose(as_replknet(field), np.log10(field + 1) / 2)
    np.testing.assert_allclose(root_scale(field), (field / 99) ** 0.25)
    assert (as_replknet(np.zeros((2, 2))) == 0).all()
    assert (root_scale(np.zeros((2, 2))) == 0).all()


def test_a_mean_is_streamed() -> None:
    fields = np.random.default_rng(0).random((5, 4, 6)).astype(np.float32)
    mean = RunningMean(iter(fields))
    assert mean.count == 5
    np.testing.assert_allclose(mean.value, fields.mean(0, dtype=np.float64), rtol=1e-12)
    with pytest.raises(ValueError, match=r"shape \(4, 5\) among those of shape \(4, 6\)"):
        mean.add(np.zeros((4, 5)))


def test_a_share_that_no_square_holds_has_none() -> None:
    field = np.zeros((8, 8))
    field[0, 0], field[4, 4] = 3, 1
    squares = squares_holding(field, (0.2, 0.5))
    assert [square.side for square in squares] == [1, None]
    assert squares[1].area is squares[1].radius is None
    assert squares_holding(field, (0.2,), least=1)[0].side == 3, "RepLKNet's script begins with three pixels a side"
