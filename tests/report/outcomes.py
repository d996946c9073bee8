"""What units leave, with numbers drawn at random: one function a study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from l2xbench.attribution.flow import AROUND
from l2xbench.store.units import Outcome, Unit
from l2xbench.studies.flow.compute import MEASURED


@dataclass(frozen=True)
class Made:
    """What an outcome is made of.

    Attributes:
        unit: whose it is.
        random: where its numbers come from.
        size: height and width of LR.
        scale: of the study.
        hr: whether there are HR images.
    """

    unit: Unit
    random: np.random.Generator
    size: tuple[int, int]
    scale: int
    hr: bool

    def picture(self, times: int) -> np.ndarray:
        """An image `times` as large as LR."""
        height, width = self.size
        return self.random.integers(0, 256, (times * height, times * width, 3), dtype=np.uint8)

    def values(self) -> np.ndarray:
        """A map, (3, H, W)."""
        return self.random.laplace(size=(3, *self.size)).astype(np.float32)


def inputs(made: Made) -> Outcome:
    pictures = {"lr": made.picture(1), **({"hr": made.picture(made.scale)} if made.hr else {})}
    height, width = made.size
    return Outcome({"height": height, "width": width, "digest": ""}, images=pictures)


def restoration(made: Made) -> Outcome:
    measured: dict[str, Any] = {
        "psnr": float(made.random.uniform(25, 35)),
        "ssim": float(made.random.uniform(0.7, 0.9)),
    }
    measured = measured if made.hr else dict.fromkeys(measured)
    counts = {"parameters": 1234, "flops": 5_678_000, "memory": 9_000_000}
    return Outcome({"seconds": 0.25, **counts, **measured}, images={"sr": made.picture(made.scale)})


def attribution(made: Made) -> Outcome:
    values = made.values()
    error = None if made.unit.label == "difference" else 1e-7
    seconds = float(made.random.uniform(0.1, 2))
    arrays: dict[str, Any] = {
        "values": values,
        "reference": np.zeros_like(values),
        "delta": np.float32(values.sum()),
    }
    return Outcome({"seconds": seconds, "completeness_error": error}, arrays={"attribution": arrays})


def ablation(made: Made) -> Outcome:
    options, random = made.unit.options, made.random
    orders = options.get("random_orders", 1)
    fall = np.linspace(8, 14, len(options["ratios"])) - (3 if orders > 1 else 0)
    rows = random.uniform(28, 30) - fall + random.normal(0, 0.2, (orders, len(fall)))
    chosen = {name: options[name] for name in ("method", "granularity", "order", "ratios")}
    return Outcome({**chosen, "psnr": rows.tolist(), "ssim": (rows / 40).tolist(), "seconds": 1.0})


def similarity(made: Made) -> Outcome:
    crops, side = made.unit.options["crops"], made.unit.options["size"]
    maps = made.random.normal(size=(crops, 3, side, side)).astype(np.float32)
    # the same crops for every network
    same = np.random.default_rng(list(made.unit.image.encode()))
    difference = same.normal(size=maps.shape).astype(np.float32)
    return Outcome({"crops": crops}, arrays={"similarity": {"values": maps, "difference": difference}})


def layers(made: Made) -> Outcome:
    crops = made.unit.options["crops"]
    rows = made.random.normal(size=(4, crops, 6))
    grams = rows @ rows.transpose(0, 2, 1)
    told = {"names": "b0\nb1\nb2", "kinds": "Block\nBlock\nBlock", "crops": crops, "seconds": 1.0}
    return Outcome(told, arrays={"layers": {"grams": grams[:3], "control": grams[3]}})


def randomisation(made: Made) -> Outcome:
    depths = made.unit.options["depths"]
    return Outcome({"depths": depths, "spearman": [0.5] * len(depths), "spearman_absolute": [0.6] * len(depths)})


def sensitivity(made: Made) -> Outcome:
    return Outcome({"sizes": [1.0, 10.0, 100.0], "correlation": [0.8, 0.7, 1.0]})


def steadiness(made: Made) -> Outcome:
    names = ("infidelity", "scaled_infidelity", "max_sensitivity")
    return Outcome({name: float(made.random.uniform(0, 1)) for name in names} | {"seconds": 1.0})


def context(made: Made) -> Outcome:
    options = made.unit.options
    hidden = [float(count) for count in options["hidden"]]
    return Outcome(
        {
            "method": options["method"],
            "order": options["order"],
            "hidden": hidden,
            "patches": [[0.0, 0.0]],
            "psnr": [30.0],
            "loss": [made.random.uniform(0, 3, len(hidden)).tolist()],
            "change": [made.random.uniform(0, 9, len(hidden)).tolist()],
            "seconds": 1.0,
        }
    )


def reach(made: Made) -> Outcome:
    far = float(made.random.uniform(0.01, 0.1)) * (1 + len(made.unit.model))
    return Outcome(
        {
            "patches": [[0.0, 0.0]],
            "radii": [[1.5, 3.5, 8.5]],
            "outside": [0.5],
            "beyond": [[0.3, far, 0.0]],
            "di": [2.0],
            "curve": [[1.0, 0.5, *[far] * 9, 0.0]],
            "seconds": 1.0,
        }
    )


def erf(made: Made) -> Outcome:
    size = made.unit.options["size"]
    away = np.abs(np.arange(size) - size // 2)
    field = np.exp(-np.add.outer(away, away) / made.random.uniform(0.5, 2)).astype(np.float32)
    return Outcome({"seconds": 1.0, "sum": float(field.sum())}, arrays={"erf": {"field": field}})


def flow(made: Made) -> Outcome:
    height, width = made.size
    written = made.random.uniform(0, 0.3, 2).tolist()
    values: dict[str, Any] = {
        "names": "b0\nb1",
        "kinds": "Block\nBlock",
        "groups": "b0\nb1",
        "parameters": [10.0, 10.0],
        "around": 0.5,
        "skip": None,
        "delta": 2.0,
        "error": 1e-7,
        "rows": height,
        "columns": width,
        **dict.fromkeys(MEASURED, written),
    }
    if made.unit.options["check"]:
        names = [f"{what}_{way}" for what in ("caused", "moved", "lost") for way in ("reference", "out")]
        values |= {name: made.random.uniform(0, 1, 2).tolist() for name in ("gradient", *names)}
    planes = made.random.normal(size=(4, height, width)).astype(np.float32)
    arrays = {"values": planes[0], AROUND: planes[1], "maps": planes[2:]}
    return Outcome(values, arrays={"flow": arrays}, images={"seen": made.picture(1)})


def lam(made: Made) -> Outcome:
    if made.unit.image not in made.unit.options["images"]:
        return Outcome({"di": None})
    side = made.unit.options["window"][2]
    patch = made.random.integers(0, 256, (side, side, 3), dtype=np.uint8)
    values = {"di": float(made.random.uniform(2, 20)), "psnr": 25.0, "seconds": 1.0}
    return Outcome(values, images={"patch": patch}, arrays={"map": {"values": made.values()}})


def referee(made: Made) -> Outcome:
    options = made.unit.options
    told = {"of": options["of"], "window": f"0,0,{options['size']}", "seconds": 1.0}
    if "part" not in options:
        return Outcome({**told, "gradient_seconds": 0.5}, arrays={"referee": {"map": made.values()}})
    height, width = (-(-length // options["block"]) for length in made.size)
    number, of = options["part"]
    mine = np.arange(height * width).reshape(height, width) % of == number
    effect = np.where(mine, made.random.normal(size=(height, width)), np.nan)
    return Outcome(
        {**told, "psnr": 30.0, "passes": 9}, arrays={"referee": {"effect": effect, "draws": mine.astype(int)}}
    )


OUTCOMES: dict[str, Callable[[Made], Outcome]] = {
    made.__name__: made
    for made in (
        *(inputs, restoration, attribution, ablation, similarity, layers, randomisation, sensitivity, steadiness),
        *(context, reach, erf, flow, lam, referee),
    )
}
"""Study -> what makes the outcome of one of its units."""
