"""The left of the page: image, window, networks, and how they are explained."""

from __future__ import annotations

from typing import Any, cast

from nicegui import ui
from nicegui.events import UploadEventArguments, ValueChangeEventArguments

from l2xbench.attribution import method_names
from l2xbench.attribution.methods.registry import get_method
from l2xbench.attribution.references import NAMES as REFERENCES
from l2xbench.explore import pictures
from l2xbench.explore.actions import ChoiceActions
from l2xbench.explore.pictures import Kind, Picture
from l2xbench.explore.tab import PATCHES, Tab
from l2xbench.explore.viewer import ImageViewer
from l2xbench.words import words

_LARGEST_UPLOAD = 128 * 2**20
_FILTERED_FROM = 12
"""So many images are looked for by typing."""
_KINDS_MEAN = "What the image is: LR, to be enlarged as it is, or HR, of which LR is made by MATLAB's bicubic"
_KINDS_MEAN_AT_1 = "What the image is: the input, to be restored as it is, or the target, of which the input is made"


_PATCH, _WHOLE = "patch", "image"
_TARGETS = {_PATCH: "Patch", _WHOLE: "Whole window"}
_TARGETS_MEAN = "What the maps explain: the patch that was clicked, or all {sr} pixels of the window"


class Choices:
    """Keeps the tab as the user sets it, and tells the page what has changed."""

    def __init__(self, page: ChoiceActions, tab: Tab, found: list[Picture], names: list[str]) -> None:
        self.page, self.tab = page, tab
        self.called = words(tab.scale)
        self.found = {picture.label: picture for picture in found}
        with ui.element("section").classes("choices").props('aria-label="Choices"'):
            self._build_image(found)
            self._build_networks(names)
            self._build_method()
        self._fit_method()

    @property
    def kind(self) -> Kind:
        """What an uploaded file is taken for."""
        return cast(Kind, self._kind.value)

    @property
    def first(self) -> Picture:
        """The image that the page opens with."""
        return next(iter(self.found.values()))

    def add(self, picture: Picture) -> None:
        """One more image, which is chosen at once."""
        label, count = picture.label, 1
        while label in self.found:
            count += 1
            label = f"{picture.label} ({count})"
        self.found[label] = Picture(label, picture.pair)
        self._image.set_options(list(self.found), value=label)

    def show_picture(self, overview: str) -> None:
        """The image that was opened, whole."""
        picture, whole = self.tab.picture, self.tab.whole
        assert picture is not None and whole is not None
        rows, columns = whole.lr.shape[:2]
        self._kind.set_enabled(picture.as_kind("lr") != picture.as_kind("hr"))
        if self._kind.enabled:
            self._kind.set_value(picture.kind)
        self._overview.set(src=overview, rows=rows, columns=columns, label="The whole image: click to move the window")
        sizes = {side: f"{side} px" for side in pictures.sides(whole.lr.shape)}
        now = min(self.tab.side, max(sizes))
        self.tab.side = now if now in sizes else max(side for side in sizes if side <= now or side == min(sizes))
        self._side.set_options(sizes, value=self.tab.side)

    def take_patch(self) -> None:
        """A click chose a spot where all of the window was explained."""
        self._target.set_value(_PATCH)

    def show_window(self) -> None:
        """Where the window lies."""
        _, _, height, width = box = self.tab.window
        assert self.tab.whole is not None
        movable = (height, width) != self.tab.whole.lr.shape[:2]
        self._overview.set(dashed=box if movable else None, cursor=(height, width) if movable else None, picks=movable)

    def _build_image(self, found: list[Picture]) -> None:
        with ui.element("div").classes("group"):
            ui.label("Image").classes("heading")
            self._image = ui.select(
                list(self.found), value=found[0].label, with_input=len(found) >= _FILTERED_FROM, on_change=self._open
            )
            self._image.props('dense outlined options-dense aria-label="Image"')
            with ui.element("div").classes("window"):
                self._overview = ImageViewer("The whole image", linked=False, on_pick=self._move)
                with ui.element("div").classes("group"):
                    side = self.tab.side
                    label = "Window" if self.tab.scale == 1 else f"Window, {self.called.lr}"
                    self._side = ui.select([side], value=side, label=label, on_change=self._resize)
                    self._side.props("dense outlined options-dense")
                    kinds: dict[Kind, str] = {"lr": self.called.lr, "hr": self.called.hr}
                    self._kind = ui.toggle(kinds, value=found[0].kind, on_change=self._as_kind)
                    self._kind.props("dense no-caps unelevated spread").tooltip(
                        _KINDS_MEAN_AT_1 if self.tab.scale == 1 else _KINDS_MEAN
                    )
                    upload = ui.upload(on_upload=self._upload, on_rejected=self._rejected, auto_upload=True)
                    upload.props(f"accept=image/* max-file-size={_LARGEST_UPLOAD}").classes("hidden")
                    ui.button("Upload", icon="upload", on_click=lambda: upload.run_method("pickFiles")).props(
                        "outline dense no-caps"
                    )

    def _build_networks(self, names: list[str]) -> None:
        with ui.element("div").classes("group networks"):
            ui.label("Networks").classes("heading")
            self._networks = {
                name: ui.checkbox(name, value=name in self.tab.networks, on_change=self._choose).props("dense")
                for name in names
            }

    def _build_method(self) -> None:
        tab = self.tab
        with ui.element("div").classes("group"):
            ui.label("Explanation").classes("heading")
            self._method = ui.select(method_names(), value=tab.method, label="Method", on_change=self._explain)
            self._about = ui.label().classes("about")
            self._options = ui.element("div").classes("pair")
            with ui.element("div").classes("pair"):
                self._reference = ui.select(
                    list(REFERENCES), value=tab.reference, label="Reference", on_change=self._explain
                )
                self._variance = ui.number(
                    "Variance", value=tab.variance, min=0.1, max=400, step=1, on_change=self._explain
                )
            for element in (self._method, self._reference, self._variance):
                element.props("dense outlined options-dense")
            self._variance.props("debounce=400")
            self._target = ui.toggle(_TARGETS, value=_WHOLE if tab.whole_window else _PATCH, on_change=self._explain)
            self._target.props('dense no-caps unelevated spread aria-label="What the maps explain"')
            self._target.tooltip(_TARGETS_MEAN.format(sr=self.called.sr))
            self._size = ui.label(f"Patch, {self.called.sr} pixels on a side").classes("about")
            self._patch = ui.toggle(list(PATCHES), value=tab.patch, on_change=self._explain)
            self._patch.props("dense no-caps unelevated spread")

    async def _open(self, event: ValueChangeEventArguments[Any]) -> None:
        if event.value in self.found:
            await self.page.open(self.found[event.value])

    async def _upload(self, event: UploadEventArguments) -> None:
        cast(ui.upload, event.sender).reset()
        await self.page.upload(event.file.name, await event.file.read())

    def _rejected(self) -> None:
        self.page.say(f"the file was not taken: it must be an image of at most {_LARGEST_UPLOAD // 2**20} MiB")

    async def _as_kind(self, event: ValueChangeEventArguments[Any]) -> None:
        picture = self.tab.picture
        if picture is not None and picture.kind != event.value:
            self.found[picture.label] = picture.as_kind(event.value)
            await self.page.open(self.found[picture.label])

    async def _move(self, y: int, x: int) -> None:
        await self.page.look(self.tab.side, (y, x))

    async def _resize(self, event: ValueChangeEventArguments[Any]) -> None:
        if event.value is not None and event.value != self.tab.side:
            await self.page.look(int(event.value), self.tab.window_middle)

    async def _choose(self) -> None:
        self.tab.networks = [name for name, box in self._networks.items() if box.value]
        await self.page.ask()

    async def _explain(self, event: ValueChangeEventArguments[Any]) -> None:
        if event.sender is self._method:
            self.tab.options = {}
            self.tab.method = event.value
            self._fit_method()
        self.tab.reference = self._reference.value
        self._variance.set_visibility(self._reference.value == "blur" and self._reference.enabled)
        if self._variance.value:
            self.tab.variance = float(self._variance.value)
        self.tab.patch = int(self._patch.value)
        self.tab.whole_window = self._target.value == _WHOLE
        for element in (self._size, self._patch):
            element.set_visibility(not self.tab.whole_window)
        await self.page.ask()

    def _fit_method(self) -> None:
        """What the chosen method needs of the page."""
        method = get_method(self.tab.method)
        self._about.set_text(method.summary)
        own = method.reference is not None
        self._reference.set_enabled(not own)
        self._variance.set_visibility(not own and self.tab.reference == "blur")
        self._options.clear()
        with self._options:
            for name, (kind, default) in method.options.items():
                value = self.tab.options.get(name, default)
                if kind is bool:
                    ui.checkbox(name, value=value, on_change=self._setting(name, kind)).props("dense")
                elif name in method.choices:
                    choice = ui.select(list(method.choices[name]), value=value, label=name)
                    choice.on_value_change(self._setting(name, kind)).props("dense outlined")
                else:
                    number = ui.number(name, value=value, min=0, on_change=self._setting(name, kind))
                    number.props("dense outlined debounce=400")

    def _setting(self, name: str, kind: type) -> Any:
        async def set_option(event: ValueChangeEventArguments[Any]) -> None:
            if event.value is None:
                return
            whole = kind is int and float(event.value).is_integer()
            self.tab.options[name] = int(event.value) if whole else event.value
            await self.page.ask()

        return set_option
