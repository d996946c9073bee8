"""The viewer of the page, driven in a real browser."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l2xbench.draw.colormap import over_image, shared_limit
from l2xbench.draw.panels import scaled_maps
from l2xbench.run.results import read_runs
from l2xbench.store.store import Store
from l2xbench.studies.attribution.pictures import Pictures, image_records
from l2xbench.studies.figures import ImageSet
from scripts.chromium import until
from tests.report.page.conftest import Open, make_page
from tests.report.results import make_results

HEIGHT, WIDTH = 12, 16


def maps(root: Path, image: str = "baby") -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Each network's map in the unit that is shown, and the LR image."""
    (run,) = read_runs(Store(root))
    (of,) = [one for one in image_records(ImageSet.of_results(run)) if one.inputs.image == image]
    panel = Pictures(Store(root), run.config, of).panel("l2x")
    return dict(zip(("edsr", "rcan"), scaled_maps(panel).maps, strict=True)), panel.lr


def layers(page: Any) -> list[str]:
    """The pictures that the second panel shows now."""
    return page.eval_on_selector_all(
        ".panel:nth-child(2) .layer", "all => all.filter(one => one.checkVisibility()).map(one => one.dataset.stop)"
    )


def point(page: Any, x: float, y: float, panel: int = 2) -> tuple[float, float]:
    """Where LR position (x, y) of an image that is shown whole is on the screen."""
    view = page.locator(f".panel:nth-child({panel}) .view")
    view.scroll_into_view_if_needed()
    box = view.bounding_box()
    return box["x"] + x / WIDTH * box["width"], box["y"] + y / HEIGHT * box["height"]


def readings(page: Any) -> dict[str, float]:
    texts = page.eval_on_selector_all(
        ".panel",
        "all => all.map(one => [one.querySelector('strong').textContent, one.querySelector('.value').textContent])",
    )
    return {name: float(text.replace("−", "-")) for name, text in texts if text}


def test_all_networks_stand_side_by_side_with_their_figures(visit: Open, whole: Path) -> None:
    page = visit(whole).page
    assert page.locator(".panel strong").all_inner_texts() == ["bicubic", "edsr", "rcan"]
    assert all(" dB / 0." in text for text in page.locator(".panel .score").all_inner_texts())
    tops = {round(box["y"]) for box in (one.bounding_box() for one in page.locator(".view").all())}
    assert len(tops) == 1
    assert page.locator(".panel:first-child .nothing").inner_text() == "interpolation is not explained"


def test_maps_have_the_colours_of_the_figures(visit: Open, whole: Path) -> None:
    done = visit(whole)
    page = done.page
    found, lr = maps(whole.parent)
    limit = shared_limit(list(found.values()))
    assert page.locator("#scale").input_value() == "linear", "as the study says"
    for palette, scale in (("green-red", "linear"), ("blue-orange", "linear"), ("blue-orange", "symlog")):
        page.select_option("#palette", palette)
        page.select_option("#scale", scale)
        for number, name in enumerate(found, start=2):
            pixels = page.eval_on_selector(
                f".panel:nth-child({number}) canvas",
                "one => [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data]",
            )
            shown = np.array(pixels).reshape(HEIGHT, WIDTH, 4)[..., :3]
            # the map travels as 16-bit floats, which may move a value to the neighbouring colour of 513
            assert np.abs(shown - over_image(found[name], lr, limit, palette, scale)).max() <= 2
        assert ("symmetric log" in page.locator("#unit").inner_text()) == (scale == "symlog")
    done.errors = [text for text in done.errors if "willReadFrequently" not in text]  # which is this test's doing
    page.locator("#gain").fill("1")
    assert float(page.locator("#ends span:last-child").inner_text()) == pytest.approx(limit / 2, rel=1e-3)


def test_pointing_reads_every_networks_value_there(visit: Open, whole: Path) -> None:
    page = visit(whole).page
    found, _ = maps(whole.parent)
    for x, y in ((0, 0), (5, 7), (15, 11)):
        page.mouse.move(*point(page, x + 0.5, y + 0.5))
        assert f"LR pixel x {x}, y {y} (SR x {4 * x} to {4 * x + 3}, y {4 * y} to {4 * y + 3})" in (
            page.locator("#reading").inner_text()
        )
        assert readings(page) == pytest.approx({name: one[y, x] for name, one in found.items()}, rel=1e-3)


def test_images_are_switched_by_list_buttons_table_and_address(visit: Open, whole: Path) -> None:
    page = visit(whole).page
    first = page.get_attribute(".panel:nth-child(2) img[alt^=SR]", "data-src")
    assert page.locator("#image option").all_inner_texts() == ["baby", "bird", "head"]
    page.select_option("#image", label="bird")
    page.wait_for_selector("canvas[aria-label='Attribution map of bird by edsr']")
    assert page.get_attribute(".panel:nth-child(2) img[alt^=SR]", "data-src") != first
    page.click("#next")
    page.wait_for_selector("canvas[aria-label='Attribution map of head by edsr']")
    page.click("#next")
    page.wait_for_selector("canvas[aria-label='Attribution map of baby by edsr']")
    page.click("#previous")
    page.wait_for_selector("canvas[aria-label='Attribution map of head by edsr']")
    page.click("#table-by-image button:text-is('bird')")
    page.wait_for_selector("canvas[aria-label='Attribution map of bird by edsr']")
    assert page.evaluate("document.activeElement.id") == "panels"
    assert page.url.endswith("#image=Set5%2Fbird")
    again = visit(whole, "#image=Set5%2Fhead").page
    assert again.input_value("#image") == "2"


def test_the_slider_goes_from_lr_over_sr_and_hr_to_the_map(visit: Open, whole: Path) -> None:
    page = visit(whole).page
    assert layers(page) == ["map"]
    assert page.locator("#panels img[src]").count() == 0, "what was not looked at was not loaded"
    slider = page.locator("#layer")
    for position, shown in (
        ("0", ["LR"]),
        ("0.5", ["LR", "SR"]),
        ("1", ["SR"]),
        ("2", ["HR"]),
        ("2.25", ["HR", "map"]),
    ):
        slider.fill(position)
        assert layers(page) == shown
    assert slider.get_attribute("aria-valuetext") == "map 25 %, HR"
    assert page.locator(".panel:nth-child(2) .tag").all_inner_texts() == ["map", "HR"]
    clip = page.eval_on_selector(".panel:nth-child(2) .upper", "one => getComputedStyle(one).clipPath")
    assert clip.startswith("inset(0px 75%")
    page.select_option("#between", "blend")
    assert page.eval_on_selector(".panel:nth-child(2) .upper", "one => getComputedStyle(one).opacity") == "0.25"
    page.click("#stops button:text-is('SR')")
    assert layers(page) == ["SR"]
    assert page.get_attribute("#stops button:text-is('SR')", "aria-pressed") == "true"
    until(page, "document.querySelector('.panel:nth-child(2) img[alt^=SR]').naturalWidth === 64")
    slider.focus()
    page.keyboard.press("Home")
    assert layers(page) == ["LR"]


def test_zoom_is_the_same_for_all_and_the_point_stays(visit: Open, whole: Path) -> None:
    page = visit(whole).page
    found, _ = maps(whole.parent)
    place = point(page, 12.5, 3.5)
    page.mouse.dblclick(*place)
    assert page.locator("#zoom").inner_text() == "×2"
    page.mouse.move(place[0] + 1, place[1])
    assert "LR pixel x 12, y 3" in page.locator("#reading").inner_text()
    assert readings(page)["rcan"] == pytest.approx(found["rcan"][3, 12], rel=1e-3)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    until(page, "document.getElementById('zoom').textContent === '×4'")
    page.mouse.move(place[0], place[1])
    assert "LR pixel x 12, y 3" in page.locator("#reading").inner_text()
    box = page.locator(".panel:nth-child(2) .view").bounding_box()
    page.mouse.down()
    page.mouse.move(place[0] - box["width"] / 4, place[1])  # a sixteenth of the image at ×4: one LR pixel of 16
    page.mouse.up()
    page.mouse.move(place[0], place[1])
    assert "LR pixel x 13, y 3" in page.locator("#reading").inner_text()
    widths = page.eval_on_selector_all(".panel canvas", "all => all.map(one => one.getBoundingClientRect().width)")
    assert max(widths) - min(widths) < 0.2 and widths[0] == pytest.approx(4 * box["width"], rel=1e-3)
    page.click("#smaller")
    assert page.locator("#zoom").inner_text() == "×2"
    page.click("#whole")
    assert page.locator("#zoom").inner_text() == "×1"


def test_everything_can_be_done_with_keys(visit: Open, whole: Path) -> None:
    page = visit(whole).page
    found, _ = maps(whole.parent)
    page.focus("#gain")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "panels":
            break
    assert page.evaluate("document.activeElement.id") == "panels"
    for key in ("ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    value = found["edsr"][HEIGHT // 2 - 1, WIDTH // 2 - 1]
    spoken = page.locator("#spoken").inner_text()
    assert spoken.startswith(f"x {WIDTH // 2 - 1}, y {HEIGHT // 2 - 1}: edsr ")
    assert float(spoken.split("edsr ")[1].split(",")[0].replace("−", "-")) == pytest.approx(value, rel=1e-3)
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert page.locator("#zoom").inner_text() == "×4"
    page.keyboard.press("0")
    assert page.locator("#zoom").inner_text() == "×1"
    page.keyboard.press("2")
    assert layers(page) == ["SR"]
    page.keyboard.press("]")
    page.wait_for_selector("img[alt='SR image bird by edsr']")
    assert page.evaluate("document.activeElement.id") == "panels"


def test_methods_are_switched(visit: Open, tmp_path: Path) -> None:
    root = make_results(tmp_path, attribution={"methods": ["l2x", "lam"]})
    page = visit(make_page(root)).page
    assert page.locator("#method option").all_inner_texts() == ["l2x", "lam"]
    page.mouse.move(*point(page, 5.5, 5.5))
    first = readings(page)
    page.select_option("#method", "lam")
    assert readings(page).keys() == first.keys() and readings(page) != first


def test_a_patch_is_marked(visit: Open, tmp_path: Path) -> None:
    page = visit(make_page(make_results(tmp_path, attribution={"target": "patch:8,16,12,24"}))).page
    view, mark = (page.locator(f".panel:nth-child(2) {part}").bounding_box() for part in (".view", ".target"))
    assert mark["x"] - view["x"] == pytest.approx(view["width"] * 16 / 64, abs=1.5)
    assert mark["height"] == pytest.approx(view["height"] * 12 / 48, abs=3)


def test_without_hr_there_are_three_pictures_and_no_figures(visit: Open, tmp_path: Path) -> None:
    page = visit(make_page(make_results(tmp_path, hr=False))).page
    assert page.locator("#stops button").all_inner_texts() == ["LR", "SR", "map"]
    assert layers(page) == ["map"]
    assert page.locator(".panel .score").all_inner_texts() == ["", "", ""]
    assert page.locator("#table-by-image").count() == 0


def test_without_maps_sr_is_shown(visit: Open, tmp_path: Path) -> None:
    page = visit(make_page(make_results(tmp_path, attribution=None))).page
    assert page.locator("#stops button").all_inner_texts() == ["LR", "SR", "HR"]
    assert page.locator("#method, #palette, #bar").count() == 0
    page.click("#stops button:text-is('SR')")
    assert layers(page) == ["SR"]


def test_values_that_are_not_finite_are_said(visit: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from l2xbench.report.page import data

    original = data.halves
    broken = np.full((HEIGHT, WIDTH), math.nan)
    monkeypatch.setattr(data, "halves", lambda values: original(broken))
    page = visit(make_page(make_results(tmp_path))).page
    page.mouse.move(*point(page, 3.5, 3.5))
    assert page.locator(".panel:nth-child(2) .value").inner_text() == "not finite"


class TestFolder:
    """A page that loads its images from the folder it lies in."""

    @pytest.fixture
    def page_file(self, tmp_path: Path) -> Path:
        return make_page(make_results(tmp_path / "a folder #1 50%"), one_file=False)

    def test_only_what_is_looked_at_is_loaded(self, visit: Open, page_file: Path) -> None:
        done = visit(page_file)
        page = done.page
        loaded = [url.rpartition("/")[2] for url in done.requests]
        assert loaded == ["report.html", "baby.js"]
        page.click("#next")
        page.wait_for_selector("canvas[aria-label='Attribution map of bird by rcan']")
        page.click("#stops button:text-is('SR')")
        until(page, "[...document.querySelectorAll('.view img[src]')].every(one => one.naturalWidth === 64)")
        assert page.locator(".view img[src]").count() == 3
        found, _ = maps(page_file.parent, "bird")
        page.mouse.move(*point(page, 5.5, 7.5))
        assert readings(page) == pytest.approx({name: one[7, 5] for name, one in found.items()}, rel=1e-3)

    def test_a_page_away_from_its_folder_says_so(self, visit: Open, page_file: Path, tmp_path: Path) -> None:
        alone = tmp_path / "alone.html"
        alone.write_bytes(page_file.read_bytes())
        done = visit(alone, wanted=False)
        message = done.page.wait_for_selector("#panels .warning").inner_text()
        assert "report_files/Set5/baby.js is not beside this page" in message
        assert len(done.errors) == 1 and "ERR_FILE_NOT_FOUND" in done.errors.pop()


def test_maps_of_a_part_show_far_pixels_and_how_far_they_go(visit: Open, tmp_path: Path) -> None:
    root = make_results(tmp_path / "part", attribution={"target": "patch:16,24,8,8"})
    page = visit(make_page(root)).page
    assert page.locator("#scale").input_value() == "symlog" and "symmetric log" in page.locator("#unit").inner_text()
    shown = page.locator(".panel .spread").all_inner_texts()
    assert shown[0] == "" and all(re.fullmatch(r"\d+\.\d% outside, DI \d+\.\d\d", text) for text in shown[1:]), shown
    box, line = (page.locator(f".panel:nth-child(2) {one}").bounding_box() for one in (".view", ".spread"))
    assert line["y"] >= box["y"] + box["height"], "under the map"
    read = [float(text.replace("−", "-")) for text in page.locator("#ends span").all_inner_texts()]
    assert read == sorted(read) and 0 in read and min(abs(one) for one in read if one) < 0.05 * max(read)
    page.select_option("#scale", "linear")
    assert "log" not in page.locator("#unit").inner_text() and page.locator("#ends span").count() == 3
    page.select_option("#image", label="bird")
    assert page.locator("#scale").input_value() == "linear", "what the reader chose stays"
