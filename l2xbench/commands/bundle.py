"""`l2xbench bundle`: a results folder as one zip file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal

from l2xbench.commands import screen
from l2xbench.errors import RequestError
from l2xbench.run.manifest_files import manifest_files
from l2xbench.run.results import read_runs
from l2xbench.store.archive import write_archive
from l2xbench.store.extract import Extract, extracts
from l2xbench.store.lock import run_lock
from l2xbench.store.paths import MAPS, journal_path
from l2xbench.store.store import Store

_SHOWN = ("report_files", "tables", "figures")
"""Folders of what was made from the records."""


def make_bundle(results: Path, out: Path | None = None, *, maps: bool = True) -> int:
    """Writes a zip file of all that a run has left, and of nothing else that lies in its folder.

    Args:
        results: the folder.
        out: the file; beside the folder, under its name, by default.
        maps: whether attribution maps go along.

    Returns:
        the exit code, 0.

    Raises:
        RequestError: it is no results folder, or not whole; or the file cannot be written.
    """
    console = Console()
    target = out or results.resolve().with_suffix(results.resolve().suffix + ".zip")
    if target.is_dir():
        raise RequestError(f"--out {target}: is a folder; a file's name is needed, for example {target / 'demo.zip'}")
    with run_lock(results), screen.RunProgress(console) as progress:
        members = _members(results, maps)
        progress.start(len(members))

        def told() -> Iterator[tuple[str, bytes | Path]]:
            for name, content in members.items():
                progress.working(name)
                yield name, content
                progress.advance(1)

        size = write_archive(target, told())
    kind = "maps included" if maps else "without maps"
    screen.show_paths(console, results, [("bundle", target)])
    console.print(f"{decimal(size)}, {len(members)} files, {kind}", highlight=False)
    return 0


def _members(root: Path, maps: bool) -> dict[str, bytes | Path]:
    """What goes in, in its order: the same folder gives the same file."""
    runs = read_runs(Store(root))
    for run in runs:
        if run.missing:
            raise RequestError(
                f"{root / run.name}: {run.missing} of its units have no record (removed, damaged, or made by another "
                "version); give its command again first"
            )
    if not (root / "report.html").is_file():
        raise RequestError(f"{root}: has no report.html; `l2xbench report {root}` makes it")
    found: dict[str, bytes | Path] = {path.name: path for path in manifest_files(root)}
    found["report.html"] = root / "report.html"
    for folder in _SHOWN:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                found[path.relative_to(root).as_posix()] = path
    files: list[str] = []
    for extract in extracts([run.records for run in runs], lambda path: not maps and path.startswith(f"{MAPS}/")):
        found[journal_path(extract.group).as_posix()] = _journal(extract)
        files += extract.files
    return found | {path: root / path for path in sorted(files)}


def _journal(extract: Extract) -> bytes:
    return b"".join(block.line() for block in extract.blocks)
