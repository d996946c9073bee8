"""An ATen operation as the engine sees it: what its schema says of views and writing, and its row of the table.

Read once for each operation and cached; what is to be known of every operation is entered here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch

from l2xbench.attribution.rules.call import Call
from l2xbench.attribution.rules.table import CALL_TABLE, TABLE, Row
from l2xbench.attribution.rules.treatment import Handler, Treatment
from l2xbench.system.torch_parts import has_kernel

UNLISTED = Row("", ())
RENAMED = {"_index_put_impl_": "index_put"}
"""In-place operations whose functional form has another name than their own without the underscore."""
FILLS = frozenset(name for name in TABLE if name.endswith("_") and TABLE[name].treatments[0].kind == "shape only")


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One overload of an ATen operation, or a function of PyTorch that is followed whole."""

    name: str
    """Without its overload, as in the table."""
    arguments: tuple[str, ...]
    """By position."""
    row: Row = UNLISTED
    is_view: bool = False
    writes: tuple[int | str, ...] = ()
    """The arguments it writes to: positions, or names of those given by name only."""
    functional: Any = None
    """The operation that returns what this one writes; None where it writes nothing, or there is none."""
    composite: bool = False
    """Whether PyTorch itself writes it by other operations. Those are met instead, but for inference mode."""
    handler: Handler | None = None
    """What the engine does itself (see `special`)."""
    ragged: Handler | None = None
    """What the engine tries before the row's rules (see `ragged`)."""
    shape_only: bool = False
    draws: bool = False
    """Whether it draws random numbers."""
    fills: bool = False
    compares: bool = False
    candidates: dict[frozenset[str], tuple[Treatment, ...]] = field(default_factory=dict)
    """Arguments that carry a difference -> the treatments for them, in order of precedence."""

    def treatment(self, call: Call) -> Treatment | None:
        """The first treatment that holds for a call; None where the table has none."""
        found = self.candidates.get(call.moving)
        if found is None:
            rules = (t for t in self.row.treatments if t.kind != "special")
            found = self.candidates[call.moving] = tuple(t for t in rules if t.covers(call.moving))
        for treatment in found:
            if treatment.when is None or treatment.when.test(call):
                return treatment
        return None


def followed_whole(name: str, *arguments: str) -> Operation:
    """A function of PyTorch with a row of its own."""
    return Operation(name, arguments, CALL_TABLE[name])


@cache
def operation_of(func: Any) -> Operation:
    """Read an ATen operation's schema and its row."""
    schema = func._schema
    namespace, _, plain = schema.name.partition("::")
    name = plain if namespace in ("aten", "prims") else schema.name
    row = TABLE.get(name, UNLISTED)
    special = row.treatments[0].handler if row.treatments else None
    is_ragged = len(row.treatments) > 1
    writes: list[int | str] = []
    for position, argument in enumerate(schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            writes.append(argument.name if argument.kwarg_only else position)
    return Operation(
        name,
        tuple(argument.name for argument in schema.arguments),
        row,
        is_view=not writes and any(r.alias_info is not None and not r.alias_info.is_write for r in schema.returns),
        writes=tuple(writes),
        functional=functional_form(namespace, plain, func) if writes else None,
        composite=is_composite(func, name in TABLE),
        handler=None if is_ragged else special,
        ragged=special if is_ragged else None,
        shape_only=bool(row.treatments) and row.treatments[0].kind == "shape only" and name not in FILLS,
        draws=torch.Tag.nondeterministic_seeded in func.tags,
        fills=name in FILLS,
        compares=bool(row.treatments) and row.treatments[0].kind == "comparison",
    )


def is_composite(func: Any, listed: bool) -> bool:
    """Whether PyTorch writes an operation by others; of one in the table, on every device."""
    composite = has_kernel(func.name(), "CompositeImplicitAutograd")
    return composite and not (listed and has_kernel(func.name(), "Autograd"))


def functional_form(namespace: str, name: str, func: Any) -> Any:
    """The operation that returns what this one writes: `add_.Tensor` -> `add.Tensor`, `sum.IntList_out` ->
    `sum.dim_IntList`; None where there is none.
    """
    library = getattr(torch.ops, namespace)
    base = RENAMED.get(name, name.removesuffix("_"))
    packet = getattr(library, base, None)
    if packet is None:
        return None
    overload = func._overloadname
    if base != name and overload in packet.overloads() and same_types(getattr(packet, overload), func):
        return getattr(packet, overload)
    wanted = [
        argument.name
        for argument in func._schema.arguments
        if base != name or argument.alias_info is None or not argument.alias_info.is_write
    ]
    for candidate in packet.overloads():
        form = getattr(packet, candidate)
        writes = any(a.alias_info is not None and a.alias_info.is_write for a in form._schema.arguments)
        if not writes and [a.name for a in form._schema.arguments] == wanted and same_types(form, func):
            return form
    return None


def same_types(form: Any, func: Any) -> bool:
    """Whether arguments of one name have one type: `pow.Scalar` is of a number, `pow_.Scalar` of a tensor."""
    types = {a.name: str(a.type) for a in form._schema.arguments}
    return all(types[a.name] == str(a.type) for a in func._schema.arguments if a.name in types)
