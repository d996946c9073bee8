"""Random numbers of a network: the same in both streams, in every pass over one image, and in either precision."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
"""Generators that a network may have of its own, besides those of PyTorch, NumPy and Python."""


def place_of(generator: Any) -> Any:
    """Where one of `GENERATORS` stands: numbers and bytes, to be compared or put back.

    Examples:
        >>> generator = torch.Generator()
        >>> before = place_of(generator)
        >>> _ = torch.rand(1, generator=generator)
        >>> before == place_of(generator)
        False
        >>> put_back(generator, before)
        >>> before == place_of(generator)
        True
    """
    if isinstance(generator, torch.Generator):
        return generator.get_state().numpy().tobytes()
    if isinstance(generator, np.random.Generator):
        return copy.deepcopy(generator.bit_generator.state)
    if isinstance(generator, np.random.RandomState):
        return copy.deepcopy(generator.get_state(legacy=False))
    return generator.getstate()


def put_back(generator: Any, place: Any) -> None:
    """Have one of `GENERATORS` go on where it stood."""
    if isinstance(generator, torch.Generator):
        generator.set_state(torch.frombuffer(bytearray(place), dtype=torch.uint8))
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = place
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(place)
    else:
        generator.setstate(place)


def draws_from_here(device: torch.device) -> Callable[[], None]:
    """Note where the generators stand (PyTorch's on the CPU and on a device, NumPy's and Python's); what is returned
    puts them back there, so that another pass draws the same numbers.

    Examples:
        >>> again = draws_from_here(torch.device("cpu"))
        >>> first = torch.rand(3)
        >>> again()
        >>> bool((torch.rand(3) == first).all())
        True
    """
    cpu, numbers, python = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    on_cuda = device.type == "cuda" and not torch.cuda.is_current_stream_capturing()
    cuda = torch.cuda.get_rng_state(device) if on_cuda else None

    def again() -> None:
        torch.set_rng_state(cpu)
        np.random.set_state(numbers)  # noqa: NPY002
        random.setstate(python)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda, device)

    return again


@contextmanager
def drawn_from(seed: int, device: torch.device) -> Iterator[None]:
    """Within, the generators of PyTorch, NumPy and Python start from a seed in [0, 2^32); then they go on as before.

    Examples:
        >>> with drawn_from(0, torch.device("cpu")):
        ...     first = torch.rand(1), random.random()
        >>> with drawn_from(0, torch.device("cpu")):
        ...     first == (torch.rand(1), random.random())
        True
    """
    again = draws_from_here(device)
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    try:
        yield
    finally:
        again()


def standing(device: torch.device) -> tuple[Any, ...]:
    """Where the generators stand, to be compared: equal where nothing was drawn meanwhile.

    Examples:
        >>> before = standing(torch.device("cpu"))
        >>> before == standing(torch.device("cpu")), before == (torch.rand(1), standing(torch.device("cpu")))[1]
        (True, False)
    """
    _, numbers, place, *_ = np.random.get_state()  # noqa: NPY002
    on_cuda = torch.cuda.get_rng_state(device).numpy().tobytes() if device.type == "cuda" else b""
    return torch.get_rng_state().numpy().tobytes(), np.asarray(numbers).tobytes(), place, random.getstate(), on_cuda


class Seeded:
    """An operation that draws random numbers, which draws the same ones each time it is called."""

    def __init__(self, operation: Any, device: torch.device) -> None:
        self._operation = operation
        self._schema = operation._schema
        self._again = draws_from_here(device)
        self._own: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._again()
        generator = kwargs.get("generator")
        if generator is not None:  # one that the network brings
            if self._own is None:
                self._own = place_of(generator)
            put_back(generator, self._own)
        return self._operation(*args, **kwargs)
