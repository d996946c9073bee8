"""The docs' gallery from a study's own results: small pictures, and the lines of a page that show them.

    python scripts/gallery.py results/demo

`make gallery` runs the study first. What the results do not have (CKA with one network, say) is left out.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from chromium import FLAGS, find_chromium, until
from PIL import Image

from l2xbench.run.results import read_runs
from l2xbench.store.store import Store
from l2xbench.studies.attribution.options import AttributionOptions

ROOT = Path(__file__).parents[1]
START, END = "<!-- gallery: `make gallery` writes these lines -->", "<!-- end of the gallery -->"
WIDTH = 1200
"""Pixels; what a page shows is narrower."""
COLUMN = 480
"""Pixels that a page gives to a figure of a column's width, which has fewer than `WIDTH`."""
WINDOW = 1400
"""Pixels that the page is wide when its picture is taken."""


def pictures(results: Path) -> Iterator[tuple[str, str, Path]]:
    """Name, caption and figure of each picture that the results have."""
    run = read_runs(Store(results))[0]
    dataset, images = next(iter(run.manifest.images.items()))
    count = len(run.config.models)
    networks = "one network" if count == 1 else f"{count} networks"
    maps = (results / "figures" / f"heatmap-{dataset}-{image}.png" for image in images)
    heatmap, explained = next((path for path in maps if path.is_file()), None), run.config.block(AttributionOptions)
    if heatmap is not None and explained is not None:
        caption = (
            f"One image, {networks}: a part enlarged, and which LR pixels each used (reference "
            f"{explained.reference}, target {explained.target})"
        )
        yield "heatmap", caption, heatmap
    for name, caption in (
        ("ablation", "PSNR and SSIM as the pixels that a map calls important are masked, against random order"),
        ("cost-faithfulness", "What a map takes, and how far its order lies below random order"),
        (f"cka-{dataset}", "How alike the networks see: CKA of their attributions"),
    ):
        figure = results / "figures" / f"{name}.png"
        if figure.is_file():
            yield name.partition("-")[0], caption, figure


def small(figure: Path, out: Path) -> None:
    """Writes a PNG of at most `WIDTH` pixels and 256 colours."""
    with Image.open(figure) as image:
        picture = image.convert("RGB")
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    # median cut would give the few pixels of a colour bar the photograph's colours
    picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=2).save(buffer, "PNG", optimize=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(buffer.getvalue())


def photograph(page: Path, out: Path) -> bool:
    """The page's pictures, half HR and half map, as Chromium shows them; False where there is none."""
    program = find_chromium()
    if program is None:
        return False
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver, driver.chromium.launch(executable_path=program, args=list(FLAGS)) as browser:
        view = browser.new_page(viewport={"width": WINDOW, "height": 1200})
        view.goto(page.resolve().as_uri())
        view.wait_for_selector("#panels .panel")
        view.locator("#layer").fill("2.5")
        view.locator("#layer").blur()
        until(view, "[...document.querySelectorAll('.view img[src]')].every(one => one.complete)")
        view.evaluate("window.scrollTo(0, 0)")  # boxes are of what is seen, the picture is of the whole page
        first, last = (view.locator(one).bounding_box() for one in ("#images h2", "#panels"))
        assert first is not None and last is not None
        clip = {"x": 0.0, "y": first["y"], "width": float(WINDOW), "height": last["y"] + last["height"] - first["y"]}
        view.screenshot(path=out, full_page=True, clip=clip)  # type: ignore[arg-type]
    return True


def main(arguments: list[str] | None = None) -> int:
    """Makes the pictures and the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="a results folder, for example results/demo")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/gallery", help="where the pictures go")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/start/demo.md", help="where the lines go")
    wanted = parser.parse_args(arguments)
    if not (wanted.results / "manifest.json").is_file():
        print(f"{wanted.results}: no results folder; `l2xbench run configs/demo.yaml` makes one", file=sys.stderr)
        return 2
    shown = []
    for name, caption, figure in pictures(wanted.results):
        small(figure, wanted.out / f"{name}.png")
        shown.append((name, caption))
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder, "page.png")
        if photograph(wanted.results / "report.html", shot):
            small(shot, wanted.out / "page.png")
            shown.append(("page", "`report.html`: every image with all networks side by side"))
        else:
            print("page.png is not made: Chromium is not on the path", file=sys.stderr)
    lines = [START]
    for name, caption in shown:
        path = wanted.out / f"{name}.png"
        lines += ["", f"{caption}:", "", _shown(_below(path, wanted.page.parent), caption.replace("`", ""), path)]
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    text = wanted.page.read_text()
    before, _, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not end:
        print(f"{wanted.page}: has no lines '{START}' and '{END}'", file=sys.stderr)
        return 2
    wanted.page.write_text(before + "\n".join([*lines, "", END]) + after)
    return 0


def _shown(place: str, text: str, path: Path) -> str:
    """The line that shows a picture: a figure of a column's width in half the page's."""
    with Image.open(path) as image:
        narrow = image.width < WIDTH
    return f'<img src="{place}" alt="{text}" width="{COLUMN}">' if narrow else f"![{text}]({place})"


def _below(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


if __name__ == "__main__":
    sys.exit(main())
