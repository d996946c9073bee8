"""The cards of the published networks."""

from __future__ import annotations

import pytest

import l2xbench
from l2xbench.zoo.cards import find_card

PUBLISHED = (
    *("edsr", "edsr-baseline", "mdsr", "carn", "carn-m", "rcan", "drln"),
    *("han", "san", "msrn", "rnan", "swinir", "swinir-light", "swin2sr"),
)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_card_says_what_is_built(name: str) -> None:
    network = l2xbench.load_model(name, weights="random")
    assert network.parameter_count == network.card.parameters
    assert network.scale == network.card.scale == 4


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_card_says_where_its_network_comes_from(name: str) -> None:
    card = find_card(name)
    assert card.title and card.paper and card.licence and card.kind
    assert str(card.year) in card.paper
    assert card.weights is not None
    assert (card.weights.url is None) != (card.weights.page is None)
    if card.weights.page:
        assert card.weights.filename
    for dataset, (psnr, ssim) in card.published.items():
        assert dataset in {"Set5", "Set14", "BSD100", "Urban100", "Manga109"}
        assert 24 < psnr < 34
        assert 0.7 < ssim < 0.95
