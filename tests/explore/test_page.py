"""The page in a real browser: what a user does, and what must then be seen."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.browser import Watched
from tests.conftest import heed_ctrl_c

pytest.importorskip("nicegui", reason="needs the extra: pip install -e '.[explore]'")
pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import Browser, Locator, Page, expect

from l2xbench.explore.page import ExplorePage

NASTY = "<b>bold<img src=x onerror=alert(1)>.png"
ROOT = Path(__file__).parents[2]
PATIENCE = 60_000
"""Milliseconds, on a machine that is busy with other tests."""


class Served(NamedTuple):
    """A running explorer."""

    process: subprocess.Popen[str]
    url: str
    folder: Path


def picture(path: Path, seed: int, shape: tuple[int, int] = (160, 200)) -> None:
    noise = np.random.default_rng(seed).normal(size=(*shape, 3)).cumsum(axis=0).cumsum(axis=1)
    scaled = 255 * (noise - noise.min()) / (noise.max() - noise.min())
    Image.fromarray(scaled.astype(np.uint8)).save(path)


def start(*arguments: object) -> tuple[subprocess.Popen[str], str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    process = subprocess.Popen(
        [sys.executable, "-m", "l2xbench", "explore", "--no-browser", "--port", "0", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment, "PYTHONPATH": str(ROOT), "COLUMNS": "160"},
        preexec_fn=heed_ctrl_c,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://\S+", line)
    if found is None:
        process.kill()
        pytest.fail(f"no address in {line!r}; {process.communicate()[1]}")
    return process, found[0]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An explorer of two images and three networks, one of which is always wrong."""
    folder = tmp_path_factory.mktemp("explore")
    (folder / "images").mkdir()
    picture(folder / "images/first.png", 1)
    picture(folder / "images/second.png", 2)
    (folder / "wrong.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        raise RuntimeError('cannot <i>do</i>\\nthis')\n"
    )
    tiny = {"provider": "l2xbench", "arch": {"type": "CARN", "n_feats": 4, "n_blocks": 1}, "weights": "random"}
    study = {
        "study": "small",
        "device": "cpu",
        "trust": True,
        "models": {
            "edsr": "edsr-compact",
            "tiny": tiny,
            "wrong": {"provider": "module", "module": "./wrong.py:Net", "scale": 4},
        },
        "datasets": {"images": {"path": "./images", "crop": 32}},
        "attribution": {"reference": "mean"},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    process, url = start("--study", folder / "study.yaml")
    yield Served(process, url, folder)
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=30)
    assert process.returncode == 0
    assert complaints == "", "nothing that a user does on the page prints a traceback"


class Explorer:
    """What a user sees of the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.base = page.locator(".picture .viewer")

    def card(self, name: str) -> Locator:
        return self.page.get_by_label(f"Map of {name}", exact=True)

    def map_of(self, name: str) -> str:
        """The address of the network's map, once it is there."""
        viewer = self.card(name).locator(".viewer:not(.busy)")
        expect(viewer.locator("img")).to_be_visible(timeout=PATIENCE)
        expect(self.card(name)).to_contain_text("diffusion index", timeout=PATIENCE)
        return str(viewer.locator("img").get_attribute("src"))

    def next_map_of(self, name: str, before: str) -> str:
        """The address of the map that takes the place of the one at `before`."""
        expect(self.card(name).locator("img")).not_to_have_attribute("src", before)
        return self.map_of(name)

    def number(self, name: str, line: str) -> str:
        return self.card(name).locator(".numbers > div", has_text=line).locator("dd").inner_text()

    def frame(self) -> tuple[float, float]:
        box = self.base.locator("rect.box.over")
        return float(box.get_attribute("x") or -1), float(box.get_attribute("y") or -1)

    def click(self, right: float, down: float) -> None:
        """Clicks the picture at these shares of its width and height."""
        self.base.scroll_into_view_if_needed()
        box = self.base.bounding_box()
        assert box is not None
        self.page.mouse.click(box["x"] + right * box["width"], box["y"] + down * box["height"])

    def choose(self, label: str, option: str) -> None:
        self.page.get_by_label(label, exact=True).click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def network(self, name: str) -> Locator:
        return self.page.locator(".choices").get_by_role("checkbox", name=name, exact=True)

    def patch(self, side: int) -> None:
        self.page.locator(".choices").get_by_role("button", name=str(side), exact=True).click()


@pytest.fixture
def explorer(served: Served, browser_page: Watched) -> Iterator[Explorer]:
    """The page as it opens, without the network that is wrong; whatever is done, it stays quiet."""
    browser_page.page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    browser_page.page.goto(served.url)
    opened = Explorer(browser_page.page)
    expect(opened.card("wrong").get_by_role("alert")).to_be_visible(timeout=PATIENCE)
    opened.network("wrong").click()
    expect(opened.card("wrong")).to_have_count(0)
    opened.map_of("tiny")
    yield opened
    assert browser_page.errors == []
    assert browser_page.outside == []


def test_it_opens_with_maps_of_the_middle(explorer: Explorer) -> None:
    assert explorer.page.title() == "l2xbench explore"
    assert explorer.frame() == (56, 56)
    assert explorer.map_of("edsr") != explorer.map_of("tiny")
    assert float(explorer.number("edsr", "completeness error")) < 1e-4
    assert re.fullmatch(r"\d+%", explorer.number("edsr", "positive share"))
    assert "grey levels" in explorer.number("tiny", "delta")
    expect(explorer.page.locator(".caption")).to_contain_text("PSNR")
    expect(explorer.page.locator(".scale .unit")).to_contain_text("grey levels")
    assert explorer.page.evaluate("performance.getEntriesByType('resource').every(r => r.transferSize >= 0)")


def test_a_click_changes_every_map(explorer: Explorer) -> None:
    before = {name: explorer.map_of(name) for name in ("edsr", "tiny")}
    deltas = {name: explorer.number(name, "delta") for name in before}
    explorer.click(0.254, 0.754)
    expect(explorer.base.locator("rect.box.over")).to_have_attribute("x", "24")
    for name, address in before.items():
        expect(explorer.card(name).locator("img")).not_to_have_attribute("src", address)
        expect(explorer.card(name).locator(".numbers")).not_to_contain_text(deltas[name])
    explorer.click(0.503, 0.503)
    for name, address in before.items():
        expect(explorer.card(name).locator("img")).to_have_attribute("src", address)


def test_a_block_shows_its_part_of_the_map(explorer: Explorer) -> None:
    whole = explorer.map_of("edsr")
    strip = explorer.page.get_by_label("Blocks of edsr, from input to output", exact=True)
    expect(strip.get_by_role("button")).to_have_count(18)  # 16 blocks, the whole map, and around all blocks
    block = strip.get_by_role("button", name="body.15:")
    block.click()
    expect(block).to_have_attribute("aria-pressed", "true")
    expect(explorer.card("edsr").locator(".told")).to_contain_text("of delta; full colour")
    expect(explorer.card("edsr").locator(".viewer img")).not_to_have_attribute("src", whole)
    strip.get_by_role("button", name="the whole map").click()
    expect(explorer.card("edsr").locator(".viewer img")).to_have_attribute("src", whole)
    expect(explorer.card("edsr").locator(".told")).to_contain_text("Bars: the whole map")
    tiny = explorer.page.get_by_label("Blocks of tiny, from input to output", exact=True)
    expect(tiny.get_by_role("button")).to_have_count(0)  # one cascade is no repeated part


def test_the_newest_of_many_clicks_counts(explorer: Explorer) -> None:
    middle = explorer.map_of("edsr")
    explorer.click(0.254, 0.503)
    wanted = explorer.next_map_of("edsr", middle)
    explorer.click(0.503, 0.503)
    expect(explorer.card("edsr").locator("img")).to_have_attribute("src", middle)
    for place in (0.1, 0.3, 0.6, 0.9):
        explorer.click(place, place)
    explorer.click(0.254, 0.503)
    expect(explorer.base.locator("rect.box.over")).to_have_attribute("x", "24")  # no other click's
    expect(explorer.card("edsr").locator("img")).to_have_attribute("src", wanted)
    explorer.page.wait_for_timeout(500)
    assert explorer.map_of("edsr") == wanted
    assert explorer.frame() == (24, 56)


def test_arrow_keys_move_the_spot(explorer: Explorer) -> None:
    before = explorer.map_of("edsr")
    explorer.base.focus()
    explorer.page.keyboard.press("ArrowRight")
    expect(explorer.base.locator("rect.box.over")).to_have_attribute("x", "64")
    explorer.page.keyboard.press("Shift+ArrowUp")
    expect(explorer.base.locator("rect.box.over")).to_have_attribute("y", "55")
    expect(explorer.card("edsr").locator("img")).not_to_have_attribute("src", before)


def test_another_image_and_another_window(explorer: Explorer) -> None:
    before, shown = explorer.map_of("edsr"), explorer.base.locator("img").get_attribute("src")
    explorer.choose("Image", "second")
    expect(explorer.base.locator("img")).not_to_have_attribute("src", shown or "")
    second = explorer.next_map_of("edsr", before)
    explorer.choose("Window, LR", "50 px")
    expect(explorer.base.locator("svg")).to_have_attribute("viewBox", "0 0 200 160")
    wider = explorer.next_map_of("edsr", second)
    explorer.choose("Window, LR", "32 px")
    expect(explorer.base.locator("svg")).to_have_attribute("viewBox", "0 0 128 128")
    near = explorer.next_map_of("edsr", wider)
    overview = explorer.page.locator(".choices .viewer")
    box = overview.bounding_box()
    assert box is not None
    explorer.page.mouse.click(box["x"] + 3, box["y"] + 3)
    expect(overview.locator("rect.dashed.over")).to_have_attribute("x", "0")
    explorer.next_map_of("edsr", near)


def test_networks_method_reference_and_patch(explorer: Explorer) -> None:
    before = explorer.map_of("edsr")
    explorer.network("tiny").click()
    expect(explorer.card("tiny")).to_have_count(0)
    explorer.network("edsr").click()
    expect(explorer.page.get_by_text("Choose a network")).to_be_visible()
    explorer.network("edsr").click()

    explorer.choose("Reference", "blur")
    blurred = explorer.next_map_of("edsr", before)
    explorer.page.get_by_label("Variance").fill("9")
    wider = explorer.next_map_of("edsr", blurred)

    explorer.choose("Method", "lam")
    long = explorer.next_map_of("edsr", wider)
    expect(explorer.page.locator(".q-field--disabled")).to_contain_text("Reference")
    explorer.page.get_by_label("steps").fill("3")
    short = explorer.next_map_of("edsr", long)
    explorer.page.get_by_label("kernel").fill("4")
    expect(explorer.card("edsr").get_by_role("alert")).to_have_text(
        "edsr: method 'lam': option kernel is 4; it must be odd"
    )
    explorer.choose("Method", "l2x")
    exact = explorer.next_map_of("edsr", short)
    explorer.patch(4)
    explorer.next_map_of("edsr", exact)
    expect(explorer.base.locator("rect.box.over")).to_have_attribute("width", "4")


def test_all_of_the_window_and_back_by_a_click(explorer: Explorer) -> None:
    patch = explorer.map_of("edsr")
    hint = explorer.page.locator(".picture .hint")
    expect(hint).to_contain_text("The yellow frame is the patch")
    explorer.page.get_by_role("button", name="Whole window").click()
    whole = explorer.next_map_of("edsr", patch)
    expect(hint).to_contain_text("The maps explain all of this window")
    expect(explorer.page.get_by_text("Patch, SR pixels on a side")).to_be_hidden()
    for viewer in (explorer.base, explorer.card("edsr")):
        expect(viewer.locator("rect.box.over")).to_have_count(0)
    expect(explorer.page.locator(".scale .unit")).to_contain_text("per SR sample")
    expect(explorer.card("edsr").locator("svg")).to_have_attribute("viewBox", "0 0 32 32")
    assert float(explorer.number("edsr", "completeness error")) < 1e-4
    explorer.click(0.254, 0.754)
    explorer.next_map_of("edsr", whole)
    expect(hint).to_contain_text("The yellow frame is the patch")
    expect(explorer.base.locator("rect.box.over")).to_have_attribute("x", "24")
    expect(explorer.page.locator(".scale .unit")).to_contain_text("per sample of the patch")
    expect(explorer.page.get_by_role("button", name="Patch", exact=True)).to_have_attribute("aria-pressed", "true")


def test_values_under_the_pointer_here_and_in_the_linked_pictures(explorer: Explorer) -> None:
    box = explorer.card("edsr").locator(".viewer").bounding_box()
    assert box is not None
    explorer.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    reading = explorer.card("edsr").locator(".reading")
    expect(reading).to_have_text(re.compile(r"y 1\d, x 1\d:  [+−]\d"))
    expect(explorer.card("tiny").locator(".cross")).to_be_visible()
    expect(explorer.base.locator(".cross")).to_be_visible()


def test_enlarged_or_whole_and_in_other_colours(explorer: Explorer) -> None:
    viewer = explorer.card("tiny").locator("svg")
    near = viewer.get_attribute("viewBox")
    explorer.page.get_by_role("switch", name="Enlarge").click()
    expect(viewer).to_have_attribute("viewBox", "0 0 32 32")
    assert near != "0 0 32 32"
    before = explorer.map_of("tiny")
    explorer.page.get_by_role("button", name="blue-orange").click()
    expect(explorer.card("tiny").locator("img")).not_to_have_attribute("src", before)


def test_the_network_shown_and_hr_and_lr(explorer: Explorer) -> None:
    seen = set()
    for shown in ("tiny", "LR", "HR", "edsr"):
        explorer.choose("Shown: SR of", shown)
        expect(explorer.base).to_have_attribute("aria-label", re.compile(rf"\b{shown}: click a spot"))
        seen.add(explorer.base.locator("img").get_attribute("src"))
    assert len(seen) == 4


def test_an_upload_is_explained_and_a_wrong_one_told(explorer: Explorer, tmp_path: Path) -> None:
    before = explorer.map_of("edsr")
    picture(tmp_path / "own.png", 3)
    upload = explorer.page.locator("input[type=file]")
    upload.set_input_files({"name": NASTY, "mimeType": "image/png", "buffer": (tmp_path / "own.png").read_bytes()})
    expect(explorer.page.get_by_label("Image", exact=True)).to_have_value(NASTY)
    explorer.next_map_of("edsr", before)
    explorer.page.locator(".choices").get_by_role("button", name="LR", exact=True).click()
    expect(explorer.base.locator("svg")).to_have_attribute("viewBox", "0 0 128 128")
    expect(explorer.page.locator(".caption")).not_to_contain_text("PSNR")
    upload.set_input_files({"name": "words.png", "mimeType": "image/png", "buffer": b"words"})
    expect(explorer.page.locator(".picture .message")).to_have_text(re.compile(r"^words\.png: is not an image"))


def test_on_a_phone_and_in_the_dark_nothing_runs_over(served: Served, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 800}, color_scheme="dark")
    watched = Watched(context.new_page())
    watched.watch()
    watched.page.goto(served.url)
    opened = Explorer(watched.page)
    opened.map_of("tiny")
    expect(opened.card("wrong").get_by_role("alert")).to_be_visible(timeout=PATIENCE)
    assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    low, high = (watched.page.locator(f".scale .ticks > div >> nth={place}").bounding_box() for place in (0, -1))
    assert low is not None and high is not None and low["y"] == high["y"], "the scale's ends stand on one line"
    assert low["x"] > 0 and low["x"] + low["width"] < high["x"] and high["x"] + high["width"] < 400
    label = watched.page.locator(".q-field__label", has_text="Window, LR")
    assert label.evaluate("one => one.scrollWidth <= one.clientWidth"), "its words are whole"
    colours = "getComputedStyle(document.body).backgroundColor + ' ' + getComputedStyle(document.body).color"
    assert watched.page.evaluate(colours) == "rgb(20, 23, 26) rgb(232, 234, 237)"
    context.close()
    assert watched.errors == [] and watched.outside == []


def test_what_is_found_after_the_tab_was_closed_is_shown_nowhere() -> None:
    page = ExplorePage.__new__(ExplorePage)
    page._turn, page._gone, done = 0, False, []
    page.say = lambda line: done.append(line)  # type: ignore[method-assign]
    page.bench = SimpleNamespace(submit=lambda work: submitted(work))  # type: ignore[assignment]

    def submitted(work: Callable[[], int]) -> Future[int]:
        page._drop()  # the tab goes while its work is done
        future: Future[int] = Future()
        future.set_result(work())
        return future

    async def shown() -> None:
        done.append(str(await page._run(lambda: 3)))

    with ThreadPoolExecutor(1) as thread:  # the browser's own loop runs in this one
        thread.submit(asyncio.run, page._do(shown)).result()
    assert done == [""]


def test_downloads_are_the_figure_and_the_map(explorer: Explorer) -> None:
    explorer.map_of("edsr")
    with explorer.page.expect_download() as got:
        explorer.page.get_by_role("button", name="Download the map of edsr as npz").click()
    assert got.value.suggested_filename == "edsr.npz"
    arrays = np.load(io.BytesIO(Path(got.value.path()).read_bytes()))
    assert arrays["values"].shape == (3, 32, 32)
    assert arrays["values"].sum() == pytest.approx(float(arrays["delta"]), rel=1e-4)
    for ending, start_of_file in (("pdf", b"%PDF"), ("png", b"\x89PNG")):
        with explorer.page.expect_download() as got:
            explorer.page.get_by_role("button", name=f"Download the figure as {ending}").click()
        assert got.value.suggested_filename == f"heatmap-first.{ending}"
        assert Path(got.value.path()).read_bytes().startswith(start_of_file)


def test_what_a_network_cannot_do_is_one_line_in_its_card(explorer: Explorer) -> None:
    explorer.network("wrong").click()
    expect(explorer.card("wrong").get_by_role("alert")).to_have_text("wrong: cannot <i>do</i> this")
    explorer.map_of("edsr")
    explorer.choose("Shown: SR of", "wrong")
    expect(explorer.page.locator(".picture .message")).to_have_text("wrong: cannot <i>do</i> this")
    explorer.click(0.2, 0.2)
    assert explorer.map_of("edsr")


def test_a_page_by_another_name_is_turned_away(served: Served) -> None:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    with pytest.raises(HTTPError, match="400"):
        urlopen(Request(served.url, headers={"Host": "elsewhere.example"}), timeout=30)


def test_ctrl_c_ends_it_at_once_also_in_the_midst_of_work(browser_page: Watched, tmp_path: Path) -> None:
    picture(tmp_path / "lr.png", 4)
    process, url = start(tmp_path / "lr.png", "--models", "edsr-compact", "--crop", 64)
    browser_page.page.goto(url)
    opened = Explorer(browser_page.page)
    opened.map_of("edsr-compact")
    opened.choose("Method", "occlusion")
    expect(opened.card("edsr-compact").locator(".note")).to_have_text("explaining", timeout=PATIENCE)
    process.send_signal(signal.SIGINT)
    said, complaints = process.communicate(timeout=60)
    assert process.returncode == 0
    assert complaints == ""
    assert said.strip() == ""


def test_ctrl_c_ends_it_in_the_midst_of_one_long_pass(browser_page: Watched, tmp_path: Path) -> None:
    """Python cannot interrupt a thread that is in a network; two seconds are what it takes on a machine at rest."""
    picture(tmp_path / "lr.png", 4)
    (tmp_path / "slow.py").write_text(
        "import pathlib, time, torch\n"
        "class Net(torch.nn.Module):\n"
        "    scale = 2\n"
        "    def forward(self, x):\n"
        "        pathlib.Path(__file__).with_name('begun').touch()\n"
        "        time.sleep(600)\n"
        "        return torch.nn.functional.interpolate(x, scale_factor=2)\n"
    )
    process, url = start(tmp_path / "lr.png", "--models", f"{tmp_path}/slow.py:Net", "--trust", "--crop", 64)
    browser_page.page.goto(url)
    begun = tmp_path / "begun"
    deadline = time.monotonic() + PATIENCE / 1000
    while not begun.exists() and time.monotonic() < deadline:
        browser_page.page.wait_for_timeout(50)
    assert begun.exists()
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=15)
    assert process.returncode == 0
    assert complaints == ""


@pytest.mark.slow
def test_networks_that_restore_at_scale_1(tmp_path: Path, browser_page: Watched) -> None:
    """A click on the restored picture gives a map of each network; the input takes the place of bicubic."""
    (tmp_path / "images").mkdir()
    picture(tmp_path / "images/first.png", 1, shape=(48, 60))
    networks = {
        "nafnet": {"type": "NAFNet", "width": 8, "enc_blk_nums": [1, 1], "dec_blk_nums": [1, 1]},
        "dncnn": {"type": "DnCNN", "in_nc": 3, "out_nc": 3, "nc": 8, "nb": 3},
        "fbcnn": {"type": "FBCNN", "nc": [8, 8, 16, 512], "nb": 2},
    }
    study = {
        "study": "small",
        "device": "cpu",
        "scale": 1,
        "degrade": {"noise": 25},
        "models": {
            name: {"provider": "spandrel", "arch": arch, "weights": "random"} for name, arch in networks.items()
        },
        "datasets": {"images": {"path": "./images", "crop": 32}},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    process, url = start("--study", tmp_path / "study.yaml")
    try:
        browser_page.page.goto(url)
        explorer = Explorer(browser_page.page)
        before = {name: explorer.map_of(name) for name in networks}
        explorer.click(0.2, 0.8)
        for name in networks:
            explorer.next_map_of(name, before[name])
        assert browser_page.errors == [] and browser_page.outside == []
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
