"""The Gram matrices of a network's layers over the crops of one image.

An image's crops are a batch: at no time more than its rows of the layers are held, and what is kept of them are Gram
matrices of crops by crops. Their HSIC, unbiased in each batch and averaged over batches, is the minibatch estimator of
Nguyen et al. (ICLR 2021).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from l2xbench.attribution import explain
from l2xbench.attribution.engine.taps import leaves
from l2xbench.attribution.finite import all_finite
from l2xbench.attribution.layers import LayersFound
from l2xbench.attribution.parts import chosen_parts
from l2xbench.data.datasets import LoadedPair
from l2xbench.data.images import to_tensor
from l2xbench.store.units import Outcome
from l2xbench.studies.shared.inference import device_of
from l2xbench.studies.similarity.compute import crop_corners
from l2xbench.system import threads
from l2xbench.zoo.network import Network

Rows = dict[str, NDArray[np.float32]]
"""Layer -> what it holds for a crop, in one row."""


def compute(network: Network, pair: LoadedPair, options: Mapping[str, Any]) -> Outcome:
    """Gram matrices (layers, crops, crops) of the layers, and that of the control: |x - x'|, of features the crops.

    Raises:
        RequestError: the image has no room for so many crops.
        FloatingPointError: a layer holds NaN or infinity.
    """
    size = options["size"]
    corners = crop_corners(pair.name, pair.lr.shape[:2], size, options["crops"], options["seed"], network.scale)
    device = device_of(network)
    started = time.perf_counter()
    batch: dict[str, list[NDArray[np.float32]]] = {}
    control: list[NDArray[np.float32]] = []
    kinds: dict[str, str] = {}
    for y, x in corners.tolist():
        lr = to_tensor(pair.lr[y : y + size, x : x + size]).to(device)
        if options["of"] == "features":
            rows, seen = features_of(network, lr, options["layers"], kinds), lr
        else:
            rows, seen = attributions_of(network, lr, options, kinds)
        for name, row in rows.items():
            batch.setdefault(name, []).append(row)
        control.append(as_row(seen))
    complete = {name: rows for name, rows in batch.items() if len(rows) == len(corners)}
    grams = np.stack([gram(rows) for rows in complete.values()])
    if not np.isfinite(grams).all():
        raise FloatingPointError("a layer holds NaN or infinity")
    return Outcome(
        values={
            "names": "\n".join(complete),
            "kinds": "\n".join(kinds[name] for name in complete),
            "crops": len(corners),
            "seconds": time.perf_counter() - started,
        },
        arrays={"layers": {"grams": grams, "control": gram(control)}},
    )


@threads.blas(1)
def gram(rows: list[NDArray[np.float32]]) -> NDArray[np.float64]:
    """K = R R^T of the rows of a batch, divided by their length."""
    matrix = np.stack(rows).astype(np.float64)
    return np.asarray(matrix @ matrix.T / matrix.shape[1])


def as_row(values: Tensor) -> NDArray[np.float32]:
    """A tensor in one row."""
    return np.asarray(values.detach().reshape(-1).float().cpu().numpy())


def attributions_of(
    network: Network, lr: Tensor, options: Mapping[str, Any], kinds: dict[str, str]
) -> tuple[Rows, Tensor]:
    """The attributions of each layer's outputs for one crop, of the signs asked for; and |x - x'|."""
    asked = {name: options[name] for name in ("reference", "target", "layers", "seed")}
    found = explain(network, lr, precision="float32", **asked)
    if not all_finite(found.values):
        raise FloatingPointError("the attribution holds NaN or infinity")
    return rows_of(found.layers, options["signs"], kinds), (lr - found.reference).abs()


def rows_of(layers: LayersFound, signs: str, kinds: dict[str, str]) -> Rows:
    """The layers' attributions, the signs that do not count set to zero."""
    rows = {}
    for name, layer in layers.items():
        kinds[name] = layer.kind
        rows[name] = np.concatenate([as_row(kept(tensor.values, signs)) for tensor in layer.outputs.tensors])
    return rows


def kept(values: Tensor, signs: str) -> Tensor:
    """Attributions, those of signs that do not count set to zero."""
    if signs == "absolute":
        return values.abs()
    if signs == "positive":
        return values.clamp(min=0)
    return values.clamp(max=0) if signs == "negative" else values


def features_of(network: Network, lr: Tensor, layers: list[str], kinds: dict[str, str]) -> Rows:
    """What each layer gives for one crop, in the order in which they run; several calls one after the other."""
    found: dict[str, list[NDArray[np.float32]]] = {}
    handles = []

    def noting(name: str) -> Any:
        def note(module: Any, args: Any, result: Any) -> None:
            found.setdefault(name, []).extend(as_row(t) for t in leaves(result) if t.is_floating_point())

        return note

    for name, module in chosen_parts(network, layers).items():
        kinds[name] = type(module).__name__
        handles.append(torch.nn.Module.register_forward_hook(module, noting(name)))
    try:
        with torch.no_grad():
            network(lr)
    finally:
        for handle in handles:
            handle.remove()
    return {name: np.concatenate(rows) for name, rows in found.items() if rows}
