"""What would fail for every window, told before anything is run."""

from __future__ import annotations

from collections.abc import Sequence

from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError
from l2xbench.studies.attribution.checks import check_methods, check_reference
from l2xbench.studies.lam.cases import AUTO, Case
from l2xbench.studies.lam.options import LamOptions
from l2xbench.studies.lam.units import dataset_of
from l2xbench.studies.shared.room import Sizes, would_fit
from l2xbench.words import words


def check_lam(config: StudyConfig) -> None:
    """An unknown method, reference or dataset, or no case at all.

    Raises:
        RequestError: what is wrong, by key.
    """
    wanted = config.block(LamOptions)
    if wanted is None:
        return
    if not wanted.cases:
        raise RequestError('lam.cases: name a window at least: {image: img_019, window: "119,115,24"}; or say auto')
    check_methods("lam.methods", wanted.methods)
    check_reference("lam.reference", wanted.reference)
    if wanted.cases != AUTO:
        for case in wanted.cases:
            dataset_of(case, config)


def check_windows(key: str, cases: Sequence[Case] | str, size: int, config: StudyConfig, sizes: Sizes) -> None:
    """Windows of given images, or such a side that no image has.

    Args:
        key: of the block.
        cases: its own.
        size: side in SR pixels of the windows that `auto` takes.
        config: the study.
        sizes: of the images.

    Raises:
        RequestError: a window is not within its image, by key.
    """
    if isinstance(cases, str):
        assert cases == AUTO
        sides = [min(each) * config.scale for images in sizes().values() for each in images.values()]
        if sides and max(sides) < size:
            raise RequestError(
                f"{key}.size: no {words(config.scale).sr} image has {size} pixels a side; the largest that fits is "
                f"{max(sides)}"
            )
        return
    for number, case in enumerate(cases):
        found = sizes().get(dataset_of(case, config, f"{key}.cases"), {}).get(case.image)
        if found is None:  # its dataset says so, or reading it
            continue
        height, width = (length * config.scale for length in found)
        x, y, side = case.numbers
        if x + side > width or y + side > height:
            raise RequestError(
                f"{key}.cases[{number}].window: {case.window} (left, top, side) is not within the {width} x {height} "
                f"{words(config.scale).sr} pixels of {case.image}{would_fit(x, y, side, width, height)}"
            )
