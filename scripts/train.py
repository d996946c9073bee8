"""Train the networks of model cards on a folder of HR images, all of them at once.

    python scripts/train.py edsr-compact --data PHOTOGRAPHS --out results/training
    python scripts/train.py --all --data PHOTOGRAPHS --out results/training --minutes 10 --install

Each network has its folder under --out: NAME.safetensors (the averaged weights in float32 under the architecture's own
keys), training.yaml (the card's `training` block), log.csv, curve.png and checkpoint.pt. On a GPU every network's step
is captured in a CUDA graph and replayed on a stream of its own, so that many small networks share it; on a CPU they
take turns. A run that was stopped (Ctrl-C, --minutes) goes on where it was when the same command is given again.

A recipe is the card's own (`training.recipe`) where the options below do not say otherwise. With --minutes and no steps
the length is measured at the start and then fixed. --install puts weights and block into the cards at the end;
--only-install does that with a run that ended elsewhere. `make train-compact DATA=PHOTOGRAPHS` trains the compact
cards. Exit codes: 0 trained to the end, 130 stopped before, 2 the request is wrong.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

import torch
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from training.curve import draw_log, write_log
from training.export import card_block, export_weights
from training.images import Pair, Patches, image_files, read_pair, split
from training.install import install, weights_of
from training.quality import HeldOut
from training.recipe import Recipe, kind_of, make_recipe
from training.starts import begin
from training.stopping import StopRequest
from training.trainer import Trainer, length_of, prepare, seconds_a_step, timed

from l2xbench.errors import RequestError
from l2xbench.system.files import write_whole
from l2xbench.zoo.cards import ModelCard, bundled_cards, find_card
from l2xbench.zoo.load import load_model

# so many networks' kernels reach a GPU side by side; read when CUDA is first used
os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")
console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line; the recipe's fields are options of the same names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("cards", nargs="*", help="bundled cards' names or cards' YAMLs")
    parser.add_argument("--all", action="store_true", help="every compact card, with its second seed")
    parser.add_argument("--data", type=Path, help="folder of HR images")
    parser.add_argument("--out", type=Path, required=True, help="folder that gets one folder a network")
    parser.add_argument("--restart", action="store_true", help="forget the checkpoints in --out")
    parser.add_argument(
        "--install", action="store_true", help="at the end put the weights and the training blocks into the cards"
    )
    parser.add_argument("--only-install", action="store_true", help="do so with what --out holds, and train nothing")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="[%(default)s]")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--log-every", type=int, default=100, metavar="STEPS", help="[%(default)s]")
    parser.add_argument(
        "--validate-every", type=int, default=500, metavar="STEPS", help="also saves the checkpoint [%(default)s]"
    )
    parser.add_argument(
        "--least-steps", type=int, default=0, metavar="STEPS", help="give up at the start where --minutes hold fewer"
    )
    group = parser.add_argument_group("recipe")
    for entry in fields(Recipe):
        kind = kind_of(str(entry.type))
        default = "" if entry.default is None else f" [{entry.default}]"
        group.add_argument(f"--{entry.name.replace('_', '-')}", type=kind, help=entry.metadata["help"] + default)
    return parser.parse_args(argv)


def cards_of(options: argparse.Namespace) -> list[ModelCard]:
    """The cards that the command line names.

    Raises:
        RequestError: none, or one twice, or one that is unknown.
    """
    names = list(options.cards)
    if options.all:
        names += [name for name in bundled_cards() if re.search(r"-compact(-s\d+)?$", name)]
    if not names:
        raise RequestError("no card: give names, or --all")
    cards = [find_card(name) for name in names]
    twice = next((card.name for i, card in enumerate(cards) if card.name in [c.name for c in cards[:i]]), None)
    if twice:
        raise RequestError(f"{twice}: is named twice")
    if options.install or options.only_install:
        for card in cards:
            weights_of(card)  # before hours are spent
    return cards


def train(options: argparse.Namespace) -> int:
    """Train as the command line says."""
    cards = cards_of(options)
    if options.only_install:
        return install_all(cards, options.out)
    if options.data is None:
        raise RequestError("--data: is missing: a folder of HR images")
    device = torch.device(options.device)
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.backends.cudnn.deterministic = True  # a resumed run equals an undisturbed one
    flags = {entry.name: getattr(options, entry.name) for entry in fields(Recipe)}
    recipes = [make_recipe(card.training.get("recipe", {}), flags, source=card.name) for card in cards]
    images = Images(options.data, device)
    trainers = []
    for card, recipe in zip(cards, recipes, strict=True):
        trainer = make_trainer(card, recipe, images, device)
        checkpoint = options.out / card.name / "checkpoint.pt"
        if checkpoint.exists() and not options.restart:
            trainer.load(checkpoint)
            console.print(f"{card.name}: going on from step {trainer.step} ({checkpoint})")
        trainers.append(trainer)

    with console.status(f"making {len(trainers)} network(s) ready"):
        prepare(trainers)
    plan(trainers, options.least_steps)
    failed = run(trainers, images, options)
    stopped = [trainer for trainer in trainers if trainer.step < trainer.steps and trainer not in failed]
    if stopped:
        at = f"step {stopped[0].step}" if len(trainers) == 1 else f"{len(stopped)} networks unfinished"
        console.print(f"stopped at {at}; the same command goes on from the checkpoints in {options.out}")
        return 130
    for trainer in trainers:
        if trainer not in failed:
            hand_on(trainer, images, len(trainers), options.out / trainer.name)
    if failed:
        return 2
    return install_all(cards, options.out) if options.install else 0


class Images:
    """The folder's images, read once for all networks."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder, self._files, self._device = folder, image_files(folder), device
        self._pairs: dict[tuple[Path, int], Pair] = {}
        self._patches: dict[tuple[int, int, int], Patches] = {}
        self._held: dict[tuple[int, int], HeldOut] = {}

    def split(self, holdout: int) -> tuple[list[Path], list[Path]]:
        """The files to train on, and those held out."""
        return split(self._files, holdout)

    def patches(self, recipe: Recipe, scale: int) -> Patches:
        """What a recipe trains on."""
        key = (recipe.holdout, scale, recipe.patch)
        if key not in self._patches:
            pairs = self._read(self.split(recipe.holdout)[0], scale)
            self._patches[key] = Patches(pairs, scale, recipe.patch, self._device)
        return self._patches[key]

    def held_out(self, holdout: int, scale: int) -> HeldOut:
        """What a network is validated on."""
        if (holdout, scale) not in self._held:
            pairs = self._read(self.split(holdout)[1], scale)
            self._held[holdout, scale] = HeldOut(pairs, scale, self._device)
        return self._held[holdout, scale]

    def _read(self, paths: Sequence[Path], scale: int) -> list[Pair]:
        with console.status(f"reducing {len(paths)} images"):
            for path in paths:
                if (path, scale) not in self._pairs:
                    self._pairs[path, scale] = read_pair(path, scale)
        return [self._pairs[path, scale] for path in paths]


def make_trainer(card: ModelCard, recipe: Recipe, images: Images, device: torch.device) -> Trainer:
    """The card's network with the initial weights that its recipe asks for."""
    network = load_model(card, weights="random", seed=recipe.seed)
    wanted = network.scale
    patches = {scale: images.patches(recipe, scale) for scale in network.scales}
    for scale, of_scale in patches.items():
        network.run_at(scale)
        lr, _ = of_scale.batch(32, torch.Generator(device).manual_seed(recipe.seed))
        begin(network, recipe.start, lr.cpu())
    network.run_at(wanted)
    images.held_out(recipe.holdout, wanted)
    return Trainer(network, patches, recipe, device)


def plan(trainers: Sequence[Trainer], least: int) -> None:
    """Decide the length of the runs that are given in minutes.

    Raises:
        RequestError: fewer than `least` steps fit in.
    """
    unknown = [trainer for trainer in trainers if not trainer.steps]
    if not unknown:
        return
    seconds = seconds_a_step(unknown, 3 if unknown[0].device.type == "cpu" else 50)
    for trainer in unknown:
        assert trainer.recipe.minutes is not None
        steps = length_of(trainer.recipe.minutes, seconds)
        if steps < least:
            raise RequestError(f"--minutes: hold {steps} steps, fewer than --least-steps {least}")
        trainer.plan(steps)
    console.print(f"{1000 * seconds:.1f} ms for a step of {len(unknown)} network(s): {unknown[0].steps} steps each")


def run(trainers: Sequence[Trainer], images: Images, options: argparse.Namespace) -> list[Trainer]:
    """Steps until the schedules end, the time is up or a stop is asked for; logs, validates and saves on the way.

    Returns those whose loss was no number any more.
    """
    failed: list[Trainer] = []
    before = {trainer: trainer.seconds for trainer in trainers}
    pending = [trainer for trainer in trainers if trainer.step < trainer.steps]
    total = sum(trainer.steps for trainer in trainers)
    columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn()]
    bar = Progress(*columns, MofNCompleteColumn(), console=console, auto_refresh=console.is_terminal)
    with bar, StopRequest(console.print) as stop:
        name = trainers[0].name if len(trainers) == 1 else f"{len(trainers)} networks"
        task = bar.add_task(name, total=total, completed=sum(trainer.step for trainer in trainers))
        while pending and not stop.made and not any(t.recipe.out_of_time(t.seconds - before[t]) for t in pending):
            advance(pending, options)
            bar.update(task, completed=sum(trainer.step for trainer in trainers))
            for trainer in list(pending):
                try:
                    report(trainer, images, options)
                except RequestError as error:  # the others go on
                    console.print(f"error: {error}", style="red")
                    failed.append(trainer)
            pending = [trainer for trainer in pending if trainer.step < trainer.steps and trainer not in failed]
        for trainer in pending:
            trainer.save(make_folder(trainer, options) / "checkpoint.pt")
    return failed


def advance(pending: Sequence[Trainer], options: argparse.Namespace) -> None:
    """As many steps of each as can be made before one must report, and on a CPU or a screen before it must answer."""
    most = 1 if pending[0].device.type == "cpu" else 50
    every = (options.log_every, options.validate_every)
    steps = min(min(e - t.step % e for e in every) for t in pending)
    steps = min(steps, most, *(t.steps - t.step for t in pending))
    passed = timed(pending, steps)
    for trainer in pending:
        trainer.seconds += passed


def report(trainer: Trainer, images: Images, options: argparse.Namespace) -> None:
    """Log, or validate and save, where it is time to."""
    whole = trainer.step % options.validate_every == 0 or trainer.step == trainer.steps
    if not whole and trainer.step % options.log_every:
        return
    held = images.held_out(trainer.recipe.holdout, trainer.averaged.scale)
    row = trainer.log(held.psnr(trainer.averaged) if whole else None)
    shown = f"  validation {row.val_psnr:.3f} dB" if whole else ""
    shown += f"  {row.skipped} steps skipped" if row.skipped else ""
    console.print(
        f"{trainer.name}: step {row.step:6d}  {row.seconds / 60:6.1f} min  lr {row.lr:.2e}  loss {row.loss:.5f}  "
        f"gradient {row.gradient_norm:.3f}{shown}"
    )
    if whole:
        folder = make_folder(trainer, options)
        write_log(trainer.rows, folder)
        trainer.save(folder / "checkpoint.pt")


def make_folder(trainer: Trainer, options: argparse.Namespace) -> Path:
    """The network's folder under --out."""
    folder: Path = options.out / trainer.name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def hand_on(trainer: Trainer, images: Images, together: int, folder: Path) -> None:
    """Write the curve, the weights and the card's block of a finished run, and print the block."""
    draw_log(trainer.rows, folder, trainer.name)
    weights = folder / f"{trainer.name}.safetensors"
    export_weights(trainer.averaged.core, weights)
    training, validation = images.split(trainer.recipe.holdout)
    data = f"{len(training)} images of the folder {images.folder.name}, and {len(validation)} held out"
    block = yaml.safe_dump(
        {"training": card_block(trainer, data, validation, together)}, sort_keys=False, allow_unicode=True, width=110
    )
    write_whole(folder / "training.yaml", block.encode())
    console.print(f"{weights}: {weights.stat().st_size / 1e6:.2f} MB")
    print(f"# {trainer.name}\n{block}", end="")


def install_all(cards: Sequence[ModelCard], out: Path) -> int:
    """Put what finished runs left under `out` into the cards.

    Raises:
        RequestError: a run is missing there or was not finished.
    """
    ready: list[Callable[[], None]] = []
    for card in cards:
        weights, text = out / card.name / f"{card.name}.safetensors", out / card.name / "training.yaml"
        for path in (weights, text):
            if not path.is_file():
                raise RequestError(f"{path}: is not there; a run of {card.name} that ended leaves it")
        block = yaml.safe_load(text.read_text())["training"]
        ready.append(lambda card=card, weights=weights, block=block: install(card, weights, block))  # type: ignore[misc]
    for card, put in zip(cards, ready, strict=True):
        put()
        console.print(f"installed: {weights_of(card)} and the card's training block")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Exit code 2 and one line for a request that cannot be carried out."""
    try:
        return train(arguments(argv))
    except RequestError as error:
        console.print(f"error: {error}", style="red")
        return 2


if __name__ == "__main__":
    sys.exit(main())
