"""`l2xbench check`: whether a network is explained exactly, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from torch import Tensor

from l2xbench.attribution.audit import Audit, audit
from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.explain import goes_by
from l2xbench.attribution.references import make_reference
from l2xbench.attribution.rules.call import KINDS
from l2xbench.commands.screen_tables import show_table
from l2xbench.data.images import read_image, to_tensor
from l2xbench.data.photographs import photographs
from l2xbench.errors import RequestError
from l2xbench.studies.shared.maps import errors_in_one_line
from l2xbench.words import words
from l2xbench.zoo.cards import bundled_cards, find_card
from l2xbench.zoo.load import RANDOM, build, locate
from l2xbench.zoo.network import Network
from l2xbench.zoo.usable import require_usable
from l2xbench.zoo.weights import present_weights

LIMIT = 1e-4
"""The largest completeness error that passes."""


def check(
    model: str,
    *,
    size: int,
    image: Path | None,
    reference: str,
    trust: bool,
    seed: int,
    outputs: int = 5,
    keys: Mapping[str, Any] | None = None,
) -> int:
    """Explains a network on one image, and `outputs` single outputs, in both precisions; shows it; gives the exit code.

    Args:
        keys: of the card, said anew: `weights`, `output`, `inputs`, `channels`, ...

    Raises:
        RequestError: the network or the image is not there, a study could not use the network, or the engine cannot
            explain it.
    """
    console = Console()
    given = (keys or {}).get("weights")
    source = locate(model, None if given else _weights_at_hand(model), seed=seed, keys=keys)
    network = build(source, trust=trust)
    lr = to_tensor(read_image(image or _photograph()))
    lr = _centre(lr, size)
    try:
        against = make_reference(reference, lr)
    except AttributionError as error:
        raise RequestError(f"--reference: {error}") from None
    with console.status(f"running {network.name}"):
        require_usable(network, lr)
    with console.status(f"explaining {network.name} in float64 and float32"), errors_in_one_line(network.name):
        result = audit(network, lr, against, neurons=outputs, seed=seed)
    side = f"{lr.shape[-2]} x {lr.shape[-1]}"
    console.print(
        f"{network.name}: {network.parameter_count:,} parameters, {network.weights} weights, "
        f"{words(network.scale).lr} {side}, reference {reference}",
        markup=False,
        highlight=False,
    )
    if network.output_taken is not None:
        console.print(
            f"output {network.output_taken} of several is explained, the only image among them",
            markup=False,
            highlight=False,
        )
    _show(console, result, network, outputs)
    passed = result.worst <= LIMIT
    if result.no_float64:
        console.print(f"in float32 only; float64 fails: {result.no_float64}", markup=False, highlight=False)
    if result.routed:
        console.print(
            f"{goes_by(result.routed)}; the reference's own would change the output by {result.jump:.1%} of the "
            "difference",
            markup=False,
            highlight=False,
        )
    verdict = "[green]explained exactly[/]" if passed else f"[red]not exact[/]: above {LIMIT:.0e}"
    route = ", along the image's own route" if result.routed else ""
    console.print(f"completeness error of the map {result.worst:.1e}: {verdict}{route}", highlight=False)
    return 0 if passed else 1


def _photograph() -> Path:
    file = photographs()[1][0].hr
    assert file is not None
    return file


def _weights_at_hand(model: str) -> str | None:
    """`random` for a card whose checkpoint is not here: exactness is a matter of operations, not of weights."""
    if model in bundled_cards() or model.endswith((".yaml", ".yml")):
        card = find_card(model)
        if present_weights(card) is None:
            return RANDOM
    return None


def _centre(lr: Tensor, size: int) -> Tensor:
    top, left = (max(0, length - size) // 2 for length in lr.shape[-2:])
    return lr[..., top : top + size, left : left + size]


def _place(where: str, network: Network) -> str:
    """A submodule as the user's class names it; what is ours lies around that class."""
    users = type(network.core).__name__
    if where == type(network).__name__:
        return f"around {users}"
    return users if where == "core" else where.removeprefix("core.")


def _show(console: Console, result: Audit, network: Network, outputs: int) -> None:
    operations = pd.DataFrame(
        [
            {
                "operation": operation.name,
                "calls": operation.count,
                "how": operation.kind,
                "share of error": f"{operation.share:.1e}" if operation.share else "",
                "first in": _place(operation.where, network),
            }
            for operation in result.operations
        ]
    )
    show_table(console, operations, "operations that carry a difference")
    for kind in dict.fromkeys(operation.kind for operation in result.operations):
        console.print(f"{kind}: {KINDS[kind]}", style="dim", highlight=False)
    console.print()
    errors = [("image", result.image64, result.image32)]
    if outputs:
        errors.append((f"worst of {outputs} outputs", result.neurons64, result.neurons32))
    rows = [{"objective": name, "float64": f"{e64:.1e}", "float32": f"{e32:.1e}"} for name, e64, e32 in errors]
    show_table(console, pd.DataFrame(rows), "completeness error")
    if outputs:
        console.print(
            f"worst of {outputs} outputs: the largest error among {outputs} single values of the "
            f"{words(network.scale).sr} image, drawn at random; they are explained in float64, unless asked otherwise",
            style="dim",
            highlight=False,
        )
