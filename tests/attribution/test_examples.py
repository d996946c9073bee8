"""The examples in docstrings give what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["explain", "captum"])
def test_examples(name: str) -> None:
    module = importlib.import_module(f"l2xbench.attribution.{name}")
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0
