"""Features masked in the order of a map, and how far PSNR and SSIM fall: the paper's Sec. 4.2 and Fig. 3(a)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch

from l2xbench.data import images
from l2xbench.data.datasets import LoadedPair
from l2xbench.data.metrics import Comparison
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.ablation.units import RANDOM
from l2xbench.studies.shared import features
from l2xbench.studies.shared.hiding import BLURRED
from l2xbench.studies.shared.inference import Batches, device_of
from l2xbench.studies.shared.passes import passes_of
from l2xbench.zoo.network import Network


def compute(
    network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
) -> Outcome:
    """PSNR (dB) and SSIM of the SR image at each ratio, a row an order: one row, or one a random order.

    The share `ratio` of the features, rounded to a whole number of them, is replaced in the LR image before it is
    super-resolved. An image without HR gives no rows.

    Raises:
        FloatingPointError: the network gave NaN or infinity.
        RequestError: the image is too small to be measured.
    """
    assert network is not None
    started = time.perf_counter()
    chosen = {name: options[name] for name in ("method", "granularity", "order", "ratios")}
    if pair.hr is None:
        return Outcome(values={**chosen, "psnr": [], "ssim": []})
    lr = images.to_tensor(pair.lr)
    shape = tuple(lr.shape[1:])
    total = features.count_features(shape, options["granularity"])
    counts = [round(ratio * total) for ratio in options["ratios"]]
    masks = torch.cat([features.masks(places, counts, shape) for places in _places(pair, options, given, total)])
    passes = passes_of(network, options, pair)
    batches = Batches(passes.network, device_of(network))
    compare = Comparison(pair.hr, options["border"], options["colour"], batches.device)
    psnr: list[float] = []
    ssim: list[float] = []
    kept = features.without(lr, masks, options["replacement"], options["reference"], pair.digest, options["seed"])
    for sr in batches(kept):
        for all_of, more in zip((psnr, ssim), compare(sr), strict=True):
            all_of += more
    step = len(counts)
    return Outcome(
        values={
            **chosen,
            "psnr": [psnr[start : start + step] for start in range(0, len(psnr), step)],
            "ssim": [ssim[start : start + step] for start in range(0, len(ssim), step)],
            "seconds": time.perf_counter() - started,
            "network_seconds": batches.seconds,
            **({"inference": passes.told} if passes.told else {}),
            **batches.divided,
        }
    )


def _places(pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None, total: int) -> list[Any]:
    """The order or orders in which features are masked, as each feature's place."""
    if options["method"] == RANDOM:
        draws = (features.generator(pair.digest, options["seed"], number) for number in range(options["random_orders"]))
        return [draw.permutation(total) for draw in draws]
    assert given is not None
    values = features.blurred(given["values"]) if options["method"] == BLURRED else given["values"]
    scores = features.feature_values(values, options["granularity"])
    scores = {"descending": scores, "absolute": abs(scores), "ascending": -scores}[options["order"]]
    return [features.ranks(scores, features.generator(pair.digest, options["seed"]).permutation(total))]
