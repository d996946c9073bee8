"""An image's pictures and maps, from records to the panels that figures and the page show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2xbench.report.panels import HeatmapPanel, NetworkPanel
from l2xbench.report.zoom import zoom_box, zoom_psnr
from l2xbench.store import Record, Store


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


def image_records(manifest: Mapping[str, Any], records: Iterable[Record]) -> Iterator[ImageRecords]:
    """Every image that has an SR image, in the study's order; its methods as the attribution block names them."""
    explained = manifest["study"]["attribution"] or {"methods": []}
    found: dict[tuple[str, str], dict[tuple[str, str, str], Record]] = {}
    methods = dict.fromkeys(explained["methods"])
    for record in records:
        if record.study in ("inputs", "restoration", "attribution"):
            found.setdefault((record.dataset, record.image), {})[record.study, record.model, record.label] = record
            if record.study == "attribution":
                methods.setdefault(record.label)
    for dataset, entry in manifest["datasets"].items():
        for image in entry["images"]:
            of_image = found.get((dataset, image), {})
            inputs = of_image.get(("inputs", "", ""))
            restored = {
                model: of_image["restoration", model, ""]
                for model in manifest["models"]
                if ("restoration", model, "") in of_image
            }
            if inputs is None or not restored:
                continue
            maps = {
                method: {
                    model: of_image["attribution", model, method]
                    for model in restored
                    if ("attribution", model, method) in of_image
                }
                for method in methods
            }
            yield ImageRecords(inputs, restored, {method: of for method, of in maps.items() if of})


class Pictures:
    """Loads an image's panels, each picture once."""

    def __init__(self, store: Store, manifest: Mapping[str, Any], of: ImageRecords) -> None:
        self._store = store
        self._study = manifest["study"]
        self._of = of
        self._sr: dict[str, NDArray[np.uint8]] = {}
        self.lr = store.load_image(of.inputs.files["lr"])
        self.hr = store.load_image(of.inputs.files["hr"]) if "hr" in of.inputs.files else None

    def panel(self, method: str, *, zoomed: bool = False) -> HeatmapPanel:
        """The networks' SR images and maps by `method`.

        Args:
            method: one that the image has maps of.
            zoomed: whether a part is chosen to be enlarged, as the study says.

        Raises:
            RequestError: the study names a part that lies outside the image.
        """
        inputs, study = self._of.inputs, self._study
        target = study["attribution"]["target"]
        explained = self._of.explained[method]
        pictures = {name: self._picture(name) for name in explained}
        zoom = None
        if zoomed:
            wanted = study["heatmaps"].get("zoom")
            zoom = zoom_box(wanted, inputs.image, target, list(pictures.values()), study["scale"])
        return HeatmapPanel(
            dataset=inputs.dataset,
            image=inputs.image,
            scale=study["scale"],
            lr=self.lr,
            hr=self.hr,
            networks=tuple(
                NetworkPanel(
                    name=name,
                    sr=sr,
                    values=self._store.load_arrays(explained[name].files["attribution"])["values"],
                    psnr=number(self._of.restored[name], "psnr"),
                    ssim=number(self._of.restored[name], "ssim"),
                    completeness_error=number(explained[name], "completeness_error"),
                    zoom_psnr=zoom_psnr(sr, self.hr, zoom, study["restoration"]["colour"]),
                )
                for name, sr in pictures.items()
            ),
            method=method,
            reference=study["attribution"]["reference"],
            target=target,
            zoom=zoom,
        )

    def _picture(self, name: str) -> NDArray[np.uint8]:
        if name not in self._sr:
            self._sr[name] = self._store.load_image(self._of.restored[name].files["sr"])
        return self._sr[name]


def number(record: Record, what: str) -> float | None:
    """A number of a record; None where it has none."""
    value = record.values.get(what)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
