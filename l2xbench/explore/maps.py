"""The right of the page: each network's map with its numbers, the colours' scale, and what can be downloaded."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, TypeVar

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from l2xbench.attribution.flow import AROUND
from l2xbench.draw.colormap import PALETTES
from l2xbench.draw.scales import SCALES, chosen
from l2xbench.explore.actions import MapActions
from l2xbench.explore.blocks import Strip
from l2xbench.explore.drawing import Drawing, DrawnMap, Number
from l2xbench.explore.server import Shelf
from l2xbench.explore.tab import Tab
from l2xbench.explore.viewer import ImageViewer
from l2xbench.system.files import packed

_SCALES_MEAN = (
    "How numbers become colours: in proportion (linear), or by their logarithm (symlog), which shows what is small and "
    "far; auto takes symlog for a patch and linear for the whole window"
)
_NONE = "Choose a network on the left."
_SOON = "The image is being loaded; the maps follow, one network after the other."
_FOLLOWS = "What each block brings to the map is being computed."
_BARS = (
    "Bars: the whole map, what passes around all blocks, and each block from input to output, as high as what it has "
    "written is large. Click one for its part of the map."
)
T = TypeVar("T", bound=ui.element)


def _labelled(element: T, label: str) -> T:
    """Names of networks come from files: they are set as they are, not parsed."""
    element.props["aria-label"] = label
    return element


class _Card:
    """One network's map, and a strip of its blocks."""

    def __init__(self, name: str, tab: Tab, page: MapActions) -> None:
        self.name, self.tab, self.page = name, tab, page
        self._blocks: dict[str | None, ui.element] = {}
        self.blocks_follow = False
        with _labelled(ui.element("article").classes("card"), f"Map of {name}"):
            with ui.element("div").classes("head"):
                ui.label(name).classes("name")
                self.save = ui.button("npz", icon="download", on_click=self._download).props(
                    "flat dense no-caps size=sm"
                )
                _labelled(self.save, f"Download the map of {name} as npz")
            self.viewer = ImageViewer(f"The map of {name}")
            self.strip = ui.element("div").classes("strip").props("role=group")
            _labelled(self.strip, f"Blocks of {name}, from input to output")
            self.told = ui.label().classes("told")
            self.numbers = ui.element("dl").classes("numbers")
            self.message = ui.label().classes("message").props("role=alert")
        self.message.set_visibility(False)

    def wait(self) -> None:
        self.viewer.set(busy=True, note="waiting")
        self.save.set_enabled(False)
        self.message.set_visibility(False)
        self.strip.clear()
        self._blocks = {}
        self.told.set_text("")

    def tell_blocks(self, strip: Strip) -> None:
        """A bar for each block, as high as what it has written is large."""
        self.strip.clear()
        largest = max((abs(part) for part in strip.written.values()), default=0.0) or 1.0
        around = f"around all blocks: {strip.around:.1%}"
        self._blocks = {}
        with self.strip:
            self._block(None, "the whole map", 1.0, "whole")
            self._block(AROUND, around, 1.0, "whole")
            for group, part in strip.written.items():
                look = "away" if part < 0 else "adds"
                self._block(group, f"{group}: {part:.2%}", abs(part) / largest, look)
        self.choose(None)

    def _block(self, group: str | None, told: str, height: float, look: str) -> None:
        button = ui.element("button").classes(f"part {look}").props("type=button")
        _labelled(button, told).on("click", partial(self.page.show_block, self.name, group))
        with button:
            ui.element("i").style(f"height: {100 * height:.0f}%")
            ui.tooltip(told)
        self._blocks[group] = button

    def choose(self, group: str | None, told: str = "") -> None:
        """Marks what the map shows, and says it."""
        for each, button in self._blocks.items():
            button.props(f"aria-pressed={'true' if each == group else 'false'}")
        self.told.set_text(told or (_BARS if self._blocks else _FOLLOWS if self.blocks_follow else ""))

    def tell(self, lines: list[Number]) -> None:
        self.numbers.clear()
        with self.numbers:
            for line in lines:
                with ui.element("div").tooltip(line.meaning):
                    with ui.element("dt"):
                        ui.label(line.name)
                    with ui.element("dd"):
                        ui.label(line.value)

    def _download(self) -> None:
        answer = self.tab.answers.get(self.name)
        if answer is not None:
            ui.download.content(bytes(packed(answer.found.arrays)), f"{self.name}.npz")


class Maps:
    """The maps of the chosen networks, all on one scale of colours."""

    def __init__(self, page: MapActions, tab: Tab) -> None:
        self.page, self.tab = page, tab
        self.near = True
        self._cards: dict[str, _Card] = {}
        with ui.element("section").classes("maps").props('aria-label="Maps"'):
            with ui.element("div").classes("bar"):
                ui.switch("Enlarge", value=True, on_change=self._set_near).props("dense")
                palette = ui.toggle(list(PALETTES), value=tab.palette, on_change=self._set_palette)
                palette.props("dense no-caps unelevated")
                colours = ui.toggle(list(SCALES), value=tab.scale_of_colours, on_change=self._set_scale)
                colours.props('dense no-caps unelevated aria-label="Scale of colours"')
                colours.tooltip(_SCALES_MEAN)
                with ui.element("div").classes("downloads") as self._downloads:
                    ui.label("Figure").classes("what")
                    self._save(".pdf")
                    self._save(".png")
            with ui.element("div").classes("scale") as self._scale:
                with ui.element("div").classes("colours"):
                    self._bar = ui.element("img").props('alt="Colours from negative to positive"')
                    self._ticks = ui.element("div").classes("ticks")
                self._unit = ui.label().classes("unit")
            self._grid = ui.element("div").classes("cards")
            self._nothing = ui.label(_SOON if tab.networks else _NONE).classes("hint")
        self._hide()

    def _save(self, ending: Literal[".pdf", ".png"]) -> None:
        button = ui.button(ending[1:].upper(), on_click=partial(self.page.download, ending))
        button.props("outline dense no-caps").props(f'aria-label="Download the figure as {ending[1:]}"')

    def _hide(self) -> None:
        """What there is only with maps."""
        self._scale.classes(add="unseen")
        self._downloads.classes(add="unseen")

    def clear(self) -> None:
        """Forgets the maps of another window."""
        self._grid.clear()
        self._cards = {}
        self._hide()

    def wait(self, names: list[str]) -> None:
        """A card for each network; those that are there stay until their answer comes."""
        if list(self._cards) != names:
            self._grid.clear()
            with self._grid:
                self._cards = {name: _Card(name, self.tab, self.page) for name in names}
        for card in self._cards.values():
            card.wait()
        self._nothing.set_text(_NONE)
        self._nothing.set_visibility(not names)
        self._downloads.classes(add="unseen")

    def work(self, name: str) -> None:
        """The network is being explained."""
        self._cards[name].viewer.set(note="explaining")

    def answer(self, name: str, lines: list[Number], *, blocks_follow: bool) -> None:
        """The network's numbers; its map comes with `draw`, and what its blocks bring after all maps."""
        card = self._cards[name]
        card.blocks_follow = blocks_follow
        card.viewer.set(busy=False, note=None)
        card.save.set_enabled(True)
        card.tell(lines)

    def fail(self, name: str, line: str) -> None:
        """The network has no map."""
        card = self._cards[name]
        card.viewer.set(busy=False, note=None, src=None, values=None)
        card.tell([])
        card.message.set_text(line)
        card.message.set_visibility(True)

    def draw(self, drawn: Drawing, shelf: Shelf) -> None:
        """All maps that there are, on their common scale."""
        for name, one in drawn.maps.items():
            self._put(name, one, drawn, shelf)
            self._cards[name].choose(None)
        self._ticks.clear()
        with self._ticks:
            for place, text in drawn.ticks:
                ui.label(text).style(f"left: {100 * place:.2f}%")
        self._bar.props(f'src="{shelf.put(drawn.bar, "png")}"')
        self._unit.set_text(drawn.unit)
        self._scale.classes(remove="unseen")

    def _put(self, name: str, one: DrawnMap, drawn: Drawing, shelf: Shelf) -> None:
        tab = self.tab
        assert tab.pair is not None
        rows, columns = tab.pair.lr.shape[:2]
        self._cards[name].viewer.set(
            src=shelf.put(one.picture, "png"),
            values=shelf.put(one.values, "f32"),
            stamp=tab.answers[name].request.target,
            rows=rows,
            columns=columns,
            view=drawn.view,
            box=tuple(length / tab.scale for length in tab.frame) if tab.frame else None,
        )

    def tell_blocks(self, name: str, strip: Strip) -> None:
        """What the network's blocks bring to its map."""
        if name in self._cards:
            self._cards[name].tell_blocks(strip)

    def tell_no_blocks(self, name: str) -> None:
        """The network has no blocks, or no memory for them."""
        if name in self._cards:
            self._cards[name].blocks_follow = False
            self._cards[name].choose(None)

    def draw_block(self, name: str, group: str, drawn: Drawing, shelf: Shelf) -> None:
        """A part of a network's map, on a scale of its own."""
        strip = self.tab.strips.get(name)
        if strip is None or name not in self._cards:
            return
        self._put(name, drawn.maps[name], drawn, shelf)
        part = strip.around if group == AROUND else strip.written[group]
        who = "around all blocks" if group == AROUND else group
        self._cards[name].choose(group, f"{who}: {part:.2%} of delta; full colour ±{drawn.limit:.3g}")

    def done(self, failed: list[str]) -> None:
        """All networks have answered."""
        if len(failed) < len(self._cards):
            self._downloads.classes(remove="unseen")

    def _set_near(self, event: ValueChangeEventArguments[Any]) -> None:
        self.near = bool(event.value)
        self.page.redraw()

    def _set_scale(self, event: ValueChangeEventArguments[Any]) -> None:
        self.tab.scale_of_colours = chosen(str(event.value))
        self.page.redraw()

    def _set_palette(self, event: ValueChangeEventArguments[Any]) -> None:
        self.tab.palette = str(event.value)
        self.page.redraw()
