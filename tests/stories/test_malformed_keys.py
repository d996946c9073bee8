"""Every key of a study and of a card with every kind of wrong value, and every key misspelt.

Where a value is right after all (a number for a text, null for a block that may be off), the plan is shown instead.
"""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import Command
from tests.stories.test_malformed import one_line
from tests.stories.test_survival import TINY

STUDY: dict[str, Any] = {
    "study": "small",
    "title": "Small",
    "scale": 4,
    "device": "cpu",
    "seed": 3,
    "threads": 1,
    "engine": "local",
    "workers": 1,
    "ray_address": "auto",
    "inference": ["inference_mode"],
    "trust": False,
    "models": {"tiny": {**TINY, "scale": 4, "multiple": 2, "input_range": 1, "output": None, "channels": "rgb"}},
    "datasets": {"photographs": {"path": "./photographs", "kind": "hr", "images": 1, "lr": "auto", "crop": 8}},
    "restoration": {"colour": "y", "border": 2},
    "attribution": {"methods": ["gradient"], "reference": "black", "target": "image", "strict": False, "options": {}},
    "heatmaps": {"palette": "green-red", "zoom": "auto"},
    "ablation": {"ratios": [0.2], "methods": ["gradient"], "replacement": "mean", "random_orders": 1},
    "similarity": {"size": 8, "crops": 2, "signs": "positive", "permutations": 9, "bootstrap": 9, "confidence": 0.9},
}
CARD: dict[str, Any] = {
    "name": "net",
    "title": "Net",
    "paper": "p",
    "year": 2020,
    "kind": "cnn",
    "licence": "MIT",
    "provider": "l2xbench",
    "arch": {"type": "CARN", "n_feats": 4},
    "scale": 4,
    "input_range": 1,
    "multiple": 2,
    "output": 0,
    "inputs": {"sigma": 25},
    "channels": "y",
    "extra_channels": [0.5],
    "enlarged": True,
    "weights_key": "params",
    "parameters": 7,
    "published": {"Set5": [32.1, 0.89]},
    "notes": "n",
    "weights": {
        "url": "https://example.org/x-0123abcd.pth",
        "filename": "x.pth",
        "sha256": "0123abcd",
        "licence": "MIT",
    },
}
WRONG: list[Any] = [
    *([], {}, "", "\a\x1b[31m", -1, 0.5, math.nan, -math.inf, 2**70, True, [[1]], {"a": {"b": 1}}),
    *("x" * 5000, ["a", None], "图像\u202e", {1: 2}),
]
STUDIES, CARDS = 260, 200
INPUTS = STUDIES + CARDS
"""How many are tried, drawn with a fixed seed of all that there are."""


def places(data: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where each key lies."""
    for key, value in data.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from places(value, (*path, key))


def changed(
    data: dict[str, Any], path: tuple[str, ...], change: Callable[[dict[str, Any], str], None]
) -> dict[str, Any]:
    """A copy in which the mapping that holds a key was changed."""
    result = copy.deepcopy(data)
    inside = result
    for key in path[:-1]:
        inside = inside[key]
    change(inside, path[-1])
    return result


def variants(good: dict[str, Any], number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each key misspelt and missing; then as many wrong values as there is room for."""
    found = []
    for path in places(good):
        where = ".".join(path)
        key = path[-1]
        found.append((f"{where} misspelt", changed(good, path, lambda m, k: m.update({f"{k}x": m.pop(k)}))))
        found.append((f"{where} missing", changed(good, path, lambda m, k: m.pop(k))))
        found.append((f"{where}: its parent", changed(good, path, lambda m, k: m.update({k: copy.deepcopy(good)}))))
        for value in WRONG:
            found.append((f"{where}: {key}={value!r:.40}", changed(good, path, lambda m, k, v=value: m.update({k: v}))))
    random.Random(0).shuffle(found)
    assert len(found) >= number
    yield from found[:number]


def test_studies(tmp_path: Path, photographs: Path, l2xbench: Command) -> None:
    codes = []
    for number, (what, data) in enumerate(variants(STUDY, STUDIES)):
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(data, allow_unicode=True))
        # both read the study; the second also builds each network and looks at the folders, which takes longer
        done = l2xbench("run", tmp_path / "study.yaml", "--dry-run" if number % 8 == 0 else "--status")
        if done.returncode != 0:
            one_line(done, what)
        codes.append(done.returncode)
    assert len(codes) == STUDIES
    assert codes.count(2) > 0.7 * STUDIES


def test_cards(tmp_path: Path, l2xbench: Command) -> None:
    codes = []
    for number, (what, data) in enumerate(variants(CARD, CARDS)):
        (tmp_path / "card.yaml").write_text(yaml.safe_dump(data, allow_unicode=True))
        # what a card says is looked at by both; the second also looks at the network, which takes no sigma
        command = ["models", tmp_path / "card.yaml"]
        if number % 10 == 0:
            command = ["check", tmp_path / "card.yaml", "--size", 8, "--outputs", 0, "--weights", "random"]
        done = l2xbench(*command)
        if done.returncode != 0:
            one_line(done, what)
        codes.append(done.returncode)
    assert len(codes) == CARDS
    assert codes.count(2) > 0.5 * CARDS
