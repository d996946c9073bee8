"""The page's own element: a picture that can be looked at closely, and clicked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments


class ImageViewer(ui.element, component="viewer.js"):
    """A picture with frames, the value under the pointer and, with `on_pick`, a spot to choose."""

    def __init__(
        self, label: str, *, linked: bool = True, on_pick: Callable[[int, int], Awaitable[None]] | None = None
    ) -> None:
        super().__init__()
        self.set(label=label, linked=linked, picks=on_pick is not None, rows=1, columns=1)

        async def picked(event: GenericEventArguments) -> None:
            assert on_pick is not None
            await on_pick(int(event.args["y"]), int(event.args["x"]))

        if on_pick is not None:
            self.on("pick", picked)

    def set(self, **props: Any) -> None:
        """Sets the properties that `viewer.js` names; None takes one away."""
        for name, value in props.items():
            if value is None:
                self._props.pop(name, None)
            else:
                self._props[name] = list(value) if isinstance(value, tuple) else value
        self.update()
