"""Flags of a dataclass become a command's own."""

from __future__ import annotations

from typing import Annotated, Optional

import pytest

from l2xbench.cli.unfold import _annotated

FLAG = Annotated[Optional[int], "a flag"]  # noqa: UP045  as typing wraps it


@pytest.mark.parametrize("hint", [FLAG, Optional[FLAG]])  # noqa: UP045
def test_what_python_3_10_puts_around_a_flag_is_taken_off(hint: object) -> None:
    assert _annotated(hint) == FLAG


def test_other_hints_stay() -> None:
    assert _annotated(int) is int
