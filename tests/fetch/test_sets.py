"""The known sets: what each consists of, and that what is fetched is a dataset the studies recognise."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from l2xbench.data.datasets import open_dataset
from l2xbench.data.known_sets import KNOWN_SETS, KnownSet, find_set
from l2xbench.errors import RequestError
from l2xbench.fetch import sets
from l2xbench.fetch.catalogue import TestSet, find_item
from l2xbench.fetch.transfer import DownloadError
from tests.fetch.server import Server
from tests.fetch.test_download import Counter


def known(name: str) -> KnownSet:
    found = find_set(name)
    assert found is not None
    return found


def test_the_registry_is_the_published_one(shared: Path) -> None:
    with (shared / "data/selfexsr_checksums.csv").open() as file:
        published = {path: (int(size), sha256) for path, size, sha256 in csv.reader(file)}
    ours = {}
    for name in ("Set5", "Set14", "BSD100", "Urban100"):
        for scale in known(name).scales:
            for remote in sets.files_of(known(name), scale).files:
                assert remote.url.startswith("https://raw.githubusercontent.com/jbhuang0604/SelfExSR/8f6dd8c1d20c")
                assert remote.path == sets.datasets_folder() / remote.url.split("/data/")[1]
                ours["data/" + remote.url.split("/data/")[1]] = (remote.size, remote.sha256)
    assert ours == published


@pytest.mark.parametrize(
    ("name", "scale", "count"), [("Set5", 4, 10), ("set-14", 3, 28), ("B100", 2, 200), ("urban100", 4, 200)]
)
def test_every_image_has_both_sides(name: str, scale: int, count: int) -> None:
    assert len(sets.files_of(known(name), scale).files) == count


def test_only_the_images_asked_for() -> None:
    paths = [remote.path.name for remote in sets.files_of(known("Urban100"), 4, 2).files]
    assert paths == [f"img_00{n}_SRF_4_{side}.png" for n in (1, 2) for side in ("HR", "LR")]
    chosen = sets.files_of(known("Urban100"), 4, ["img_100", "img_007_SRF_4_LR.png"]).files
    assert {remote.path.name[:7] for remote in chosen} == {"img_007", "img_100"}
    with pytest.raises(RequestError, match="no image 'img_101' in Urban100; did you mean 'img_10"):
        sets.files_of(known("Urban100"), 4, ["img_101"])


def test_what_cannot_be_fetched_says_where_to_ask_and_where_to_put_it(home: Path) -> None:
    with pytest.raises(RequestError) as raised:
        TestSet(known("Manga109"), 4).fetch(Counter())
    for part in ("request", "manga109.org", str(home / "datasets/Manga109"), "--data-root"):
        assert part in str(raised.value)
    (home / "datasets/Manga109").mkdir(parents=True)
    assert TestSet(known("Manga109"), 4).fetch(Counter()).path == home / "datasets/Manga109"
    with pytest.raises(RequestError, match="Urban100 is published at x2, x4 only, not at x3"):
        sets.files_of(known("Urban100"), 3)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(RequestError, match="'urbn100': no network or dataset .*did you mean 'urban100'"):
        find_item("urbn100", 4)
    assert [find_set(each.name) for each in KNOWN_SETS] == list(KNOWN_SETS)


def test_set5_is_fetched_and_recognised(
    shared: Path, server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shared / "data/Set5/image_SRF_4"
    server.files = {f"/Set5/image_SRF_4/{path.name}": path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(sets, "SELFEXSR", server.url)
    item, progress = TestSet(known("Set5"), 4), Counter()
    assert item.state() == "to fetch"
    assert item.fetch(progress).fetched
    assert progress.count == item.size() == 924594
    assert item.state() == "present"
    dataset = open_dataset("set5", home / "datasets/Set5", 4)
    assert (len(dataset.pairs), dataset.layout, dataset.note) == (5, "SelfExSR (image_SRF_4)", None)
    assert len(server.asked) == 10
    assert not item.fetch(Counter()).fetched
    assert len(server.asked) == 10
    (home / "datasets/Set5/image_SRF_4/img_003_SRF_4_LR.png").unlink()
    assert item.state() == "in part"
    assert item.fetch(Counter()).fetched
    assert len(server.asked) == 11


def small_archive(inside: str, names: list[str], size: int) -> bytes:
    png, whole = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (size, size)).save(png, "PNG")
    with zipfile.ZipFile(whole, "w") as archive:
        for name in names:
            archive.writestr(f"{inside}/{name}", png.getvalue())
    return whole.getvalue()


def test_div2k_is_unpacked_and_recognised(server: Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [f"{n:04}" for n in range(801, 901)]
    zips = {
        "HR": small_archive("DIV2K_valid_HR", [f"{n}.png" for n in numbers], 8),
        "LR_bicubic_X4": small_archive("DIV2K_valid_LR_bicubic/X4", [f"{n}x4.png" for n in numbers], 2),
    }
    server.files = {f"/DIV2K_valid_{which}.zip": data for which, data in zips.items()}
    monkeypatch.setattr(sets, "DIV2K", server.url)
    hashes = {which: (len(data), hashlib.sha256(data).hexdigest()) for which, data in zips.items()}
    monkeypatch.setattr(sets, "_DIV2K_ARCHIVES", hashes)
    item, progress = TestSet(known("div2k"), 4), Counter()
    assert item.fetch(progress).fetched
    assert progress.count == item.size()
    dataset = open_dataset("div2k", home / "datasets/DIV2K", 4)
    assert (len(dataset.pairs), dataset.note) == (100, None)
    assert dataset.pairs[0].hr is not None and dataset.pairs[0].lr is not None
    assert not list(home.rglob("*.zip*")), "archives are not kept beside what was in them"
    assert not item.fetch(Counter()).fetched
    assert len(server.asked) == 2


def test_div2k_with_another_hash_is_refused(server: Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "DIV2K", server.url)
    monkeypatch.setattr(sets, "_DIV2K_ARCHIVES", dict.fromkeys(sets._DIV2K_ARCHIVES, (3, "0" * 64)))
    server.files = {f"/DIV2K_valid_{which}.zip": b"bad" for which in sets._DIV2K_ARCHIVES}
    with pytest.raises(DownloadError, match="another SHA-256"):
        TestSet(known("div2k"), 4).fetch(Counter())
    assert not (home / "datasets/DIV2K").exists()


def test_a_set_that_the_user_put_there_is_left_alone(home: Path) -> None:
    (home / "datasets/Set5/HR").mkdir(parents=True)
    item = TestSet(known("Set5"), 4)
    assert item.state() == "present"
    assert item.fetch(Counter()).fetched is False
