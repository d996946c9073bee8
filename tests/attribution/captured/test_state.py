"""What decides a pass is in a network's state, and what decides nothing is not."""

from __future__ import annotations

import functools
import logging
import random
import types
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.utils import weight_norm

from l2xbench.attribution.captured.questions import NotCapturableError
from l2xbench.attribution.captured.state import state_of

CPU = torch.device("cpu")
OTHERS = types.ModuleType("settings_of_others")
OTHERS.gain = 1.0  # type: ignore[attr-defined]
GAIN = 1.0
GAINS = {"first": [1.0]}
SETTINGS = types.SimpleNamespace(model={"gain": 1.0})
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Slotted:
    gain: float = 1.0


class Settings:
    gain = 1.0


def helper() -> float:
    return further()


def further() -> float:
    log.debug("asked")
    return GAIN


class Net(nn.Module):
    everywhere = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)
        self.loose = [nn.Conv2d(3, 3, 1)]
        self.register_buffer("mean", torch.zeros(3))
        self.own = torch.ones(2)
        self.gain = 1.0
        self.names = {"a", "b"}
        self.table = np.zeros(3)
        self.cycle = {"self": self}
        self.slotted = Slotted()
        self.bound = functools.partial(torch.mul, other=2)
        self.recent = deque([1])
        self.large = np.zeros(1 << 15)
        self.dice = [torch.Generator(), np.random.default_rng(0), np.random.RandomState(0), random.Random(0)]
        factor = 2.0

        def scaled(x: object) -> object:
            return x, factor

        def change() -> None:
            nonlocal factor
            factor = 3.0

        self.scaled, self.change = scaled, change

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * helper() * self.of_class() * self.gain_of_others

    def later(self, x: torch.Tensor) -> torch.Tensor:
        return x

    @staticmethod
    def of_class() -> float:
        return Settings.gain * GAINS["first"][0] * float(SETTINGS.model["gain"])

    @property
    def gain_of_others(self) -> float:
        return float(OTHERS.gain)


CHANGES: dict[str, Callable[[Net], object]] = {
    "a number": lambda net: setattr(net, "gain", 2.0),
    "a number of another type": lambda net: setattr(net, "gain", 1),
    "a new attribute": lambda net: setattr(net, "more", None),
    "a set": lambda net: net.names.add("c"),
    "an array": lambda net: net.table.__setitem__(0, 1),
    "a buffer": lambda net: setattr(net, "mean", torch.zeros(3)),
    "a tensor": lambda net: setattr(net, "own", torch.ones(2)),
    "a parameter's memory": lambda net: setattr(net.conv.weight, "data", net.conv.weight.data.clone()),
    "a parameter's type": lambda net: net.conv.double(),
    "a parameter": lambda net: setattr(net.conv, "bias", None),
    "a module in a list": lambda net: net.loose.__setitem__(0, nn.Conv2d(3, 3, 1)),
    "a number in a module in a list": lambda net: setattr(net.loose[0], "stride", (2, 2)),
    "a new module": lambda net: net.add_module("next", nn.ReLU()),
    "the mode": lambda net: net.eval(),
    "a variable of a function": lambda net: net.change(),
    "a value of the class": lambda net: setattr(type(net), "everywhere", type(net).everywhere + 1),
    "a method of the class": lambda net: setattr(type(net), "later", lambda self, x: x),
    "a module's variable, by two functions": lambda net: globals().__setitem__("GAIN", GAIN + 1),
    "a module's list, by a static method": lambda net: GAINS["first"].append(0),
    "a module's settings": lambda net: SETTINGS.model.__setitem__("gain", SETTINGS.model["gain"] + 1),
    "a class of settings": lambda net: setattr(Settings, "gain", Settings.gain + 1),
    "another module's variable, by a property": lambda net: setattr(OTHERS, "gain", OTHERS.gain + 1),
    "a function of the module": lambda net: globals().__setitem__("further", lambda: 1.0),
    "a method": lambda net: setattr(net.conv, "forward", len),
    "an attribute in a slot": lambda net: setattr(net.slotted, "gain", 2.0),
    "an argument that is bound": lambda net: net.bound.keywords.__setitem__("other", 3),
    "a queue": lambda net: net.recent.append(2),
    "a large array": lambda net: net.large.__setitem__(0, 1),
    "a draw from PyTorch's": lambda net: torch.rand(1, generator=net.dice[0]),
    "a draw from NumPy's": lambda net: net.dice[1].random(),
    "a draw from NumPy's old": lambda net: net.dice[2].rand(),
    "a draw from Python's": lambda net: net.dice[3].random(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_decides_a_pass(name: str) -> None:
    net = Net()
    before = state_of(net, CPU)
    assert state_of(net, CPU) == before
    CHANGES[name](net)
    assert state_of(net, CPU) != before


def test_a_number_of_numpys_is_known_by_what_it_is() -> None:
    """Others take the place in memory of one that was replaced."""
    net = Net()
    net.gain = np.float64(1.0)
    before = state_of(net, CPU)
    for number in range(2, 20):
        net.gain = np.float64(number)
        assert state_of(net, CPU) != before


def test_what_a_library_keeps_for_itself_decides_nothing() -> None:
    net = Net()
    before = state_of(net, CPU)
    log.isEnabledFor(logging.DEBUG)  # a logger remembers the answer
    log.addFilter(lambda _: True)
    assert state_of(net, CPU) == before


def test_numbers_in_memory_of_the_device_are_read_there_and_those_of_the_host_are_not() -> None:
    net = Net()
    here, elsewhere = state_of(net, CPU), state_of(net, torch.device("meta"))
    net.mean.add_(1)
    net.conv.requires_grad_(False)
    assert state_of(net, CPU) == here
    assert state_of(net, torch.device("meta")) != elsewhere


@pytest.mark.filterwarnings("ignore:.*weight_norm")
def test_weights_of_two_factors_are_no_hook() -> None:
    net = nn.Sequential(weight_norm(nn.Conv2d(3, 3, 3)))
    assert state_of(net, CPU) == state_of(net, CPU)


def test_hooks_on_all_modules() -> None:
    handle = register_module_forward_hook(lambda *_: None)
    try:
        with pytest.raises(NotCapturableError, match="hooks on all modules"):
            state_of(Net(), CPU)
    finally:
        handle.remove()


def test_a_program_that_tells_nothing() -> None:
    with pytest.raises(NotCapturableError, match="TorchScript"):
        state_of(nn.Sequential(torch.jit.script(nn.Conv2d(3, 3, 3))), CPU)


def test_a_tensor_without_a_place() -> None:
    net = Net()
    net.register_buffer("places", torch.eye(3).to_sparse())
    with pytest.raises(NotCapturableError, match="without a place"):
        state_of(net, CPU)
