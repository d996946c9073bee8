"""The recorded passes that are kept: those replayed last, within a limit of memory, each as long as its network."""

from __future__ import annotations

import logging
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import torch
from torch import nn

from l2xbench.attribution.captured.state import State

SHARE = 4
"""Recorded passes take at most one part in so many of a GPU's memory."""
ELSEWHERE = 1 << 30
"""Bytes that they may take of a device which tells nothing of its memory."""
KEYS = 256
"""Kinds of passes that are remembered of a network, recorded or not."""

log = logging.getLogger(__name__)


class Freed(Protocol):
    """What is kept."""

    @property
    def bytes(self) -> int: ...

    def free(self) -> None: ...


Entry = TypeVar("Entry", bound=Freed)


@dataclass
class Known:
    """What is known of a network."""

    state: State
    """As it was when what is kept of it was recorded."""
    met: dict[Hashable, int] = field(default_factory=dict)
    """Kinds of passes, and how often they were made without being recorded."""
    refused: dict[Hashable, str] = field(default_factory=dict)
    """Those that cannot be recorded, and why."""
    told: bool = False
    """Whether it has been told that some of its passes are not recorded."""


class Kept(Generic[Entry]):
    """Entries by network and key, of which those not used for longest go first.

    Args:
        limit_of: the bytes that entries may take on a device.
    """

    def __init__(self, limit_of: Callable[[torch.device], int] | None = None) -> None:
        self.limit_of = limit_of or limit
        self.lock = threading.RLock()
        self._networks: dict[int, tuple[weakref.ref[nn.Module], Known]] = {}
        self._entries: OrderedDict[tuple[int, Hashable], tuple[torch.device, Entry]] = OrderedDict()

    def of_network(self, network: nn.Module, state: State) -> Known:
        """What is known of a network in this state; nothing that holds of another state is kept."""
        number = id(network)
        found = self._networks.get(number)
        if found is not None and found[0]() is network and found[1].state == state:
            return found[1]
        self.forget(number)
        known = Known(state, told=found is not None and found[0]() is network and found[1].told)
        self._networks[number] = weakref.ref(network, lambda _: self.forget(number)), known
        return known

    def get(self, network: nn.Module, key: Hashable) -> Entry | None:
        """The entry of this network and key, which is now the one used last."""
        place = id(network), key
        if place not in self._entries:
            return None
        self._entries.move_to_end(place)
        return self._entries[place][1]

    def keep(self, network: nn.Module, key: Hashable, device: torch.device, entry: Entry) -> bool:
        """Keep an entry, and let go of others where they would be too much; False where it is too large by itself."""
        most = self.limit_of(device)
        if entry.bytes > most:
            entry.free()
            return False
        self._entries[id(network), key] = device, entry
        while self.held(device) > most:
            self._drop(next(place for place, (where, _) in self._entries.items() if where == device))
        return True

    def drop(self, network: nn.Module, key: Hashable) -> None:
        """Let go of one."""
        self._drop((id(network), key))

    def held(self, device: torch.device | None = None) -> int:
        """The bytes that entries hold, of a device or in all."""
        return sum(entry.bytes for where, entry in list(self._entries.values()) if device in (None, where))

    def free(self) -> bool:
        """Let go of all; whether there were any."""
        with self.lock:
            any_kept = bool(self._entries)
            for place in list(self._entries):
                self._drop(place)
            return any_kept

    def forget(self, number: int) -> None:
        """Let go of all that is known of a network, by its `id`."""
        with self.lock:
            self._networks.pop(number, None)
            for place in [place for place in self._entries if place[0] == number]:
                self._drop(place)

    def refuse(self, network: nn.Module, known: Known, key: Hashable, reason: str, *, news: bool = True) -> None:
        """Remember that a kind of pass cannot be recorded, and, where that is news, say so of the network once."""
        known.refused[key] = reason
        if news and not known.told:
            known.told = True
            name = getattr(network, "name", None) or type(network).__name__
            log.warning("%s: maps are made without a recorded pass, each at full cost: %s", name, reason)

    def _drop(self, place: tuple[int, Hashable]) -> None:
        found = self._entries.pop(place, None)
        if found is not None:
            found[1].free()


def limit(device: torch.device) -> int:
    """The bytes that recorded passes may take of a device's memory."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory) // SHARE
    return ELSEWHERE
