"""Where things lie below a results folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from l2xbench.store.units import GroupName, Unit

MAPS = "attributions"
FOLDERS = {
    ("inputs", "lr"): "inputs",
    ("inputs", "hr"): "inputs",
    ("restoration", "sr"): "sr",
    ("attribution", "attribution"): MAPS,
    ("similarity", "similarity"): "similarity",
}
"""Study, and what its outcome holds -> the folder of these files."""
OTHERS = "outcomes"
"""The folder of what other studies keep, in a folder of the study's name."""
RECORDS = "records"
CROPS = "crops"
"""The folder of parts of images that a command has cut out to be taken for whole ones, before it begins."""
OUTCOMES = {*FOLDERS.values(), OTHERS}
"""The folders of all that units give."""


def journal_path(group: GroupName) -> Path:
    """The file of a group's records."""
    return Path(RECORDS, group.study, group.dataset, group.model, f"{group.label or 'units'}.journal")


def plan_path(only: str | None) -> Path:
    """What the last run (of the study `only`, where a command was for that alone) was about to do."""
    return Path(RECORDS, f"plan-{only}.json" if only else "plan.json")


def outcome_path(unit: Unit, what: str, ending: str) -> Path:
    """A file of a unit's outcome: `what` is its name among the images or arrays, `ending` has its point."""
    folder = FOLDERS.get((unit.study, what))
    if folder is None:
        name = ".".join(part for part in (unit.image, unit.label, what) if part)
        return Path(OTHERS, unit.study, unit.dataset, unit.model, f"{name}{ending}")
    if not unit.model:
        return Path(folder, unit.dataset, f"{unit.image}.{what}{ending}")
    # the method that the project is about has the plain name that the contract promises
    label = "" if unit.label in ("", "l2x") else f".{unit.label}"
    return Path(folder, unit.dataset, unit.model, f"{unit.image}{label}{ending}")


def split_at_image(path: str, image: str) -> list[str]:
    """A path as what is before and after the image's name, which the units of a group share.

    Examples:
        >>> split_at_image("sr/set5/edsr/baby.png", "baby")
        ['sr/set5/edsr/', '.png']
    """
    if not image or image not in path:
        return [path]
    before, _, after = path.rpartition(image)
    return [before, after]


def join_at_image(parts: Sequence[str], image: str) -> str:
    """The path of an image from what `split_at_image` gave."""
    return image.join(parts)


def is_inside(parts: Sequence[str]) -> bool:
    """Whether such a path stays in the results folder, which may be from elsewhere; no image's name has a `/`."""
    path = Path(join_at_image(parts, "image"))
    return not path.is_absolute() and ".." not in path.parts
