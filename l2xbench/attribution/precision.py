"""The precision of the computation: never below float32, and float64 where the answer is a small difference.

Networks in half precision are explained in float32, since multipliers come of differences, which it loses. A single
output's difference may be a thousandth of the output and of the attributions that sum to it: in float32 up to 4e-4 of
it is rounding (of F(x) - F(x'), and less so of the sum), in float64 nothing that shows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from l2xbench.attribution.engine.draws import draws_from_here
from l2xbench.attribution.engine.state import parameters_and_buffers
from l2xbench.attribution.errors import AttributionError, FailedOperationError, NetworkAssertionError, unknown
from l2xbench.system import memory

HALF = (torch.float16, torch.bfloat16)
Precision = Literal["auto", "float32", "float64"]
"""What is asked for: of `auto`, see `in_precision_asked`."""
T = TypeVar("T")


def in_precision_asked(
    compute: Callable[[torch.dtype], T],
    network: nn.Module,
    precision: str,
    own: torch.dtype,
    prefer_float64: bool = False,
    converts_parameters: bool = True,
) -> T:
    """`compute(dtype)` in the precision asked for.

    Args:
        compute: makes the answer in float32 or float64.
        network: what it runs, cast to that precision.
        precision: `"float32"`, `"float64"`, or `"auto"`: the own one, but float64 where
            `prefer_float64`; the own again, with a warning, where the network or the device cannot do that.
        own: float32 or float64.
        prefer_float64: whether float32's rounding would show in the answer.
        converts_parameters: whether `compute` itself raises parameters of a lower precision as it meets them, as the
            engine does. Then the network is cast for a second attempt only (TorchScript and recurrent layers compare
            types before the engine sees them): one that makes float32 constants of its own would have two types to
            join.

    Raises:
        AttributionError: an unknown precision, or one that was asked for by name and fails.
    """
    if precision not in get_args(Precision):
        raise unknown("precision", precision, get_args(Precision))
    dtype = getattr(torch, precision, torch.float64 if prefer_float64 else own)
    again = draws_from_here(device_of(network))
    if dtype == own:
        try:
            return compute(own)
        except NetworkAssertionError as error:
            if precision != "auto" or own != torch.float64 or not all_float32(network):
                raise
            warnings.warn(f"computed in float32, since the network refuses float64: {error}", stacklevel=4)
        again()
        return compute(torch.float32)
    failure: Exception | None = None
    for casting in (cast_down_to, cast_to) if converts_parameters else (cast_to,):
        again()
        try:
            with casting(network, dtype):
                return compute(dtype)
        except (NetworkAssertionError, FailedOperationError) as error:
            failure = failure or error
        except AttributionError:
            raise
        except Exception as error:  # whatever a network, a kernel or a device has against float64
            if memory.has_run_out(error):  # the precision must not hang on how much is free
                raise
            failure = failure or error
    said = str(failure).strip().partition("\n")[0]
    reason = said if isinstance(failure, AttributionError) else f"{type(failure).__name__}: {said}"
    if precision != "auto":
        raise AttributionError(f"precision={precision!r}: the network fails in it ({reason})") from failure
    again()
    answer = compute(own)
    warnings.warn(
        f"single outputs are computed in float64, which failed here ({reason}); computed in {own} instead, "
        "where rounding is up to 4e-4 of their difference",
        stacklevel=4,
    )
    return answer


def device_of(network: nn.Module) -> torch.device:
    """Where a network's parameters are; the CPU for one that has none."""
    return next((t.device for t in parameters_and_buffers(network)), torch.device("cpu"))


def all_float32(network: nn.Module) -> bool:
    """Whether none of a network's numbers are of another precision than float32."""
    return all(t.dtype == torch.float32 for t in parameters_and_buffers(network) if t.is_floating_point())


@contextmanager
def halves_in_float32(network: nn.Module) -> Iterator[None]:
    """Float32 for half-precision parameters and buffers, said in a warning; they have their own back after."""
    halves = [tensor for tensor in parameters_and_buffers(network) if tensor.dtype in HALF]
    if halves:
        warnings.warn(f"{type(network).__name__} is in half precision: explained in float32", stacklevel=4)
    with _cast(halves, torch.float32):
        yield


@contextmanager
def cast_to(network: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """`dtype` for all floating-point parameters and buffers; they have their own back after."""
    with _cast([t for t in parameters_and_buffers(network) if t.is_floating_point() and t.dtype != dtype], dtype):
        yield


@contextmanager
def cast_down_to(network: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """`dtype` for parameters and buffers of a higher precision; they have their own back after."""
    size = dtype.itemsize
    with _cast(
        [t for t in parameters_and_buffers(network) if t.is_floating_point() and t.element_size() > size], dtype
    ):
        yield


@contextmanager
def _cast(tensors: list[Tensor], dtype: torch.dtype) -> Iterator[None]:
    own = [(tensor, tensor.data) for tensor in tensors]
    try:
        for tensor in tensors:
            tensor.data = tensor.data.to(dtype)
        yield
    finally:
        for tensor, data in own:
            tensor.data = data


def at_least_float32(values: Tensor) -> Tensor:
    """Half-precision values as float32, others as they are."""
    return values.float() if values.dtype in HALF else values
