"""The tables of a run: those of every study, and what failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields

import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.errors import RequestError
from l2xbench.store.manifest import Manifest
from l2xbench.store.records import Failure
from l2xbench.store.results import Results
from l2xbench.studies.registry import all_studies


def study_tables(results: Results) -> dict[str, dict[str, Table]]:
    """Study -> its tables by name, of those that have rows; `results.once(study_tables)` makes them once.

    Raises:
        RequestError: two have one name, and would be written over each other.
    """
    found: dict[str, dict[str, Table]] = {}
    whose: dict[str, str] = {}
    for study in all_studies():
        tables = [table for table in study.tables(results) if not table.frame.empty]
        for name in (table.name for table in tables):
            if name in whose:
                raise RequestError(f"the study '{study.name}': its table '{name}' is there already, of '{whose[name]}'")
            whose[name] = study.name
        found[study.name] = {table.name: table for table in tables}
    return found


def failures_table(failures: Iterable[Failure]) -> Table:
    """A row a failed unit."""
    frame = pd.DataFrame([asdict(f) for f in failures], columns=[field.name for field in fields(Failure)])
    return Table("failures", frame, "Units of work that failed, and why.")


def sources_table(manifest: Manifest) -> Table:
    """A row a network: where its records are from; no rows where all were made in one place."""
    rows = [
        {
            "model": model,
            "source": source.name,
            "device": source.device,
            "threads": source.threads,
            "l2xbench": source.l2xbench,
            "torch": source.versions.get("torch", ""),
            "finished": source.finished,
            "weights": manifest.models[model].weights,
            "identity": manifest.models[model].identity[:12],
        }
        for source in manifest.sources
        for model in source.models
    ]
    caption = "Where each network was measured. Seconds of one place do not compare with those of another."
    return Table("sources", pd.DataFrame(rows), caption)
