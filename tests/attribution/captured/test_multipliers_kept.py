"""Recorded passes are kept within their limit, and go with their network."""

from __future__ import annotations

import gc

import pytest
from torch import nn

from l2xbench.attribution import explain
from l2xbench.attribution.captured import captured_bytes, free_captured, multipliers
from tests.attribution.captured.replays import CPU, as_ever, assert_same, image, prepared
from tests.attribution.small import small_sr
from tests.tapes import Tape


def test_a_free_network_frees_its_passes(tapes: type[Tape]) -> None:
    network = prepared(small_sr())
    assert captured_bytes(CPU) > 0
    del network
    gc.collect()
    assert tapes.alive == 0
    assert captured_bytes(CPU) == 0


def test_what_is_kept_stays_within_its_limit_and_what_was_not_used_goes_first(
    tapes: type[Tape], monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = [prepared(small_sr()) for _ in range(2)]
    each = captured_bytes(CPU) // 2
    monkeypatch.setattr(multipliers._kept, "limit_of", lambda device: int(2.5 * each))
    explain(networks[0], image(1))  # the other was used longest ago
    third = prepared(small_sr())
    assert tapes.alive == 2
    assert captured_bytes(CPU) <= 2.5 * each
    before = tapes.replays
    explain(networks[0], image(2))
    explain(third, image(2))
    assert tapes.replays == before + 2
    assert_same(explain(networks[1], image(3)), as_ever(networks[1], image(3)))


def test_a_pass_that_is_too_large_by_itself_is_not_kept(
    tapes: type[Tape], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(multipliers._kept, "limit_of", lambda device: 1000)
    network = prepared(small_sr())
    assert_same(explain(network, image(1)), as_ever(network, image(1)))
    assert tapes.alive == 0
    assert "too much memory" in caplog.text


def test_all_can_be_let_go(tapes: type[Tape]) -> None:
    network = prepared(small_sr())
    assert free_captured()
    assert tapes.alive == 0
    assert not free_captured()
    assert_same(explain(network, image(1)), as_ever(network, image(1)))


def test_what_is_remembered_of_a_network_is_bounded(tapes: type[Tape], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipliers, "KEYS", 3)
    network = nn.Conv2d(3, 3, 1)
    for side in range(3, 12):
        explain(network, image(0, side, side))
    _, known = multipliers._kept._networks[id(network)]
    assert len(known.met) <= 4
