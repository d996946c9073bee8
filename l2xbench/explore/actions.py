"""What the two sides of the page may ask of the whole; `page.ExplorePage` does it."""

from __future__ import annotations

from typing import Literal, Protocol

from l2xbench.explore.pictures import Picture


class ChoiceActions(Protocol):
    """What a choice on the left leads to."""

    async def open(self, picture: Picture) -> None:
        """Shows another image."""

    async def upload(self, name: str, data: bytes) -> None:
        """Takes a file of the user's."""

    async def look(self, side: int, middle: tuple[float, float]) -> None:
        """Moves the window: `side` LR pixels about `middle` (y, x) of the whole image."""

    async def ask(self) -> None:
        """Has the window explained as the choices are now."""

    def say(self, line: str) -> None:
        """Shows a line of text; an empty one takes the last away."""


class MapActions(Protocol):
    """What can be done with the maps on the right."""

    def redraw(self) -> None:
        """Draws the same maps in another manner."""

    async def download(self, ending: Literal[".png", ".pdf"]) -> None:
        """Hands out the figure of the maps."""

    async def show_block(self, name: str, group: str | None) -> None:
        """Shows the part of a network's map that a group of its blocks has written; the whole map again for None."""
