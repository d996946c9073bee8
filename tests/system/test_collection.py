"""The garbage collector rests while a block runs, and is afterwards as it was."""

from __future__ import annotations

import gc

import pytest

from l2xbench.system.collection import uncollected


def test_what_was_made_is_not_looked_at_again() -> None:
    gc.unfreeze()
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled() and gc.get_freeze_count() > 1000
    gc.unfreeze()


def test_it_is_as_before_also_after_an_error() -> None:
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    assert gc.isenabled()
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
