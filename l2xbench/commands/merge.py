"""`l2xbench merge`: results of one study made in several places, as if they had been made in one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp

from rich.console import Console

from l2xbench.commands import screen
from l2xbench.commands.report import make_report
from l2xbench.commands.screen_tables import show_table
from l2xbench.draw.drawers import Drawers
from l2xbench.errors import RequestError, reason_of
from l2xbench.report.tables import sources_table
from l2xbench.run.manifest_files import manifest_files
from l2xbench.run.merge import Merged, MergePart, merge
from l2xbench.run.results import read_runs
from l2xbench.store.archive import opened_archive
from l2xbench.store.damage import DamagedFile
from l2xbench.store.extract import extracts
from l2xbench.store.manifest import ManifestSource
from l2xbench.store.paths import OUTCOMES, RECORDS
from l2xbench.store.results import Results
from l2xbench.store.store import Store
from l2xbench.store.units import GroupName
from l2xbench.system.command import command_line
from l2xbench.system.files import unwritable

_FIRST = "manifest.json"

_MALFORMED = (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)
"""What reading records raises that no run has written."""


def merge_results(places: Sequence[Path], out: Path | None = None) -> int:
    """Joins results folders and bundles into a new folder, which appears whole or not at all.

    Args:
        places: at least two; of a network that several have, the first one's records are taken.
        out: the new folder.

    Returns:
        the exit code: 0, or 1 where a figure could not be drawn.

    Raises:
        RequestError: a place has no results, is unsafe or damaged, or was measured otherwise.
    """
    if len(places) < 2:
        raise RequestError("merge: two results folders or bundles are needed, for example results/a other-lab.zip")
    console = Console()
    near = _nearest(out or Path("results"))
    with ExitStack() as stack, screen.RunProgress(console) as progress:
        folders = {}
        for name, place in zip(_names(places), places, strict=True):
            progress.working(f"opening {name}")
            folders[name] = stack.enter_context(_folder(place, near))
        merged = _merged({name: _runs(name, folder) for name, folder in folders.items()})
        manifest = merged[_FIRST].manifest
        target = out or Path("results", f"{manifest.study.study}-merged")
        _require_new(target)
        with _growing(target) as new, closing(Drawers()) as drawers:
            store = Store(new)
            _take_records(store, folders, merged)
            for name, each in merged.items():
                store.write_text(name, json.dumps(each.manifest.as_json(), indent=2))
            try:
                report = make_report(store, progress, drawers)
            except DamagedFile as error:
                raise RequestError(f"merge: {Path(error.path).relative_to(new)}: is missing or damaged") from error
    for line in (*_unlike(manifest.sources), *dict.fromkeys(failure.reason for failure in manifest.failures)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    show_table(
        console,
        sources_table(manifest).frame,
        f"{manifest.study.study}: where each network is from",
        f"{screen.relative(target)}/tables/sources.csv",
    )
    paths = {what: target / path.relative_to(new) for what, path in report.paths.items()}
    screen.show_paths(console, target, [*paths.items(), ("manifest", target / _FIRST)])
    screen.show_page(console, replace(report.page, path=target / report.page.path.name))
    return 1 if report.undrawn else 0


def _names(places: Sequence[Path]) -> list[str]:
    """What each place is called: its last part, or, where two are alike, as it was given."""
    short = [place.resolve().name.removesuffix(".zip") for place in places]
    names = [name if short.count(name) == 1 else str(place) for name, place in zip(short, places, strict=True)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RequestError(f"merge: {twice} is named twice")
    return names


def _nearest(folder: Path) -> Path:
    """The folder, or the first above it that is there: what is unpacked and joined has to be on its disk."""
    folder = folder.resolve().parent
    return next(each for each in (folder, *folder.parents) if each.is_dir())


@contextmanager
def _folder(place: Path, near: Path) -> Iterator[Path]:
    """The place as a folder."""
    if place.is_file():
        with opened_archive(place, _is_wanted, near) as folder:
            yield folder
    else:
        manifest_files(place)
        yield place


def _is_wanted(name: str) -> bool:
    """Whether a bundle's file is one that results are made of; what was made from them is made anew."""
    first, *rest = PurePosixPath(name).parts
    if not rest:
        return first.startswith("manifest") and first.endswith(".json")
    return first in (RECORDS, *OUTCOMES)


def _runs(name: str, folder: Path) -> list[Results]:
    try:
        return read_runs(Store(folder))
    except RequestError as error:
        raise RequestError(str(error).replace(str(folder), name)) from error
    except _MALFORMED as error:
        raise RequestError(f"{name}: its records are none of l2xbench ({reason_of(error)})") from error


def _merged(runs: Mapping[str, Sequence[Results]]) -> dict[str, Merged]:
    """The joined results by the name of their manifest's file: of the whole study, and of each part run by itself."""
    commands: dict[str | None, list[MergePart]] = {}
    for name, found in runs.items():
        for run in found:
            parts = commands.setdefault(run.manifest.only, [])
            if not any(part.place == name for part in parts):
                parts.append(MergePart(name, run))
    order = sorted(commands, key=lambda only: (only is not None, only))
    return {
        (f"manifest-{only}.json" if place else _FIRST): merge(commands[only], command_line())
        for place, only in enumerate(order)
    }


def _require_new(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RequestError(f"{target}: is there already; name a new folder with --out, or remove it")


@contextmanager
def _growing(target: Path) -> Iterator[Path]:
    """A folder that takes the place of `target` when all has gone well, and else is gone."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise unwritable(target, error) from error
    try:
        yield folder
        folder.chmod(0o777 & ~_umask())
        folder.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _take_records(store: Store, folders: Mapping[str, Path], merged: Mapping[str, Merged]) -> None:
    """Copies what counts, each group of units from the first place that it is taken from."""
    there: set[GroupName] = set()
    for name, folder in folders.items():
        wanted = [
            part.results.records.of_models(models)
            for each in merged.values()
            for part, models in each.taken
            if part.place == name
        ]
        try:
            for extract in extracts(wanted):
                if extract.group not in there:
                    store.take(extract, folder)
                    there.add(extract.group)
        except _MALFORMED as error:
            raise RequestError(f"{name}: its records are none of l2xbench ({reason_of(error)})") from error
        except RequestError as error:
            raise RequestError(f"{name}: {error}") from error


def _unlike(sources: Sequence[ManifestSource]) -> Iterator[str]:
    """What differs between the places and may differ in the numbers."""
    for what, values in (
        ("device", [source.measured_on for source in sources]),
        ("l2xbench", [source.l2xbench for source in sources]),
        ("torch", [source.versions.get("torch", "") for source in sources]),
    ):
        if len(set(values)) > 1:
            told = "; ".join(f"{source.name}: {value}" for source, value in zip(sources, values, strict=True))
            why = "seconds do not compare, and last digits may differ" if what == "device" else "last digits may differ"
            yield f"{what}: {told}; {why}"
