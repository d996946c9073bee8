"""PyTorch's own settings, by which it chooses the kernels that a pass is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

_SETTINGS: tuple[Callable[[], Any], ...] = (
    lambda: torch.backends.cuda.matmul.allow_tf32,
    lambda: torch.backends.cudnn.allow_tf32,
    lambda: torch.backends.cudnn.enabled,
    lambda: torch.backends.cudnn.benchmark,
    lambda: torch.backends.cudnn.deterministic,
    torch.are_deterministic_algorithms_enabled,
    torch.get_float32_matmul_precision,
    torch.get_default_dtype,
    torch.backends.cuda.flash_sdp_enabled,
    torch.backends.cuda.mem_efficient_sdp_enabled,
    torch.backends.cuda.math_sdp_enabled,
)


def settings_now() -> tuple[Any, ...]:
    """The settings, of which a recorded pass has those of its time.

    Examples:
        >>> settings_now() == settings_now()
        True
    """
    return tuple(_read(setting) for setting in _SETTINGS)


def _read(setting: Callable[[], Any]) -> Any:
    try:
        return setting()
    except RuntimeError as error:  # newer PyTorch refuses to tell of TF32 by a name that was not used to set it
        return str(error)
