"""Files made from records are made once, and again only where they or what decides them have changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2xbench.errors import RequestError
from l2xbench.store.derived import DerivedFiles, figure_paths, find_derived, make_unless_kept
from l2xbench.store.store import Store


def figure(title: str = "a title", version: int = 1, name: str = "curve") -> DerivedFiles:
    return DerivedFiles("figure", version, name, figure_paths(name), {"title": title}, dataset="set5")


class Drawing:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, bytes]:
        self.times += 1
        return {"png": b"a picture", "pdf": b"a page"}


def test_files_are_made_once(tmp_path: Path) -> None:
    draw = Drawing()
    record = make_unless_kept(Store(tmp_path), figure(), draw)
    assert record.files == {"png": "figures/curve.png", "pdf": "figures/curve.pdf"}
    assert (tmp_path / "figures/curve.png").read_bytes() == b"a picture"
    assert make_unless_kept(Store(tmp_path), figure(), draw) == record and draw.times == 1


@pytest.mark.parametrize("other", [figure(title="another"), figure(version=2)])
def test_what_decides_them_differs(tmp_path: Path, other: DerivedFiles) -> None:
    draw, store = Drawing(), Store(tmp_path)
    make_unless_kept(store, figure(), draw)
    make_unless_kept(store, other, draw)
    assert draw.times == 2
    assert find_derived(store, figure()) is None, "the file shows the other now"


def test_a_file_is_gone_or_shorter_or_lies_elsewhere(tmp_path: Path) -> None:
    draw, store = Drawing(), Store(tmp_path)
    make_unless_kept(store, figure(), draw)
    (tmp_path / "figures/curve.pdf").unlink()
    make_unless_kept(store, figure(), draw)
    assert draw.times == 2 and (tmp_path / "figures/curve.pdf").exists()
    (tmp_path / "figures/curve.png").write_bytes(b"")
    make_unless_kept(store, figure(), draw)
    assert draw.times == 3
    moved = DerivedFiles("figure", 1, "curve", figure_paths("moved"), {"title": "a title"}, dataset="set5")
    make_unless_kept(store, moved, draw)
    assert draw.times == 4 and (tmp_path / "figures/moved.png").exists()


def test_figures_of_one_dataset_do_not_displace_each_other(tmp_path: Path) -> None:
    draw, store = Drawing(), Store(tmp_path)
    for _ in range(2):
        for name in ("curve", "bars"):
            make_unless_kept(store, figure(name=name), draw)
    assert draw.times == 2


def test_stopped_while_writing_they_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of another key may have the same size, so that only the record can tell."""
    store = Store(tmp_path)
    make_unless_kept(store, figure(), Drawing())
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(Store, "add_record", stop)
        make_unless_kept(store, figure(title="another"), lambda: {"png": b"A PICTURE", "pdf": b"A PAGE"})
    assert (tmp_path / "figures/curve.png").read_bytes() == b"A PICTURE"
    assert find_derived(Store(tmp_path), figure()) is None


def test_what_making_them_raises_leaves_no_record(tmp_path: Path) -> None:
    def fail() -> dict[str, bytes]:
        raise RequestError("no such palette")

    with pytest.raises(RequestError, match="no such palette"):
        make_unless_kept(Store(tmp_path), figure(), fail)
    assert find_derived(Store(tmp_path), figure()) is None
