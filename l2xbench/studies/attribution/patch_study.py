"""What studies of maps of patches have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from l2xbench.config import StudyConfig
from l2xbench.studies.attribution.options import MethodOptions
from l2xbench.studies.attribution.units import DRAWS_FROM_OTHERS
from l2xbench.studies.shared.places import ChosenPlaces, check_places
from l2xbench.studies.study import SizesOfImages, Study


class PatchMapOptions(Protocol):
    """What the block of such a study says besides its own: which patches, and how their maps are made."""

    key: ClassVar[str]
    places: list[tuple[int, int]] | ChosenPlaces
    size: int | None
    methods: list[str]
    options: MethodOptions
    reference: str | None


class PatchStudy(Study):
    """A study of methods' maps of an image's patches."""

    def wanted(self, config: StudyConfig) -> PatchMapOptions | None:
        """Its block; None where it is off."""
        raise NotImplementedError

    def check(self, config: StudyConfig) -> None:
        """Methods, reference and places."""
        from l2xbench.studies.attribution.checks import check_maps

        wanted = self.wanted(config)
        if wanted is not None:
            check_maps(wanted.key, wanted.methods, wanted.options, wanted.reference)
            check_places(wanted.key, wanted.places, wanted.size, config.scale)

    def check_sizes(self, config: StudyConfig, sizes: Callable[[], SizesOfImages]) -> None:
        """That an image has the places."""
        from l2xbench.studies.shared.room import check_patches

        wanted = self.wanted(config)
        if wanted is not None:
            check_patches(wanted.key, wanted.places, wanted.size, config, sizes)

    def looks_at_others(self, options: Mapping[str, Any]) -> bool:
        """Interventions draw from the dataset's other images."""
        return options.get("map", {}).get("method") in DRAWS_FROM_OTHERS
