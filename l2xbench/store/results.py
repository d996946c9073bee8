"""What one command has left in a results folder: all that tables, figures and the page are made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from l2xbench.config import StudyConfig
from l2xbench.store.manifest import Manifest
from l2xbench.store.records import Failure, Records
from l2xbench.store.store import Store

Made = TypeVar("Made")


@dataclass(frozen=True)
class Results:
    """A manifest and the records that it describes."""

    store: Store
    """The folder, for the records' files."""
    name: str
    """The name of the manifest's file."""
    manifest: Manifest
    records: Records
    """Group by group, in the order in which they were made."""
    failures: Sequence[Failure] = ()
    missing: int = 0
    """Units of the manifest without a record that did not fail: overwritten since, removed, or of another version."""
    _made: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def config(self) -> StudyConfig:
        """The study."""
        return self.manifest.study

    @property
    def shown(self) -> Records:
        """The records that the command was for: those of a study that ran besides belong to another command."""
        only = self.manifest.only
        return self.records if only is None else self.records.of_studies(only)

    def once(self, make: Callable[[Results], Made]) -> Made:
        """What `make` gives of these results, made when it is first asked for: tables, figures and page share it."""
        if make not in self._made:
            self._made[make] = make(self)
        made: Made = self._made[make]
        return made
