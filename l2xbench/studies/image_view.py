"""What the page's viewer shows of images: the study that has it gives the records, and loads pictures and maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from l2xbench.config import StudyConfig
from l2xbench.store.records import Record, Records
from l2xbench.store.store import Store
from l2xbench.studies.figures import ImageSet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from l2xbench.draw.panels import HeatmapPanel


@dataclass(frozen=True)
class ImageRecords:
    """What there is of one image.

    Attributes:
        inputs: its LR and HR image.
        restored: network -> record, in the study's order, interpolation too.
        explained: method -> network -> record; only networks whose SR image is there.
    """

    inputs: Record
    restored: Mapping[str, Record]
    explained: Mapping[str, Mapping[str, Record]]


class ImagePanels(Protocol):
    """An image's pictures, each loaded once."""

    lr: NDArray[np.uint8]
    """(H, W, 3)."""

    def panel(self, method: str) -> HeatmapPanel:
        """The networks' SR images and maps by a method that the image has maps of."""


@dataclass(frozen=True)
class MapsShown:
    """What all maps of a run have in common."""

    target: str
    """`image`, `patch:y,x,h,w` or `neuron:c,y,x`."""
    reference: str
    palette: str
    """The one that the page opens with."""


class ImageView:
    """What the viewer asks of the one study that has it (`Study.image_view`)."""

    def has_maps(self, records: Records) -> bool:
        """Whether there is a map of any image."""
        raise NotImplementedError

    def fitting(self, images: ImageSet) -> ImageSet:
        """Those images that a page holds: of very many, the first of each dataset."""
        raise NotImplementedError

    def images(self, images: ImageSet) -> Iterator[ImageRecords]:
        """Those of these images that have an SR image, in the study's order."""
        raise NotImplementedError

    def panels(self, store: Store, config: StudyConfig, of: ImageRecords) -> ImagePanels:
        """The pictures of one image, which lie in `store`."""
        raise NotImplementedError

    def shown(self, config: StudyConfig) -> MapsShown | None:
        """What the study's maps are of; None where it makes none."""
        raise NotImplementedError
