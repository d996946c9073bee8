"""Which submodules of a network are meant: by name, by pattern, or as the network's own blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from l2xbench.attribution.errors import AttributionError
from l2xbench.errors import nearest

BLOCKS = "blocks"
FEW = 8
"""More submodules than this are not listed where one is not found."""
ROOT = "."
"""The network itself, as a name."""
HELD_BY = {"DataParallel": "module", "DistributedDataParallel": "module", "OptimizedModule": "_orig_mod"}
"""Wrappers of PyTorch's -> the attribute that is the network."""
Layers = str | Sequence[str]


def chosen_parts(network: nn.Module, layers: Layers) -> dict[str, nn.Module]:
    """The submodules that names and patterns mean, by name, in the order in which the network has them.

    Names are those of `network.named_modules()`; of a network in a wrapper (`DataParallel`, a card's `Network`),
    those of the network itself. In a pattern `*` stands for anything within one part of a name and `**` for any
    number of parts. `"blocks"` are the network's repeated parts (`blocks_of`), whatever else is called so (`"block[s]"`
    means that), and `"."` is the network itself.

    Args:
        network: any module.
        layers: a name or pattern, or several.

    Returns:
        name -> submodule.

    Examples:
        >>> body = nn.Sequential(*(nn.Sequential(nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)) for _ in range(3)))
        >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), body)
        >>> list(chosen_parts(net, "1.*")), list(chosen_parts(net, "**.0"))
        (['1.0', '1.1', '1.2'], ['0', '1.0', '1.0.0', '1.1.0', '1.2.0'])
        >>> list(chosen_parts(net, "blocks"))
        ['1.0', '1.1', '1.2']

    Raises:
        AttributionError: a name or pattern means nothing; a submodule runs inside a scripted one, where it cannot be
            seen; or the network has no repeated parts.
    """
    inner = unwrapped(network)
    asked = [layers] if isinstance(layers, str) else list(layers)
    if not asked or not all(isinstance(each, str) and each for each in asked):
        raise AttributionError(f"layers={layers!r}: give names, patterns such as 'body.*', or 'blocks'")
    named = dict(inner.named_modules(remove_duplicate=False))
    scripted = [name for name, module in named.items() if isinstance(module, torch.jit.ScriptModule)]
    hidden = {name: holder for name in named if (holder := held_by(name, scripted)) is not None}
    wanted: set[str] = set()
    for pattern in asked:
        wanted |= meant(inner, pattern, named, hidden)
    return {(name or ROOT): module for name, module in named.items() if name in wanted}


def meant(inner: nn.Module, pattern: str, named: dict[str, nn.Module], hidden: dict[str, str]) -> set[str]:
    """The names that one pattern means."""
    if pattern == BLOCKS:
        found = {name for name in blocks_of(inner) if name not in hidden}
        if not found:
            raise AttributionError(
                f"layers='blocks': {type(inner).__name__} has no repeated parts; give names or patterns, such as '*'"
            )
        return found
    if pattern == ROOT:
        return {""}
    if pattern in named and pattern:
        if pattern in hidden:
            raise AttributionError(
                f"layers: {pattern!r} runs inside the scripted module {hidden[pattern] or ROOT!r}, where it cannot be "
                f"seen; ask for that one"
            )
        return {pattern}
    matching = {name for name in named if name and matches(name.split("."), pattern.split("."))}
    if not matching:
        raise _no_submodule(pattern, [name for name in named if name])
    seen = matching - hidden.keys()
    if not seen:
        holder = hidden[min(matching)]
        raise AttributionError(
            f"layers: all that {pattern!r} means runs inside the scripted module {holder or ROOT!r}, where it cannot "
            "be seen; ask for that one"
        )
    return seen


def _no_submodule(pattern: str, names: Sequence[str]) -> AttributionError:
    near = nearest(pattern, names)
    first = ", ".join([*names[:FEW], *(["..."] if len(names) > FEW else [])])
    told = f"did you mean {near!r}?" if near else f"there are {len(names)}: {first}"
    return AttributionError(f"layers: the submodule {pattern!r} does not exist; {told}")


def matches(name: list[str], pattern: list[str]) -> bool:
    """Whether the parts of a name are those of a pattern.

    Examples:
        >>> matches(["layers", "0", "attn"], ["**", "attn"]), matches(["body", "0", "conv"], ["body", "*"])
        (True, False)
    """
    if not pattern:
        return not name
    if pattern[0] == "**":
        return any(matches(name[start:], pattern[1:]) for start in range(len(name) + 1))
    return bool(name) and fnmatchcase(name[0], pattern[0]) and matches(name[1:], pattern[1:])


def unwrapped(network: nn.Module) -> nn.Module:
    """The network that a wrapper holds; a class says by `wraps` which of its attributes that is."""
    while True:
        held = getattr(type(network), "wraps", None) or HELD_BY.get(type(network).__name__)
        inner = getattr(network, held, None) if held else None
        if not isinstance(inner, nn.Module):
            return network
        network = inner


def held_by(name: str, holders: Sequence[str]) -> str | None:
    """The outermost of these modules that runs a submodule from within.

    Examples:
        >>> held_by("body.0.conv", ["body"]), held_by("body", ["body"]), held_by("head", ["body"])
        ('body', None, None)
    """
    return next((each for each in holders if name != each and (not each or name.startswith(each + "."))), None)


def blocks_of(network: nn.Module) -> list[str]:
    """The names of a network's own repeated parts, found by its structure.

    They are modules of one class, each with at least two layers that have weight matrices or kernels, that lie side by
    side in one module or in its `Sequential` or `ModuleList`. Where most of such a part is made of such parts itself,
    held in a `Sequential` or `ModuleList`, as in RCAN's groups and SwinIR's layers, those are meant. What stands alone
    between them, such as a convolution at a group's end, is none.

    Examples:
        >>> def block():
        ...     return nn.ModuleList([nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)])
        >>> blocks_of(nn.ModuleDict({"head": nn.Conv2d(3, 4, 3), "body": nn.Sequential(block(), block())}))
        ['body.0', 'body.1']
    """
    return [name for name, _ in repeated(network, "", everywhere=True)]


def repeated(module: nn.Module, prefix: str, *, everywhere: bool) -> list[tuple[str, nn.Module]]:
    """The repeated parts in a module; with `everywhere` also those that are its own attributes, and deeper ones where
    it has none.
    """
    siblings: dict[Any, list[tuple[str, nn.Module]]] = {}
    for holder, in_container, name, child in children_of(module, prefix):
        if (everywhere or in_container) and composite(child):
            siblings.setdefault((holder, type(child)), []).append((name, child))
    groups = [group for group in siblings.values() if len(group) > 1]
    if not groups:
        deeper = [repeated(child, f"{prefix}{name}.", everywhere=everywhere) for name, child in module.named_children()]
        return [found for parts in deeper for found in parts]
    found = []
    for name, part in (pair for group in groups for pair in group):
        inner = repeated(part, f"{name}.", everywhere=False)
        most = 2 * sum(size(each) for _, each in inner) >= size(part)
        found += inner if inner and most else [(name, part)]
    if everywhere:  # beside the repeated parts there may be others that hold some
        inside = {name for group in groups for name, _ in group}
        for name, child in module.named_children():
            full = prefix + name
            if not any(each == full or each.startswith(full + ".") for each in inside):
                found += repeated(child, f"{full}.", everywhere=True)
    return in_order(module, prefix, found)


def in_order(module: nn.Module, prefix: str, found: list[tuple[str, nn.Module]]) -> list[tuple[str, nn.Module]]:
    """Parts in the order in which the module has them."""
    order = {prefix + name: number for number, (name, _) in enumerate(module.named_modules(remove_duplicate=False))}
    return sorted(found, key=lambda pair: order[pair[0]])


def children_of(module: nn.Module, prefix: str) -> Iterator[tuple[str, bool, str, nn.Module]]:
    """A module's children, those of a plain container in its place: (what holds it, whether that is a container, its
    name, the child).
    """
    for name, child in module.named_children():
        if isinstance(module, nn.ModuleList) or type(module) is nn.Sequential:
            yield prefix, True, prefix + name, child
        elif isinstance(child, nn.ModuleList) or type(child) is nn.Sequential:
            yield from children_of(child, f"{prefix}{name}.")
        else:
            yield prefix, False, prefix + name, child


def size(module: nn.Module) -> int:
    """How many numbers a module's parameters are."""
    return sum(parameter.numel() for parameter in module.parameters())


def composite(module: nn.Module) -> bool:
    """Whether a module has at least two layers with weight matrices or kernels."""
    layers = 0
    for part in module.modules():
        layers += any(weight is not None and weight.dim() > 1 for weight in part._parameters.values())
        if layers > 1:
            return True
    return False
