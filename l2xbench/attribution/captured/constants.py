"""What a network brings from the host to the device in every pass, such as the mask of SwinIR's shifted windows.

A graph cannot hold such a copy, and need not: it brings the same numbers each time. In a first pass they are kept on
the device, in a second one, which is recorded, taken from there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from l2xbench.attribution.captured.questions import NotCapturableError
from l2xbench.attribution.engine.tensor import Paired
from l2xbench.system.torch_parts import no_dispatch, tree_leaves, tree_map_only

MAKERS = frozenset({torch.tensor, torch.as_tensor, torch.asarray, Tensor.new_tensor})
"""Calls that make a tensor of Python's numbers, on the host first wherever it is asked for."""
FILLED = frozenset({Tensor.copy_, Tensor.__setitem__})
"""Calls that bring even a single number of the host's to the device by a copy."""


class HostConstants(TorchFunctionMode):
    """Within, a tensor that comes from the host is told by its order: `keeping` keeps it, otherwise what was kept is
    given, after a look whether the host still has the same numbers.

    Args:
        device: where the network is.

    Examples:
        >>> device = torch.device("meta")
        >>> constants = HostConstants(device)
        >>> with constants.keeping():
        ...     first = torch.ones(2).to(device)
        >>> with constants:
        ...     again = torch.ones(2).to(device)
        >>> again.shape, len(constants.kept)
        (torch.Size([2]), 1)
        >>> with constants:
        ...     other = torch.zeros(2).to(device)
        Traceback (most recent call last):
        ...
        l2xbench.attribution.captured.questions.NotCapturableError: it makes other numbers on the host in each pass
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device = device
        self._filling = False
        self._next = 0
        self.kept: list[tuple[Tensor, Tensor]] = []
        """What the host had, and the same on the device."""

    def keeping(self) -> HostConstants:
        """For the first pass: what comes is kept."""
        self._filling = True
        self.kept.clear()
        return self

    def __enter__(self) -> HostConstants:
        self._next = 0
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: Any) -> None:
        self._filling = False
        super().__exit__(*raised)  # type: ignore[no-untyped-call]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._device.type == "cpu":
            return func(*args, **kwargs)
        if func in MAKERS:
            return self._made(func, args, kwargs)
        given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        least = 0 if func in FILLED else 1
        hosts = [t for t in given if self._on_host(t)]
        if not hosts:
            return func(*args, **kwargs)
        if len(hosts) == len(given):  # among the host's own, or to the device by its name
            return self._moved(func, args, kwargs)
        args, kwargs = tree_map_only(
            Tensor,
            lambda t: self._constant(t, lambda: t.to(self._device)) if self._on_host(t) and t.dim() >= least else t,
            (args, kwargs),
        )
        return func(*args, **kwargs)

    def _on_host(self, tensor: Tensor) -> bool:
        return not isinstance(tensor, Paired) and tensor.device.type == "cpu"

    def _made(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """A tensor of Python's numbers: made on the host, where it is to be on the device."""
        wanted, content = kwargs.get("device"), args
        if func is Tensor.new_tensor:
            wanted, content = wanted or args[0].device, args[1:]
        if wanted is None or torch.device(wanted).type != self._device.type or _of_device(content, self._device):
            return func(*args, **kwargs)
        source = func(*args, **{**kwargs, "device": "cpu"})
        grad = source.requires_grad
        return self._constant(source.detach(), lambda: source.detach().to(self._device)).requires_grad_(grad)

    def _moved(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if func not in (Tensor.to, Tensor.cuda) or not self._leaves(func, args, kwargs):
            return func(*args, **kwargs)
        return self._constant(args[0], lambda: func(*args, **kwargs))

    def _leaves(self, func: Any, args: Any, kwargs: dict[str, Any]) -> bool:
        """Whether `to` or `cuda` brings its tensor to another device than the host."""
        if func is Tensor.cuda:
            return True
        named = [a for a in (*args[1:], kwargs.get("device")) if isinstance(a, (str, torch.device, int))]
        places = [a for a in named if not isinstance(a, bool)]
        return any(torch.device(a).type == self._device.type for a in places)

    def _constant(self, source: Tensor, move: Callable[[], Tensor]) -> Tensor:
        source = source.detach()
        if self._filling:
            with no_dispatch():  # the one time that it may be brought
                self.kept.append((source.clone(), move().detach()))
        elif self._next >= len(self.kept) or not _same(self.kept[self._next][0], source):
            raise NotCapturableError("it makes other numbers on the host in each pass")
        kept = self.kept[self._next][1]
        self._next += 1
        return kept.clone()  # whoever gets it may write to it


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)


def _of_device(arguments: Any, device: torch.device) -> bool:
    """Whether what a tensor is made of lies on the device already."""
    return any(isinstance(t, Tensor) and t.device.type == device.type for t in tree_leaves(arguments[:1]))
