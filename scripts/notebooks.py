"""The docs' notebooks: run from top to bottom and stored with what came out, and their pages of the site.

    python scripts/notebooks.py                        # all of docs/notebooks; `make notebooks` does it
    python scripts/notebooks.py docs/notebooks/lam.ipynb

A notebook runs in an empty folder, which is thrown away. mkdocs runs this file too, and takes the stored ones as pages.
"""

from __future__ import annotations

import argparse
import base64
import io
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from PIL import Image

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "docs/notebooks"
ORDER = ("my-network", "lam", "study", "blocks")
"""Their order in the site."""
LARGEST = 300_000
"""Bytes that a stored notebook has at most."""
WIDEST = 1000
"""Pixels of a stored picture, at most."""
CELL_SECONDS = 900
"""After so long a cell is taken to hang."""
PICTURE = "image/png"
EMBEDDED = re.compile(r"(?<=data:image/png;base64,)[A-Za-z0-9+/=\n]+")


def notebooks() -> list[Path]:
    """The stored notebooks, in the site's order."""
    return [NOTEBOOKS / f"{name}.ipynb" for name in ORDER]


def executed(path: Path, folder: Path) -> Any:
    """A notebook as it comes out when it is run in `folder`.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
    )
    return client.execute()


def tidied(notebook: Any) -> Any:
    """The same without what differs from machine to machine, and with pictures of few bytes."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number}", {}
        cell.source = cell.source.strip()
        for output in cell.get("outputs", []):
            for kind, shown in output.get("data", {}).items():
                if kind == PICTURE:
                    output.data[kind] = small(shown)
                elif kind == "text/html":
                    output.data[kind] = EMBEDDED.sub(lambda found: small(found[0]), shown)
    return notebook


def small(picture: str) -> str:
    """A PNG in base64 with at most `WIDEST` pixels in a row and 128 colours, if that is smaller than it was."""
    given = base64.b64decode(picture)
    with Image.open(io.BytesIO(given)) as opened:
        image = opened.convert("RGB")
    if image.width > WIDEST:
        image = image.resize((WIDEST, round(image.height * WIDEST / image.width)), Image.Resampling.LANCZOS)
    made = io.BytesIO()
    image.quantize(128, method=Image.Quantize.MAXCOVERAGE, kmeans=2).save(made, "PNG", optimize=True)
    return base64.b64encode(min(made.getvalue(), given, key=len)).decode()


def page(path: Path) -> tuple[str, dict[str, bytes]]:
    """A notebook as Markdown, with a link to itself, and its pictures by their files' names."""
    from nbconvert import MarkdownExporter

    notebook = nbformat.read(path, as_version=4)
    text, resources = MarkdownExporter().from_notebook_node(notebook, {"unique_key": path.stem})
    pictures: dict[str, bytes] = resources["outputs"]
    for number, cell in enumerate(notebook.cells):
        for place, output in enumerate(cell.get("outputs", [])):
            name = f"{path.stem}_{number}_{place}.png"
            width = output.get("metadata", {}).get(PICTURE, {}).get("width")
            if name in pictures and width is not None:
                text = re.sub(rf"!\[[^\]]*\]\({re.escape(name)}\)", f'<img src="{name}" alt="" width="{width}">', text)
    # a table of pandas' as one of the site's own, and its page in the place of another notebook
    text = re.sub(r"<style scoped>.*?</style>", "", text, flags=re.DOTALL)
    text = text.replace('<table border="1" class="dataframe">', "<table>").replace(".ipynb)", ".md)")
    title, _, rest = text.lstrip().partition("\n")
    link = f"[Download the notebook]({path.name}): it runs on what comes with l2xbench."
    return f"{title}\n\n{link}\n{rest}", pictures


def build() -> None:
    """Gives mkdocs the pages; called when mkdocs runs this file."""
    import mkdocs_gen_files

    for path in notebooks():
        text, pictures = page(path)
        with mkdocs_gen_files.open(f"notebooks/{path.stem}.md", "w") as file:
            file.write(text)
        for name, content in pictures.items():
            with mkdocs_gen_files.open(f"notebooks/{name}", "wb") as file:
                file.write(content)


def stored(paths: list[Path]) -> Iterator[str]:
    """Runs notebooks and stores them as they come out; a line on each."""
    for path in paths:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            notebook = tidied(executed(path, Path(folder)))
        nbformat.write(notebook, path)
        yield f"{path}: {path.stat().st_size / 1000:.0f} kB, {time.monotonic() - started:.0f} s"


def main(arguments: list[str] | None = None) -> int:
    """Runs and stores them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", type=Path, nargs="*", help="some of them; all by default")
    wanted = parser.parse_args(arguments)
    for line in stored(wanted.notebooks or notebooks()):
        print(line, flush=True)
    large = [path for path in wanted.notebooks or notebooks() if path.stat().st_size > LARGEST]
    for path in large:
        print(f"{path}: more than {LARGEST} bytes; show less, or smaller pictures", file=sys.stderr)
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main())
elif __name__ == "<run_path>":
    build()
