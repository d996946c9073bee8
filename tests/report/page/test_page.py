"""The page as a document: what stands in it, that it sorts, reads and fits, and that no file's name can harm it."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from l2xbench.report.page import data, write_page
from l2xbench.report.page.data import halves, script_json
from l2xbench.report.page.viewer import MOST_IN_ONE_FILE
from l2xbench.run.results import read_runs
from l2xbench.store.records import Failure
from l2xbench.store.store import Store
from l2xbench.studies.attribution.pictures import first_images, image_records
from l2xbench.studies.figures import ImageSet
from scripts.chromium import until
from tests.report.page.conftest import Open, Silent, make_page
from tests.report.results import EVERYTHING, make_results

HOSTILE = """<img src=x onerror=alert(1)>'"&<!--</script><script>alert(2)</script>"""
STYLE = Path(data.__file__).parent / "static/report.css"


def column(page: object, table: str, number: int) -> list[str]:
    return page.locator(f"#{table} tbody tr > :nth-child({number})").all_inner_texts()  # type: ignore[attr-defined]


def test_everything_that_was_found_stands_in_the_page(visit: Open, whole: Path) -> None:
    page = visit(whole).page
    assert page.title() == "made · l2xbench"
    headings = page.locator("h2").all_inner_texts()
    assert [text.partition(":")[0] for text in headings] == [
        "Findings",
        "Restoration",
        "Images and maps",
        "Which networks differ?",
        "Ablation",
        "Similarity",
        "Checks of the maps",
        "Cost",
        "Not done",
        "Manifest",
    ]
    for address in page.eval_on_selector_all("nav a", "all => all.map(one => one.getAttribute('href'))"):
        assert page.locator(address).count() == 1
    tables = ["table1", "by-image", "ablation_psnr", "ablation_ssim", "cka", "randomisation", "sensitivity", "cost"]
    for name in tables:
        assert page.locator(f"#table-{name} tbody tr").count() > 0, name
    assert page.locator(".square td[data-tip]").count() == 4, "a pair, twice, and the control with each"
    charts = page.locator("#ablation svg.chart").count()
    assert charts == 2 * 2 + 1, "PSNR and SSIM of two networks, and the cost"
    assert page.locator("#differences svg.chart").count() == 0, "two networks have no diagram of ranks"
    assert "None: every unit" in page.locator("#failures").inner_text()
    assert "reference: blur" in page.locator("#manifest pre").first.text_content()
    size = whole.stat().st_size
    assert f"One file of {size / 1e3:.1f} kB" in page.locator("header").inner_text()
    assert len(list(whole.parent.glob("report*"))) == 1


def test_findings_come_first_and_lead_to_their_tables(visit: Open, whole: Path) -> None:
    page = visit(whole).page
    sentences = page.locator("#findings li").all_inner_texts()
    assert len(sentences) >= 5 and all(one.startswith("On ") for one in sentences)
    first = page.locator("#findings li a").first
    assert "restore better than bicubic" in sentences[0] and first.inner_text() == "Restoration"
    links = page.eval_on_selector_all("#findings a", "all => all.map(one => one.getAttribute('href'))")
    assert len(links) == len(sentences)
    assert all(page.locator(address).count() == 1 for address in links)
    first.click()
    until(page, "Math.abs(document.querySelector('#table-table1').getBoundingClientRect().top) < 300")


def test_a_table_sorts_by_any_column_and_says_so(visit: Open, whole: Path) -> None:
    page = visit(whole).page
    head = page.locator("#table-by-image thead th")
    psnr = [float(text) for text in column(page, "table-by-image", 4)]
    head.nth(3).locator("button").click()
    assert [float(text) for text in column(page, "table-by-image", 4)] == sorted(psnr, reverse=True)
    assert head.nth(3).get_attribute("aria-sort") == "descending"
    head.nth(3).locator("button").focus()
    page.keyboard.press("Enter")
    assert [float(text) for text in column(page, "table-by-image", 4)] == sorted(psnr)
    head.nth(0).locator("button").click()
    assert column(page, "table-by-image", 1) == ["baby", "bird", "head"]
    assert head.nth(3).get_attribute("aria-sort") is None
    # what is not known comes last, whichever way
    for _ in range(2):
        page.click("#table-cost th button:text-is('Completeness error')")
        known = [text != "–" for text in column(page, "table-cost", 5)]
        assert known == sorted(known, reverse=True) and not all(known)


def test_a_column_of_grouped_headers_sorts(visit: Open, tmp_path: Path) -> None:
    page = visit(make_page(make_results(tmp_path, images={"A": ["one"], "B": ["two"]}))).page
    page.click("#table-table1 thead tr:nth-child(2) th:nth-child(4) button")
    shown = [float(text) for text in column(page, "table-table1", 4)]
    assert shown == sorted(shown, reverse=True)


def test_curves_and_squares_tell_their_numbers(visit: Open, whole: Path) -> None:
    page = visit(whole).page
    dot = page.locator("svg.chart .s0 .hit").first
    dot.scroll_into_view_if_needed()
    dot.hover(force=True)
    # also where another method's point lies on top
    assert re.search(r"^l2x, 10 % masked: \d\d\.\d\d dB$", page.locator("#tip").inner_text(), re.MULTILINE)
    cell = page.locator(".square td[data-tip]").first
    cell.hover()
    tip = page.locator("#tip").inner_text()
    assert re.match(r"edsr and rcan: dCKA -?[\d.]+, interval [-\d.]+ to [-\d.]+, p [\d.]+.*; CKA [\d.]+", tip)
    page.mouse.move(1, 1)
    assert page.locator("#tip").is_hidden()
    description = page.locator("#ablation svg.chart").first.get_attribute("aria-label")
    assert description.startswith("PSNR (dB) of edsr from 10 % to 40 % masked: l2x from ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_system_and_can_be_switched(visit: Open, whole: Path, scheme: str) -> None:
    page = visit(whole, scheme=scheme).page

    def ground() -> int:
        text = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return max(int(number) for number in re.findall(r"\d+", text))

    assert (ground() < 60) == (scheme == "dark")
    button = page.locator("#theme")
    assert button.inner_text() == ("Light page" if scheme == "dark" else "Dark page")
    button.click()
    assert (ground() < 60) == (scheme == "light")


def luminance(colour: str) -> float:
    linear = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in linear]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("theme", [0, 1])
def test_text_and_lines_stand_out(theme: int) -> None:
    found = re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", STYLE.read_text())
    colours = {name: luminance(pair[theme]) for name, *pair in found}
    assert len(colours) == len(found) > 10

    def contrast(one: str, other: str) -> float:
        high, low = max(colours[one], colours[other]), min(colours[one], colours[other])
        return (high + 0.05) / (low + 0.05)

    for text in ("ink", "faint", "accent"):
        for ground in ("ground", "raised"):
            assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast("ink", "warn") >= 4.5
    for line in ("s0", "s1", "s2", "s3", "s4", "s5", "random", "control"):
        assert contrast(line, "ground") >= 3, line


def test_the_page_fits_a_narrow_window(visit: Open, whole: Path) -> None:
    page = visit(whole, width=360).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    boxes = [one.bounding_box() for one in page.locator(".view").all()]
    assert boxes[0]["y"] == boxes[1]["y"], "two side by side even here"


def test_what_a_screen_reader_needs_is_there(visit: Open, whole: Path) -> None:
    page = visit(whole).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.click("#stops button:text-is('SR')")
    nameless = page.eval_on_selector_all(
        "select, input", "all => all.filter(one => !one.labels.length).map(one => one.id)"
    )
    assert nameless == []
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("canvas:not([aria-label]), svg.chart:not([aria-label])").count() == 0
    empty = "all => all.filter(one => !(one.textContent.trim() || one.ariaLabel)).length"
    assert page.eval_on_selector_all("button", empty) == 0
    assert page.locator("table:not(:has(caption))").count() == 0
    levels = page.eval_on_selector_all("h1, h2, h3, h4", "all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
    ids = page.eval_on_selector_all("[id]", "all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("one_file", [True, False])
def test_no_name_from_a_file_becomes_part_of_the_page(visit: Open, tmp_path: Path, one_file: bool) -> None:
    image = HOSTILE.replace("/", "")  # a file's name may hold anything but a slash
    reason = f"failed: {HOSTILE}"
    root = make_results(
        tmp_path,
        models=["a.b+c-d_e"],
        images={"Set5": [image, "%2e%2e", "a#b?c"]},
        title=HOSTILE,
        note=HOSTILE,
        failures=[Failure("restoration", "Set5", "a.b+c-d_e", "%2e%2e", "", reason)],
        ablation={"ratios": [0.1, 0.2]},
    )
    manifest = json.loads((root / "manifest.json").read_text())
    for model in manifest["models"].values():
        model["title"] = model["card"] = model["weights"] = HOSTILE
    manifest["device"] = manifest["command"] = manifest["datasets"]["Set5"]["root"] = HOSTILE
    (root / "manifest.json").write_text(json.dumps(manifest))
    done = visit(make_page(root, one_file=one_file))
    page = done.page
    assert page.title() == f"{HOSTILE} · l2xbench"
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.locator("#image option").first.text_content() == image
    assert reason in page.locator("#table-failures").inner_text()
    assert page.locator("img[src=x], script:not([id]):not(:last-of-type)").count() == 0
    for name in (image, "a#b?c"):
        page.select_option("#image", label=name)
        until(
            page,
            "name => document.querySelector('.panel:nth-child(2) canvas')?.ariaLabel === name",
            f"Attribution map of {name} by a.b+c-d_e",
        )
        page.click("#stops button:text-is('SR')")
        until(page, "[...document.querySelectorAll('.view img[src]')].every(one => one.naturalWidth === 64)")


def test_the_page_refuses_scripts_that_are_not_its_own(visit: Open, tmp_path: Path) -> None:
    path = make_page(make_results(tmp_path))
    text = path.read_text()
    path.write_text(text.replace("<main", "<script>document.title = 'taken'</script><main", 1))
    done = visit(path)
    assert done.page.title() == "made · l2xbench"
    assert "Content Security Policy" in done.errors.pop()


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]


def test_the_page_names_no_address_of_another_place(whole: Path) -> None:
    tags = Tags()
    tags.feed(whole.read_text())
    assert tags.addresses and all(address.startswith("#") for address in tags.addresses)
    assert "http" not in STYLE.read_text()


def test_a_large_study_gets_a_folder_and_its_size_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_results(tmp_path)
    assert make_page(root).stat().st_size < MOST_IN_ONE_FILE
    runs = read_runs(Store(root))
    monkeypatch.setattr("l2xbench.report.page.viewer.MOST_IN_ONE_FILE", 1000)
    page = write_page(runs, Silent())
    scripts = sorted((root / "report_files/Set5").iterdir())
    assert [path.name for path in scripts] == ["baby.js", "bird.js", "head.js"]
    pictures = [path for folder in ("sr", "inputs") for path in (root / folder).rglob("*.png")]
    assert page.beside == sum(path.stat().st_size for path in [*scripts, *pictures])
    assert page.images == 3
    assert f"{page.beside / 1e3:.1f} kB in all" in page.path.read_text()
    before = [path.stat().st_mtime_ns for path in scripts]
    write_page(runs, Silent())
    assert [path.stat().st_mtime_ns for path in scripts] == before, "made once"


def test_the_newest_run_of_each_part_is_shown(visit: Open, tmp_path: Path) -> None:
    root = make_results(tmp_path, models=["edsr", "rcan"])
    ablation = {"ratios": [0.3], "random_orders": 2}
    make_results(root, only="ablation", finished="2026-01-03T00:00:00+00:00", ablation=ablation)
    page = visit(make_page(root)).page
    assert page.locator("#table-table1").count() == 1
    assert "0.3" not in page.locator("#restoration").inner_text()
    assert page.locator("#table-ablation_psnr th").all_inner_texts().count("30%") == 1
    assert page.locator("#manifest h3").all_inner_texts() == ["manifest-ablation.json", "manifest.json"]


def test_what_is_no_longer_there_is_said_and_the_rest_is_shown(visit: Open, tmp_path: Path) -> None:
    root = make_results(tmp_path, **EVERYTHING)
    for name in ("edsr/baby.npz", "rcan/bird.npz"):
        (root / "attributions/Set5" / name).unlink()
    page = visit(make_page(root)).page
    assert "2 of the units that manifest.json names have no record here" in page.locator("main").inner_text()
    assert page.locator(".panel:nth-child(2) .nothing").inner_text() == "no map"


def test_values_travel_with_three_digits_whatever_their_size() -> None:
    random = np.random.default_rng(0)
    values = random.laplace(size=(20, 30)) * 10.0 ** random.uniform(-6, 0, (20, 30))
    values[0, :3] = 0, np.nan, -np.inf
    packed = halves(values)
    back = np.frombuffer(base64.b64decode(packed["data"]), "<f2").reshape(20, 30).astype(float) * packed["scale"]
    assert back[0, 0] == 0 and np.isnan(back[0, 1:3]).all()
    assert np.allclose(back.ravel()[3:], values.ravel()[3:], rtol=2**-11, atol=2e-9 * np.nanmax(values[1:]))
    assert halves(np.zeros((2, 2)))["scale"] == 1


def test_json_in_a_script_ends_no_script() -> None:
    text = script_json({HOSTILE: HOSTILE})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {HOSTILE: HOSTILE}


def test_of_very_many_records_the_first_images_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = {"Set5": ["baby", "bird", "head"], "Set14": ["baboon", "barbara"]}
    store = Store(make_results(tmp_path, images=images))
    (run,) = read_runs(store)
    images_of_all = ImageSet.of_results(run)
    every = list(image_records(images_of_all))
    monkeypatch.setattr("l2xbench.studies.attribution.pictures.AT_ONCE", 6)  # one image has 1 + 3 + 2 records
    assert list(image_records(images_of_all)) == every and len(every) == 5
    for most, shown in ((1, [1, 0]), (13, [2, 0]), (25, [3, 1]), (1000, [3, 2])):
        assert [len(found) for found in first_images(images_of_all, most).images.values()] == shown
    monkeypatch.setattr("l2xbench.studies.attribution.pictures.AT_ONCE", 13)
    page = write_page([run], Silent())
    assert page.images == 2
    assert "The first 2 images: 3 more are too many for a page." in page.path.read_text()
