"""The page of one tab: what is chosen on the left, the picture to click in the middle, the maps on the right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from nicegui import ui

from l2xbench.data.pairs import LoadedPair
from l2xbench.draw.panels import HeatmapPanel
from l2xbench.errors import RequestError
from l2xbench.explore import drawing, pictures
from l2xbench.explore.choices import Choices
from l2xbench.explore.maps import Maps
from l2xbench.explore.pictures import Picture, Uploads
from l2xbench.explore.server import Shelf
from l2xbench.explore.tab import Tab
from l2xbench.explore.viewer import ImageViewer
from l2xbench.explore.workbench import Stopped, Workbench
from l2xbench.studies.shared.maps import MapRequest, NetworkImage
from l2xbench.words import words

P = ParamSpec("P")
T = TypeVar("T")

LR, HR = "LR", "HR"

_PATCH_HINT = (
    "Click a spot, or move it with the arrow keys (with Shift by one pixel). "
    "The yellow frame is the patch that the maps explain."
)
_WHOLE_HINT = "The maps explain all of this window. Click a spot to explain the patch there instead."

_ACCENT = "#1f5fa8"
_STYLE = Path(__file__).with_name("page.css")


class ExplorePage:
    """Builds the page, and answers what is done on it. The newest wish counts."""

    def __init__(self, bench: Workbench, tab: Tab, found: list[Picture], uploads: Uploads, shelf: Shelf) -> None:
        self.bench, self.tab, self.uploads, self.shelf = bench, tab, uploads, shelf
        self.called = words(bench.scale)
        self.restored: dict[str, NetworkImage] = {}
        self._turn = 0
        self._gone = False
        ui.add_css(_STYLE)
        ui.colors(primary=_ACCENT)
        with ui.element("header").classes("top"):
            ui.label("l2xbench explore").classes("title")
            ui.label("Click the image: which input pixels did each network use for that spot?").classes("lead")
        with ui.element("div").classes("bench"):
            self.choices = Choices(self, tab, found, list(bench.networks))
            self._build_picture(list(bench.networks))
            self.maps = Maps(self, tab)
        ui.context.client.on_delete(self._drop)

    def _build_picture(self, names: list[str]) -> None:
        with ui.element("section").classes("picture").props('aria-label="Image to click"'):
            with ui.element("div").classes("bar"):
                shown = {**{name: name for name in names}, LR: self.called.lr, HR: self.called.hr}
                label = f"Shown: {self.called.sr} of"
                self.shown = ui.select(shown, value=names[0], label=label, on_change=self.show)
                self.shown.props("dense outlined options-dense").classes("shown")
                self.caption = ui.label().classes("caption")
            self.base = ImageViewer("The image to click", on_pick=self.pick)
            self.message = ui.label().classes("message").props("role=alert")
            self.hint = ui.label().classes("hint")

    # What is done on the page

    async def start(self) -> None:
        """The first image, once the browser has the page."""
        await ui.context.client.connected()
        await self.open(self.choices.first)

    async def open(self, picture: Picture) -> None:
        """Another image."""

        async def load() -> None:
            whole = await self._run(pictures.load, picture, self.bench.scale)
            self.tab.open(picture, whole)
            self.choices.show_picture(self.shelf.put(drawing.overview(whole.lr), "png"))
            await self._look()

        await self._do(load)

    async def upload(self, name: str, data: bytes) -> None:
        """A file of the user's."""

        async def take() -> None:
            kind = self.choices.kind
            picture = await self._run(self.uploads.add, name, data, kind)
            self.choices.add(picture)

        await self._do(take)

    async def look(self, side: int, middle: tuple[float, float]) -> None:
        """Another window of the image."""

        async def move() -> None:
            self.tab.look(side, middle)
            await self._look()

        if self.tab.whole is not None:
            await self._do(move)

    async def pick(self, y: int, x: int) -> None:
        """A spot, in SR pixels: the patch there is explained, also where it was all of the window."""
        self.tab.spot = (y, x)
        if self.tab.whole_window:
            self.choices.take_patch()  # which asks
        else:
            await self.ask()

    async def ask(self) -> None:
        """The same spot with other choices, or another spot."""
        if self.tab.pair is not None:
            await self._do(self._explain)

    async def show(self) -> None:
        """Another picture to click."""
        if self.tab.pair is not None:
            await self._do(self._show, newest=False)

    def redraw(self) -> None:
        """The same maps in another manner."""
        panel = self.tab.panel(self.restored)
        if panel is not None:
            drawn = drawing.draw(panel, self.tab.palette, near=self.maps.near)
            self.maps.draw(drawn, self.shelf)

    async def show_block(self, name: str, group: str | None) -> None:
        """A part of a network's map."""
        if group is None:
            self.redraw()
        else:
            await self._do(partial(self._show_block, name, group), newest=False)

    async def download(self, ending: Literal[".png", ".pdf"]) -> None:
        """The figure of the maps."""
        panel = self.tab.panel(self.restored)
        if panel is not None:
            await self._do(partial(self._download, panel, ending), newest=False)

    # How it is done

    async def _look(self) -> None:
        """The window as it is now: its image, then its maps."""
        self.restored = {}
        self.choices.show_window()
        self.maps.clear()
        await self._do(self._show, newest=False)  # where this network has no SR image, others may have maps
        await self._explain()

    async def _show(self) -> None:
        tab, wanted = self.tab, self.shown.value
        assert tab.pair is not None
        pair = tab.pair
        rows, columns = tab.sr_shape
        size = {"rows": rows, "columns": columns, "box": tab.frame, "cursor": self._cursor()}
        caption = ""
        if wanted == LR or (wanted == HR and pair.hr is None):
            image = pair.lr
            caption = "" if wanted == LR else f"no {self.called.hr} image; {self.called.the_lr} is shown"
        elif wanted == HR:
            assert pair.hr is not None
            image = pair.hr
        else:
            if self._new_window:
                self.base.set(src=self.shelf.put(drawing.png(pair.lr), "png"), busy=True, **size)
            restored = await self._restore(wanted)
            if tab.pair is not pair:
                return
            image = restored.image
            if restored.psnr is not None and restored.ssim is not None:
                caption = f"PSNR {restored.psnr:.2f} dB, SSIM {restored.ssim:.4f}"
        given = {LR: self.called.lr, HR: self.called.hr}
        what = given.get(wanted, f"{self.called.sr} of {wanted}")
        self.base.set(src=self.shelf.put(drawing.png(image), "png"), busy=False, label=f"{what}: click a spot", **size)
        self.caption.set_text(caption)

    @property
    def _new_window(self) -> bool:
        return not self.restored

    def _cursor(self) -> tuple[int, int]:
        return (self.tab.box[2], self.tab.box[3])

    async def _restore(self, name: str) -> NetworkImage:
        if name not in self.restored:
            pair = self.tab.pair
            assert pair is not None
            restored = await self._run(self.bench.super_resolve, name, pair)
            if self.tab.pair is not pair:
                return restored
            self.restored[name] = restored
        return self.restored[name]

    async def _explain(self) -> None:
        tab, turn = self.tab, self._turn
        request, pair = tab.request, tab.pair
        assert pair is not None
        self.base.set(box=tab.frame, cursor=self._cursor())
        self.hint.set_text(_WHOLE_HINT if tab.whole_window else _PATCH_HINT)
        tab.answers, tab.strips = {}, {}
        self.maps.wait(tab.networks)

        def wanted() -> bool:
            return self._turn == turn

        failed = []
        for name in tab.networks:
            self.maps.work(name)
            try:
                answer = await self._run(self.bench.explain, name, pair, request, wanted)
                await self._restore(name)
            except Stopped:
                return
            except RequestError as error:
                failed.append(name)
                if wanted():
                    self.maps.fail(name, str(error))
                continue
            if not wanted():
                return
            tab.answers[name] = answer
            self.maps.answer(name, drawing.numbers(answer, tab.scale), blocks_follow=request.method == "l2x")
            self.redraw()
        if wanted():
            self.maps.done(failed)
        if request.method == "l2x":
            await self._strips(pair, request, wanted)

    async def _strips(self, pair: LoadedPair, request: MapRequest, wanted: Callable[[], bool]) -> None:
        """The blocks of each network that has a map; one that has none, or no memory for it, goes without."""
        for name in list(self.tab.answers):
            try:
                strip = await self._run(self.bench.strip, name, pair, request, wanted)
            except Stopped:
                return
            except RequestError:
                self.maps.tell_no_blocks(name)
                continue
            if not wanted():
                return
            self.tab.strips[name] = strip
            self.maps.tell_blocks(name, strip)

    async def _show_block(self, name: str, group: str) -> None:
        tab, turn = self.tab, self._turn
        strip, answer, pair = tab.strips.get(name), tab.answers.get(name), tab.pair
        if strip is None or answer is None or pair is None:
            return

        def wanted() -> bool:
            return self._turn == turn

        try:
            values = await self._run(
                self.bench.block_map, name, pair, answer.request, group, strip.groups.get(group, ()), wanted
            )
        except Stopped:
            return
        panel = tab.panel_of(name, values, self.restored) if wanted() else None
        if panel is not None:
            drawn = drawing.draw(panel, tab.palette, near=self.maps.near)
            self.maps.draw_block(name, group, drawn, self.shelf)

    async def _download(self, panel: HeatmapPanel, ending: Literal[".png", ".pdf"]) -> None:
        data = await self._run(drawing.figure, panel, self.tab.palette, ending)
        ui.download.content(data, f"heatmap-{pictures.file_name(panel.image)}{ending}")

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Work for the networks' thread; the page goes on meanwhile.

        Raises:
            Stopped: the tab was closed in that time, and nobody looks at what was found.
        """
        found = await asyncio.wrap_future(self.bench.submit(work, *args, **kwargs))
        if self._gone:
            raise Stopped
        return found

    async def _do(self, work: Callable[[], Any], *, newest: bool = True) -> None:
        """Does something, and tells in one line what goes wrong."""
        if newest:
            self._turn += 1
        turn = self._turn
        self.say("")
        try:
            await work()
        except Stopped:
            return
        except RequestError as error:
            if turn == self._turn:
                self.base.set(busy=False)
                self.say(str(error))

    def say(self, line: str) -> None:
        """A line under the picture; none for the empty one."""
        self.message.set_text(line)
        self.message.set_visibility(bool(line))

    def _drop(self) -> None:
        self._gone = True
        self._turn += 1
