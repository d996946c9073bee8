"""Patches of an SR image: where they are, what lies under them, and each method's maps of them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch

from l2xbench.attribution.attribution import Attribution
from l2xbench.attribution.finite import all_finite
from l2xbench.attribution.spread import footprint
from l2xbench.data.colour import luma
from l2xbench.data.images import to_image, to_tensor
from l2xbench.data.pairs import LoadedPair
from l2xbench.errors import RequestError
from l2xbench.studies.shared.features import generator
from l2xbench.studies.shared.inference import device_of, explained
from l2xbench.studies.shared.maps import needed_besides, upscaled
from l2xbench.studies.shared.places import COMMITTEE
from l2xbench.system.lru import RecentlyUsed
from l2xbench.words import words
from l2xbench.zoo.load import load_model
from l2xbench.zoo.network import Network

_INSET = 8
"""Chosen patches lie an eighth of the image's shorter side inside its border, so that there is context all around."""
_PLACES = 0x9A7C
"""Tells the random numbers of places from others of the image."""


class SquarePatch(NamedTuple):
    """A square of an SR image: left, top and side in SR pixels."""

    x: int
    y: int
    size: int

    @property
    def target(self) -> str:
        """What `explain` calls it."""
        return f"patch:{self.y},{self.x},{self.size},{self.size}"

    def middle(self, scale: int) -> tuple[float, float]:
        """Row and column of its middle in LR pixels, whose middles are whole numbers.

        Examples:
            >>> SquarePatch(120, 120, 16).middle(4)
            (31.5, 31.5)
        """
        row, column = ((start + self.size / 2) / scale - 0.5 for start in (self.y, self.x))
        return row, column

    def footprint(self, scale: int) -> tuple[slice, slice]:
        """Rows and columns of the LR pixels that it covers any part of.

        Examples:
            >>> SquarePatch(118, 120, 16).footprint(4)
            (slice(30, 34, None), slice(29, 34, None))
        """
        return footprint((self.y, self.x, self.size, self.size), scale)

    def cut(self, images: Any) -> Any:
        """Its pixels of SR images (..., sH, sW)."""
        return images[..., self.y : self.y + self.size, self.x : self.x + self.size]


def patches_of(pair: LoadedPair, options: Mapping[str, Any]) -> list[SquarePatch]:
    """The patches of an image that a unit's options mean, see `places.patch_options`.

    Raises:
        RequestError: a given patch is not within the image, or it has no room for a chosen one.
    """
    size, scale, places = options["size"], options["scale"], options["places"]
    height, width = pair.lr.shape[:2]
    called = words(scale)
    if isinstance(places, list):
        for x, y in places:
            if x + size > width * scale or y + size > height * scale:
                raise RequestError(
                    f"the patch of {size} x {size} {called.sr} pixels at {x},{y} (left, top) is not within the "
                    f"{width * scale} x {height * scale} {called.sr} pixels of {pair.name}"
                )
        return [SquarePatch(x, y, size) for x, y in places]
    corners = _chosen(pair, places["by"], places["count"], size // scale, options["seed"], called.lr)
    return [SquarePatch(column * scale, row * scale, size) for row, column in corners]


def _chosen(pair: LoadedPair, by: str, count: int, side: int, seed: int, called: str) -> list[tuple[int, int]]:
    """Rows and columns of the LR windows with the highest scores that do not overlap."""
    inset = min(pair.lr.shape[:2]) // _INSET
    rows, columns = (length - side - 2 * inset + 1 for length in pair.lr.shape[:2])
    if rows < 1 or columns < 1:
        height, width = pair.lr.shape[:2]
        raise RequestError(
            f"{pair.name} has {width} x {height} {called} pixels, too few for a patch of {side} x {side} with context "
            "around"
        )
    scores = _scores(pair, by, side, seed)[inset : inset + rows, inset : inset + columns].copy()
    found: list[tuple[int, int]] = []
    while len(found) < count and math.isfinite(scores.max()):
        row, column = (int(place) for place in np.unravel_index(int(scores.argmax()), scores.shape))
        found.append((row + inset, column + inset))
        # windows nearer than a side would overlap it
        rows_taken, columns_taken = (slice(max(0, place - side + 1), place + side) for place in (row, column))
        scores[rows_taken, columns_taken] = -np.inf
    return found


def _scores(pair: LoadedPair, by: str, side: int, seed: int) -> np.ndarray:
    """How much each LR window wants to be looked at, by its upper left pixel."""
    height, width = pair.lr.shape[:2]
    if by == "random":
        return generator(pair.digest, seed, _PLACES).random((height - side + 1, width - side + 1))
    if by == "disagreement":
        interest = _disagreement(pair)
    else:
        down, across = np.gradient(luma(pair.lr))
        interest = np.asarray(down**2 + across**2)
    windows = np.lib.stride_tricks.sliding_window_view(interest, (side, side))
    return np.asarray(windows.sum(axis=(2, 3)))


def _disagreement(pair: LoadedPair) -> np.ndarray:
    """(H, W): the squared difference of the committee's SR images, summed over the SR pixels of each LR pixel."""

    def compared() -> np.ndarray:
        lr = to_tensor(pair.lr)
        one, other = (luma(to_image(upscaled(_committee(name), lr).output)) for name in COMMITTEE)
        height, width = pair.lr.shape[:2]
        blocks = ((one - other) ** 2).reshape(height, one.shape[0] // height, width, one.shape[1] // width)
        return np.asarray(blocks.sum(axis=(1, 3)))

    return _compared.get(pair.digest, compared)


def _committee(name: str) -> Network:
    """On the CPU, where its last digits are the same whatever the study's device."""
    return _members.get(name, lambda: load_model(name))


_members: RecentlyUsed[str, Network] = RecentlyUsed(len(COMMITTEE))
_compared: RecentlyUsed[str, np.ndarray] = RecentlyUsed(8)


@dataclass(frozen=True)
class PatchMaps:
    """A method's maps of an image's patches.

    Attributes:
        values: (patches, 3, H, W), signed.
        reference: (3, H, W).
        seconds: time that they took, all together.
        tile: side in LR pixels of the tiles that they were made in; None for the whole image at once.
    """

    values: np.ndarray
    reference: np.ndarray
    seconds: float
    tile: int | None


def patch_maps(
    network: Network,
    pair: LoadedPair,
    patches: Sequence[SquarePatch],
    settings: Mapping[str, Any],
    others: Iterable[np.ndarray] = (),
) -> PatchMaps:
    """The maps of all patches, from one forward pass where the method allows it.

    Units of one network and image that want the same maps get the same: they are made once.

    Args:
        network: on any device.
        pair: the image.
        patches: within it.
        settings: keyword arguments of `l2xbench.explain` but the target.
        others: the dataset's other LR images, for a method that draws from them.

    Raises:
        RequestError: the method needs an HR image or others, and there are none.
        AttributionError: the network cannot be explained so.
        FloatingPointError: a map holds NaN or infinity.
    """

    def made() -> PatchMaps:
        lr = to_tensor(pair.lr).to(device_of(network))
        needed = needed_besides(settings["method"], lr.device, pair.hr, others, words(network.scale).hr)
        started = time.perf_counter()
        answer, tile = explained(network, lr, target=[patch.target for patch in patches], **settings, **needed)
        found: list[Attribution] = answer  # type: ignore[assignment]  # a list of targets gives a list
        if lr.device.type == "cuda":
            torch.cuda.synchronize(lr.device)
        seconds = time.perf_counter() - started
        values = torch.cat([each.values for each in found])
        if not all_finite(values):
            raise FloatingPointError("the attribution holds NaN or infinity")
        return PatchMaps(values.cpu().numpy(), found[0].reference[0].cpu().numpy(), seconds, tile)

    key = (pair.digest, tuple(patches), tuple(sorted((name, str(value)) for name, value in settings.items())))
    return _made.setdefault(network, RecentlyUsed(4)).get(key, made)


_made: WeakKeyDictionary[Network, RecentlyUsed[Any, PatchMaps]] = WeakKeyDictionary()
