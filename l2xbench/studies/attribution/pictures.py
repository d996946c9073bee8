"""An image's pictures and maps, from records to the panels that figures and the page show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from l2xbench.config import StudyConfig
from l2xbench.draw.panels import HeatmapPanel
from l2xbench.draw.zoom import zoom_box
from l2xbench.store.records import Record, Records
from l2xbench.store.store import Store
from l2xbench.studies.attribution.options import AttributionOptions, HeatmapOptions
from l2xbench.studies.figures import ImageSet
from l2xbench.studies.image_view import ImageRecords
from l2xbench.studies.restoration.units import measured
from l2xbench.studies.shared.maps import MapRequest, NetworkImage, NetworkMap
from l2xbench.studies.shared.panels import ShownImage, make_panel

_SHOWN = ("inputs", "restoration", "attribution")
AT_ONCE = 100_000
"""Records in memory at a time, some 200 MB; then the journals are read again for further images."""


def image_records(wanted: ImageSet) -> Iterator[ImageRecords]:
    """Every image that has an SR image, in the study's order; its methods as the attribution block names them."""
    maps = wanted.config.block(AttributionOptions)
    shown = wanted.records.of_studies(*_SHOWN)
    methods = dict.fromkeys(maps.methods if maps else [])
    for name, _ in shown.wanted:
        if name.study == "attribution":
            methods.setdefault(name.label)
    for dataset, images in wanted.images.items():
        at_once = max(1, AT_ONCE // max(1, _groups(shown, dataset)))
        for start in range(0, len(images), at_once):
            part = images[start : start + at_once]
            found: dict[str, dict[tuple[str, str, str], Record]] = {}
            for record in shown.of_images(dataset, part):
                found.setdefault(record.image, {})[record.study, record.model, record.label] = record
            for image in part:
                one = _image_records(found.get(image, {}), wanted.models, methods)
                if one is not None:
                    yield one


def first_images(wanted: ImageSet, most: int) -> ImageSet:
    """The first images of each dataset that have at most so many records all together; one image at the least."""
    fitting: dict[str, Sequence[str]] = {}
    left = most
    for dataset, images in wanted.images.items():
        each = max(1, _groups(wanted.records.of_studies(*_SHOWN), dataset))
        fitting[dataset] = images[: max(left // each, int(left == most))]
        left -= each * len(fitting[dataset])
    return replace(wanted, images=fitting)


def _groups(records: Records, dataset: str) -> int:
    return sum(name.dataset == dataset for name, _ in records.wanted)


def _image_records(
    found: Mapping[tuple[str, str, str], Record], models: Iterable[str], methods: Iterable[str]
) -> ImageRecords | None:
    inputs = found.get(("inputs", "", ""))
    restored = {model: found["restoration", model, ""] for model in models if ("restoration", model, "") in found}
    if inputs is None or not restored:
        return None
    # a record may have come without its map (`l2xbench bundle --no-maps`)
    mapped = {key: record for key, record in found.items() if key[0] == "attribution" and "attribution" in record.files}
    maps = {
        method: {
            model: mapped["attribution", model, method]
            for model in restored
            if ("attribution", model, method) in mapped
        }
        for method in methods
    }
    return ImageRecords(inputs, restored, {method: networks for method, networks in maps.items() if networks})


class Pictures:
    """Loads an image's panels, each picture once."""

    def __init__(self, store: Store, config: StudyConfig, found: ImageRecords) -> None:
        self._store = store
        self._config = config
        self._found = found
        self._restored: dict[str, NetworkImage] = {}
        self.lr = store.load_image(found.inputs.files["lr"])
        self.hr = store.load_image(found.inputs.files["hr"]) if "hr" in found.inputs.files else None

    def panel(self, method: str, *, zoomed: bool = False) -> HeatmapPanel:
        """The networks' SR images and maps by `method`.

        Args:
            method: one that the image has maps of.
            zoomed: whether a part is chosen to be enlarged, as the study says.

        Raises:
            RequestError: the study names a part that lies outside the image.
        """
        inputs, config = self._found.inputs, self._config
        maps = config.block(AttributionOptions)
        assert maps is not None, "there is a map"
        request = MapRequest(maps.target, maps.reference, method)
        networks = {
            name: (self._image(name), self._map(record)) for name, record in self._found.explained[method].items()
        }
        zoom = None
        heatmaps = config.block(HeatmapOptions)
        if zoomed and heatmaps is not None:
            pictures = [restored.image for restored, _ in networks.values()]
            zoom = zoom_box(heatmaps.zoom, inputs.image, request.target, pictures, config.scale)
        shown = ShownImage(inputs.dataset, inputs.image, config.scale, self.lr, self.hr)
        return make_panel(
            shown,
            networks,
            request,
            zoom=zoom,
            colour=measured(config)["colour"],
            scale_of_colours="auto" if heatmaps is None else heatmaps.scale,
        )

    def _image(self, name: str) -> NetworkImage:
        if name not in self._restored:
            record = self._found.restored[name]
            sr = self._store.load_image(record.files["sr"])
            self._restored[name] = NetworkImage(sr, record.number("psnr"), record.number("ssim"))
        return self._restored[name]

    def _map(self, record: Record) -> NetworkMap:
        arrays = self._store.load_arrays(record.files["attribution"])
        return NetworkMap(arrays, record.number("completeness_error"), record.number("seconds") or 0.0)
