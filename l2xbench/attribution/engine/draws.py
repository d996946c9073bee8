"""Random numbers of a network: the same in both streams, in every pass over one image, and in either precision."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch


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

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._again()
        return self._operation(*args, **kwargs)
