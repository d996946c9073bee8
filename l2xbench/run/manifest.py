"""The manifest of a run that is done; `l2xbench.store.manifest` says what one holds."""

from __future__ import annotations

import platform
from contextlib import suppress
from datetime import datetime, timezone
from importlib import metadata

import torch

from l2xbench.data.datasets import Dataset
from l2xbench.run.devices import choose_device
from l2xbench.run.engine import Engine
from l2xbench.run.plan import Plan
from l2xbench.run.runner import Result
from l2xbench.store.manifest import Manifest, ManifestDataset, ManifestModel
from l2xbench.store.records import record_groups
from l2xbench.store.units import WEIGHTS_KEY
from l2xbench.version import __version__
from l2xbench.zoo.load import Source, named_weights

LIBRARIES = ("torch", "torchvision", "basicsr", "spandrel", "timm", "captum", "numpy", "pillow", "scikit-image")


def _versions() -> dict[str, str]:
    """The versions of the libraries that are installed; BasicSR may be absent."""
    found: dict[str, str] = {}
    for name in LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def make_manifest(
    plan: Plan, result: Result, *, started: datetime, command: str, engine: Engine, only: str | None = None
) -> Manifest:
    """The manifest of a finished run.

    Args:
        plan: what was asked for.
        result: what came of it.
        started: when the run began, UTC.
        command: the command line.
        engine: where the units ran.
        only: the one study that the command was for.
    """
    finished = datetime.now(timezone.utc)
    return Manifest(
        l2xbench=__version__,
        command=command,
        only=only,
        started=started.isoformat(timespec="seconds"),
        finished=finished.isoformat(timespec="seconds"),
        seconds=round((finished - started).total_seconds(), 1),
        python=platform.python_version(),
        platform=platform.platform(),
        versions=_versions(),
        device=_device(plan.study.device),
        threads=engine.threads,
        engine=engine.described,
        seed=plan.study.seed,
        units={"computed": result.computed, "reused": result.reused, "failed": len(result.failures)},
        failures=tuple(result.failures),
        models={
            model.name: _model(model.source, _weights_key(result, model.name), plan.study.trust)
            for model in plan.models
        },
        inference=_inference(plan, result),
        datasets={dataset.name: _dataset(dataset, result) for dataset in plan.datasets},
        study=plan.study,
    )


def _inference(plan: Plan, result: Result) -> dict[str, list[str]]:
    """Network -> how it was run for its SR images, where the study asks for quicker passes."""
    told: dict[str, list[str]] = {}
    if plan.study.inference:
        for group in record_groups(result.records, "restoration"):
            known = [*told.get(group.model, []), *(str(value) for value in group.column("inference") if value)]
            told[group.model] = list(dict.fromkeys(known))
    return told


def _weights_key(result: Result, model: str) -> str | None:
    """Which of its checkpoint's several weights a network took by itself: all of its records say the same."""
    first = next(result.records.of_models([model]).groups(), None)
    return None if first is None else next((str(key) for key in first.column(WEIGHTS_KEY) if key), None)


def _model(source: Source, weights_key: str | None, trust: bool) -> ManifestModel:
    card = source.card
    return ManifestModel(
        title=card.title,
        card=card.name,
        provider=card.provider,
        arch=card.arch,
        weights=named_weights(source.described, weights_key),
        weights_key=card.weights_key or weights_key,
        weights_path=None if source.weights is None else str(source.weights),
        published=source.is_published,
        identity=source.identity(trust=trust),
    )


def _dataset(dataset: Dataset, result: Result) -> ManifestDataset:
    digests = result.digests.get(dataset.name, {})
    images = {pair.name: digests.get(pair.name) for pair in dataset.pairs}
    return ManifestDataset(root=str(dataset.root), layout=dataset.layout, note=dataset.note, images=images)


def _device(wanted: str) -> str:
    device = choose_device(wanted)
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({platform.processor() or platform.machine()})"
