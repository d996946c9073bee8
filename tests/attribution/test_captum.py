from __future__ import annotations

import warnings

import pytest
import torch
from captum.attr import DeepLift, NoiseTunnel
from torch import Tensor, nn

from l2xbench.attribution import L2X, AttributionError
from tests.attribution.small import Classifier, TwoInputs, small_sr

IMAGES = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LR = torch.rand(3, 3, 6, 6, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def quiet_captum() -> None:
    warnings.filterwarnings("ignore", module="captum")


@pytest.mark.parametrize(
    "target", [2, (2,), [0, 1, 4], torch.tensor(2), torch.tensor([2]), torch.tensor([0, 1, 4]), [(3,), (0,), (3,)]]
)
@pytest.mark.parametrize("baselines", [None, 0.3, torch.full((1, 1, 8, 8), 0.2), torch.rand(3, 1, 8, 8)])
def test_equal_to_captum_on_a_classifier(target, baselines) -> None:
    theirs, their_delta = DeepLift(Classifier()).attribute(IMAGES, baselines, target, return_convergence_delta=True)
    ours, our_delta = L2X(Classifier()).attribute(IMAGES, baselines, target, return_convergence_delta=True)
    assert their_delta.abs().max() < 1e-5
    assert our_delta.shape == their_delta.shape
    assert our_delta.abs().max() < 1e-5
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("target", [(1, 4, 5), [(0, 0, 0), (1, 4, 5), (2, 11, 11)]])
def test_equal_to_captum_on_a_super_resolution_network(target) -> None:
    theirs = DeepLift(small_sr()).attribute(LR, 0.5, target)
    torch.testing.assert_close(L2X(small_sr()).attribute(LR, 0.5, target), theirs.detach(), rtol=1e-5, atol=1e-5)


def test_equal_to_captum_on_several_inputs_with_an_additional_argument() -> None:
    class Modular(TwoInputs):
        """The same with a ReLU module, for Captum."""

        def __init__(self) -> None:
            super().__init__()
            self.relu = nn.ReLU()

        def forward(self, image: Tensor, vector: Tensor, factor: float = 1.0) -> Tensor:
            return factor * self.head(self.relu(self.image(image.flatten(1)) + self.vector(vector)))

    inputs = (torch.rand(3, 3, 4, 4), torch.rand(3, 2))
    baselines = (0.1, torch.zeros(1, 2))
    theirs = DeepLift(Modular()).attribute(inputs, baselines, 1, additional_forward_args=2.0)
    ours, delta = L2X(TwoInputs()).attribute(
        inputs, baselines, 1, additional_forward_args=2.0, return_convergence_delta=True
    )
    assert isinstance(ours, tuple)
    assert delta.abs().max() < 1e-5
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their.detach(), rtol=1e-5, atol=1e-5)


def test_one_input_in_a_tuple_gives_a_tuple_and_an_argument_alone_is_passed_on() -> None:
    alone = L2X(Classifier()).attribute(IMAGES, target=1)
    in_tuple = L2X(Classifier()).attribute((IMAGES,), target=1)
    assert isinstance(in_tuple, tuple)
    torch.testing.assert_close(in_tuple[0], alone)

    class Scaled(Classifier):
        def forward(self, x: Tensor, factor: float) -> Tensor:
            return factor * super().forward(x)

    torch.testing.assert_close(L2X(Scaled()).attribute(IMAGES, None, 1, 3.0), 3 * alone)


def test_a_network_of_one_number_per_image_needs_no_target() -> None:
    class Total(Classifier):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).sum(1)

    theirs = DeepLift(Total()).attribute(IMAGES)
    torch.testing.assert_close(L2X(Total()).attribute(IMAGES), theirs.detach(), rtol=1e-5, atol=1e-5)


def test_without_multiplying_it_gives_the_multipliers() -> None:
    multipliers = L2X(Classifier(), multiply_by_inputs=False).attribute(IMAGES, 0.25, 1)
    torch.testing.assert_close(multipliers * (IMAGES - 0.25), L2X(Classifier()).attribute(IMAGES, 0.25, 1))


def test_it_stands_in_captums_noise_tunnel() -> None:
    found = NoiseTunnel(L2X(Classifier())).attribute(IMAGES, nt_samples=3, stdevs=1e-7, target=2)
    torch.testing.assert_close(found, L2X(Classifier()).attribute(IMAGES, target=2), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "choose one number per image"),
        ({"target": 9}, "outside an output of shape"),
        ({"target": [1, 2]}, "2 entries for 3 outputs"),
        ({"target": 1, "baselines": torch.zeros(2, 1, 8, 8)}, "does not fit an input"),
        ({"target": 1, "baselines": (0.0, 0.0)}, "found 2 for 1 inputs"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(arguments: dict, words: str) -> None:
    with pytest.raises(AttributionError, match=words):
        L2X(Classifier()).attribute(IMAGES, **arguments)
