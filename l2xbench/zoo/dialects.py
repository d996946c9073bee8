"""From the authors' key names to those of the implementation that we build."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def to_native(arch_type: str, state_dict: Mapping[str, Tensor], arch: Mapping[str, Any]) -> dict[str, Tensor]:
    """`state_dict` under the keys of the architecture `arch_type`; keys that need no change stay as they are."""
    return dict(state_dict)
