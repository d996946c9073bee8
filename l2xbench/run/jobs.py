"""What goes to a worker and what comes back: plain data that can be sent to another process or machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from l2xbench.data.pairs import ImagePair, LoadedPair
from l2xbench.store.encoding import EncodedOutcome
from l2xbench.store.units import Arrays, Outcome, Unit
from l2xbench.zoo.load import Source


@dataclass(frozen=True)
class Settings:
    """What is the same for all units of a run."""

    scale: int
    device: str
    trust: bool
    threads: int = 1
    """CPU threads of a worker."""


class Position(NamedTuple):
    """Where a unit stands in the plan's order."""

    model: int
    """-1 where no network is run."""
    dataset: int
    image: int
    unit: int
    """Among those of the same network and image."""


@dataclass(frozen=True)
class CheckImage:
    """The image on which quicker passes are compared with plain ones, the same for every worker of a run."""

    pair: ImagePair | LoadedPair
    crop: int | None


@dataclass(frozen=True)
class Job:
    """A unit and all that a worker needs for it."""

    unit: Unit
    key: str
    position: Position
    network: Source | None
    identity: str
    """The network's identity: a hash of its weights and code."""
    pair: ImagePair | LoadedPair | None
    digest: str
    """The SHA-256 of the image's pixels."""
    crop: int | None
    check: CheckImage | None = None
    """Where the study asks for quicker passes."""
    given: Arrays | None = None
    """What the unit starts from, if it is on disk; else an earlier unit of the same worker has made it."""
    others: tuple[ImagePair, ...] = ()
    """All images of the dataset, where the unit looks at others than its own."""
    crowded: bool = False
    """Others share the machine's memory: where it is too small, the unit is given back, to be done alone."""

    @property
    def needs(self) -> str | None:
        """The key of the unit that this one starts from."""
        return None if self.unit.needs is None else self.unit.needs.key(self.identity, self.digest)


@dataclass(frozen=True)
class JobResult:
    """What came of a job."""

    outcome: Outcome | EncodedOutcome | None = None
    reason: str = ""
    """Why there is no outcome."""
    of_network: bool = False
    """The reason concerns the network: it cannot be built, or gives no SR image; none of its units can be done."""
    lasting: bool = True
    """It would fail alike if it were tried again."""
    wants_room: bool = False
    """Memory ran out while others shared it: the unit is to be done alone, and nothing is said of it yet."""
