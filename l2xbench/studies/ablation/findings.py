"""Do the maps' orders hide what networks need: more than random order, and more than an order that knows no network?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from l2xbench.store.results import Results
from l2xbench.studies.ablation.per_image import Kind, as_array, gaps_by_image, ssim_gaps_by_image
from l2xbench.studies.ablation.units import CONTROL, RANDOM
from l2xbench.studies.shared.hiding import BLURRED
from l2xbench.studies.shared.paired import PairedDifferences, compared, interval
from l2xbench.studies.shared.sentences import listed, on_images, with_interval
from l2xbench.studies.study import Finding

_TABLE = "ablation_psnr"


def ablation_findings(results: Results) -> list[Finding]:
    """For each dataset, granularity and order what the first method gains on random order and on the control, and
    which of several methods gains most. The first of each is more important than the others."""
    gaps, in_ssim, seed = results.once(gaps_by_image), results.once(ssim_gaps_by_image), results.manifest.seed
    groups: dict[tuple[str, str, str], dict[str, Kind]] = {}
    for kind in gaps:
        dataset, method, granularity, order = kind
        groups.setdefault((dataset, granularity, order), {})[method] = kind
    found = []
    first = next(iter(groups), None)
    for group, kinds in groups.items():
        methods = [method for method in kinds if method not in (CONTROL, RANDOM, BLURRED)]
        if methods:
            each, ssim = ({method: of[kind] for method, kind in kinds.items()} for of in (gaps, in_ssim))
            told = _told(group, each, ssim, methods, seed)
            detail = group[1:] != first[1:] if first else False
            found += [Finding(text, _TABLE, 3 if detail else importance) for text, importance in told]
    return found


def _told(
    group: tuple[str, str, str],
    gaps: dict[str, dict[str, dict[str, float]]],
    in_ssim: dict[str, dict[str, dict[str, float]]],
    methods: list[str],
    seed: int,
) -> Iterator[tuple[str, int]]:
    dataset, granularity, order = group
    method = methods[0]
    networks = list(gaps[method])
    images = list(dict.fromkeys(image for of in gaps.values() for each in of.values() for image in each))
    values = {name: as_array(of, list(of), images) for name, of in gaps.items()}
    ssim = {name: as_array(of, list(of), images) for name, of in in_ssim.items()}
    if np.isfinite(values[method]).all(axis=0).sum() < 2:
        return  # no interval
    what = f"the {granularity}s that {method} ranks first"
    if order != "descending":
        what += f" ({order} order)"
    yield random_sentence(dataset, what, networks, values[method], ssim[method], seed), 1
    if CONTROL in gaps and list(gaps[CONTROL]) == networks:
        ahead, ahead_ssim = (each[method] - each[CONTROL] for each in (values, ssim))
        yield control_sentence(dataset, method, networks, ahead, ahead_ssim, seed), 1
    common = [name for name in methods if list(gaps[name]) == networks]
    if len(common) > 1:
        yield methods_sentence(dataset, common, np.stack([values[name] for name in common]), seed), 2


def random_sentence(
    dataset: str, what: str, networks: list[str], gaps: NDArray[np.float64], ssim: NDArray[np.float64], seed: int
) -> str:
    """Whether PSNR falls further than in random order, and SSIM too.

    Args:
        dataset: whose images they are.
        what: is masked.
        networks: the rows of `gaps`.
        gaps: (networks, images) in dB.
        ssim: likewise, of SSIM.
        seed: of the bootstrap.
    """
    pooled, also = _pooled(gaps), in_ssim(ssim, seed)
    told, beyond = _mean(pooled, seed)
    over = "" if len(networks) == 1 else f" on average over {len(networks)} networks"
    where = on_images(dataset, len(pooled))
    if not beyond:
        return (
            f"{where}, masking {what} is not shown to lower PSNR more than masking random ones: the difference is "
            f"{told}{over}; {also}."
        )
    if pooled.mean() < 0:
        less, _ = _mean(-pooled, seed)
        return f"{where}, masking {what} lowers PSNR less than masking random ones, by {less}{over}; {also}."
    return f"{where}, masking {what} lowers PSNR by {told} more than masking random ones{over}; {also}."


def in_ssim(further: NDArray[np.float64], seed: int) -> str:
    """Whether SSIM falls further as well: a part of a sentence on PSNR.

    Args:
        further: (networks, images), by how much; below 0 where it falls less.
        seed: of the bootstrap.
    """
    pooled = _pooled(further)
    if len(pooled) < 2:
        return "SSIM is not known"
    low, high = (float(end[0]) for end in interval(pooled[:, None], seed))
    if low > 0:
        return f"SSIM falls further too, by {with_interval(pooled.mean(), low, high, 3)}"
    if high < 0:
        return f"SSIM falls less, by {with_interval(-pooled.mean(), -high, -low, 3)}"
    return f"in SSIM a larger fall is not shown: {with_interval(pooled.mean(), low, high, 3)}"


def control_sentence(
    dataset: str, method: str, networks: list[str], ahead: NDArray[np.float64], ssim: NDArray[np.float64], seed: int
) -> str:
    """Whether PSNR falls further than in the order of the control |x - x'|, on average and for each network.

    Args:
        dataset: whose images they are.
        method: whose order it is.
        networks: the rows of `ahead`.
        ahead: (networks, images), by how many dB it falls further.
        ssim: likewise, of SSIM.
        seed: of the bootstrap.
    """
    pooled, also = _pooled(ahead), in_ssim(ssim, seed)
    told, beyond = _mean(pooled, seed)
    where, knows = on_images(dataset, len(pooled)), "|x - x'| (image minus reference), which knows no network"
    over = "" if len(networks) == 1 else f" on average over {len(networks)} networks"
    if not beyond:
        return (
            f"{where}, {method} orders pixels no better, beyond chance, than {knows}: PSNR falls by {told} more{over}; "
            f"{also}."
        )
    if pooled.mean() < 0:
        less, _ = _mean(-pooled, seed)
        return f"{where}, {method} orders pixels worse than {knows}: PSNR falls by {less} less{over}; {also}."
    each = _each(ahead, seed)
    equal = [name for name, low in zip(networks, each.low, strict=True) if not low > 0]
    but = ""
    if equal and len(networks) > 1:
        alone = f"on {listed(equal)} alone this is not" if len(equal) < len(networks) else "on no network alone is this"
        but = f"; {alone} beyond chance"
    return f"{where}, {method} orders pixels better than {knows}: PSNR falls by {told} more{over}{but}; {also}."


def methods_sentence(dataset: str, methods: list[str], gaps: NDArray[np.float64], seed: int) -> str:
    """Which method's order lowers PSNR most.

    Args:
        dataset: whose images they are.
        methods: the first axis of `gaps`.
        gaps: (methods, networks, images) in dB.
        seed: of the bootstrap.
    """
    known = np.isfinite(gaps).all(axis=(0, 1))
    means = gaps[:, :, known].mean(axis=1)
    order = np.argsort(-means.mean(axis=1), kind="stable")
    best = methods[order[0]]
    made = compared(means, [(int(order[0]), int(row)) for row in order[1:]], seed)
    where = on_images(dataset, int(known.sum()))
    low, high = interval(means[order[0]][:, None], seed)
    gap = with_interval(means[order[0]].mean(), low[0], high[0], 2, "dB")
    equal = [methods[row] for row, differs in zip(order[1:], made.differs, strict=True) if not differs]
    if not equal:
        rest = "further than that of any other"
    elif len(equal) == len(methods) - 1:
        rest = "not beyond chance further than that of any other"
    else:
        rest = f"not beyond chance further than that of {listed(equal)}"
    return f"{where}, of {len(methods)} methods {best}'s order lowers PSNR most, {gap} below random order: {rest}."


def _pooled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(images,) the mean over networks (networks, images), of images that all have."""
    return np.asarray(values[:, np.isfinite(values).all(axis=0)].mean(axis=0))


def _mean(values: NDArray[np.float64], seed: int) -> tuple[str, bool]:
    """The mean over images (images,) with its interval, and whether that lies away from 0."""
    low, high = interval(values[:, None], seed)
    return with_interval(values.mean(), low[0], high[0], 2, "dB"), bool(low[0] > 0 or high[0] < 0)


def _each(values: NDArray[np.float64], seed: int) -> PairedDifferences:
    """Each row's mean against 0."""
    with_zero = np.vstack([values, np.zeros(values.shape[1])])
    return compared(with_zero, [(row, len(values)) for row in range(len(values))], seed, tested=False)
