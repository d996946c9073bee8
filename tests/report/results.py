"""Results folders as a run leaves them, with numbers drawn at random: no network is run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from l2xbench.config import INTERPOLATION, StudyConfig
from l2xbench.store.records import Failure
from l2xbench.store.store import Store
from l2xbench.store.units import Outcome, Unit
from l2xbench.studies.owed import is_for, owed_units, placed
from l2xbench.studies.reading import parse_study

EVERYTHING: dict[str, Any] = {
    "ablation": {"ratios": [0.1, 0.2, 0.4], "random_orders": 2},
    "similarity": {"size": 8, "crops": 5, "permutations": 19, "bootstrap": 20},
    "randomisation": {"depths": [0.5, 1.0]},
    "sensitivity": {"sizes": 3, "subsets": 4},
}


def make_results(
    root: Path,
    *,
    models: Sequence[str] = ("edsr", "rcan"),
    images: Mapping[str, Sequence[str]] | None = None,
    size: tuple[int, int] = (12, 16),
    hr: bool = True,
    failures: Sequence[Failure] = (),
    note: str = "a note",
    title: str | None = None,
    only: str | None = None,
    finished: str = "2026-01-02T00:00:00+00:00",
    **blocks: Any,
) -> Path:
    """A results folder of networks and images (by dataset), LR of `size`, ×4.

    Args:
        root: where it goes.
        models: their names in the study.
        images: names by dataset; by default three in `Set5`.
        size: of each LR image.
        hr: whether there are HR images, PSNR and SSIM.
        failures: what the manifest says has failed; such units have no record.
        note: of each dataset.
        title: of the study.
        only: the one study that the command was for.
        finished: when the run was done.
        blocks: of the study (`ablation`, ...), instead of its defaults.
    """
    images = images or {"Set5": ["baby", "bird", "head"]}
    given = {
        "study": "made",
        "title": title,
        "models": dict.fromkeys(models, "edsr-compact"),
        "datasets": {name: {"path": "./here"} for name in images},
        **blocks,
    }
    study = parse_study(given)
    named = models if only else (INTERPOLATION, *models)
    manifest: dict[str, Any] = {
        "l2xbench": "0.1.0",
        "command": "l2xbench run made.yaml",
        "only": only,
        "started": finished,
        "finished": finished,
        "seconds": 1.0,
        "python": "3.11",
        "platform": "Linux",
        "versions": {"torch": "2.0"},
        "device": "cpu",
        "threads": 2,
        "seed": study.seed,
        "failures": [asdict(failure) for failure in failures],
        "models": {
            name: {
                "title": f"{name}, a network",
                "card": name,
                "provider": "l2xbench",
                "weights": f"{name}.pth",
                "identity": f"identity of {name}",
            }
            for name in named
        },
        "datasets": {
            name: {
                "root": "/data",
                "layout": "HR",
                "note": note,
                "images": {image: f"digest of {image}" for image in of},
            }
            for name, of in images.items()
        },
        "study": study.model_dump(mode="json"),
    }
    store = Store(root)
    random = np.random.default_rng(0)
    failed = {(f.study, f.dataset, f.model, f.image, f.label) for f in failures}
    for model in ("", *named):
        identity = manifest["models"][model]["identity"] if model else ""
        for dataset, of in images.items():
            for image in of:
                for unit in units_of(study, dataset, image, model, only):
                    about = (unit.study, unit.dataset, unit.model, unit.image, unit.label)
                    if about not in failed:
                        outcome = _outcome(unit, random, size, study.scale, hr)
                        store.write_outcome(unit, unit.key(identity, f"digest of {image}"), outcome)
    name = "manifest.json" if only is None else f"manifest-{only}.json"
    (root / name).write_text(json.dumps(manifest))
    return root


def units_of(config: StudyConfig, dataset: str, image: str, model: str, only: str | None = None) -> list[Unit]:
    """What is owed for an image and a network, or, where its name is empty, for the image alone."""
    return [
        placed(unit, dataset, image, model) for unit in owed_units(config, only) if is_for(unit, config, dataset, model)
    ]


def _outcome(unit: Unit, random: np.random.Generator, size: tuple[int, int], scale: int, hr: bool) -> Outcome:
    height, width = size

    def picture(times: int) -> np.ndarray:
        return random.integers(0, 256, (times * height, times * width, 3), dtype=np.uint8)

    if unit.study == "inputs":
        pictures = {"lr": picture(1), **({"hr": picture(scale)} if hr else {})}
        return Outcome({"height": height, "width": width, "digest": ""}, images=pictures)
    if unit.study == "restoration":
        measured = {"psnr": float(random.uniform(25, 35)), "ssim": float(random.uniform(0.7, 0.9))}
        measured = measured if hr else dict.fromkeys(measured)  # type: ignore[arg-type]
        counts = {"parameters": 1234, "flops": 5_678_000, "memory": 9_000_000}
        return Outcome({"seconds": 0.25, **counts, **measured}, images={"sr": picture(scale)})
    if unit.study == "attribution":
        values = random.laplace(size=(3, height, width)).astype(np.float32)
        error = None if unit.label == "difference" else 1e-7
        seconds = float(random.uniform(0.1, 2))
        arrays = {"values": values, "reference": np.zeros_like(values), "delta": np.float32(values.sum())}
        return Outcome({"seconds": seconds, "completeness_error": error}, arrays={"attribution": arrays})
    if unit.study == "ablation":
        orders = unit.options.get("random_orders", 1)
        fall = np.linspace(8, 14, len(unit.options["ratios"])) - (3 if orders > 1 else 0)
        rows = random.uniform(28, 30) - fall + random.normal(0, 0.2, (orders, len(fall)))
        chosen = {name: unit.options[name] for name in ("method", "granularity", "order", "ratios")}
        return Outcome({**chosen, "psnr": rows.tolist(), "ssim": (rows / 40).tolist(), "seconds": 1.0})
    if unit.study == "similarity":
        crops, side = unit.options["crops"], unit.options["size"]
        maps = random.normal(size=(crops, 3, side, side)).astype(np.float32)
        # the same crops for every network
        difference = np.random.default_rng(list(unit.image.encode())).normal(size=maps.shape).astype(np.float32)
        return Outcome({"crops": crops}, arrays={"similarity": {"values": maps, "difference": difference}})
    if unit.study == "randomisation":
        depths = unit.options["depths"]
        return Outcome({"depths": depths, "spearman": [0.5] * len(depths), "spearman_absolute": [0.6] * len(depths)})
    assert unit.study == "sensitivity"
    return Outcome({"sizes": [1.0, 10.0, 100.0], "correlation": [0.8, 0.7, 1.0]})
