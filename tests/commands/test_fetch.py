"""`l2xbench models` and `l2xbench fetch` as a user runs them."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from l2xbench.errors import RequestError
from l2xbench.fetch.catalogue import find_item
from l2xbench.zoo.cards import bundled_cards
from tests.conftest import heed_ctrl_c
from tests.fetch.server import Server

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """80 columns, a cache folder of the test's own, and a proxy that is not there for a network; loopback is."""
    nowhere = "http://127.0.0.1:9"
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
        "L2XBENCH_HOME": str(tmp_path / "home"),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), nowhere),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


@pytest.fixture
def l2xbench(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command in that environment."""

    def run(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "l2xbench", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env={**environment, **more}, timeout=120)

    return run


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("l2xbench: ")
    return done.stderr


def test_models_shows_every_card_in_80_columns(l2xbench: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = l2xbench("models")
    assert done.returncode == 0, done.stderr
    assert all(f" {name} " in done.stdout for name in bundled_cards())
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("arguments", [["models"], ["models", "bicubic"], ["fetch", "--list"]])
def test_showing_imports_no_torch(arguments: list[str]) -> None:
    program = "import sys, l2xbench.cli as c\ntry: c.main()\nfinally: print('torch' in sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "False"


def test_a_card_is_shown_whole(l2xbench: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    card = {
        "title": "A Net",
        "paper": "Somebody et al., 2020",
        "year": 2020,
        "kind": "transformer",
        "licence": "MIT",
        "provider": "l2xbench",
        "arch": {"type": "CARN", "group": 4},
        "scale": 4,
        "input_range": 255,
        "parameters": 1234567,
        "weights": {"url": "https://example.org/a/net-0123abcd.pth"},
        "published": {"Set5": [32.1, 0.9]},
        "training": {"seed": 7, "hours": 1.5},
    }
    path = tmp_path / "net.yaml"
    path.write_text(yaml.safe_dump(card, sort_keys=False))
    done = l2xbench("models", path)
    assert done.returncode == 0, done.stderr
    for part in (
        *("A Net", "Somebody et al., 2020", "transformer", "MIT", "1,234,567", "x4", "0 to 255", "type CARN, group 4"),
        *("Set5 32.10 dB / 0.9000", "seed: 7", "hours: 1.5", "to fetch", "l2xbench fetch net", "example.org"),
        "SHA-256 begins with 0123abcd",
    ):
        assert part in done.stdout, part
    assert max(map(len, done.stdout.splitlines())) <= 80

    by_hand = {**card, "weights": {"page": "https://example.org/page", "filename": "net.pth"}}
    path.write_text(yaml.safe_dump(by_hand))
    shown = " ".join(l2xbench("models", path).stdout.split())
    assert "by hand download net.pth from https://example.org/page into" in shown
    message = one_line(l2xbench("fetch", path))
    assert f"download net.pth from https://example.org/page into {tmp_path / 'home/checkpoints'}" in message


def test_a_wrong_name_gets_the_nearest(l2xbench: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert "did you mean 'bicubic'?" in one_line(l2xbench("models", "bicubik"))
    assert "did you mean 'urban100'?" in one_line(l2xbench("fetch", "urban10"))
    assert "fetch --list" in one_line(l2xbench("fetch"))


def test_a_file_put_there_by_hand_is_checked_where_a_hash_is_published(
    l2xbench: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    card = {"provider": "l2xbench", "arch": {"type": "CARN"}}
    weights = {"page": "https://example.org", "filename": "net.pth", "sha256": hashlib.sha256(b"right").hexdigest()}
    path = tmp_path / "net.yaml"
    path.write_text(yaml.safe_dump({**card, "weights": weights}))
    (tmp_path / "home/checkpoints").mkdir(parents=True)
    (tmp_path / "home/checkpoints/net.pth").write_bytes(b"wrong")
    assert "not the published file" in one_line(l2xbench("fetch", path))
    (tmp_path / "home/checkpoints/net.pth").write_bytes(b"right")
    assert "already here (SHA-256 checked)" in l2xbench("fetch", path).stdout


def test_a_checkpoint_without_a_known_hash_is_left_to_the_user(
    l2xbench: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    checkpoints = tmp_path / "home/checkpoints"
    message = one_line(l2xbench("fetch", "carn"))
    assert "carn: no SHA-256 of its checkpoint is known" in message
    assert "download carn.pth from https://github.com/nmhkahn/CARN-pytorch/raw/master" in message
    assert message.endswith(f"carn.pth into {checkpoints}\n")
    checkpoints.mkdir(parents=True)
    (checkpoints / "carn.pth").write_bytes(b"whatever the user put there")
    assert "already here (no hash is published)" in l2xbench("fetch", "carn").stdout


def test_a_scale_that_the_card_is_not_for(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(yaml.safe_dump({"provider": "l2xbench", "arch": {"type": "CARN"}, "scale": 4}))
    with pytest.raises(RequestError, match="net: the card is for scale 4, not 2"):
        find_item(str(path), 2)
    assert find_item(str(path), None).name == "net"
    assert find_item("set5", None).what == "Set5 (x4)"


def test_the_list_says_what_is_here(l2xbench: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    (tmp_path / "home/datasets/Manga109").mkdir(parents=True)
    done = l2xbench("fetch", "--list")
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert "to fetch" in rows["Urban100"] and "145.1 MB" in rows["Urban100"]
    assert "present" in rows["Manga109"]
    assert "Urban100" not in l2xbench("fetch", "--list", "--scale", 3).stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_without_a_network_one_line(
    l2xbench: Callable[..., subprocess.CompletedProcess[str]], write_study: Callable[..., Path], tmp_path: Path
) -> None:
    assert "no connection to raw.githubusercontent.com" in one_line(l2xbench("fetch", "set5"))
    study = write_study(datasets={"urban100": "Urban100"})
    message = one_line(l2xbench("run", study, "--out", tmp_path / "out"))
    assert "l2xbench fetch urban100" in message and "--data-root" in message
    assert not (tmp_path / "out").exists()


def test_several_names_and_a_cache_that_cannot_be_written(
    l2xbench: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = l2xbench("fetch", "bicubic", "manga109")
    assert done.returncode == 1
    assert "failed: Manga109 cannot be fetched" in done.stdout
    (tmp_path / "file").write_text("")
    message = one_line(l2xbench("fetch", "set5", L2XBENCH_HOME=str(tmp_path / "file")))
    assert f"{tmp_path / 'file'}: the cache folder cannot be written" in message and "L2XBENCH_HOME" in message


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def test_a_checkpoint_is_fetched_stopped_and_gone_on_with(
    l2xbench: Callable[..., subprocess.CompletedProcess[str]],
    environment: dict[str, str],
    server: Server,
    tmp_path: Path,
) -> None:
    data = os.urandom(200_000)
    url = f"/net-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    server.files[url] = data
    server.stalls[url] = [150_000]
    path = tmp_path / "net.yaml"
    path.write_text(
        yaml.safe_dump({"provider": "l2xbench", "arch": {"type": "CARN"}, "weights": {"url": server.url + url}})
    )
    command = [sys.executable, "-m", "l2xbench", "fetch", str(path)]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=heed_ctrl_c,
    ) as running:
        partial = tmp_path / f"home/checkpoints{url}.partial"
        deadline = time.monotonic() + 60
        while not (partial.exists() and partial.stat().st_size > 100_000) and time.monotonic() < deadline:
            with suppress(subprocess.TimeoutExpired):
                running.wait(0.05)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert errors == "l2xbench: stopped; what is finished is kept, and the same command goes on from there\n"
    assert list(partial.parent.iterdir()) == [partial]
    kept = partial.stat().st_size

    done = l2xbench("fetch", path)
    assert done.returncode == 0, done.stderr
    assert "checkpoint of net: fetched (SHA-256 begins with" in done.stdout
    assert server.asked[-1] == (url, f"bytes={kept}-")
    assert (tmp_path / f"home/checkpoints{url}").read_bytes() == data
    assert "already here" in l2xbench("fetch", path).stdout
    assert "present" in l2xbench("models", path).stdout
