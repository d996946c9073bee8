"""`l2xbench explain`: one image, some networks, one figure of what each used, and each map as an array."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.markup import escape

from l2xbench.attribution import Attribution, explain
from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.methods.registry import get_method
from l2xbench.attribution.references import parse_reference
from l2xbench.attribution.targets import parse_target
from l2xbench.commands import screen
from l2xbench.data import metrics
from l2xbench.data.images import to_image, to_tensor
from l2xbench.data.pairs import ImagePair, LoadedPair
from l2xbench.draw.colormap import colour_map
from l2xbench.draw.heatmaps import HeatmapPanel, NetworkPanel, heatmap_figure, save_figure
from l2xbench.draw.zoom import around_target, zoom_psnr
from l2xbench.errors import RequestError
from l2xbench.run.runner import choose_device
from l2xbench.store.store import Store
from l2xbench.studies.attribution.compute import arrays_of
from l2xbench.system.files import packed, write_whole
from l2xbench.zoo.load import build, locate, short_names
from l2xbench.zoo.network import Network


@dataclass(frozen=True)
class _Answer:
    panel: NetworkPanel
    found: Attribution
    seconds: float


def explain_image(
    image: Path,
    models: Sequence[str],
    *,
    target: str,
    reference: str,
    method: str,
    out: Path,
    hr: Path | None = None,
    palette: str = "green-red",
    device: str = "auto",
    trust: bool = False,
    seed: int = 0,
) -> int:
    """Explains one LR image by several networks; writes the figure and the maps into the folder `out`.

    Returns:
        the exit code: 0, or 1 where some of the networks could not be explained.

    Raises:
        RequestError: a file, name, target, reference or method is wrong, or no network can be explained.
    """
    _check(target, reference, method)
    colour_map(palette)
    console = Console()
    sources = {name: locate(model, seed=seed) for name, model in short_names(models).items()}
    place = choose_device(device)
    Store(out).prepare()
    answers: list[_Answer] = []
    failures: list[RequestError] = []
    pair: LoadedPair | None = None
    scale = 0
    for name, source in sources.items():
        with console.status(f"loading {name}"):
            network = build(source, device=place, trust=trust)
        if pair is None:
            scale = network.scale
            pair = ImagePair(image.stem, hr, image).load(scale)
        if network.scale != scale:
            raise RequestError(
                f"--models: {name} is for scale {network.scale}, {next(iter(sources))} for scale {scale}; "
                "one figure shows one scale"
            )
        with console.status(f"explaining {name}"):
            try:
                answers.append(_explained(name, network, pair, target, reference, method, seed))
            except RequestError as error:
                failures.append(error)
                continue
        write_whole(out / f"{name}.npz", packed(arrays_of(answers[-1].found)))
        del network
    assert pair is not None
    if not answers:
        raise failures[0]
    zoom = around_target(answers[0].found.target, (pair.lr.shape[0] * scale, pair.lr.shape[1] * scale))
    panel = HeatmapPanel(
        dataset=image.parent.resolve().name or "image",
        image=image.stem,
        scale=scale,
        lr=pair.lr,
        hr=pair.hr,
        networks=tuple(replace(a.panel, zoom_psnr=zoom_psnr(a.panel.sr, pair.hr, zoom)) for a in answers),
        method=method,
        reference=reference,
        target=answers[0].found.target,
        zoom=zoom,
    )
    with console.status("drawing"):
        # not the image's own name: `--out .` must not draw over it
        figure, vector = save_figure(heatmap_figure(panel, palette=palette), out / f"heatmap-{image.stem}")
    rows = [
        {
            "model": answer.panel.name,
            "delta": f"{float(answer.found.delta[0]):.4g}",
            "completeness_error": float(answer.found.completeness_error[0]),
            "seconds": answer.seconds,
        }
        for answer in answers
    ]
    screen.show_table(console, pd.DataFrame(rows), f"{image.name}: {method}, {reference}, {panel.target}")
    maps = [(answer.panel.name, out / f"{answer.panel.name}.npz") for answer in answers]
    screen.show_paths(console, out, [("figure", figure), ("", vector), *maps])
    for failure in failures:
        console.print(f"[yellow]failed[/] {escape(str(failure))}", soft_wrap=True)
    return 1 if failures else 0


def _check(target: str, reference: str, method: str) -> None:
    """Before anything is loaded: whether the names are right."""
    checks: list[tuple[str, Callable[[], object]]] = [
        ("--target", lambda: parse_target(target)),
        ("--reference", lambda: parse_reference(reference)),
        ("--method", lambda: get_method(method)),
    ]
    for flag, look_up in checks:
        try:
            look_up()
        except AttributionError as error:
            raise RequestError(f"{flag}: {error}") from None


def _explained(
    name: str, network: Network, pair: LoadedPair, target: str, reference: str, method: str, seed: int
) -> _Answer:
    device = next(iter(network.parameters()), torch.empty(0)).device
    lr = to_tensor(pair.lr).to(device)
    started = time.perf_counter()
    try:
        found = explain(network, lr, reference=reference, target=target, method=method, seed=seed)
        with torch.no_grad():
            sr = to_image(network(lr))
    except Exception as error:  # an AttributionError, an output that is no image, whatever a user's network raises
        raise RequestError(f"{name}: {' '.join(str(error).split())}") from error
    psnr = None if pair.hr is None else metrics.psnr(sr, pair.hr, network.scale, "y")
    ssim = None if pair.hr is None else metrics.ssim(sr, pair.hr, network.scale, "y")
    values = found.values[0].cpu().numpy()
    missed = float(found.completeness_error[0])
    panel = NetworkPanel(name, sr, values, psnr, ssim, missed if np.isfinite(missed) else None)
    return _Answer(panel, found, time.perf_counter() - started)
