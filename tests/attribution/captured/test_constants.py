"""What comes from the host: with `meta` for the device, which has no numbers, but refuses to be mixed with the host."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from l2xbench.attribution.captured.constants import HostConstants
from l2xbench.attribution.captured.questions import NotCapturableError, Unasked

META = torch.device("meta")
ON_DEVICE = torch.empty(2, 3, device=META)
HOST = torch.arange(6.0).view(2, 3)

CALLS: dict[str, Callable[[], object]] = {
    "to a device": lambda: HOST.to(META),
    "to a device by name": lambda: HOST.to("meta"),
    "to a device and type": lambda: HOST.to(device="meta", dtype=torch.float64),
    "to another tensor": lambda: HOST.to(ON_DEVICE),
    "the type of another": lambda: HOST.type_as(ON_DEVICE),
    "copied": lambda: torch.empty(2, 3, device=META).copy_(HOST),
    "a single number copied": lambda: torch.empty(2, 3, device=META).copy_(torch.tensor(1.0)),
    "written": lambda: torch.empty(2, 3, device=META).__setitem__((slice(None), 1), HOST[:, 0]),
    "an index": lambda: ON_DEVICE[:, torch.tensor([0, 2])],
    "of numbers": lambda: torch.tensor([1.0, 2.0], device=META),
    "as numbers": lambda: torch.as_tensor([1, 2], device="meta"),
    "of another's kind": lambda: ON_DEVICE.new_tensor([3.0]),
}


@pytest.mark.parametrize("name", CALLS)
def test_it_is_brought_once(name: str) -> None:
    constants = HostConstants(META)
    with Unasked(META), constants.keeping():
        first = CALLS[name]()
    assert len(constants.kept) == 1
    for _ in range(2):
        with Unasked(META), constants:
            again = CALLS[name]()
        if isinstance(first, Tensor):
            assert isinstance(again, Tensor)
            assert (again.shape, again.dtype, again.device) == (first.shape, first.dtype, first.device)
        assert len(constants.kept) == 1


@pytest.mark.parametrize("name", [name for name in CALLS if name.startswith(("to ", "copied", "the type"))])
def test_without_it_the_device_would_be_asked_to_wait(name: str) -> None:
    with pytest.raises(NotCapturableError), Unasked(META):
        CALLS[name]()


def test_what_stays_on_the_host_or_comes_from_the_device_is_let_be() -> None:
    constants = HostConstants(META)
    with Unasked(META), constants.keeping():
        HOST.to(torch.float64)
        HOST.to("cpu")
        torch.tensor([1.0]) + HOST[0, 0]
        ON_DEVICE * torch.tensor(2.0)
        torch.zeros(3, device=META)
        ON_DEVICE.to(ON_DEVICE)
        torch.as_tensor(ON_DEVICE, device=META)
    assert not constants.kept


def test_another_order_or_another_number_is_found() -> None:
    constants = HostConstants(META)
    with constants.keeping():
        HOST.to(META)
        HOST[0].to(META)
    with pytest.raises(NotCapturableError, match="other numbers"), constants:
        HOST[0].to(META)
    with pytest.raises(NotCapturableError, match="other numbers"), constants:
        (HOST + 1).to(META)
    with pytest.raises(NotCapturableError, match="other numbers"), constants:
        HOST.to(META)
        HOST[0].to(META)
        HOST[1].to(META)


def test_whoever_writes_to_what_it_got_changes_nothing_for_the_next() -> None:
    constants = HostConstants(META)
    with constants.keeping():
        HOST.to(META)
    with constants:
        one = HOST.to(META)
    with constants:
        other = HOST.to(META)
    assert one is not other
    assert one is not constants.kept[0][1]
