"""Images and maps for the page's viewer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from l2xbench.config import StudyConfig
from l2xbench.store.records import Records
from l2xbench.store.store import Store
from l2xbench.studies.attribution.options import AttributionOptions, HeatmapOptions
from l2xbench.studies.figures import ImageSet
from l2xbench.studies.image_view import ImageRecords, ImageView, MapsShown

if TYPE_CHECKING:
    from l2xbench.studies.attribution.pictures import Pictures


class MapsOfImages(ImageView):
    """SR images and maps of each image, the networks side by side."""

    def has_maps(self, records: Records) -> bool:
        """Whether there is a map of any image."""
        return next(records.of_studies("attribution").groups(), None) is not None

    def fitting(self, images: ImageSet) -> ImageSet:
        """As many as may be in memory at a time."""
        from l2xbench.studies.attribution import pictures

        return pictures.first_images(images, pictures.AT_ONCE)

    def images(self, images: ImageSet) -> Iterator[ImageRecords]:
        """See `pictures.image_records`."""
        from l2xbench.studies.attribution.pictures import image_records

        return image_records(images)

    def panels(self, store: Store, config: StudyConfig, of: ImageRecords) -> Pictures:
        """See `pictures.Pictures`."""
        from l2xbench.studies.attribution.pictures import Pictures

        return Pictures(store, config, of)

    def shown(self, config: StudyConfig) -> MapsShown | None:
        """As the YAML's blocks say."""
        maps, heatmaps = config.block(AttributionOptions), config.block(HeatmapOptions)
        palette = (heatmaps or HeatmapOptions()).palette
        return None if maps is None else MapsShown(maps.target, maps.reference, palette)
