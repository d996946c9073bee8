"""Train a model card's network on a folder of HR images.

    python scripts/train.py edsr-compact --data PHOTOGRAPHS --out results/training/edsr-compact

The recipe is the card's own (`training.recipe`) where the options below do not say otherwise. --out gets
NAME.safetensors (the averaged weights in float32 under the architecture's own keys), log.csv, curve.png and
checkpoint.pt; a run that was stopped (Ctrl-C, --minutes) goes on where it was when the same command is given again.
At the end the `training` block for the card is printed, and with --install put into the card with the weights.
`make train-compact DATA=PHOTOGRAPHS` does that for every compact card. Exit codes: 0 trained to the
end, 130 stopped before, 2 the request is wrong.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path

import torch
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from training.curve import write_log
from training.export import card_block, export_weights
from training.images import Pair, Patches, image_files, read_pair, split
from training.install import install, weights_of
from training.quality import mean_psnr
from training.recipe import Recipe, kind_of, make_recipe
from training.starts import begin
from training.stopping import StopRequest
from training.trainer import Trainer

from l2xbench.errors import RequestError
from l2xbench.zoo.cards import find_card
from l2xbench.zoo.load import load_model

console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line; the recipe's fields are options of the same names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("card", help="a bundled card's name or a card's YAML")
    parser.add_argument("--data", type=Path, required=True, help="folder of HR images")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights, log and checkpoint")
    parser.add_argument("--restart", action="store_true", help="forget the checkpoint in --out")
    parser.add_argument(
        "--install", action="store_true", help="at the end put the weights and the training block into the card"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="[%(default)s]")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--log-every", type=int, default=100, metavar="STEPS", help="[%(default)s]")
    parser.add_argument(
        "--validate-every", type=int, default=500, metavar="STEPS", help="also saves the checkpoint [%(default)s]"
    )
    group = parser.add_argument_group("recipe")
    for entry in fields(Recipe):
        kind = kind_of(str(entry.type))
        default = "" if entry.default is None else f" [{entry.default}]"
        group.add_argument(f"--{entry.name.replace('_', '-')}", type=kind, help=entry.metadata["help"] + default)
    return parser.parse_args(argv)


def train(options: argparse.Namespace) -> int:
    """Train as the command line says."""
    card = find_card(options.card)
    flags = {entry.name: getattr(options, entry.name) for entry in fields(Recipe)}
    recipe = make_recipe(card.training.get("recipe", {}), flags, source=card.name)
    if options.install:
        weights_of(card)  # before hours are spent
    device = torch.device(options.device)
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.backends.cudnn.benchmark = device.type == "cuda"

    training, validation = split(image_files(options.data), recipe.holdout)
    torch.manual_seed(recipe.seed)
    network = load_model(card, weights="random", seed=recipe.seed)
    wanted = network.scale
    with console.status(f"reducing {len(training) + len(validation)} images"):
        patches = {
            scale: Patches([read_pair(path, scale) for path in training], scale, recipe.patch, device)
            for scale in network.scales
        }
        held = [read_pair(path, wanted) for path in validation]
    for scale, of_scale in patches.items():
        network.run_at(scale)
        images, _ = of_scale.batch(32, torch.Generator().manual_seed(recipe.seed))
        begin(network, recipe.start, images.cpu())
    network.run_at(wanted)
    trainer = Trainer(network, patches, recipe, device)

    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint = options.out / "checkpoint.pt"
    if checkpoint.exists() and not options.restart:
        trainer.load(checkpoint)
        console.print(f"going on from step {trainer.step} ({checkpoint})")
    run(trainer, held, card.name, wanted, checkpoint, options)
    if trainer.progress < 1:
        console.print(f"stopped at step {trainer.step}; the same command goes on from {checkpoint}")
        return 130

    weights = options.out / f"{card.name}.safetensors"
    core = trainer.averaged.core
    assert isinstance(core, torch.nn.Module)
    export_weights(core, weights)
    console.print(f"{weights}: {weights.stat().st_size / 1e6:.2f} MB")
    data = f"{len(training)} images of the folder {options.data.name}, and {len(validation)} held out"
    block = card_block(trainer, data, validation, device)
    print(yaml.safe_dump({"training": block}, sort_keys=False, allow_unicode=True, width=110), end="")
    if options.install:
        install(card, weights, block)
        console.print(f"installed: {weights_of(card)} and the card's training block")
    return 0


def run(
    trainer: Trainer, held: list[Pair], name: str, scale: int, checkpoint: Path, options: argparse.Namespace
) -> None:
    """Steps until the schedule ends, the time is up or a stop is asked for; logs, validates and saves on the way."""

    def log(val_psnr: float | None = None) -> None:
        row = trainer.log(val_psnr)
        shown = "" if val_psnr is None else f"  validation {val_psnr:.3f} dB"
        console.print(
            f"step {row.step:6d}  {row.seconds / 60:6.1f} min  lr {row.lr:.2e}  loss {row.loss:.5f}  "
            f"gradient {row.gradient_norm:.3f}{shown}"
        )

    def validate() -> None:
        log(mean_psnr(trainer.averaged, held, scale, trainer.device))
        write_log(trainer.rows, checkpoint.parent, name)
        trainer.save(checkpoint)

    steps = trainer.recipe.steps
    columns = [TextColumn(name), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn()]
    bar = Progress(*columns, *([MofNCompleteColumn()] if steps else []), console=console)
    with bar, StopRequest(console.print) as stop:
        task = bar.add_task(name, total=steps or 1.0)
        while trainer.progress < 1 and not stop.made and not trainer.recipe.out_of_time(trainer.seconds):
            trainer.advance()
            bar.update(task, completed=trainer.step if steps else trainer.progress)
            if trainer.step % options.validate_every == 0 or trainer.progress >= 1:
                validate()
            elif trainer.step % options.log_every == 0:
                log()
        trainer.save(checkpoint)


def main(argv: list[str] | None = None) -> int:
    """Exit code 2 and one line for a request that cannot be carried out."""
    try:
        return train(arguments(argv))
    except RequestError as error:
        console.print(f"error: {error}", style="red")
        return 2


if __name__ == "__main__":
    sys.exit(main())
