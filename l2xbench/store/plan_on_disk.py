"""What a run is about to do, as it leaves it in the results folder: for those who read its records or its status."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from l2xbench.errors import RequestError, message_of
from l2xbench.store.units import GroupName


@dataclass(frozen=True)
class PlanOnDisk:
    """The groups of units that a run owes, and the images of each dataset."""

    groups: Sequence[tuple[GroupName, str]]
    """Each group with its recipe, in the plan's order."""
    images: Mapping[str, tuple[list[str], list[str]]]
    """Dataset -> its readable images, and the digests that keys tell them by."""
    unread: Mapping[str, list[str]] = field(default_factory=dict)
    """Dataset -> its images that could not be read."""
    study: Mapping[str, Any] = field(default_factory=dict)
    """The resolved study."""

    def text(self) -> str:
        """As it lies on disk: JSON."""
        groups = [[*name, recipe] for name, recipe in self.groups]
        return json.dumps({"unread": self.unread, "study": self.study, "images": self.images, "groups": groups})


def read_plan_on_disk(path: Path) -> PlanOnDisk | None:
    """The plan in this file; None where there is none.

    Raises:
        RequestError: it cannot be read.
    """
    try:
        told = json.loads(path.read_text())
        groups = [(GroupName(*names), recipe) for *names, recipe in told["groups"]]
        images = {dataset: (list(names), list(digests)) for dataset, (names, digests) in told["images"].items()}
        return PlanOnDisk(groups, images, told.get("unread", {}), told.get("study", {}))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RequestError(f"{path}: cannot be read ({message_of(error)})") from None
