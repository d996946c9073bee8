"""A journal's lines are whole or known not to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2xbench.errors import RequestError
from l2xbench.store import journal
from l2xbench.store.journal import DONE, FAILED, FileColumn, JournalBlock

FIRST = JournalBlock.from_rows(
    DONE, "r", ["a", "b"], ["1", "2"], {"sr": FileColumn(path=["sr/", ".png"], sizes=[3, 4])}, {"psnr": [30.5, None]}
)
SECOND = JournalBlock.from_rows(FAILED, "r", ["c"], ["3"], values={"reasons": ["it\traised\na line"]})


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    path = tmp_path / "records" / "a.journal"
    end = journal.append(path, FIRST)
    assert journal.append(path, SECOND) == path.stat().st_size > end
    found = journal.read(path)
    assert found.blocks == [FIRST, SECOND]
    assert (found.damaged, found.end, found.size) == (0, path.stat().st_size, path.stat().st_size)
    block = found.blocks[0]
    assert block.rows == (["a", "b"], ["1", "2"]) and block.values() == {"psnr": [30.5, None]}
    assert block.files() == {"sr": {"path": ["sr/", ".png"], "sizes": [3, 4]}}
    assert found.blocks[1].values() == {"reasons": ["it\traised\na line"]}


def test_a_line_as_earlier_versions_wrote_it() -> None:
    """Results folders are read for years: the format stays."""
    start = b'300219d8\tdone\tr\t[["a","b"],["1","2"]]\t'
    assert FIRST.line() == start + b'{"sr":{"path":["sr/",".png"],"sizes":[3,4]}}\t{"psnr":[30.5,null]}\n'


def test_damage_costs_its_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    data = bytearray(FIRST.line() + SECOND.line())
    data[20] ^= 1
    path.write_bytes(data)
    found = journal.read(path)
    assert (found.blocks, found.damaged) == ([SECOND], 1)


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_half_a_line_is_no_damage_and_is_cut_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.journal"
    path.write_bytes(FIRST.line() + SECOND.line()[:-cut])
    found = journal.read(path)
    assert (found.blocks, found.damaged, found.end) == ([FIRST], 0, len(FIRST.line()))
    journal.append(path, SECOND, found.end)
    assert path.read_bytes() == FIRST.line() + SECOND.line()


def test_a_file_that_is_not_there_or_cannot_be_read(tmp_path: Path) -> None:
    assert journal.read(tmp_path / "none").blocks == []
    with pytest.raises(RequestError, match=f"{tmp_path}: cannot be read"):
        journal.read(tmp_path)


def test_rewriting_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    journal.append(path, FIRST)
    assert journal.rewrite(path, [SECOND]) == path.stat().st_size
    assert journal.read(path).blocks == [SECOND]
