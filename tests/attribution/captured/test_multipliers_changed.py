"""A network that has changed since its pass was recorded is explained as it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l2xbench.attribution import explain
from tests.attribution.captured.replays import as_ever, assert_same, image, prepared
from tests.attribution.small import small_sr
from tests.tapes import Tape


def changed_in_place(network: nn.Sequential) -> None:
    with torch.no_grad():
        network[0].weight.mul_(-1.5)


def changed_through_data(network: nn.Sequential) -> None:
    network[0].weight.data += 0.1


def loaded_anew(network: nn.Sequential) -> None:
    network.load_state_dict({name: 0.5 * value + 0.01 for name, value in network.state_dict().items()})


def loaded_by_assignment(network: nn.Sequential) -> None:
    state = {name: -value for name, value in network.state_dict().items()}
    network.load_state_dict(state, assign=True)


def other_parameter(network: nn.Sequential) -> None:
    network[0].weight = nn.Parameter(network[0].weight.detach() + 0.2)


def other_layer(network: nn.Sequential) -> None:
    network[1] = nn.LeakyReLU(0.3)


def other_number(network: nn.Sequential) -> None:
    network[1].negative_slope = 0.7


def other_forward(network: nn.Sequential) -> None:
    network[1].forward = lambda x: x * 2  # type: ignore[method-assign]


def without_gradients(network: nn.Sequential) -> None:
    network.requires_grad_(False)


def in_training(network: nn.Sequential) -> None:
    network.train()


@pytest.mark.parametrize(
    "change",
    [
        *(changed_in_place, changed_through_data, loaded_anew, loaded_by_assignment, other_parameter, other_layer),
        *(other_number, other_forward, without_gradients, in_training),
    ],
)
def test_a_network_that_was_changed_is_explained_as_it_is(
    tapes: type[Tape], change: Callable[[nn.Sequential], None]
) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(4, 3, 3, padding=1))
    prepared(network)
    for seed in range(3):
        change(network)
        gradients = [p.requires_grad for p in network.parameters()]
        found = explain(network, image(seed))
        assert [p.requires_grad for p in network.parameters()] == gradients
        assert_same(found, as_ever(network, image(seed)))
    assert network.training


class Scaled(nn.Module):
    """Its numbers lie in a list, a dict and an object."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.options = {"gain": [2.0, 1.0]}
        self.settings = Settings()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x) * self.options["gain"][0]) + self.settings.offset * x


class Settings:
    offset = 0.0

    def __init__(self) -> None:
        self.offset = 0.5


def test_numbers_inside_containers_and_objects_count(tapes: type[Tape]) -> None:
    network = prepared(Scaled())
    assert isinstance(network, Scaled)
    network.options["gain"][0] = 3.0
    assert_same(explain(network, image(1)), as_ever(network, image(1)))
    prepared(network)
    network.settings.offset = -1.0
    assert_same(explain(network, image(1)), as_ever(network, image(1)))


WIDTH = 1.0


class OfItsModule(nn.Module):
    """It reads a variable of its module."""

    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(x * WIDTH)


def test_the_variables_of_its_module_count(tapes: type[Tape], monkeypatch: pytest.MonkeyPatch) -> None:
    network = prepared(OfItsModule())
    monkeypatch.setitem(globals(), "WIDTH", 3.0)
    assert_same(explain(network, image(1)), as_ever(network, image(1)))


@pytest.mark.filterwarnings("ignore:Sequential is in half precision")
def test_half_precision_is_raised_for_each_map(tapes: type[Tape]) -> None:
    network = small_sr().half()
    for seed in range(4):
        assert_same(explain(network, image(seed)), as_ever(network, image(seed)))
        changed_in_place(network)  # type: ignore[arg-type]
