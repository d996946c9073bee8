"""What `explain` would refuse for every crop, told before anything is run."""

from __future__ import annotations

from l2xbench.attribution.targets import parse_target
from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError
from l2xbench.studies.attribution.checks import check_methods, check_reference, told_by_key
from l2xbench.studies.similarity.options import CONTROL, MULTIPLIED, SimilarityOptions


def check_similarity(config: StudyConfig) -> None:
    """A method, target or reference that is not known, or a target outside a crop; see `told_by_key`."""
    wanted = config.block(SimilarityOptions)
    if wanted is None:
        return
    side = wanted.size * config.scale
    check_methods("similarity.method", [wanted.method])
    told_by_key("similarity.target", lambda: parse_target(wanted.target_at(config.scale)).window((1, 3, side, side)))
    if wanted.reference is not None:
        check_reference("similarity.reference", wanted.reference)
    if wanted.of == "multipliers" and wanted.method not in MULTIPLIED:
        raise RequestError(
            f"similarity.of: a map of {wanted.method} is no multiplier times x - x'; multipliers are had with "
            f"similarity.method: {', '.join(MULTIPLIED)}"
        )
    if CONTROL in config.models:
        raise RequestError(f"models: '{CONTROL}' is what similarity calls its control; give the network another name")
