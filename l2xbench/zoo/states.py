"""The state dicts inside a checkpoint: training codes keep several, under names of their own.

Which one a network takes is decided by the network's own keys (`fitting`): averaged weights come before raw ones, since
papers report those.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from l2xbench.errors import RequestError, did_you_mean

WRAPPERS = (
    "params",
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "netG",
    "net_g",
    "generator",
    "network",
)
"""Names under which training codes keep the weights, in the order in which they are taken."""
_AVERAGED = {"ema", "averaged", "average", "avg", "swa", "polyak", "shadow"}
_OF_TRAINING = {"optimizer", "optimizers", "optim", "opt", "scheduler", "schedulers", "scaler", "lr"}
_DEEPEST = 4


@dataclass(frozen=True)
class StateDict:
    """One state dict: key -> tensor, and what else stood beside the tensors.

    `name` is where it was found: the keys that led to it and the prefix that was taken off its own, joined by dots.
    `in_order` is true where the tensors have numbers for keys, in the order of a network's parameters.
    """

    name: str
    entries: Mapping[str, Any]
    in_order: bool = False

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Its tensors alone."""
        return {key: value for key, value in self.entries.items() if isinstance(value, Tensor)}

    @property
    def is_averaged(self) -> bool:
        """Whether its name says that it is an average over training.

        Examples:
            >>> names = ("params_ema", "modelEMA", "n", "swa_model", "schema")
            >>> [name for name in names if StateDict(name, {}).is_averaged]
            ['params_ema', 'modelEMA', 'swa_model']
        """
        return not _AVERAGED.isdisjoint(_words(self.name))

    @property
    def rank(self) -> int:
        """The lower, the rather it is taken."""
        last = self.name.rpartition(".")[2]
        known = next((at for at, name in enumerate(WRAPPERS) if last in ("", name)), len(WRAPPERS))
        # of what lies within averages, what is called so itself: ema.ema_model before ema.online_model
        return known - (100 if self.is_averaged else 0) - (0 if _AVERAGED.isdisjoint(_words(last)) else 100)

    def under(self, prefix: str) -> StateDict:
        """Those of its keys that begin with `prefix`, without it."""
        if not prefix:
            return self
        inside = {key[len(prefix) :]: value for key, value in self.entries.items() if key.startswith(prefix)}
        return StateDict(".".join(filter(None, [self.name, prefix.rstrip(".")])), inside)

    def prefixes(self, at_least: int) -> list[str]:
        """What `at_least` so many of its tensors' keys begin with, up to three parts; the empty one first."""
        counts: Counter[str] = Counter()
        for key in self.tensors:
            parts = key.split(".")
            for depth in range(1, min(4, len(parts))):
                counts[".".join(parts[:depth]) + "."] += 1
        return ["", *(prefix for prefix, count in counts.items() if count >= at_least)]


def states_in(data: Any, source: str) -> list[StateDict]:
    """All state dicts in what a file held, those first that are rather taken.

    Raises:
        RequestError: there is none.
    """
    if not isinstance(data, Mapping):
        raise RequestError(f"{source}: holds a {type(data).__name__}, not a state dict (key -> tensor)")
    found = list(_inside(data, "", 0))
    if not found:
        keys = ", ".join(_names(data)) or "nothing"
        raise RequestError(
            f"{source}: no tensors in it (found: {keys}); a state dict is needed, bare or under one of "
            f"{', '.join(WRAPPERS)}"
        )
    return sorted(found, key=lambda state: state.rank)


def _inside(data: Mapping[Any, Any], name: str, depth: int) -> Iterator[StateDict]:
    if any(isinstance(value, Tensor) for value in data.values()):
        yield StateDict(name, {str(key): value for key, value in data.items()})
    for key, value in data.items():
        inner = f"{name}.{key}" if name else str(key)
        if not isinstance(key, str) or depth == _DEEPEST or not _OF_TRAINING.isdisjoint(_words(key)):
            continue
        if isinstance(value, Mapping):
            yield from _inside(value, inner, depth + 1)
        elif "shadow" in key and isinstance(value, (list, tuple)) and all(isinstance(each, Tensor) for each in value):
            # torch_ema and diffusers keep averages as a list, without names
            yield StateDict(inner, {str(at): each for at, each in enumerate(value)}, in_order=True)


def named_state(states: Collection[StateDict], key: str, source: str) -> StateDict:
    """The state dict that a user names: by where it lies, or by the prefix of its keys.

    Raises:
        RequestError: there is none of this name; those that there are.
    """
    for state in states:
        if state.name == key:
            return state
    for state in states:
        prefix = key.removeprefix(f"{state.name}.") + "."
        if any(each.startswith(prefix) for each in state.tensors):
            return state.under(prefix)
    known = dict.fromkeys(
        name for state in states for name in [state.name, *(each.partition(".")[0] for each in state.tensors)] if name
    )
    raise RequestError(f"{source}: weights_key: no '{key}' in it; {did_you_mean(key, known)}")


def _words(name: str) -> list[str]:
    """`modelEMA` -> model, ema."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def _names(data: Mapping[Any, Any]) -> list[str]:
    return [str(key) for key in list(data)[:5]]
