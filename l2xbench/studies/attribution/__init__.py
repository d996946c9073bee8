"""Attribution maps of each network's output: what the paper's Fig. 2 shows and further studies start from.

`options` is the YAML's blocks, `units` what is owed, `checks` what is refused before it is run, `compute` one map,
`heatmaps` the figures, `view` what the page's viewer shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, GroupName, Outcome
from l2xbench.studies.attribution.options import AttributionOptions, HeatmapOptions
from l2xbench.studies.attribution.units import DRAWS_FROM_OTHERS, map_options
from l2xbench.studies.attribution.view import MapsOfImages
from l2xbench.studies.shared.interventions import in_one_notice, told_interventions
from l2xbench.studies.study import ImageFigures, Options, SizesOfImages, Study

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.studies.figures import ImageSet, OwedFigure
    from l2xbench.zoo.network import Network


class Heatmaps(ImageFigures):
    """The paper's Fig. 2: a figure for each image and method."""

    def count(self, config: StudyConfig) -> int:
        """None where the block `heatmaps` is off."""
        maps = config.block(AttributionOptions)
        return 0 if maps is None or config.block(HeatmapOptions) is None else len(maps.methods)

    def shows(self, config: StudyConfig, group: GroupName) -> bool:
        """SR images, and the maps of the block's methods."""
        maps = config.block(AttributionOptions)
        methods = maps.methods if maps else []
        return group.study == "restoration" or (group.study == "attribution" and group.label in methods)

    def owed(self, images: ImageSet) -> Iterable[OwedFigure]:
        """See `attribution.heatmaps`."""
        from l2xbench.studies.attribution.heatmaps import owed_heatmaps

        return owed_heatmaps(images)


class AttributionStudy(Study):
    """A map of each method, network and image."""

    name = "attribution"
    version = 3
    order = 20
    blocks = (AttributionOptions, HeatmapOptions)
    image_figures = Heatmaps()
    image_view = MapsOfImages()

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """One unit a method of the block; a method that only a test asks for has one because the test needs it."""
        wanted = config.block(AttributionOptions)
        return [] if wanted is None else [(method, map_options(config, method)) for method in wanted.methods]

    def options_of(self, config: StudyConfig, label: str) -> Options:
        """A unit's label is its method."""
        return map_options(config, label)

    def looks_at_others(self, options: Mapping[str, Any]) -> bool:
        """Interventions draw from the dataset's other images."""
        return options["method"] in DRAWS_FROM_OTHERS

    def check(self, config: StudyConfig) -> None:
        """See `attribution.checks`."""
        from l2xbench.studies.attribution.checks import check_attribution

        check_attribution(config)

    def check_sizes(self, config: StudyConfig, sizes: Callable[[], SizesOfImages]) -> None:
        """That an image has the target."""
        from l2xbench.studies.attribution.checks import check_target

        check_target(config, sizes)

    def notice(self, config: StudyConfig) -> str | None:
        """What interventions cost."""
        wanted = config.block(AttributionOptions)
        methods = [] if wanted is None else [each for each in wanted.methods if each in DRAWS_FROM_OTHERS]
        plans = [map_options(config, each) for each in methods]
        return in_one_notice(told_interventions("attribution", "image", config, plan) for plan in plans)

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
    ) -> Outcome:
        """See `attribution.compute`."""
        from l2xbench.studies.attribution.compute import compute

        return compute(network, pair, options, given)


STUDY = AttributionStudy()
