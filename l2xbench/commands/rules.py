"""`l2xbench rules`: the table of treatments, or what happens to one operation."""

from __future__ import annotations

import inspect
from difflib import get_close_matches

import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from l2xbench.attribution.engine.operations import is_composite
from l2xbench.attribution.engine.special import HANDLERS, RAGGED
from l2xbench.attribution.rules.call import KINDS
from l2xbench.attribution.rules.table import CALL_TABLE, CALLS, LINES, REFUSED, TABLE, UNLISTED, Row
from l2xbench.attribution.rules.treatment import Treatment
from l2xbench.commands.screen_tables import show_rows
from l2xbench.errors import RequestError
from l2xbench.system.torch_parts import all_operations

PREFIXES = ("aten::", "aten.", "torch.", "F.", "Tensor.")
UNLISTED_FOR = (
    "its result has no derivative",
    "only discrete arguments (indices, masks) differ",
    "any other differentiable operation",
)


def show_rules(console: Console) -> None:
    """The whole table, line by line."""
    rows = []
    for line in [*LINES, *CALLS]:
        names = " ".join(row.name for row in line) + (" (followed whole)" if line in CALLS else "")
        for number, treatment in enumerate(line[0].treatments):
            rows.append(_row("" if number else names, treatment.kind, treatment.formula, treatment.holds()))
    rows.append(_row(" ".join(f"{name}()" for name in REFUSED), "refused", KINDS["refused"], "any"))
    for treatment, when in zip(UNLISTED, UNLISTED_FOR, strict=True):
        rows.append(_row("(in no line)", treatment.kind, treatment.formula, when))
    show_rows(console, rows)
    for kind, meaning in KINDS.items():
        console.print(f"{kind}: {meaning}", style="dim", highlight=False)
    console.print("One operation: l2xbench rules pow", highlight=False)


def _row(operation: str, treatment: str, rule: str, arguments: str) -> dict[str, object]:
    return {"operation": operation, "treatment": treatment, "rule": rule, "for which arguments": arguments}


def show_operation(console: Console, text: str) -> None:
    """What happens to one operation: its treatments in order of precedence.

    Raises:
        RequestError: PyTorch has no operation of this name; names the nearest.
    """
    name = plain_name(text)
    row = TABLE.get(name)
    call = CALL_TABLE.get(name)
    if row is None and name.endswith("_") and (plain := name.removesuffix("_")) in TABLE:
        console.print(f"{name} is run as {plain}, whose result is then written to where it belongs", highlight=False)
        name, row = plain, TABLE[plain]
    if call is not None:
        console.print(f"{name}() is followed whole where this holds; else PyTorch takes it apart", highlight=False)
        _show_treatments(console, call)
    if row is not None:
        console.print(Text(f"{name}: the first of these that holds", style="bold"))
        _show_treatments(console, row)
    if row is not None or call is not None:
        return
    if name in REFUSED:
        console.print(f"{name}(): refused where the tensor depends on the input: {KINDS['refused']}", highlight=False)
        return
    packet = getattr(torch.ops.aten, name, None) if name.isidentifier() else None
    if packet is None:
        raise RequestError(f"rules: no operation '{text}'; {_nearest(name)}")
    if all(is_composite(getattr(packet, overload), False) for overload in packet.overloads()):
        console.print(
            f"{name} has no line: PyTorch writes it by other operations, each of which is treated by itself",
            highlight=False,
        )
        return
    console.print(f"{name} has no line of the table. What happens to it:", highlight=False)
    for treatment, when in zip(UNLISTED, UNLISTED_FOR, strict=True):
        _show_treatment(console, treatment, when)


def plain_name(text: str) -> str:
    """An operation's name as in the table, of `torch.pow`, `aten::pow.Tensor_Scalar` or `F.gelu`."""
    name = text.strip()
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name.partition(".")[0].removesuffix("()")


def _nearest(name: str) -> str:
    operations = {full.partition(".")[0].partition("::")[2] for full in all_operations()}
    near = get_close_matches(name, sorted({*TABLE, *CALL_TABLE, *REFUSED, *operations}), n=1)
    return f"did you mean '{near[0]}'?" if near else "`l2xbench rules` lists them"


def _show_treatments(console: Console, row: Row) -> None:
    for number, treatment in enumerate(row.treatments, start=1):
        _show_treatment(console, treatment, treatment.holds(), number)


def _show_treatment(console: Console, treatment: Treatment, holds: str, number: int | None = None) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="cyan", min_width=9)
    grid.add_column(overflow="fold")
    head = f"{number}. {treatment.kind}" if number else treatment.kind
    console.print(Text(f"\n{head}", style="bold") + Text(f": {KINDS[treatment.kind]}", style="dim"))
    for label, words in (
        ("holds for", holds),
        ("rule", treatment.formula),
        ("source", treatment.source),
        ("written", _written(treatment)),
    ):
        if words:
            grid.add_row(label, Text(words))
    console.print(grid)


def _written(treatment: Treatment) -> str:
    """Where the rule stands, and what its documentation says first."""
    function = treatment.apply or treatment.compose
    if treatment.handler is not None:
        function = HANDLERS.get(treatment.handler) or RAGGED[treatment.handler]
    if function is None:
        return ""
    summary = " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())
    return f"{function.__module__}.{function.__name__}: {summary}"
