"""From click to map: how long a user of `l2xbench explore` waits, by network and method.

    python scripts/measure_explore.py --methods l2x,lam --clicks 5 -- --models edsr-compact --crop 96

Starts the explorer with what follows `--`, opens it in a headless Chromium (needs playwright), and clicks spots that
were not clicked before: with one network chosen, one method after the other. A time starts with the click's event in
the browser and ends when the browser has drawn the map; the table has medians, the slowest and fastest click, and how
many times l2x's median that is. The first click of each network and method is not counted.
"""

from __future__ import annotations

import argparse
import re
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from chromium import FLAGS, find_chromium

# Clicks the picture at a share of its sides; the milliseconds until the map's new picture has been drawn.
CLICK = """([right, down]) => new Promise((done) => {
  const base = document.querySelector('.picture .viewer');
  const frame = base.getBoundingClientRect();
  const place = { clientX: frame.left + right * frame.width, clientY: frame.top + down * frame.height, bubbles: true };
  const map = document.querySelector('.card .viewer img');
  let started;
  const drawn = () => requestAnimationFrame(() => setTimeout(() => done(performance.now() - started)));
  map.addEventListener('load', drawn, { once: true });
  started = performance.now();
  base.dispatchEvent(new MouseEvent('click', place));
})"""

PATIENCE = 600_000


@contextmanager
def explorer(arguments: list[str]) -> Iterator[str]:
    """The address of an explorer that runs meanwhile."""
    command = [sys.executable, "-m", "l2xbench", "explore", "--no-browser", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    if found is None:
        sys.exit(process.wait())
    try:
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def measure(page: Any, methods: list[str], clicks: int) -> Iterator[tuple[str, str, list[float]]]:
    """Network, method and the seconds of each click."""
    boxes = page.locator(".networks").get_by_role("checkbox").all()
    names = [box.inner_text() for box in boxes]
    spots = np.random.default_rng(0).uniform(0.1, 0.9, (len(boxes) * len(methods), clicks + 1, 2))
    for box in boxes[1:]:
        box.click()
    for number, name in enumerate(names):
        if number:
            boxes[number].click()
            boxes[number - 1].click()
        for place, method in enumerate(methods):
            page.get_by_label("Method", exact=True).click()
            page.get_by_role("option", name=method, exact=True).click()
            page.locator(".card .viewer:not(.busy)").wait_for(timeout=PATIENCE)
            times = [page.evaluate(CLICK, spot.tolist()) / 1000 for spot in spots[number * len(methods) + place]]
            yield name, method, times[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default="l2x,integrated_gradients,lam")
    parser.add_argument("--clicks", type=int, default=7, help="counted clicks for each network and method")
    parser.add_argument("explore", nargs="*", help="arguments of l2xbench explore, after --")
    options = parser.parse_args()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        parser.exit(2, "playwright is not installed: pip install -e '.[dev]'\n")
    program = find_chromium()
    with explorer(options.explore) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.goto(url)
        page.locator(".cards .numbers > div").first.wait_for()
        window = page.get_by_label("Window, LR", exact=True).input_value()
        print(f"window of {window} LR pixels a side, {torch.get_num_threads()} threads, {options.clicks} clicks each\n")
        print("| network | method | from click to map | | × l2x |\n| --- | --- | ---: | ---: | ---: |")
        own: dict[str, float] = {}
        for name, method, times in measure(page, options.methods.split(","), options.clicks):
            middle = statistics.median(times)
            own.setdefault(name, middle)
            spread = f"{min(times):.2f} to {max(times):.2f} s"
            print(f"| {name} | {method} | {middle:.2f} s | {spread} | {middle / own[name]:.1f} |", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
