"""The square of each dataset on the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.colors import to_hex

from l2xbench.draw.tables import Table
from l2xbench.store.results import Results
from l2xbench.studies.similarity.figures import similarity_matrices
from l2xbench.studies.similarity.matrix import SHADES, takes_white
from l2xbench.studies.similarity.options import UNTRAINED, twin_of
from l2xbench.studies.study import Section


def similarity_section(results: Results, tables: Mapping[str, Table]) -> Section:
    """What `section.html` shows, and the table below it."""
    squares = []
    for _, matrix, part in similarity_matrices(results):
        tips = {frozenset((row["model_a"], row["model_b"])): _pair_tip(row) for row in part.to_dict("records")}
        rows = []
        count = len(matrix.names)
        for i, name in enumerate([*matrix.names, *(row.name for row in matrix.calibration)]):
            cells = []
            for j, other in enumerate(matrix.names):
                value = matrix.shown(i, j)
                known = i != j and not pd.isna(value)
                cells.append(
                    {
                        "text": matrix.printed(i, j),
                        "shade": to_hex(SHADES(matrix.shade(value))) if known else None,
                        "dark": known and takes_white(matrix.shade(value)),
                        "doubtful": j < i < count and bool(matrix.doubtful[i, j]),
                        "own": i == j or (i >= count and not known),
                        "tip": tips.get(frozenset((twin_of(other) if name == UNTRAINED else name, other)), ""),
                    }
                )
            rows.append({"name": name, "cells": cells, "apart": i == count})
        squares.append(
            {
                "title": matrix.title,
                "names": matrix.names,
                "branches": ["M" + "L".join(f"{100 * x:.2f},{y:.3f}" for x, y in line) for line in matrix.branches],
                "rows": rows,
                "remark": " ".join(f"{line[:1].upper()}{line[1:]}." for line in matrix.said),
            }
        )
    return Section(
        anchor="similarity",
        link="Similarity",
        title="Similarity: CKA of maps",
        tables=list(tables.values()),
        template=Path(__file__).parent / "section.html",
        context={"squares": squares},
    )


def _pair_tip(row: Mapping[Any, Any]) -> str:
    told = []
    for said, value, low, high, p_value, chance in (
        ("dCKA", "dcka", "dcka_low", "dcka_high", "dcka_p_value", "dcka_chance"),
        ("CKA", "cka", "low", "high", "p_value", "chance"),
    ):
        if pd.isna(row[value]):
            continue
        parts = [f"{said} {row[value]:.3f}"]
        if not pd.isna(row[low]):
            parts.append(f"interval {row[low]:.3f} to {row[high]:.3f}")
        parts += [
            f"{name} {row[key]:.3g}"
            for key, name in ((p_value, "p"), (chance, "chance level"))
            if not pd.isna(row[key])
        ]
        told.append(", ".join(parts))
    told += [row["warning"]] if row["warning"] else []
    return f"{row['model_a']} and {row['model_b']}: {'; '.join(told)}"
