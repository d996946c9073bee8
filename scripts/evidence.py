"""Make every measured table and figure of the docs anew: run the studies that they quote, write what came out there.

    python scripts/evidence.py --data-root ~/data --checkpoints ~/checkpoints
    python scripts/evidence.py docs/evidence/similarity.md --list
    python scripts/evidence.py --only urban100 --keep results/evidence

A page holds blocks of this form; between its two comments stands what the commands gave, and nothing is written there
by hand:

    <!-- evidence
    run: l2xbench run configs/set5.yaml {data} --out {keep}/set5
    table: "{keep}/set5/tables/restoration.csv"
    where: model != 'bicubic'
    columns: {network: "{model}", Set5: "{psnr:.2f} / {ssim:.4f}"}
    -->
    | network | Set5 |
    ...
    <!-- evidence ends -->

`run` is a command or a list of them; `table` a CSV of the results, shown by `columns` (head: pattern, of a row's
values), of the rows for which `where` holds (a query of pandas); `text: true` in place of `table` shows what the last
command printed, `text: markdown` as a part of the page; `figure` copies pictures ({from: to}, `to` from the page's
folder on). `{data}` becomes `--data-root FOLDER`, `{checkpoints}` and `{keep}` the folders. Each command runs once,
however many blocks name it; studies go on where they stopped.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

HERE = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(<!-- evidence\n(?P<said>.*?)\n-->\n)(?P<shown>.*?)(<!-- evidence ends -->)", re.DOTALL)
KEYS = {"run", "table", "where", "columns", "text", "figure"}


@dataclass(frozen=True)
class Block:
    """One measured piece of a page."""

    page: Path
    said: Mapping[str, object]

    @property
    def commands(self) -> list[str]:
        run = self.said["run"]
        return [run] if isinstance(run, str) else [str(each) for each in run]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Places:
    """What stands for the names in braces."""

    data: Path | None
    checkpoints: Path
    keep: Path

    def put(self, text: str) -> str:
        """`text` with the folders in it; other braces are left alone."""
        data = "" if self.data is None else f"--data-root {shlex.quote(str(self.data))}"
        named = {"{data}": data, "{checkpoints}": str(self.checkpoints), "{keep}": str(self.keep)}
        for name, value in named.items():
            text = text.replace(name, value)
        return text


def read_blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order.

    Raises:
        SystemExit: a block is not a mapping of the known keys.
    """
    blocks: list[Block] = []
    text = page.read_text()
    for found in BLOCK.finditer(text):
        try:
            said = yaml.safe_load(found["said"])
        except yaml.YAMLError as error:
            raise SystemExit(f"{page}: a block of evidence is not YAML: {str(error).splitlines()[0]}") from None
        if (
            not isinstance(said, dict)
            or "run" not in said
            or not said.keys() <= KEYS
            or not said.keys() & KEYS - {"run"}
        ):
            raise SystemExit(f"{page}: a block of evidence needs run, and table, text or figure; found {said!r}")
        if ("table" in said) != ("columns" in said):
            raise SystemExit(f"{page}: table and columns belong together")
        blocks.append(Block(page, said))
    if text.count("<!-- evidence\n") != len(blocks):
        raise SystemExit(f"{page}: a block of evidence has no end: <!-- evidence ends -->")
    return blocks


def markdown(table: pd.DataFrame, columns: Mapping[str, str]) -> str:
    """The table's rows as a Markdown table; a column of numbers is set to the right."""
    cells = {head: [_filled(pattern, row) for row in table.to_dict("records")] for head, pattern in columns.items()}
    number = re.compile(r"[-−+]?[\d.]")
    right = {head: all(number.match(cell) or cell in ("", "–") for cell in made) for head, made in cells.items()}
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join('---:' if right[head] else '---' for head in columns)} |"]
    lines += [f"| {' | '.join(row)} |" for row in zip(*cells.values(), strict=True)]
    return "\n".join(lines) + "\n"


def _filled(pattern: str, row: Mapping[object, object]) -> str:
    if any(pd.isna(row[name]) for name in re.findall(r"\{(\w+)", pattern)):  # type: ignore[call-overload]
        return "–"
    text = pattern.format_map({str(name): value for name, value in row.items()})
    return re.sub(r"(?<![\w.])-(?=\.?\d)", "−", text)  # a minus, but the hyphen of a name


def shown(block: Block, places: Places, printed: Mapping[str, str]) -> str:
    """What stands between the block's comments now that its commands have run."""
    if "text" in block.said:
        text = printed[block.commands[-1]].rstrip()
        return f"{text}\n" if block.said["text"] == "markdown" else f"```text\n{text}\n```\n"
    if "table" not in block.said:
        return ""
    path = Path(places.put(str(block.said["table"])))
    try:
        table = pd.read_csv(path)
        if "where" in block.said:
            table = table.query(str(block.said["where"]))
        return markdown(table, block.said["columns"])  # type: ignore[arg-type]
    except (OSError, KeyError, ValueError, pd.errors.UndefinedVariableError) as error:
        raise SystemExit(f"{block.page}: {path}: {type(error).__name__}: {error}") from None


def copy_figures(block: Block, places: Places) -> None:
    """The block's pictures, to beside its page."""
    for source, target in dict(block.said.get("figure") or {}).items():  # type: ignore[call-overload]
        to = block.page.parent / target
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(places.put(source), to)


def run(command: str) -> str:
    """What a command prints; it runs in the project's folder, with this Python.

    Raises:
        SystemExit: it failed.
    """
    words = shlex.split(command)
    program = {"l2xbench": [sys.executable, "-m", "l2xbench"], "python": [sys.executable]}.get(words[0])
    if program is None:
        raise SystemExit(f"{command}: neither l2xbench nor python")
    done = subprocess.run([*program, *words[1:]], cwd=HERE, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command}: ended with exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def renew(pages: Sequence[Path], places: Places, only: str = "") -> int:
    """Runs what the pages' blocks need, and writes them; returns how many blocks differ from before."""
    blocks = [(page, read_blocks(page)) for page in pages]
    wanted = [block for _, found in blocks for block in found if only in " ".join(block.commands)]
    printed: dict[str, str] = {}
    for command in dict.fromkeys(command for block in wanted for command in block.commands):
        print(places.put(command), file=sys.stderr, flush=True)
        printed[command] = run(places.put(command))
    changed = 0
    for page, found in blocks:
        texts = iter(found)

        def anew(match: re.Match[str], texts: object = texts) -> str:
            block = next(texts)  # type: ignore[call-overload]
            if block not in wanted:
                return match[0]
            copy_figures(block, places)
            return match[1] + shown(block, places, printed) + match[4]

        before = page.read_text()
        after = BLOCK.sub(anew, before)
        if after != before:
            changed += sum(a[0] != b[0] for a, b in zip(BLOCK.finditer(before), BLOCK.finditer(after), strict=True))
            page.write_text(after)
    return changed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path, nargs="*", help="Markdown pages; README.md and all of docs by default")
    parser.add_argument("--data-root", type=Path, help="where the datasets are; else they are fetched")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), help="the folder for {checkpoints}")
    parser.add_argument("--keep", type=Path, default=Path("results/evidence"), help="the folder for {keep}")
    parser.add_argument("--only", default="", help="only blocks whose command contains this")
    parser.add_argument("--list", action="store_true", help="list the commands, and run none")
    chosen = parser.parse_args()
    pages = chosen.pages or [HERE / "README.md", *sorted((HERE / "docs").rglob("*.md"))]
    data = None if chosen.data_root is None else chosen.data_root.resolve()
    places = Places(data, chosen.checkpoints.resolve(), chosen.keep)
    if chosen.list:
        for page in pages:
            for block in read_blocks(page):
                for command in block.commands:
                    if chosen.only in command:
                        print(f"{page}: {places.put(command)}")
        return
    print(f"{renew(pages, places, chosen.only)} blocks changed")


if __name__ == "__main__":
    main()
