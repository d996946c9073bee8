"""What a results folder was made from: the resolved study, versions, hashes, device and seeds."""

from __future__ import annotations

import platform
from dataclasses import asdict
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

import torch

import l2xbench
from l2xbench.run.devices import choose_device
from l2xbench.run.engine import Engine
from l2xbench.run.plan import Plan
from l2xbench.run.runner import Result
from l2xbench.store.records import record_groups

LIBRARIES = ("torch", "torchvision", "basicsr", "spandrel", "timm", "captum", "numpy", "pillow", "scikit-image")


def make_manifest(
    plan: Plan, result: Result, *, started: datetime, command: str, engine: Engine, only: str | None = None
) -> dict[str, Any]:
    """The manifest of a finished run, ready for JSON.

    Args:
        plan: what was asked for.
        result: what came of it.
        started: when the run began, UTC.
        command: the command line.
        engine: where the units ran.
        only: the one study that the command was for.
    """
    finished = datetime.now(timezone.utc)
    return {
        "l2xbench": l2xbench.__version__,
        "command": command,
        "only": only,
        "started": started.isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "seconds": round((finished - started).total_seconds(), 1),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: metadata.version(name) for name in LIBRARIES},
        "device": _device(plan.study.device),
        "threads": engine.threads,
        "engine": engine.described,
        "seed": plan.study.seed,
        "units": {
            "computed": result.computed,
            "reused": result.reused,
            "failed": len(result.failures),
        },
        "failures": [asdict(failure) for failure in result.failures],
        "models": {model.name: _model(model.source) for model in plan.models},
        "inference": _inference(plan, result),
        "datasets": {
            dataset.name: {
                "root": str(dataset.root),
                "layout": dataset.layout,
                "note": dataset.note,
                "images": {pair.name: result.digests.get(dataset.name, {}).get(pair.name) for pair in dataset.pairs},
            }
            for dataset in plan.datasets
        },
        "study": plan.study.model_dump(mode="json"),
    }


def _inference(plan: Plan, result: Result) -> dict[str, list[str]]:
    """Network -> how it was run for its SR images, where the study asks for quicker passes."""
    told: dict[str, list[str]] = {}
    if plan.study.inference:
        for group in record_groups(result.records, "restoration"):
            known = [*told.get(group.model, []), *(str(value) for value in group.column("inference") if value)]
            told[group.model] = list(dict.fromkeys(known))
    return told


def _model(source: Any) -> dict[str, Any]:
    card = source.card
    return {
        "title": card.title,
        "card": card.name,
        "provider": card.provider,
        "arch": card.arch,
        "weights": source.described,
        "weights_path": None if source.weights is None else str(source.weights),
        "identity": source.identity(),
    }


def _device(wanted: str) -> str:
    device = choose_device(wanted)
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({platform.processor() or platform.machine()})"
