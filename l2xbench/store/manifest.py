"""What a results folder was made from, as its manifest says: the resolved study, versions, hashes, device and seeds."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny

from l2xbench.config import StudyConfig
from l2xbench.store.records import Failure


class _Facts(BaseModel):
    # a later version's keys are shown on the page like ours
    model_config = ConfigDict(frozen=True, extra="allow")


class ManifestModel(_Facts):
    """A network, and which weights it had."""

    title: str = ""
    card: str = ""
    provider: str = ""
    arch: dict[str, Any] = Field(default_factory=dict)
    weights: str = ""
    """Where they are from, as a reader is told; of a file that holds several, which were taken."""
    weights_key: str | None = None
    """The name in that file of those that were taken, where it holds several or the study says which."""
    weights_path: str | None = None
    published: bool = False
    """Whether they are those of its authors, by the hash that its card gives."""
    identity: str
    """Hash of the architecture, its code and its weights."""


class ManifestDataset(_Facts):
    """A dataset and its images."""

    root: str = ""
    layout: str = ""
    note: str | None = None
    """What must be said with its numbers, such as that it is a part of a known set."""
    images: dict[str, str | None]
    """Name -> digest of its pixels; None where it could not be read."""


class ManifestSource(_Facts):
    """Results made elsewhere, of which others were made by `l2xbench merge`."""

    name: str
    """What they are called in tables: the folder's or bundle's name."""
    models: list[str]
    """The networks whose records are from there, the interpolation among them."""
    l2xbench: str
    command: str = ""
    finished: str
    device: str
    threads: int | None
    python: str = ""
    platform: str = ""
    versions: dict[str, str] = Field(default_factory=dict)

    @property
    def measured_on(self) -> str:
        """The device, and with how many threads."""
        return _measured_on(self.device, self.threads)


class Manifest(_Facts):
    """The manifest of one command. Only what reports need is required: older versions wrote fewer keys."""

    l2xbench: str
    """The version."""
    command: str = "l2xbench run STUDY"
    only: str | None = None
    """The one study that the command was for; None for a whole run."""
    started: str = ""
    finished: str
    """ISO 8601, UTC, as `started`."""
    seconds: float = 0.0
    python: str = ""
    platform: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    """The libraries'."""
    device: str
    threads: int | None
    engine: str = ""
    seed: int
    units: dict[str, int] = Field(default_factory=dict)
    """How many were `computed`, `reused` and `failed`."""
    failures: tuple[Failure, ...] = ()
    models: dict[str, ManifestModel]
    """The networks by their names in the study, the interpolation among them."""
    inference: dict[str, list[str]] = Field(default_factory=dict)
    """Network -> how it was run for its SR images, where the study asks for quicker passes."""
    datasets: dict[str, ManifestDataset]
    sources: tuple[ManifestSource, ...] = ()
    """Where the records are from, if they were joined of several results folders."""
    study: SerializeAsAny[StudyConfig]
    """With every block, also those that its YAML left to their defaults."""

    @property
    def notes(self) -> dict[str, str]:
        """Dataset -> its note, of those that have one."""
        return {name: dataset.note for name, dataset in self.datasets.items() if dataset.note}

    @property
    def images(self) -> dict[str, list[str]]:
        """Dataset -> the names of its images."""
        return {name: list(dataset.images) for name, dataset in self.datasets.items()}

    @property
    def measured_on(self) -> str:
        """The device, and with how many threads; of each source, where there are several."""
        if self.sources:
            return "; ".join(f"{source.measured_on} ({', '.join(source.models)})" for source in self.sources)
        return _measured_on(self.device, self.threads)

    def as_json(self) -> dict[str, Any]:
        """As it is on disk: the keys that were written, and the whole study."""
        facts = self.model_dump(mode="json", exclude={"study"}, exclude_unset=True)
        return {**facts, "study": self.study.model_dump(mode="json")}


def _measured_on(device: str, threads: int | None) -> str:
    return f"{device}, {threads} thread{'' if threads == 1 else 's'}"
