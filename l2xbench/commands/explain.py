"""`l2xbench explain`: one image, some networks, one figure of what each used, and each map as an array."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, get_args

import torch
from rich.console import Console
from rich.markup import escape

from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.methods.registry import get_method
from l2xbench.attribution.references import parse_reference
from l2xbench.attribution.targets import parse_target
from l2xbench.commands import screen
from l2xbench.commands.screen_tables import show_rows
from l2xbench.data.degradations import Degradation
from l2xbench.data.folders import printable
from l2xbench.data.known_sets import set_of_image
from l2xbench.data.pairs import ImagePair, LoadedPair
from l2xbench.draw.colormap import colour_map
from l2xbench.draw.heatmaps import heatmap_bytes
from l2xbench.draw.panels import HeatmapPanel, NetworkPanel
from l2xbench.draw.scales import chosen
from l2xbench.draw.style import get_ready
from l2xbench.draw.zoom import around_target
from l2xbench.errors import RequestError, reason_of
from l2xbench.run.devices import choose_device
from l2xbench.store.store import Store
from l2xbench.studies.shared.followed import require_followed
from l2xbench.studies.shared.maps import (
    MapRequest,
    NetworkImage,
    NetworkMap,
    errors_in_one_line,
    network_image,
    network_map,
)
from l2xbench.studies.shared.panels import ShownImage, make_panel
from l2xbench.system.compat import without_distributed_tensors
from l2xbench.system.files import packed, write_whole
from l2xbench.words import words
from l2xbench.zoo.load import Source, build, locate, short_names, told_apart


def explain_image(
    image: Path,
    models: Sequence[str],
    *,
    target: str,
    reference: str,
    method: str,
    out: Path,
    options: Mapping[str, Any] | None = None,
    lr: str | None = None,
    hr: Path | None = None,
    palette: str = "green-red",
    scale: str = "auto",
    device: str = "auto",
    trust: bool = False,
    seed: int = 0,
    verify: bool = False,
    keys: Mapping[str, Any] | None = None,
) -> int:
    """Explains one LR image by several networks; writes the figure and the maps into the folder `out`.

    With `lr` (`matlab` or `pillow`) `image` is an HR image, of which LR is made by that bicubic. `options` are the
    method's own. With `verify` the passes that `l2x` explains are compared with plain ones first. `keys` are those of
    the networks' cards that are said anew: `output`, `inputs`, `channels`, ...

    Returns:
        the exit code: 0, or 1 where some of the networks could not be explained.

    Raises:
        RequestError: a file, name, target, reference or method is wrong, or no network can be explained.
    """
    request = _request(target, reference, method, options or {})
    if verify and method != "l2x":
        raise RequestError(f"--verify compares the passes of l2x; {method} makes plain ones: leave it out")
    files = _files(image, hr, lr)
    colour_map(palette)
    shades = chosen(scale, "--scale")
    console = Console()
    without_distributed_tensors()
    named = short_names(models)
    if told_apart(named):
        console.print(told_apart(named), markup=False, highlight=False, soft_wrap=True)
    sources = {name: locate(model, seed=seed, keys=keys) for name, model in named.items()}
    asked = _Asked(request, files, out, choose_device(device), trust=trust, seed=seed, verify=verify)
    Thread(target=get_ready, daemon=True).start()
    done = _explained(console, sources, asked)
    if not done.answers:
        raise done.failures[0]
    assert done.pair is not None
    shown = ShownImage(set_of_image(image.resolve()), printable(image.stem), done.scale, done.pair.lr, done.pair.hr)
    zoom = around_target(request.target, shown.sr_shape)
    panel = make_panel(shown, done.answers, request, zoom=zoom, scale_of_colours=shades)
    with console.status("drawing"):
        # not the image's own name: `--out .` must not draw over it
        figures = [
            write_whole(out / f"heatmap-{printable(image.stem)}.{ending}", content)
            for ending, content in heatmap_bytes(panel, palette).items()
        ]
    if verify:
        console.print("verified: what is explained are the outputs of plain passes", highlight=False)
    title = f"{printable(image.name)}: {request.label}, {reference}, {panel.target}"
    _tell(console, title, panel, done)
    maps = [(name, out / f"{name}.npz") for name in done.answers]
    screen.show_paths(console, out, [*zip(("figure", ""), figures, strict=True), *maps])
    for failure in done.failures:
        console.print(f"[yellow]failed[/] {escape(str(failure))}", soft_wrap=True)
    return 1 if done.failures else 0


@dataclass(frozen=True)
class _Asked:
    """What is asked of each network, of which image, and where its map goes."""

    request: MapRequest
    files: ImagePair
    out: Path
    device: torch.device
    trust: bool
    seed: int
    verify: bool


@dataclass
class _Done:
    """What the networks answered, and why some did not."""

    answers: dict[str, tuple[NetworkImage, NetworkMap]] = field(default_factory=dict)
    failures: list[RequestError] = field(default_factory=list)
    pair: LoadedPair | None = None
    """The image, once a network has said at which scale."""
    scale: int = 0


def _explained(console: Console, sources: Mapping[str, Source], asked: _Asked) -> _Done:
    """Each network's map, written as soon as it is there."""
    done = _Done()
    for name, source in sources.items():
        try:
            with console.status(f"loading {name}"):
                network = build(source, device=asked.device, trust=asked.trust)
        except (Exception, SystemExit) as error:  # a class of the user's may raise anything, or leave
            reason = reason_of(error)
            done.failures.append(RequestError(reason if isinstance(error, RequestError) else f"{name}: {reason}"))
            continue
        if done.pair is None:
            done.scale = network.scale
            done.pair = asked.files.load(done.scale)
            _require_target(asked.request.target, done.pair, done.scale)
            Store(asked.out).prepare()
        if network.scale != done.scale:
            raise RequestError(
                f"--models: {name} is for scale {network.scale}, {next(iter(sources))} for scale {done.scale}; "
                "one figure shows one scale"
            )
        with console.status(f"explaining {name}"):
            try:
                with errors_in_one_line(name):
                    if asked.verify:
                        require_followed(network, done.pair.lr, asked.request.reference)
                    found = network_map(network, done.pair.lr, asked.request.settings(asked.seed))
                    done.answers[name] = network_image(network, done.pair), found
            except RequestError as error:
                done.failures.append(error)
                continue
        write_whole(asked.out / f"{name}.npz", packed(found.arrays))
        del network
    return done


def _tell(console: Console, title: str, panel: HeatmapPanel, done: _Done) -> None:
    """A row a network, and what must be known of how it was explained."""
    rows = [
        {
            "model": name,
            "delta": "" if found.delta is None else f"{found.delta:.4g}",
            "completeness_error": found.completeness_error,
            "seconds": found.seconds,
            **_spread(drawn),
        }
        for drawn, (name, (_, found)) in zip(panel.networks, done.answers.items(), strict=True)
    ]
    show_rows(console, rows, title)
    for name, (_, found) in done.answers.items():
        if found.tile is not None:
            console.print(
                f"{escape(name)}: out of memory, so explained in overlapping tiles of {found.tile} x {found.tile} "
                f"{words(done.scale).lr} pixels",
                soft_wrap=True,
            )
        if found.jump and found.delta:
            console.print(
                f"{escape(name)}: goes by Python numbers, and is explained along the image's own route; the "
                f"reference's own would change the difference by {abs(found.jump / found.delta):.1%}",
                soft_wrap=True,
                highlight=False,
            )


def _require_target(target: str, pair: LoadedPair, scale: int) -> None:
    """Whether the SR image has what is to be explained."""
    height, width = pair.lr.shape[:2]
    try:
        parse_target(target).window((1, 3, height * scale, width * scale))
    except AttributionError as error:
        raise RequestError(f"--target: {error}") from None


def _spread(drawn: NetworkPanel) -> dict[str, float]:
    """How far the map of a part of the SR image goes beyond it; nothing for the whole image."""
    if drawn.outside is None or drawn.diffusion is None:
        return {}
    return {"outside": round(drawn.outside, 4), "diffusion_index": round(drawn.diffusion, 2)}


def _files(image: Path, hr: Path | None, lr: str | None) -> ImagePair:
    """The pair of an LR image with its HR, or of an HR image whose LR is to be made."""
    if lr is None:
        return ImagePair(printable(image.stem), hr, image)
    if hr is not None:
        raise RequestError(f"--hr: with --lr {lr} the image itself is HR ({image}); leave --hr out")
    for degradation in get_args(Degradation):
        if lr == degradation:
            return ImagePair(printable(image.stem), image, None, degradation)
    raise RequestError(f"--lr {lr}: it is matlab or pillow, whose bicubic makes LR of the image")


def _request(target: str, reference: str, method: str, options: Mapping[str, Any]) -> MapRequest:
    """What is asked of each network, checked before any is loaded."""
    checks: list[tuple[str, Callable[[], object]]] = [
        ("--target", lambda: parse_target(target)),
        ("--reference", lambda: parse_reference(reference)),
        ("--method", lambda: get_method(method)),
        ("--option", lambda: get_method(method).bind(options)),
    ]
    for flag, look_up in checks:
        try:
            look_up()
        except AttributionError as error:
            raise RequestError(f"{flag}: {error}") from None
    if get_method(method).needs_hr:
        raise RequestError(
            f"--method: {method} draws from other images of a dataset: name it in a study's attribution.methods, "
            "or see l2xbench referee"
        )
    return MapRequest(str(parse_target(target)), reference, method, tuple(options.items()))
