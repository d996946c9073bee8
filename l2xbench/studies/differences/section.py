"""The diagrams of ranks on the page, above the tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from l2xbench.draw import style
from l2xbench.draw.tables import Table
from l2xbench.store.results import Results
from l2xbench.studies.differences.figures import diagrams
from l2xbench.studies.differences.layout import RankDiagram, RankedName
from l2xbench.studies.study import Section

# in the SVG's own units
_WIDTH, _SIDE, _ROW, _LEVEL, _ABOVE = 370.0, 106.0, 17.0, 7.0, 52.0
_TEXT = 10.5  # as `report.css` has it


def differences_section(results: Results, tables: Mapping[str, Table]) -> Section:
    """What `section.html` shows, and the tables below it."""
    shown = [drawn(diagram) for _, _, diagram in results.once(diagrams)]
    title = "Which networks differ?"
    template = Path(__file__).parent / "section.html"
    return Section("differences", "Differences", title, list(tables.values()), template, {"diagrams": shown})


def drawn(diagram: RankDiagram) -> dict[str, Any]:
    """Where the lines and names of a diagram stand."""
    start, end = _SIDE, _WIDTH - _SIDE
    step = (end - start) / (diagram.last - 1)
    first_row = _ABOVE + (diagram.levels + 1) * _LEVEL + 10

    def at(rank: float) -> float:
        return round(start + (rank - 1) * step, 1)

    names = [
        {
            "name": name.name,
            "shown": _shown(name),
            "x": at(name.rank),
            "y": first_row + name.row * _ROW,
            "edge": start - 4 if name.left else end + 4,
            "left": name.left,
        }
        for name in diagram.names
    ]
    return {
        "title": diagram.title,
        "remark": diagram.remark,
        "tested": diagram.tested,
        "critical": f"{diagram.critical:.2f}",
        "wider": diagram.critical * step > end - start,
        "critical_end": round(min(start + diagram.critical * step, end), 1),
        "width": _WIDTH,
        "height": first_row + diagram.rows * _ROW,
        "start": start,
        "end": end,
        "axis": _ABOVE,
        "ticks": [
            (at(rank), rank) for rank in range(1, diagram.last + 1) if diagram.last <= 15 or rank == 1 or rank % 5 == 0
        ],
        "bars": [(at(low) - 3, at(high) + 3, _ABOVE + (level + 1) * _LEVEL) for low, high, level in diagram.bars],
        "names": names,
        "told": "; ".join(f"{name.name} {name.rank:.1f}" for name in diagram.names),
    }


def _shown(name: RankedName) -> str:
    """Name and rank beside the axis; a long name loses its middle."""
    rank = f" {name.rank:.1f}"
    return style.fit(name.name, _SIDE - 10 - style.text_width(rank, _TEXT), size=_TEXT) + rank
