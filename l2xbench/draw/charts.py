"""Charts of the page, as SVG that its style colours: coordinates here, elements in the template `charts.html`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from matplotlib.ticker import MaxNLocator

from l2xbench.draw import style
from l2xbench.draw.labels import Line, Place, Room, place_labels

SERIES = 6
"""Colours that the style has for methods; then they start again."""
_RADIUS = 4.5
"""Radius of a spot."""
_DIGIT, _TALL = 7.0, 9.0
"""Width of a digit beside it, and height."""
LEFT, RIGHT, TOP, BOTTOM = 44.0, 12.0, 8.0, 34.0
"""Margins of a chart, in the SVG\'s own units."""


@dataclass(frozen=True)
class Dot:
    """A point of a chart, with what is said of it when it is pointed at."""

    x: float
    y: float
    tip: str
    text: str = ""
    label: Place | None = None
    """The text's middle."""
    low: float | None = None
    high: float | None = None
    """Ends of its interval."""


@dataclass(frozen=True)
class Series:
    """One method: `look` names its colour in the style."""

    name: str
    look: str
    dots: list[Dot]
    band: str = ""
    """An SVG path."""
    joined: bool = True

    @property
    def path(self) -> str:
        """The dots joined."""
        return "M" + "L".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in self.dots)


@dataclass(frozen=True)
class Chart:
    """One plot, in the SVG's own units."""

    title: str
    description: str
    """What a reader who cannot see it is told."""
    width: float
    height: float
    series: list[Series]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    x_label: str
    y_label: str
    zero: float | None = None
    """Where a line for 0 stands."""

    left, right, top, bottom = LEFT, RIGHT, TOP, BOTTOM


@dataclass(frozen=True)
class Axis:
    """From numbers to places."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = map(math.log10, (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """At most so many round numbers inside the axis."""
        if self.log:
            found = style.log_locator(self.low, self.high).tick_values(self.low, self.high)
        else:
            found = MaxNLocator(most).tick_values(self.low, self.high)
        inside = [float(tick) for tick in found if self.low <= tick <= self.high]
        return [(self(tick), f"{tick:.4g}".replace("-", "−")) for tick in inside]


def label_dots(series: list[Series], texts: dict[tuple[int, int], str], width: float, height: float) -> None:
    """Puts each text near its dot, where nothing else is.

    Args:
        series: of a chart of this size; the dots that get a text are replaced.
        texts: (series, dot), by number -> text.
        width: of the chart.
        height: of the chart.
    """
    room = Room(LEFT, TOP, width - RIGHT, height - BOTTOM)
    dots = [dot for one in series for dot in one.dots]
    named = [series[i].dots[j] for i, j in texts]
    places = place_labels(
        [(dot.x, dot.y) for dot in named],
        [(_DIGIT * len(text), _TALL) for text in texts.values()],
        room,
        marker=_RADIUS + 1,
        others=[(dot.x, dot.y) for dot in dots if dot not in named],
        lines=[Line(dot.x, *sorted((dot.low, dot.high))) for dot in dots if dot.low is not None is not dot.high],
    )
    for (i, j), text, place in zip(texts, texts.values(), places, strict=True):
        series[i].dots[j] = replace(series[i].dots[j], text=text, label=place)
