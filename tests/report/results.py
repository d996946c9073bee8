"""Results folders as a run leaves them, with numbers drawn at random: no network is run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from l2xbench.config import StudyConfig
from l2xbench.store.records import Failure
from l2xbench.store.store import Store
from l2xbench.store.units import Unit
from l2xbench.studies.owed import is_for, owed_units, placed, told_together, with_others
from l2xbench.studies.reading import parse_study
from tests.report.outcomes import OUTCOMES, Made

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
    scale: int = 4,
    size: tuple[int, int] = (12, 16),
    hr: bool = True,
    failures: Sequence[Failure] = (),
    note: str = "a note",
    title: str | None = None,
    only: str | None = None,
    finished: str = "2026-01-02T00:00:00+00:00",
    **blocks: Any,
) -> Path:
    """A results folder of networks and images (by dataset), LR of `size`.

    Args:
        root: where it goes.
        models: their names in the study.
        images: names by dataset; by default three in `Set5`.
        scale: of the study.
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
        "scale": scale,
        "title": title,
        "models": dict.fromkeys(models, "edsr-compact"),
        "datasets": {name: {"path": "./here"} for name in images},
        **blocks,
    }
    study = parse_study(given)
    named = models if only else (study.interpolation, *models)
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
                "layout": "a folder",
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
            others = told_together(f"digest of {image}" for image in of)
            for image in of:
                for unit in (with_others(one, others) for one in units_of(study, dataset, image, model, only)):
                    about = (unit.study, unit.dataset, unit.model, unit.image, unit.label)
                    if about not in failed:
                        outcome = OUTCOMES[unit.study](Made(unit, random, size, study.scale, hr))
                        store.write_outcome(unit, unit.key(identity, f"digest of {image}"), outcome)
    name = "manifest.json" if only is None else f"manifest-{only}.json"
    (root / name).write_text(json.dumps(manifest))
    return root


def units_of(config: StudyConfig, dataset: str, image: str, model: str, only: str | None = None) -> list[Unit]:
    """What is owed for an image and a network, or, where its name is empty, for the image alone."""
    return [
        placed(unit, dataset, image, model) for unit in owed_units(config, only) if is_for(unit, config, dataset, model)
    ]
