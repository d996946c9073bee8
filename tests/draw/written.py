"""Tables as files, for tests that read them back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from l2xbench.draw.tables import Table


def write_tables(folder: Path, tables: Iterable[Table]) -> list[Path]:
    """Writes the texts of tables into a folder, which is made for them; their paths."""
    paths = []
    for table in tables:
        folder.mkdir(parents=True, exist_ok=True)
        for ending, text in table.texts().items():
            paths.append(folder / f"{table.name}.{ending}")
            paths[-1].write_text(text)
    return paths
