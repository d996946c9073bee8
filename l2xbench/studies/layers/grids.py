"""CKA and dCKA of layers with layers, from the Gram matrices of each image's crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from l2xbench.store.records import Record, records_of_studies
from l2xbench.store.results import Results
from l2xbench.studies.similarity.deconfounded import rest
from l2xbench.system import threads

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """The layers of one network with those of another, or its own."""

    dataset: str
    model_a: str
    model_b: str
    layers_a: tuple[str, ...]
    layers_b: tuple[str, ...]
    alike: bool
    """Whether both are of one build: the same layers of the same classes."""
    cka: Numbers
    """(layers of a, layers of b), from input to output."""
    dcka: Numbers
    images: int
    keys: tuple[str, ...]
    """The records that it is made of."""


@threads.blas(1)
def unbiased_hsic(k: Numbers, l: Numbers) -> Numbers:  # noqa: E741  the paper's letters
    """Song et al.'s unbiased HSIC (JMLR 2012, Eq. 5) of each layer with each.

    Args:
        k: (a, m, m) Gram matrices of one network's layers; m at least 4.
        l: (b, m, m) likewise.

    Returns:
        (a, b).

    Examples:
        >>> r = np.random.default_rng(0).normal(size=(2, 6, 5))
        >>> k = r @ r.transpose(0, 2, 1)
        >>> from l2xbench.studies.similarity.cka import centred, hsic
        >>> one = hsic(centred(k[0]), centred(k[1]), np.ones((1, 6)), "unbiased")
        >>> bool(np.isclose(unbiased_hsic(k, k)[0, 1], one[0]))
        True
    """
    m = k.shape[1]
    k, l = (np.where(np.eye(m, dtype=bool), 0.0, each - _level(each)) for each in (k, l))  # noqa: E741
    both = k.reshape(len(k), -1) @ l.reshape(len(l), -1).T
    rows_k, rows_l = k.sum(axis=2), l.sum(axis=2)
    apart = np.outer(rows_k.sum(axis=1), rows_l.sum(axis=1)) / ((m - 1) * (m - 2))
    return np.asarray((both + apart - 2 / (m - 2) * (rows_k @ rows_l.T)) / (m * (m - 3)))


def _level(k: Numbers) -> Numbers:
    """(layers, 1, 1) the mean off the diagonal: HSIC does not change by it, and sums cancel less."""
    m = k.shape[1]
    total = k.sum(axis=(1, 2)) - np.trace(k, axis1=1, axis2=2)
    return np.asarray(total / (m * (m - 1)))[:, None, None]


def minibatch_cka(a: Sequence[Numbers], b: Sequence[Numbers]) -> Numbers:
    """CKA of each layer with each from batches: their unbiased HSIC averaged over batches (Nguyen et al., ICLR 2021).

    Args:
        a: of each batch (layers, m, m).
        b: likewise, of the same samples.

    Returns:
        (layers of a, layers of b); NaN where a layer does not vary.
    """
    ab = np.mean([unbiased_hsic(one, two) for one, two in zip(a, b, strict=True)], axis=0)
    aa = np.mean([np.diag(unbiased_hsic(one, one)) for one in a], axis=0)
    bb = np.mean([np.diag(unbiased_hsic(two, two)) for two in b], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        known = (aa[:, None] > 0) & (bb[None, :] > 0)
        return np.where(known, ab / np.sqrt(aa)[:, None] / np.sqrt(bb)[None, :], np.nan)


def rests(grams: Numbers, control: Numbers) -> Numbers:
    """What the control leaves of each layer's Gram matrix; see `deconfounded.rest`."""
    return np.stack([rest(gram, control) for gram in grams])


@dataclass(frozen=True)
class _Layers:
    records: list[Record]
    names: tuple[str, ...]
    kinds: tuple[str, ...]


def layer_grids(results: Results) -> list[Grid]:
    """Each network with itself and with each other, dataset by dataset, in the study's order.

    Images that one of two networks lacks, or in which other layers ran than in its first, are left out.
    """
    found: dict[str, dict[str, _Layers]] = {}
    for record in records_of_studies(results.shown, "layers"):
        names = tuple(str(record.values["names"]).splitlines())
        kinds = tuple(str(record.values["kinds"]).splitlines())
        known = found.setdefault(record.dataset, {}).setdefault(record.model, _Layers([], names, kinds))
        if known.names == names:
            known.records.append(record)
    order = list(results.manifest.models)
    return [
        grid
        for dataset in results.manifest.datasets
        if dataset in found
        for a, b in combinations_with_replacement([name for name in order if name in found[dataset]], 2)
        if (grid := grid_of(results, dataset, (a, found[dataset][a]), (b, found[dataset][b]))) is not None
    ]


def grid_of(results: Results, dataset: str, first: tuple[str, _Layers], second: tuple[str, _Layers]) -> Grid | None:
    """One network with another; None where they share no image."""
    (a, layers_a), (b, layers_b) = first, second
    of_b = {record.image: record for record in layers_b.records}
    pairs = [(record, of_b[record.image]) for record in layers_a.records if record.image in of_b]
    if not pairs:
        return None
    batches_a, batches_b, rests_a, rests_b = [], [], [], []
    for record, other in pairs:
        one, two = (results.store.load_arrays(each.files["layers"]) for each in (record, other))
        batches_a.append(one["grams"])
        batches_b.append(two["grams"])
        rests_a.append(rests(one["grams"], one["control"]))
        rests_b.append(rests(two["grams"], two["control"]))
    return Grid(
        dataset=dataset,
        model_a=a,
        model_b=b,
        layers_a=layers_a.names,
        layers_b=layers_b.names,
        alike=(layers_a.names, layers_a.kinds) == (layers_b.names, layers_b.kinds),
        cka=minibatch_cka(batches_a, batches_b),
        dcka=minibatch_cka(rests_a, rests_b),
        images=len(pairs),
        keys=tuple(key for record, other in pairs for key in (record.key, other.key)),
    )


def found_each_other(values: Numbers) -> float:
    """The share of layers, of both networks, whose most similar layer in the other is the same one.

    Kornblith et al. (ICML 2019) ask this of layers of two trainings, where the architecture says which layer is which.

    Examples:
        >>> found_each_other(np.array([[0.9, 0.1], [0.8, 0.7]]))
        0.75
    """
    if not np.isfinite(values).all():
        return float("nan")
    same = np.arange(len(values))
    return float(np.mean([values.argmax(axis=1) == same, values.argmax(axis=0) == same]))
