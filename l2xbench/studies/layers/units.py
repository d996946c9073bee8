"""Which layers are compared on which crops, and how."""

from __future__ import annotations

from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError
from l2xbench.studies.attribution.units import map_options
from l2xbench.studies.similarity.options import SimilarityOptions
from l2xbench.studies.study import Options

FEWEST_CROPS = 4
"""The unbiased estimator needs so many samples in each batch, which are the crops of an image."""


def layer_units(config: StudyConfig) -> list[tuple[str, Options]]:
    """One unit an image and network."""
    wanted = config.block(SimilarityOptions)
    if wanted is None or not wanted.layers:
        return []
    maps = map_options(config, "l2x")
    options = {"layers": wanted.layers, "of": wanted.of, "size": wanted.size, "crops": wanted.crops}
    if wanted.of == "features":
        return [("", options | {"seed": maps["seed"]})]
    chosen = {"reference": wanted.reference or maps["reference"], "target": wanted.target_at(config.scale)}
    return [("", options | chosen | {"signs": wanted.signs, "seed": maps["seed"]})]


def check_layers(config: StudyConfig) -> None:
    """What layers cannot be asked with.

    Raises:
        RequestError: features without layers, layers by multipliers or by another method, or too few crops.
    """
    wanted = config.block(SimilarityOptions)
    if wanted is None:
        return
    if wanted.of == "features" and not wanted.layers:
        raise RequestError("similarity.of: features are those of layers; say which: layers: blocks")
    if not wanted.layers:
        return
    if wanted.of == "multipliers":
        raise RequestError("similarity.of: layers are compared by their attributions or features")
    if wanted.method != "l2x" and wanted.of == "attributions":
        raise RequestError(f"similarity.method: {wanted.method} does not look at layers; l2x does")
    if wanted.crops < FEWEST_CROPS:
        raise RequestError(
            f"similarity.crops: {wanted.crops} of each image; layers need at least {FEWEST_CROPS}, since an image's "
            "crops are a batch of the unbiased estimator"
        )
