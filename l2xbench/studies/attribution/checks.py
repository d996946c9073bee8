"""What `explain` would refuse for every image, told before anything is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.methods.registry import get_method
from l2xbench.attribution.references import parse_reference
from l2xbench.attribution.targets import ImageTarget, parse_target
from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError
from l2xbench.studies.attribution.options import AttributionOptions
from l2xbench.studies.study import SizesOfImages


def told_by_key(key: str, check: Callable[[], object]) -> None:
    """Does a check; what `explain` would refuse is told by the YAML's key.

    Raises:
        RequestError: it is refused.
    """
    try:
        check()
    except AttributionError as error:
        raise RequestError(f"{key}: {error}") from None


def check_attribution(config: StudyConfig) -> None:
    """A method, option, target or reference that is not known; see `told_by_key`."""
    wanted = config.block(AttributionOptions)
    if wanted is None:
        return
    check_maps("attribution", wanted.methods, wanted.options, wanted.reference)
    told_by_key("attribution.target", lambda: parse_target(wanted.target))


def check_target(config: StudyConfig, sizes: Callable[[], SizesOfImages]) -> None:
    """A target that is outside every image.

    Args:
        config: the study.
        sizes: of its images.

    Raises:
        RequestError: what `explain` would say of the largest.
    """
    wanted = config.block(AttributionOptions)
    target = None if wanted is None else parse_target(wanted.target)
    if target is None or isinstance(target, ImageTarget):
        return
    found = [size for images in sizes().values() for size in images.values()]
    refused: list[tuple[int, AttributionError]] = []
    for height, width in found:
        try:
            target.window((1, 3, height * config.scale, width * config.scale))
        except AttributionError as error:
            refused.append((height * width, error))
        else:
            return
    if refused:
        raise RequestError(f"attribution.target: {max(refused, key=lambda each: each[0])[1]}")


def check_maps(
    key: str, methods: Sequence[str], options: Mapping[str, Mapping[str, Any]], reference: str | None
) -> None:
    """A method, option or reference of a block that is not known; see `told_by_key`.

    Args:
        key: of the block.
        methods: its own.
        options: method -> its options.
        reference: its own; None where it has none.
    """
    check_methods(f"{key}.methods", methods)
    for method, own in options.items():
        check_options(f"{key}.options", method, own)
    if reference is not None:
        check_reference(f"{key}.reference", reference)


def check_tested(config: StudyConfig, key: str, methods: Sequence[str]) -> None:
    """A test of maps whose methods are not known, or where there are no maps.

    Raises:
        RequestError: what is wrong, by key.
    """
    if config.block(AttributionOptions) is None:
        raise RequestError(f"{key}: it puts maps to the test, and attribution: null makes none")
    check_methods(f"{key}.methods", methods)


def check_methods(key: str, methods: Sequence[str]) -> None:
    """A method that is not known; see `told_by_key`."""
    for method in methods:
        told_by_key(key, partial(get_method, method))


def check_options(key: str, method: str, options: Mapping[str, Any]) -> None:
    """An option that a method does not have, or a method that is not known; see `told_by_key`."""
    told_by_key(key, lambda: get_method(method).bind(options))


def check_reference(key: str, reference: str) -> None:
    """A reference that is not known; see `told_by_key`."""
    told_by_key(key, lambda: parse_reference(reference))
