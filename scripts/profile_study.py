"""Where the time of a study goes: what the networks take, and what everything else does.

    python scripts/profile_study.py my_study.yaml --data-root ~/data

All arguments are those of `l2xbench run`; results go to a temporary folder unless `--out` names another. Printed are
the seconds that the main thread spent in each part, from the first image to the last figure; what other threads did
meanwhile (encoding, writing, reading ahead) is told apart: it costs time only where the cores are all in use.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any


def parts() -> list[tuple[str, Any, str]]:
    """What is timed: its name and place. Imported here, since each process that draws reads this file."""
    import l2xbench.commands.run as command
    from l2xbench.data import metrics, pairs
    from l2xbench.report import ahead, build
    from l2xbench.run import runner, worker
    from l2xbench.store import journal, store
    from l2xbench.store.writer import Writer
    from l2xbench.studies.shared import inference, maps
    from l2xbench.studies.similarity import compute as similarity

    return [
        ("networks: super-resolve", inference, "super_resolve"),
        ("networks: super-resolve", maps, "super_resolve"),
        ("networks: explain", inference, "explain"),
        ("networks: explain", similarity, "explain"),
        ("build networks", worker, "build"),
        ("read images", pairs, "read_image"),
        ("make LR", pairs, "degrade"),
        ("PSNR and SSIM", metrics, "psnr"),
        ("PSNR and SSIM", metrics, "ssim"),
        ("PSNR and SSIM", metrics.Comparison, "__init__"),
        ("PSNR and SSIM", metrics.Comparison, "__call__"),
        ("encode PNG and NPZ", store, "encode_outcome"),
        ("encode PNG and NPZ", worker, "encode_outcome"),
        ("write files", store, "write_whole"),
        ("synchronise journals", journal, "append"),
        ("wait for the writers", Writer, "put"),
        ("wait for the writers", Writer, "flush"),
        ("figures: draw and save", build, "draw_figures"),
        ("figures: draw and save", ahead.Ahead, "close"),
        ("the page", command, "write_page"),
        ("tables and the rest of the report", command, "build_report"),
        ("find what is done, and the rest", runner, "run"),
    ]


def settle() -> None:
    """Waits for a GPU, which works on after it was asked to."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()


class Clock:
    """Seconds by part, of the main thread and of others; what a part calls counts there, not here."""

    def __init__(self) -> None:
        self.main: dict[str, float] = defaultdict(float)
        self.others: dict[str, float] = defaultdict(float)
        self._inner = threading.local()

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        def timed(*arguments: Any, **options: Any) -> Any:
            outer, self._inner.seconds = getattr(self._inner, "seconds", 0.0), 0.0
            started = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                settle()
                spent = time.perf_counter() - started
                kept = self.main if threading.current_thread() is threading.main_thread() else self.others
                kept[part] += spent - self._inner.seconds
                self._inner.seconds = outer + spent

        return timed

    def show(self) -> None:
        """Prints the parts, the longest first; nothing where nothing was run."""
        if not self.main:
            return
        total = sum(self.main.values())
        print(f"\n{'part':36} {'seconds':>8} {'share':>7}   in other threads")
        for part in sorted({*self.main, *self.others}, key=lambda name: -self.main[name]):
            beside = f"{self.others[part]:8.1f}" if part in self.others else ""
            print(f"{part:36} {self.main[part]:8.1f} {self.main[part] / total:7.1%}   {beside}")
        outside = sum(seconds for part, seconds in self.main.items() if not part.startswith("networks"))
        drawing = sum(seconds for part, seconds in self.main.items() if part.startswith("figures"))
        rest = (outside - drawing) / (total - drawing)
        print(f"outside the networks: {outside / total:.1%}; without drawing figures {rest:.1%}")


def main() -> None:
    """Runs the study with a clock on every part."""
    from l2xbench import cli
    from l2xbench.system import threads

    threads.wait_briefly()  # as a run does, before PyTorch comes with what is timed
    clock = Clock()
    for part, place, name in parts():
        setattr(place, name, clock.around(part, getattr(place, name)))
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        given = sys.argv[1:]
        sys.argv = ["l2xbench", "run", *given, *([] if "--out" in given else ["--out", folder])]
        try:
            cli.main()
        finally:
            clock.show()


if __name__ == "__main__":
    main()
