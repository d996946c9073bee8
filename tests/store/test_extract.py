"""Records that go to another folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from l2xbench.errors import RequestError
from l2xbench.run.results import read_runs
from l2xbench.store.extract import extracts, is_usual, journal_of
from l2xbench.store.records import Record
from l2xbench.store.store import Store
from tests.report.results import make_results

RECORD = Record(
    "ab.cd", "restoration", "Set5", "edsr", "baby", "", {"psnr": 30.0}, {"sr": "sr/Set5/edsr/baby.png"}, {"sr": 7}
)


def test_every_record_goes_and_is_read_as_it_was(tmp_path: Path) -> None:
    root = make_results(tmp_path / "a", attribution={"methods": ["l2x"]})
    (run,) = read_runs(Store(root))
    other = Store(tmp_path / "b")
    for extract in extracts([run.records, run.records]):
        other.take(extract, root)
    (tmp_path / "b/manifest.json").write_bytes((root / "manifest.json").read_bytes())
    (copied,) = read_runs(other)
    assert list(copied.records) == list(run.records)
    assert copied.missing == 0


def test_a_record_may_go_without_a_file(tmp_path: Path) -> None:
    root = make_results(tmp_path / "a")
    (run,) = read_runs(Store(root))
    files = [path for extract in extracts([run.records], lambda path: path.startswith("sr/")) for path in extract.files]
    assert files and not any(path.startswith("sr/") for path in files)


def test_journals_are_of_few_blocks() -> None:
    records = [replace(RECORD, image=f"i{n}", files={"sr": f"sr/Set5/edsr/i{n}.png"}) for n in range(251)]
    assert [len(block.rows[0]) for block in journal_of(records)] == [250, 1]


@pytest.mark.parametrize(
    "changed",
    [
        {"files": {"sr": "report.html"}},
        {"files": {"sr": "sr/Set5/edsr/other.png"}},
        {"files": {"sr": "sr/Set5/edsr/baby.html"}},
        {"files": {"sr": "records/restoration/Set5/edsr/units.journal"}},
        {"values": {"psnr": {"a": 1}}},
        {"values": {"psnr": [[[1.0]]]}},
    ],
)
def test_a_record_that_no_run_leaves(changed: dict[str, object]) -> None:
    assert is_usual(RECORD)
    assert not is_usual(replace(RECORD, **changed))  # type: ignore[arg-type]


def test_such_a_record_is_refused(tmp_path: Path) -> None:
    root = make_results(tmp_path / "a")
    journal = root / "records/restoration/Set5/edsr/units.journal"
    import zlib

    lines = []
    for line in journal.read_bytes().splitlines():
        rest = line.partition(b"\t")[2].replace(b'["sr/Set5/edsr/",".png"]', b'["tables/",".png"]')
        lines.append(b"%08x\t%b\n" % (zlib.crc32(rest), rest))
    journal.write_bytes(b"".join(lines))
    (root / "sr/Set5/edsr").rename(root / "tables")
    (run,) = read_runs(Store(root))
    with pytest.raises(RequestError, match="restoration Set5 edsr baby: not a run's record"):
        list(extracts([run.records]))
