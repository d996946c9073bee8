"""Which crops are explained, and how."""

from __future__ import annotations

from l2xbench.config import StudyConfig
from l2xbench.studies.attribution.units import map_options
from l2xbench.studies.similarity.options import UNTRAINED, SimilarityOptions
from l2xbench.studies.study import Options


def similarity_units(config: StudyConfig) -> list[tuple[str, Options]]:
    """One unit an image and network, and one of its untrained twin, where there are two networks to compare or will be.

    What is compared, signs and estimator are not in the options: the records hold signed maps and x - x', so that other
    choices cost no map.
    """
    wanted = config.block(SimilarityOptions)
    if wanted is None or wanted.of == "features" or (len(config.models) < 2 and not wanted.alone):
        return []
    maps = map_options(config, wanted.method)
    chosen = {"reference": wanted.reference or maps["reference"], "target": wanted.target_at(config.scale)}
    if chosen["target"] != "image" and maps["precision"] == "auto":
        # completeness of one output needs float64, which takes twice the time; CKA moves by 1e-11 for it
        chosen["precision"] = "float32"
    options = {"size": wanted.size, "crops": wanted.crops, **maps, **chosen}
    return [("", options), *([(UNTRAINED, {**options, "untrained": True})] if wanted.untrained else [])]
