"""What interventions cost is told by every study that makes them."""

from __future__ import annotations

import pytest

from l2xbench.studies.reading import parse_study
from l2xbench.studies.registry import all_studies


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        (
            {"attribution": {"methods": ["l2x", "intervention"], "options": {"intervention": {"block": 4}}}},
            "attribution: interventions: for each image of 32 x 32 LR pixels, every network runs on 192 images",
        ),
        (
            {"lam": {"cases": "auto", "methods": ["lam", "intervention"]}},
            "lam: interventions: for each window of 32 x 32 LR pixels, every network runs on 768 images",
        ),
        (
            {"referee": {"block": 4}},
            "referee: interventions: for each patch of 32 x 32 LR pixels, every network runs on 192",
        ),
        ({"attribution": {"methods": ["l2x"]}, "lam": {"cases": "auto"}}, None),
    ],
)
def test_it_is_told_where_they_are_asked_for(blocks: dict[str, object], said: str | None) -> None:
    data = {"study": "s", "models": {"a": "edsr"}, "datasets": {"d": {"path": "skimage", "crop": 32}}}
    config = parse_study({**data, **blocks})
    told = "\n".join(filter(None, (study.notice(config) for study in all_studies())))
    if said is None:
        assert "interventions" not in told
    else:
        assert said in told
