"""A training recipe: everything that decides a run's result, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from l2xbench.errors import RequestError, did_you_mean


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: L1 loss, Adam, a warm-up and half a cosine, an average of the weights.

    With `steps` a run can be repeated bit for bit on one kind of device, and `minutes` is only a limit after which it
    stops and can be resumed. With `minutes` alone the steps that fit into them are counted once, from the speed
    measured at the start, and fixed.
    """

    seed: int = field(default=0, metadata={"help": "of the initial weights and of the patches"})
    steps: int | None = field(default=None, metadata={"help": "length of the schedule in steps"})
    minutes: float | None = field(
        default=None, metadata={"help": "limit on the time of one run; without steps, decides them at the start"}
    )
    batch: int = field(default=16, metadata={"help": "patches a step"})
    patch: int = field(default=24, metadata={"help": "side of an LR patch in pixels"})
    lr: float = field(default=1e-3, metadata={"help": "peak learning rate"})
    last_lr: float = field(default=1e-6, metadata={"help": "learning rate at the end"})
    warm_up: float = field(default=0.03, metadata={"help": "part of the schedule in which the learning rate rises"})
    beta2: float = field(default=0.99, metadata={"help": "Adam's second decay"})
    clip: float = field(default=0.5, metadata={"help": "limit on the gradient's norm"})
    ema: float = field(default=0.999, metadata={"help": "decay of the weights' moving average; 0 keeps the last"})
    start: str = field(default="own", metadata={"help": "initial weights: own, interpolation"})
    precision: str = field(default="float32", metadata={"help": "of the forward pass: float32, bfloat16"})
    holdout: int = field(default=10, metadata={"help": "images of the folder kept for validation"})

    def __post_init__(self) -> None:
        for name in ("steps", "minutes", "batch", "patch", "lr", "last_lr", "clip", "holdout"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise RequestError(f"recipe: {name}: found {value}, needed a number above 0")
        for name in ("warm_up", "beta2", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise RequestError(f"recipe: {name}: found {getattr(self, name)}, needed a number in [0, 1)")
        if self.precision not in ("float32", "bfloat16"):
            raise RequestError(f"recipe: precision: found '{self.precision}', needed float32 or bfloat16")
        if self.steps is None and self.minutes is None:
            raise RequestError("recipe: no length: give --steps, --minutes or both")

    def of_length(self, steps: int) -> Recipe:
        """The same recipe over so many steps; minutes that only decided these are no limit any more."""
        return replace(self, steps=steps, minutes=self.minutes if self.steps is not None else None)

    def out_of_time(self, seconds: float) -> bool:
        """Whether a run of so many seconds has reached its limit (the schedule may have steps left)."""
        return self.minutes is not None and seconds >= 60 * self.minutes

    def learning_rate(self, progress: float) -> float:
        """The rate at `progress` of the schedule: linear up to `lr`, then half a cosine down to `last_lr`."""
        if progress < self.warm_up:
            # never quite 0: the clock may not have moved yet
            return self.lr * max(progress / self.warm_up, 0.01)
        rest = (progress - self.warm_up) / (1 - self.warm_up)
        return self.last_lr + (self.lr - self.last_lr) * 0.5 * (1 + math.cos(math.pi * rest))

    def as_dict(self) -> dict[str, int | float | str | None]:
        """The fields, for a checkpoint or a model card."""
        return asdict(self)


def make_recipe(card: Mapping[str, Any], flags: Mapping[str, Any], source: str) -> Recipe:
    """The recipe that a card's `training.recipe` says, where `flags` (those that are not None) do not override it.

    Raises:
        RequestError: an unknown key or a wrong type in the card, or values that make no recipe.
    """
    kinds = {entry.name: kind_of(str(entry.type)) for entry in fields(Recipe)}
    values: dict[str, Any] = {}
    for key, value in card.items():
        if key not in kinds:
            raise RequestError(f"{source}: training.recipe.{key}: no such key; {did_you_mean(key, kinds)}")
        try:
            values[key] = None if value is None else kinds[key](value)
        except (TypeError, ValueError):
            raise RequestError(
                f"{source}: training.recipe.{key}: found {value!r}, needed {kinds[key].__name__}"
            ) from None
    given = {key: value for key, value in flags.items() if value is not None}
    if "minutes" in given and "steps" not in given:
        values.pop("steps", None)  # another length was asked for
    return Recipe(**{**values, **given})


def kind_of(annotation: str) -> type[int] | type[float] | type[str]:
    """The type of a field of `Recipe`, from its annotation."""
    kinds: dict[str, type[int] | type[float] | type[str]] = {"int": int, "float": float, "str": str}
    return kinds[annotation.split(" |")[0]]
