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
from l2xbench.studies.similarity.matrix import DARK, SHADES, printed_cka
from l2xbench.studies.study import Section


def similarity_section(results: Results, tables: Mapping[str, Table]) -> Section:
    """What `section.html` shows, and the table below it."""
    squares = []
    for dataset, matrix, part in similarity_matrices(results):
        tips = {(row["model_a"], row["model_b"]): _pair_tip(row) for row in part.to_dict("records")}
        rows = []
        for i, name in enumerate(matrix.names):
            cells = []
            for j, other in enumerate(matrix.names):
                value = matrix.values[i, j]
                known = not pd.isna(value)
                cells.append(
                    {
                        "text": printed_cka(value, matrix.digits),
                        "shade": to_hex(SHADES(value)) if known else None,
                        "dark": known and value > DARK,
                        "doubtful": bool(matrix.doubtful[i, j]),
                        "tip": tips.get((name, other)) or tips.get((other, name), ""),
                    }
                )
            rows.append((name, cells))
        remark = matrix.remark if matrix.doubtful.any() else ""
        squares.append(
            {"dataset": dataset, "title": matrix.title, "names": matrix.names, "rows": rows, "remark": remark}
        )
    return Section(
        anchor="similarity",
        link="Similarity",
        title="Similarity: CKA of attributions",
        tables=list(tables.values()),
        template=Path(__file__).parent / "section.html",
        context={"squares": squares},
    )


def _pair_tip(row: Mapping[Any, Any]) -> str:
    told = [] if pd.isna(row["low"]) else [f"interval {row['low']:.3f} to {row['high']:.3f}"]
    told += [
        f"{said} {row[name]:.3g}"
        for name, said in (("p_value", "p"), ("chance", "chance level"))
        if not pd.isna(row[name])
    ]
    return f"{row['model_a']} and {row['model_b']}: {', '.join([*told, row['warning']])}".rstrip(", ")
