"""What no replay can hold is explained as ever, and said once."""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l2xbench.attribution import explain
from l2xbench.attribution.captured import multipliers
from l2xbench.attribution.captured.graphs import CAPTURES
from tests.attribution.captured.replays import as_ever, assert_same, image, prepared
from tests.attribution.small import small_sr
from tests.tapes import Tape


class Routed(nn.Module):
    """Goes by a number of its image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * (2.0 if float(x.mean()) > 0.5 else 1.0)


class Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x) + torch.rand(1))


class PythonsNoise(Noisy):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x) + random.random())


class Remembering(nn.Module):
    """Writes to a buffer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        return self.conv(x) * self.seen


class Measured(nn.Module):
    """The host reads a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)
        self.gain = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * self.gain.item()


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.register_buffer("where", torch.eye(3, dtype=torch.bool)[0])

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)[:, self.where]


def seeded(seed: int) -> None:
    torch.manual_seed(seed)
    random.seed(seed)


def hooked() -> nn.Module:
    network = small_sr()
    network.register_forward_hook(lambda module, given, result: result * 2)
    return network


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Routed, "the host reads a number"),
        (Noisy, "it draws random numbers"),
        (PythonsNoise, "it draws random numbers"),
        (Remembering, "it writes to its own tensors"),
        (Measured, "the host reads a number"),
        (Masked, "a truth tensor is used as an index"),
        (hooked, "hooks, which a replay would not run"),
    ],
)
def test_what_cannot_be_recorded_is_explained_as_ever_and_said_once(
    tapes: type[Tape], caplog: pytest.LogCaptureFixture, make: Callable[[], nn.Module], reason: str
) -> None:
    network = make()
    caplog.set_level(logging.WARNING)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    for seed in range(4):
        seeded(seed)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = explain(network, image(seed))
        after = torch.rand(1)
        seeded(seed)
        with warnings.catch_warnings(record=True) as expected:
            warnings.simplefilter("always")
            ever = as_ever(network, image(seed))
        assert torch.equal(found.values, ever.values)
        assert torch.equal(after, torch.rand(1)), "as many numbers are drawn"
        assert [str(w.message) for w in told] == [str(w.message) for w in expected]
    assert tapes.alive == 0
    assert len(caplog.records) == 1
    assert reason in caplog.text
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_python_state_that_changes_from_pass_to_pass_is_found_by_the_comparison(
    tapes: type[Tape], caplog: pytest.LogCaptureFixture
) -> None:
    passes = iter(range(1000))

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x) * next(passes)

    prepared(Counting())
    assert tapes.alive == 0
    assert "off the pass that it was recorded from" in caplog.text


def test_a_device_that_refuses_is_left_alone(
    tapes: type[Tape], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = []

    def refusing(run: object, device: torch.device) -> Tape:
        tries.append(device)
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setitem(CAPTURES, "cpu", refusing)
    network = prepared(small_sr())
    for seed in range(3):
        assert_same(explain(network, image(seed)), as_ever(network, image(seed)))
    assert len(tries) == 1
    assert "not permitted" in caplog.text


def test_rare_cases_that_no_replay_holds_are_made_as_ever_and_given_up_at_last(
    tapes: type[Tape], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    network = prepared(small_sr())
    spoilt = [True]

    def replay(tape: Tape, plain: Callable[[Tape], None] = Tape.replay) -> None:
        plain(tape)
        tape.outputs[0].fill_(spoilt[0])

    monkeypatch.setattr(Tape, "replay", replay)
    for seed in range(multipliers.UNSOUND):
        assert_same(explain(network, image(seed)), as_ever(network, image(seed)))
    assert tapes.alive == 0
    assert "only the host can answer" in caplog.text
