"""Tables and figures of an earlier run of a folder, which what runs there now no longer has."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from l2xbench.draw.tables import ENDINGS
from l2xbench.report.build import belonging
from l2xbench.store.results import Results
from l2xbench.studies.registry import all_studies


def remove_superseded(runs: Sequence[Results], written: Collection[str] | None = None) -> list[Path]:
    """Removes tables and figures that none of these runs has, which would be read as theirs; their records are kept.

    Nothing is removed that l2xbench has not written, and nothing where records are missing, since what was made of them
    then says more than they do.

    Args:
        runs: all of one results folder, at least one.
        written: what was just written for the first of them, as paths below the folder; found out if None.

    Returns:
        what is gone, below the results folder: the PNG of a figure, the CSV of a table.
    """
    if any(run.missing for run in runs):
        return []
    store = runs[0].store
    kept: set[str] = set()
    for run in runs:
        files = written if written is not None and run is runs[0] else belonging(run)
        if files is None:
            return []
        kept.update(files)
    gone = sorted({*_tables(store.root), *_figures(store.files_but_of([each.name for each in all_studies()]))} - kept)
    removed = [Path(path) for path in gone if (store.root / path).is_file()]
    for path in removed:
        (store.root / path).unlink()
    return [path for path in removed if path.suffix in (".png", ".csv")]


def told(removed: Sequence[Path]) -> str:
    """A line about what was removed.

    Examples:
        >>> told([Path("figures/flow.png"), Path("tables/flow.csv")])
        'figures/flow and tables/flow were of an earlier run, and are removed; its records are kept'
        >>> told([Path("tables/flow.csv")])
        'tables/flow was of an earlier run, and is removed; its records are kept'
    """
    names = [path.with_suffix("").as_posix() for path in removed]
    named = names if len(names) <= _NAMED else [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    verbs = ("was", "is") if len(names) == 1 else ("were", "are")
    listed = " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
    return f"{listed} {verbs[0]} of an earlier run, and {verbs[1]} removed; its records are kept"


def _tables(root: Path) -> set[str]:
    """Files of tables: each table is written in all forms, so that a file that stands alone is somebody else's."""
    found = (root / "tables").glob("*.csv")
    ours = [path for path in found if all(path.with_suffix(each).is_file() for each in _FORMS)]
    return {f"tables/{path.stem}{each}" for path in ours for each in _FORMS}


def _figures(made: Collection[str]) -> set[str]:
    return {path for path in made if path.startswith("figures/")}


_NAMED = 3
_FORMS = [f".{ending}" for ending in ENDINGS]
