"""The page of a large study: its size, the memory that making it takes, and how long a reader waits for an image.

    python scripts/measure_page.py                       # 11 networks x 100 images of 96 x 64 LR pixels, x4
    python scripts/measure_page.py --networks 3 --images 10

Pictures and maps are noise, which no format makes smaller: real ones take less. No network is run. The page is then
opened in a headless Chromium (needs playwright), and its images are switched one after the other; an image counts as
there when all networks' maps and SR pictures are drawn.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from chromium import FLAGS, find_chromium, until

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the made-up results are those of the tests

from tests.report.page.conftest import make_page  # noqa: E402
from tests.report.results import make_results  # noqa: E402

DRAWN = "[...document.querySelectorAll('.view img[src]')].every(one => one.complete && one.naturalWidth)"


def look(page: Path, images: int, switches: int) -> tuple[float, list[float], int]:
    """Seconds until the first image is there and each next one, and how many files were asked for."""
    from playwright.sync_api import sync_playwright

    program = find_chromium()
    with sync_playwright() as driver, driver.chromium.launch(executable_path=program, args=list(FLAGS)) as browser:
        view = browser.new_page(viewport={"width": 1440, "height": 900})
        asked: list[str] = []
        view.on("request", lambda request: asked.append(request.url))
        started = time.perf_counter()
        view.goto(page.resolve().as_uri())
        view.wait_for_selector("#panels canvas[aria-label*='image000']")
        opened = time.perf_counter() - started
        view.locator("#layer").fill("1.5")
        times = []
        for number in range(1, min(switches + 1, images)):
            started = time.perf_counter()
            view.click("#next")
            view.wait_for_selector(f"#panels canvas[aria-label*='image{number:03}']", state="attached")
            until(view, DRAWN)
            times.append(time.perf_counter() - started)
    return opened, times, len(asked)


def main() -> None:
    """Prints a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=11)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--switches", type=int, default=20, help="images to switch to")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="page-", dir=Path.cwd()) as folder:
        names = [f"image{number:03}" for number in range(chosen.images)]
        models = [f"network{number:02}" for number in range(chosen.networks)]
        root = make_results(Path(folder), models=models, images={"made": names}, size=(64, 96), ablation={})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        page = make_page(root)
        spent = time.perf_counter() - started
        unit = 1 if sys.platform == "darwin" else 1024
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        beside = sum(file.stat().st_size for place in ("report_files", "sr", "inputs") for file in _files(root / place))
        print(f"{chosen.networks} networks x {chosen.images} images: page {page.stat().st_size / 1e6:.2f} MB, ", end="")
        print(f"beside it {beside / 1e6:.0f} MB; made in {spent:.0f} s, ", end="")
        print(f"peak memory {after * unit / 1e9:.2f} GB ({before * unit / 1e9:.2f} GB before)", flush=True)
        opened, times, asked = look(page, chosen.images, chosen.switches)
        print(
            f"opened in {opened:.2f} s; next image {statistics.median(times):.2f} s (median of {len(times)}, ", end=""
        )
        print(f"slowest {max(times):.2f} s); {asked} files loaded by then")


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


if __name__ == "__main__":
    main()
