"""Infidelity and max-sensitivity against their definitions, and in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from captum.metrics import infidelity as captum_infidelity
from torch import Tensor, nn

from l2xbench.attribution import explain
from l2xbench.data.images import to_tensor
from l2xbench.data.pairs import LoadedPair
from l2xbench.studies.shared.features import generator
from l2xbench.studies.steadiness.compute import _NEAR, _squares, compute
from l2xbench.studies.steadiness.measures import infidelity, max_sensitivity, predicted_changes, scaled_infidelity

RADIUS, SAMPLES, PERTURBATIONS = 0.02, 4, 12


class Linear(nn.Module):
    """A fixed convolution, and each pixel twofold."""

    scale = 2

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        nn.init.uniform_(self.body.weight, -0.3, 0.3, torch.Generator().manual_seed(0))

    def forward(self, lr: Tensor) -> Tensor:
        return self.body(lr).repeat_interleave(2, 2).repeat_interleave(2, 3)


class Square(Linear):
    """Each value's square."""

    def forward(self, lr: Tensor) -> Tensor:
        return lr.square().repeat_interleave(2, 2).repeat_interleave(2, 3)


@pytest.fixture
def pair() -> LoadedPair:
    lr = np.random.default_rng(0).integers(1, 256, (10, 12, 3)).astype(np.uint8)
    return LoadedPair("noise", lr, None, "34" * 32)


def measured(network: nn.Module, pair: LoadedPair, method: str, reference: str = "blur", **more: Any) -> dict[str, Any]:
    settings = {"method": method, "target": "image", "reference": reference, "seed": 0, **more}
    found = explain(network, to_tensor(pair.lr), **settings)
    given = {"values": found.values[0].numpy(), "reference": found.reference[0].numpy()}
    counts = {"perturbations": PERTURBATIONS, "samples": SAMPLES, "radius": RADIUS}
    return dict(compute(network, pair, {"method": method, "map": settings, "seed": 0, **counts}, given).values)


@pytest.mark.parametrize("method", ["l2x", "gradient", "input_x_gradient", "integrated_gradients"])
@pytest.mark.parametrize("reference", ["blur", "black"])
def test_of_a_linear_network_gradient_and_input_style_maps_are_without_fault(
    pair: LoadedPair, method: str, reference: str
) -> None:
    found = measured(Linear(), pair, method, reference)
    assert found["infidelity"] == pytest.approx(0, abs=1e-8)
    assert found["scaled_infidelity"] == pytest.approx(0, abs=1e-8)


def test_a_map_that_knows_no_network_is_not(pair: LoadedPair) -> None:
    assert measured(Linear(), pair, "difference")["scaled_infidelity"] > 0.05


def test_of_a_square_the_gradient_is_off_by_its_closed_form_and_l2x_is_not(pair: LoadedPair) -> None:
    assert measured(Square(), pair, "l2x", "black")["infidelity"] == pytest.approx(0, abs=1e-8)
    # from 0 the gradient 2 x says that x is worth 2 x^2, and it is worth x^2: off by as much as the change itself
    found = measured(Square(), pair, "gradient", "black")
    assert found["infidelity"] == pytest.approx(1, abs=1e-6)
    assert found["scaled_infidelity"] == pytest.approx(0, abs=1e-8)


def test_infidelity_is_captums_over_the_mean_square_of_the_changes(pair: LoadedPair) -> None:
    network = Square().eval()
    image = to_tensor(pair.lr)
    squares = _squares(pair, {"seed": 0, "perturbations": PERTURBATIONS})
    found = explain(network, image, method="gradient", reference="mean", target="image")
    signs = (network(image) - network(found.reference)).sign()

    def objective(inputs: Tensor) -> Tensor:
        return (network(inputs) * signs).flatten(1).sum(1)

    masks = iter(squares)

    def perturbed(inputs: Tensor) -> tuple[Tensor, Tensor]:
        moved = torch.where(next(masks), inputs - found.reference, torch.zeros_like(inputs))
        return moved, inputs - moved

    theirs = captum_infidelity(
        objective, perturbed, image, found.values, n_perturb_samples=PERTURBATIONS, max_examples_per_batch=1
    )
    changes = objective(image) - torch.cat([objective(torch.where(mask, found.reference, image)) for mask in squares])
    ours = measured(network, pair, "gradient", "mean")["infidelity"]
    assert ours == pytest.approx(float(theirs / changes.square().mean()), rel=1e-4)


def test_max_sensitivity_is_the_farthest_map_of_the_samples(pair: LoadedPair) -> None:
    found = measured(Square(), pair, "l2x", "black")
    image = to_tensor(pair.lr)
    draw = generator(pair.digest, 0, _NEAR)
    near = [image + torch.from_numpy(draw.uniform(-RADIUS, RADIUS, image.shape)).float() for _ in range(SAMPLES)]
    # four SR pixels each of a value x are worth x^2 where it grew, whatever the sign of x
    far = max(float((4 * y.square() - 4 * image.square()).norm()) for y in near)
    assert found["max_sensitivity"] == pytest.approx(far / float((4 * image.square()).norm()), rel=1e-4)


def test_of_a_linear_network_the_gradient_does_not_move(pair: LoadedPair) -> None:
    network = Linear()
    network.body.weight.data.abs_()  # brighter than black everywhere: no output changes its sign near by
    assert measured(network, pair, "gradient", "black")["max_sensitivity"] == pytest.approx(0, abs=1e-6)


def test_measures_of_numbers() -> None:
    changes = np.array([1.0, -2.0, 3.0])
    assert infidelity(np.zeros(3), changes) == 1
    assert infidelity(changes, changes) == 0
    assert scaled_infidelity(-7 * changes, changes) == pytest.approx(0)
    assert scaled_infidelity(np.zeros(3), changes) == 1
    assert np.isnan(infidelity(changes, np.zeros(3))) and np.isnan(max_sensitivity(np.zeros(2), [np.ones(2)]))
    x, difference, values = np.array([2.0, 0.0]), np.array([1.0, 5.0]), np.array([4.0, 3.0])
    assert predicted_changes(values, difference, x, "gradient").tolist() == [4, 15]
    assert predicted_changes(values, difference, x, "input_x_gradient").tolist() == [2, 0]
    assert predicted_changes(values, difference, x, "lam").tolist() == [4, 3]
