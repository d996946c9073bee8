"""What one tab of a browser has chosen, and what has been found for it. Knows no page, and runs no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.methods.registry import get_method
from l2xbench.attribution.references import BLUR_VARIANCE, parse_reference
from l2xbench.data.pairs import LoadedPair
from l2xbench.draw.colormap import PALETTES
from l2xbench.draw.panels import Box, HeatmapPanel
from l2xbench.draw.scales import Scale
from l2xbench.draw.zoom import around_target
from l2xbench.errors import RequestError
from l2xbench.explore import pictures
from l2xbench.explore.blocks import Strip
from l2xbench.explore.pictures import Picture
from l2xbench.explore.workbench import Answer
from l2xbench.studies.shared.maps import MapRequest, NetworkImage
from l2xbench.studies.shared.panels import ShownImage, make_panel

PATCHES = (1, 2, 4, 8, 16, 32, 64)
"""SR pixels on a side of the patch that is explained; 1 is one pixel with its three channels."""


@dataclass
class Tab:
    """The choices of one tab.

    Attributes:
        scale: SR pixels for each LR pixel, along each side.
        networks: those whose maps are wanted, in this order.
        side: LR pixels on a side of the window, as far as the image goes.
        patch: SR pixels on a side of the patch, as far as the window goes.
        spot: y, x in SR pixels of the window: the patch's middle.
        whole_window: explain all SR pixels of the window, whatever the spot.
        options: of the method, by name, where they are not the defaults.
        answers: by network, each to the request as it was when it was made.
        strips: by network, what its blocks bring to that answer, once it is known.
    """

    scale: int
    networks: list[str]
    side: int = 96
    patch: int = 16
    method: str = "l2x"
    reference: str = "blur"
    variance: float = BLUR_VARIANCE
    options: dict[str, Any] = field(default_factory=dict)
    palette: str = PALETTES[0]
    scale_of_colours: Scale = "auto"
    picture: Picture | None = None
    whole: LoadedPair | None = None
    window: Box = (0, 0, 0, 0)
    pair: LoadedPair | None = None
    spot: tuple[int, int] = (0, 0)
    whole_window: bool = False
    answers: dict[str, Answer] = field(default_factory=dict)
    strips: dict[str, Strip] = field(default_factory=dict)

    def open(self, picture: Picture, whole: LoadedPair) -> None:
        """Takes another image, and looks at its middle."""
        self.picture, self.whole = picture, whole
        self.look(self.side)

    def look(self, side: int, middle: tuple[float, float] | None = None) -> None:
        """Moves the window: `side` LR pixels about `middle` (y, x), the image's middle by default."""
        assert self.whole is not None
        self.side = side
        self.window = pictures.window(self.whole.lr.shape, side, middle)
        self.pair = self.whole.window(self.window, self.scale)
        _, _, height, width = self.window
        self.spot = (height * self.scale // 2, width * self.scale // 2)
        self.answers, self.strips = {}, {}

    @property
    def window_middle(self) -> tuple[float, float]:
        """y, x in LR pixels of the whole image."""
        y, x, height, width = self.window
        return (y + height / 2, x + width / 2)

    @property
    def sr_shape(self) -> tuple[int, int]:
        """Height and width of the window's SR image."""
        return (self.window[2] * self.scale, self.window[3] * self.scale)

    @property
    def box(self) -> Box:
        """The patch about the spot, moved to lie within the window, in SR pixels."""
        box = []
        for at, length in zip(self.spot, self.sr_shape, strict=True):
            size = min(self.patch, length)
            box.append((min(max(at - size // 2, 0), length - size), size))
        (y, height), (x, width) = box
        return (y, x, height, width)

    @property
    def frame(self) -> Box | None:
        """What is explained, in SR pixels; None for all of the window."""
        return None if self.whole_window else self.box

    @property
    def request(self) -> MapRequest:
        """What is asked now.

        Raises:
            RequestError: the method has no such option, or a value is out of its range.
        """
        reference = self.reference
        if reference == "blur" and self.variance != BLUR_VARIANCE:
            reference = f"blur:alpha={self.variance:g}"
        try:
            parse_reference(reference)
            get_method(self.method).bind(self.options)
        except AttributionError as error:
            raise RequestError(str(error)) from None
        return MapRequest(
            target=f"patch:{','.join(map(str, self.frame))}" if self.frame else "image",
            reference=reference,
            method=self.method,
            options=tuple(sorted(self.options.items())),
        )

    def panel(self, sr: Mapping[str, NetworkImage]) -> HeatmapPanel | None:
        """What is found so far for one request, as the figures of a study show it; None before the first answer.

        Args:
            sr: each answering network's SR image.
        """
        answers = {name: self.answers[name] for name in self.networks if name in self.answers}
        if not answers or self.pair is None or self.picture is None:
            return None
        request = next(iter(answers.values())).request
        shown = ShownImage("explore", self.picture.label, self.scale, self.pair.lr, self.pair.hr)
        networks = {name: (sr[name], answer.found) for name, answer in answers.items()}
        zoom = around_target(request.target, shown.sr_shape)
        return make_panel(shown, networks, request, zoom=zoom, scale_of_colours=self.scale_of_colours)

    def panel_of(self, name: str, values: np.ndarray, sr: Mapping[str, NetworkImage]) -> HeatmapPanel | None:
        """One network's panel with another map (3, h, w) in the place of its own; None where it has not answered."""
        answer = self.answers.get(name)
        if answer is None or name not in sr or self.pair is None or self.picture is None:
            return None
        found = replace(answer.found, arrays={**answer.found.arrays, "values": values})
        shown = ShownImage("explore", self.picture.label, self.scale, self.pair.lr, self.pair.hr)
        zoom = around_target(answer.request.target, shown.sr_shape)
        networks = {name: (sr[name], found)}
        return make_panel(shown, networks, answer.request, zoom=zoom, scale_of_colours=self.scale_of_colours)
