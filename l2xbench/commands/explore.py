"""`l2xbench explore`: a local page on which a click shows what each network used."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.references import parse_reference
from l2xbench.commands import screen
from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError, reason_of
from l2xbench.explore.page import ExplorePage
from l2xbench.explore.pictures import Kind, Picture, Uploads, collect, dataset_pictures
from l2xbench.explore.server import LOCAL, Shelf, address, listen, serve
from l2xbench.explore.tab import Tab
from l2xbench.explore.workbench import Workbench
from l2xbench.run.devices import choose_device
from l2xbench.run.lookup import Unusable, find_dataset, find_model
from l2xbench.run.plan import no_network
from l2xbench.studies.attribution.options import AttributionOptions, HeatmapOptions
from l2xbench.system.threads import work_alone
from l2xbench.zoo.cards import bundled_cards, read_card
from l2xbench.zoo.load import Source, build, locate, short_names
from l2xbench.zoo.network import Network
from l2xbench.zoo.weights import State, state


def explore(
    images: Sequence[str],
    models: Sequence[str] | None,
    *,
    study: StudyConfig | None = None,
    kind: Kind = "lr",
    side: int | None = None,
    data_root: Path | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = True,
    device: str = "auto",
    trust: bool = False,
    seed: int = 0,
    keys: Mapping[str, Any] | None = None,
) -> int:
    """Loads the networks and serves the page until Ctrl-C.

    Args:
        images: files and folders; the study's, or scikit-image's photographs, where none is named.
        models: as `load_model` knows them; the bundled networks where none is named. A study has its own.
        study: gives networks, images, reference, method, device and seed.
        kind: what image files are.
        side: LR pixels on a side of the window at first.
        keys: of the networks' cards, said anew: `output`, `inputs`, `channels`, ...

    Returns:
        the exit code, 0.

    Raises:
        RequestError: a name, file, device or port is wrong.
    """
    console = Console()
    if study is None:
        sources = {
            name: locate(model, seed=seed, keys=keys) for name, model in short_names(models or _bundled()).items()
        }
    else:
        sources = _sources(study, console)
        trust, seed, device = study.trust, study.seed, study.device
    place = choose_device(device)
    with listen(host, port) as listening:  # first: a port that is taken is told before networks are loaded
        work_alone()  # the networks' thread is another
        networks = _load(sources, console, place, trust)
        scale = next(iter(networks.values())).scale
        found = _pictures(images, study, scale, kind, data_root)
        first = _first(study, scale, list(networks), side)

        def started() -> None:
            where = address(listening)
            console.print(f"[bold]{where}[/]  shows the page; Ctrl-C ends it", highlight=False, soft_wrap=True)
            if host not in LOCAL:
                console.print("[yellow]whoever reaches this machine can use the page[/]: nothing asks who it is")
            if browser and _has_a_screen():
                webbrowser.open(where)

        with closing(Workbench(networks, seed=seed)) as bench, closing(Uploads()) as uploads:

            async def build_page(shelf: Shelf) -> None:
                await ExplorePage(bench, deepcopy(first), found, uploads, shelf).start()

            with suppress(KeyboardInterrupt):
                serve(listening, build_page, started)
        leave(bench)
    return 0


def leave(bench: Workbench) -> None:
    """Ends the program at once where a network is at work: Python would wait for its thread, which may take minutes."""
    if bench.is_at_work:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _bundled() -> list[str]:
    """The networks that ship with their weights."""
    cards = [read_card(path) for path in bundled_cards().values()]
    return [card.name for card in cards if state(card) is State.BUNDLED]


def _sources(study: StudyConfig, console: Console) -> dict[str, Source]:
    """The study's networks; those whose files are missing or wrong are told, and left out."""
    found: dict[str, Source] = {}
    reasons: dict[str, str] = {}
    with study.named_by_file():
        for name, entry in study.models.items():
            try:
                found[name] = find_model(name, entry, study)
            except Unusable as error:
                reasons[name] = str(error).removeprefix(f"models.{name}: ")
                screen.show_failure(console, name, reasons[name])
        if not found:
            raise no_network(reasons)
    return found


def _load(sources: Mapping[str, Source], console: Console, place: torch.device, trust: bool) -> dict[str, Network]:
    networks: dict[str, Network] = {}
    reasons: dict[str, str] = {}
    for name, source in sources.items():
        try:
            with console.status(f"loading {name}"):
                networks[name] = build(source, device=place, trust=trust)
        except (Exception, SystemExit) as error:  # a class of the user's may raise anything, or leave
            reasons[name] = reason_of(error)
            screen.show_failure(console, name, reasons[name])
            continue
        first, scale = next(iter(networks)), next(iter(networks.values())).scale
        if networks[name].scale != scale:
            raise RequestError(
                f"--models: {name} is for scale {networks[name].scale}, {first} for scale {scale}; "
                "one page shows one scale"
            )
    if not networks:
        raise RequestError("; ".join(reasons.values()))
    return networks


def _pictures(
    images: Sequence[str], study: StudyConfig | None, scale: int, kind: Kind, data_root: Path | None
) -> list[Picture]:
    if images or study is None:
        return collect(images, scale, kind)
    with study.named_by_file():
        datasets = [find_dataset(name, entry, study, data_root) for name, entry in study.datasets.items()]
    return dataset_pictures(datasets, named=len(datasets) > 1)


def _first(study: StudyConfig | None, scale: int, networks: list[str], side: int | None) -> Tab:
    """What a tab begins with."""
    tab = Tab(scale, networks)
    if study is not None:
        crops = [entry.crop for entry in study.datasets.values() if entry.crop]
        tab.side = min([*crops, tab.side])
        maps, heatmaps = study.block(AttributionOptions), study.block(HeatmapOptions)
        if maps is not None:
            tab.method = maps.methods[0]
            try:
                tab.reference, tab.variance = parse_reference(maps.reference)
            except AttributionError as error:
                raise RequestError(f"attribution.reference: {error}") from None
            tab.options = dict(maps.options.get(tab.method, {}))
        if heatmaps is not None:
            tab.palette = heatmaps.palette
    tab.side = side or tab.side
    tab.request  # noqa: B018  a wrong method or option is told before the page opens
    return tab


def _has_a_screen() -> bool:
    """Whether a browser of its own window is likely; without a screen one would take over the terminal."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
