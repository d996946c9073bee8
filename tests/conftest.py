"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import importlib.util
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import yaml
from PIL import Image

if TYPE_CHECKING:
    from tests.tapes import Tape

from tests.browser import browser, browser_page  # noqa: F401  fixtures for every test


@pytest.fixture
def with_basicsr() -> None:
    """For tests that compare with BasicSR, which is an extra and cannot be built on Python 3.13."""
    if importlib.util.find_spec("basicsr") is None:
        pytest.skip("needs the extra `basicsr`")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images, published weights and golden outputs; tests that need it skip where it is absent."""
    root = Path(os.environ.get("L2XBENCH_SHARED", Path(__file__).parents[2] / "shared"))
    if not (root / "golden").is_dir():
        pytest.skip(f"needs the shared test data; {root} is absent (set L2XBENCH_SHARED)")
    return root


@pytest.fixture
def tapes(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Tape]]:
    """Maps by recorded passes on the CPU: on tapes, which stand in for CUDA graphs."""
    from l2xbench.attribution.captured import free_captured
    from l2xbench.attribution.captured.graphs import CAPTURES
    from tests.tapes import Tape

    free_captured()
    monkeypatch.setitem(CAPTURES, "cpu", Tape)
    Tape.alive = Tape.replays = 0
    yield Tape
    free_captured()
    assert Tape.alive == 0


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of three small HR images, 48 x 40, 48 x 41 and 52 x 40 pixels."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    rows, columns = np.mgrid[0:60, 0:60] / 60
    for number, (height, width) in enumerate([(40, 48), (41, 48), (40, 52)]):
        waves = [np.sin((3 + number) * np.pi * rows), np.cos(5 * columns), rows * columns]
        image = np.stack(waves, axis=-1)[:height, :width] * 100 + 120
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / f"photo{number}.png")
    return folder


@pytest.fixture
def write_study(tmp_path: Path, photographs: Path) -> Callable[..., Path]:
    """Writes a study of one tiny network on the small images; keywords replace its blocks.

    Heatmaps take longer than all the rest of it, so that those who look at them ask for them: `heatmaps={}`.
    """

    def write(**blocks: object) -> Path:
        network = {"provider": "l2xbench", "arch": {"type": "CARN", "n_feats": 4, "n_blocks": 1}, "weights": "random"}
        study: dict[str, object] = {
            "study": "small",
            "device": "cpu",
            "models": {"tiny": network},
            "datasets": {"photographs": str(photographs)},
            "heatmaps": None,
        }
        path = tmp_path / "small.yaml"
        path.write_text(yaml.safe_dump({**study, **blocks}))
        return path

    return write


class Done(NamedTuple):
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Done]


@pytest.fixture
def l2xbench(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, run in this process: torch is imported once for all tests."""
    from l2xbench import cli

    monkeypatch.setenv("COLUMNS", "160")
    _set_imports_aside()
    # what a test changes in this process, others that a slow machine would start for the work do not see
    monkeypatch.setattr("l2xbench.run.growing.BRIEF", math.inf)

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["l2xbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as exited:
            cli.main()
        captured = capsys.readouterr()
        return Done(int(exited.value.code or 0), captured.out, captured.err)

    return run


@cache
def _set_imports_aside() -> None:
    """A command collects garbage when it lets go of a network; half a million objects of libraries need no look."""
    import l2xbench.commands.run  # noqa: F401  with all that it imports

    gc.collect()
    gc.freeze()


def heed_ctrl_c() -> None:
    """For `Popen(preexec_fn=...)`: a background shell ignores SIGINT, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
