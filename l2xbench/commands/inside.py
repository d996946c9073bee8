"""`l2xbench inside`: the network as a tree, with what passes through each of its submodules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from torch import Tensor, nn

from l2xbench.attribution import AttributionError, explain
from l2xbench.attribution.layers import LayersFound, Part
from l2xbench.attribution.parts import ROOT, chosen_parts, unwrapped
from l2xbench.attribution.references import parse_reference
from l2xbench.attribution.targets import parse_target
from l2xbench.commands.screen import show_failure
from l2xbench.commands.tree import TreeLine, show_tree
from l2xbench.data.folders import printable
from l2xbench.data.images import read_image, to_tensor
from l2xbench.data.photographs import photographs
from l2xbench.errors import RequestError, did_you_mean
from l2xbench.run.devices import choose_device
from l2xbench.studies.shared.maps import errors_in_one_line
from l2xbench.system.files import write_whole
from l2xbench.validation import has_negative
from l2xbench.words import words
from l2xbench.zoo.load import build, locate
from l2xbench.zoo.network import Network
from l2xbench.zoo.usable import require_usable

SORTS = ("order", "share", "magnitude", "parameters")


@dataclass(frozen=True)
class InsideRequest:
    """What a command line asks for; see `l2xbench inside --help`."""

    model: str
    images: Sequence[Path] = ()
    depth: int = 2
    sort: str = "order"
    layers: str | None = None
    crop: str = "48"
    target: str = "image"
    reference: str = "blur"
    csv: Path | None = None
    device: str = "auto"
    trust: bool = False
    seed: int = 0
    keys: Mapping[str, Any] = field(default_factory=dict)


def look_inside(request: InsideRequest) -> int:
    """Explains the network's output on each image by what passes through its submodules, and shows their means.

    Returns:
        the exit code: 0, or 1 where some of the images could not be explained.

    Raises:
        RequestError: a name, file or option is wrong, or no image can be explained.
    """
    place_of = checked(request)
    files = list(request.images) or [default_image()]
    for file in files:
        if not file.is_file():
            raise RequestError(f"{file}: no such file; an LR image is needed")
    console = Console()
    source = locate(request.model, seed=request.seed, keys=request.keys)
    device = choose_device(request.device)
    with console.status(f"loading {request.model}"):
        network = build(source, device=device, trust=request.trust)
    asked = asked_for(network, request)
    found: list[LayersFound] = []
    failures: list[RequestError] = []
    errors = []
    for file in files:
        try:
            image = to_tensor(read_image(file)).to(device)
            lr = place_of(image, file)
            with console.status(f"explaining {network.name} on {file.name}"):
                require_usable(network, lr)
                with errors_in_one_line(network.name):
                    answer = explain(
                        network,
                        lr,
                        reference=request.reference,
                        target=request.target,
                        layers=asked,
                        seed=request.seed,
                    )
        except RequestError as error:
            failures.append(RequestError(f"{file.name}: {error}"))
            continue
        errors.append(float(answer.completeness_error))
        found.append(answer.layers)
        size = tuple(lr.shape[-2:])
    if not found:
        raise failures[0]
    modules = modules_of(found)
    where = printable(files[0].name) if len(files) == 1 else f"{len(found)} images"
    console.print(
        f"{network.name}: {network.parameter_count:,} parameters, {network.weights} weights, scale {network.scale}; "
        f"{words(network.scale).lr} {size[0]} x {size[1]} of {where}, reference {request.reference}, target "
        f"{request.target}, completeness error {max(errors):.0e}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    show_tree(console, lines_of(unwrapped(network), modules, request), flat=request.layers is not None)
    if request.csv is not None:
        write_whole(request.csv, table_of(modules).to_csv(index=False).encode())
        console.print(f"numbers  [cyan]{escape(str(request.csv))}[/]", soft_wrap=True)
    for failure in failures:
        show_failure(console, network.name, str(failure))
    return 1 if failures else 0


def default_image() -> Path:
    """A photograph that is always there."""
    file = photographs()[1][0].hr
    assert file is not None
    return file


def checked(request: InsideRequest) -> Any:
    """Check what needs no network; gives the function (image, file) -> its crop.

    Raises:
        RequestError: an option is wrong.
    """
    for flag, look_up in (
        ("--target", lambda: parse_target(request.target)),
        ("--reference", lambda: parse_reference(request.reference)),
    ):
        try:
            look_up()
        except AttributionError as error:
            raise RequestError(f"{flag}: {error}") from None
    if request.sort not in SORTS:
        raise RequestError(f"--sort {request.sort}: {did_you_mean(request.sort, SORTS)}")
    if request.crop == "whole":
        return lambda image, file: image
    if has_negative(request.crop, 1, 3):
        raise RequestError(
            f"--crop {request.crop}: a negative number: LEFT and TOP are counted from the corner, from 0 on"
        )
    if not re.fullmatch(r"\d+(,\d+,\d+)?", request.crop):
        raise RequestError(f"--crop {request.crop}: LEFT,TOP,SIDE in LR pixels, a SIDE, or whole is needed")
    numbers = [int(number) for number in request.crop.split(",")]
    side = numbers[-1]
    if side < 4:
        raise RequestError(f"--crop {request.crop}: a side of at least 4 LR pixels is needed")

    def cut(image: Tensor, file: Path) -> Tensor:
        height, width = image.shape[-2:]
        if len(numbers) == 1:
            left, top = max(0, width - side) // 2, max(0, height - side) // 2
        else:
            left, top = numbers[:2]
            if left + side > width or top + side > height:
                raise RequestError(f"--crop {request.crop}: is not within {width} x {height} pixels")
        return image[..., top : top + side, left : left + side]

    return cut


def asked_for(network: Network, request: InsideRequest) -> list[str]:
    """The submodules to be looked at: down to one below those shown, which name the branches that meet there.

    Raises:
        RequestError: `--layers` names none.
    """
    inner = unwrapped(network)
    try:
        if request.layers is not None:
            return list(chosen_parts(network, [name.strip() for name in request.layers.split(",") if name.strip()]))
        every = chosen_parts(network, [ROOT, "**"]) if any(inner.children()) else {}
        return [ROOT, *(name for name in every if name != ROOT and name.count(".") <= request.depth)]
    except AttributionError as error:
        raise RequestError(f"--layers {request.layers}: {str(error).removeprefix('layers: ')}") from None


@dataclass
class Meeting:
    """A sum or concatenation in a module's own forward: what each branch brings, image by image."""

    kind: str
    branches: list[tuple[str, list[float]]]


@dataclass
class Seen:
    """A submodule that ran: the numbers of each image."""

    name: str
    kind: str
    calls: int
    order: int
    parameters: int
    shares: list[float]
    magnitudes: list[float]
    meetings: list[Meeting]


def modules_of(found: Sequence[LayersFound]) -> dict[str, Seen]:
    """The submodules that ran for any of the images."""
    modules: dict[str, Seen] = {}
    for name, layer in (pair for layers in found for pair in layers.items()):
        meetings = [
            Meeting(
                "concatenation" if join.operation == "cat" else "sum",
                [(branch_name(part), [float(part.share)]) for part in join.parts],
            )
            for join in layer.joins
        ]
        share, magnitude = float(layer.share), float(layer.magnitude)
        seen = modules.get(name)
        if seen is None:
            modules[name] = Seen(
                name, layer.kind, len(layer.calls), layer.order, layer.parameters, [share], [magnitude], meetings
            )
            continue
        seen.shares.append(share)
        seen.magnitudes.append(magnitude)
        for known, new in zip(seen.meetings, meetings, strict=False):
            for (_, shares), (_, more) in zip(known.branches, new.branches, strict=False):
                shares += more
    return modules


def branch_name(part: Part) -> str:
    """What a branch is called where it meets others."""
    if part.skip:
        return f"skip ({part.label})" if part.label else "skip"
    return part.label or "branch"


def table_of(modules: Mapping[str, Seen]) -> pd.DataFrame:
    """The numbers as a table: a row a module, and one for each branch that meets others in it."""
    rows = []
    for seen in modules.values():
        row = {"module": seen.name, "class": seen.kind, "branch": "", "calls": seen.calls}
        row |= {"parameters": seen.parameters, "magnitude": mean(seen.magnitudes)}
        rows.append(row | spread_of(seen.shares))
        for number, meeting in enumerate(seen.meetings, start=1):
            for label, shares in meeting.branches:
                named: dict[str, Any] = {"module": seen.name, "class": f"{meeting.kind} {number}", "branch": label}
                rows.append(named | spread_of(shares))
    return pd.DataFrame(rows)


def spread_of(shares: Sequence[float]) -> dict[str, float]:
    """The mean over images, and from where to where they go."""
    return {"share": mean(shares), "lowest": min(shares), "highest": max(shares), "images": len(shares)}


def lines_of(network: nn.Module, modules: Mapping[str, Seen], request: InsideRequest) -> list[TreeLine]:
    """The tree's lines, from the top down."""
    if request.layers is not None:
        return flat(modules, request.sort)
    shown = {ROOT, *modules}
    for name in list(shown):  # what holds them, though it is not called itself
        parts = name.split(".")
        shown |= {".".join(parts[:depth]) for depth in range(1, len(parts))} - {""}
    lines: list[TreeLine] = []

    def add(name: str, called: str, guides: tuple[bool, ...]) -> None:
        module = network.get_submodule("" if name == ROOT else name)
        prefix = "" if name == ROOT else name + "."
        seen = modules.get(name)
        kind = type(module).__name__
        if seen is None:
            lines.append(TreeLine(guides, called, kind, size_of(module)))
        else:
            kind += f" ×{seen.calls}" if seen.calls > 1 else ""
            lines.append(TreeLine(guides, called, kind, size_of(module), seen.shares, seen.magnitudes))
            for meeting in seen.meetings:
                lines.append(TreeLine(guides, "", meeting.kind, branches=meeting.branches))
        if len(guides) >= request.depth:
            return
        inner = [prefix + child for child, held in module._modules.items() if held is not None]
        inner = sorted((each for each in inner if each in shown), key=lambda each: rank(each, modules, request.sort))
        for number, each in enumerate(inner, start=1):
            add(each, each.removeprefix(prefix), (*guides, number == len(inner)))

    add(ROOT, type(network).__name__, ())
    return lines


def flat(modules: Mapping[str, Seen], sort: str) -> list[TreeLine]:
    """Those that were asked for, one below the other under their whole names."""
    lines = []
    for name in sorted(modules, key=lambda each: rank(each, modules, sort)):
        seen = modules[name]
        kind = seen.kind + (f" ×{seen.calls}" if seen.calls > 1 else "")
        lines.append(TreeLine((), name, kind, seen.parameters, seen.shares, seen.magnitudes))
        lines += [TreeLine((), "", meeting.kind, branches=meeting.branches) for meeting in seen.meetings]
    return lines


def rank(name: str, modules: Mapping[str, Seen], sort: str) -> tuple[float, int]:
    """Where a module comes among its siblings; one that is not called itself, by what it holds."""
    under = [seen for key, seen in modules.items() if key == name or key.startswith(name + ".")]
    first = min(seen.order for seen in under)
    if sort == "order":
        return 0, first
    of = [modules[name]] if name in modules else under
    if sort == "parameters":
        return -sum(seen.parameters for seen in of), first
    return -max(mean(seen.shares if sort == "share" else seen.magnitudes) for seen in of), first


def size_of(module: nn.Module) -> int:
    """How many learned numbers a module holds."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
