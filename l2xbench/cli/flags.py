"""Flags that several commands have, declared once, and how their text becomes what the commands take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from l2xbench.errors import RequestError

if TYPE_CHECKING:
    from l2xbench.commands.quick import DatasetRequest
    from l2xbench.config import StudyConfig

OptionalStudy = Annotated[
    str, typer.Argument(help="A study's YAML, or a bundled study's name.", metavar="[STUDY]", show_default=True)
]
Models = Annotated[
    str | None, typer.Option("--models", help="Only these of the study's networks: a,b,c.", metavar="NAMES")
]
Out = Annotated[
    Path | None, typer.Option("--out", help="The results folder; results/<study> by default.", metavar="FOLDER")
]
DataRoot = Annotated[
    Path | None, typer.Option("--data-root", help="Where known sets (Urban100, ...) lie.", metavar="FOLDER")
]
Device = Annotated[
    str | None,
    typer.Option("--device", help="cpu, cuda, cuda:1 or auto; overrides the study.", metavar="NAME"),
]
Seed = Annotated[
    int | None, typer.Option("--seed", help="Overrides the study's seed.", min=0, max=2**63 - 1, metavar="N")
]
Degrade = Annotated[
    list[str] | None,
    typer.Option(
        "--degrade", help="Spoil LR that is made: --degrade noise=25, blur=1.5, jpeg=40.", metavar="KEY=VALUE"
    ),
]
Trust = Annotated[bool, typer.Option("--trust", help="Run the Python of file.py:Class.")]
Output = Annotated[
    str | None,
    typer.Option(
        "--output", help="Which of a network's several outputs is the SR image: 0, sr, sr.0, ...", metavar="NAME"
    ),
]
WeightsKey = Annotated[
    str | None,
    typer.Option("--weights-key", help="Which weights of the checkpoint: params, model_ema, ...", metavar="KEY"),
]
Weights = Annotated[
    str | None,
    typer.Option("--weights", help="A checkpoint, or random, in the place of the card's own.", metavar="FILE"),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--inputs", help="Arguments of the networks besides the image: --inputs sigma=25.", metavar="KEY=VALUE"
    ),
]
Channels = Annotated[
    str | None,
    typer.Option("--channels", help="What the networks take: rgb, or y, the Y channel alone.", metavar="NAME"),
]
ExtraChannels = Annotated[
    str | None,
    typer.Option(
        "--extra-channels", help="Constants in the channels that they take beyond RGB: 0.1,0.", metavar="NUMBERS"
    ),
]
CardKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--card", help="Any other key of the networks' cards: --card multiple=8 --card scale=2.", metavar="KEY=VALUE"
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override any key of the study: --set attribution.reference=mean.", metavar="KEY=VALUE"),
]
Engine = Annotated[
    str | None,
    typer.Option("--engine", help="local, or ray: on a Ray cluster (pip install 'l2xbench\\[ray]').", metavar="NAME"),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        help="Processes at work at a time, each on one image and network; by default one a GPU, or one a CPU core "
        "where memory allows.",
        min=1,
        metavar="N",
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray-address", help="HOST:PORT of the cluster, auto, or local to start one.", metavar="ADDRESS"),
]
Dataset = Annotated[
    str, typer.Argument(help="A folder of images, a known set (Urban100), or skimage.", metavar="[DATASET]")
]
QuickModels = Annotated[
    str, typer.Option("--models", help="Cards, card YAMLs or checkpoint files: a,b,name=c.", metavar="NAMES")
]
Images = Annotated[int | None, typer.Option("--images", help="Only the first so many images.", min=1, metavar="N")]
Scale = Annotated[
    int | None, typer.Option("--scale", help="Of the networks; by default the first card's, or 4.", min=1)
]
Crop = Annotated[
    int | None, typer.Option("--crop", help="Only the centre of each image: LR pixels on a side.", min=8, metavar="N")
]
At = Annotated[
    list[str] | None,
    typer.Option("--at", help="A patch's left and top in SR pixels; as often as there are patches.", metavar="X,Y"),
]
Count = Annotated[
    int | None, typer.Option("--count", help="Patches that are chosen of each image.", min=1, metavar="N")
]
By = Annotated[
    str | None,
    typer.Option("--by", help="Where: detail, disagreement (of two bundled networks) or random.", metavar="NAME"),
]
Size = Annotated[int | None, typer.Option("--size", help="SR pixels on a side of a patch; 16.", min=1, metavar="N")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try again what failed before.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Do everything anew; forget what was done before.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and stop.")]


@dataclass(frozen=True)
class StudyFlags:
    """What every command that runs a study has: which part of it, where and how. Each field is a flag."""

    models: Models = None
    out: Out = None
    data_root: DataRoot = None
    device: Device = None
    seed: Seed = None
    assignments: Assignments = None
    engine: Engine = None
    workers: Workers = None
    ray_address: RayAddress = None
    retry_failed: RetryFailed = False
    fresh: Fresh = False
    dry_run: DryRun = False

    def overrides(self, **keys: Any) -> dict[str, Any]:
        """Keys of the study that the flags set, and those of `keys` that are not None.

        Raises:
            RequestError: a `--set` that is no KEY=VALUE.
        """
        # an address alone asks for Ray
        engine = "ray" if self.ray_address is not None and self.engine is None else self.engine
        where = {"engine": engine, "workers": self.workers, "ray_address": self.ray_address}
        return overrides(self.assignments, device=self.device, seed=self.seed, **keys, **where)

    def carry_out(self, study: StudyConfig, only: str | None = None) -> NoReturn:
        """Runs the study, or the part of it called `only`, and ends the command with the exit code of that."""
        from l2xbench.commands.run import How, run_study

        how = How(self.data_root, self.dry_run, self.fresh, self.retry_failed)
        raise typer.Exit(run_study(study, self.folder(study), how, only=only))

    def carry_out_part(
        self, study: StudyConfig, config: str, part: Callable[[StudyConfig], StudyConfig], *, command: str, only: str
    ) -> NoReturn:
        """Runs one part of a study, as `carry_out` does.

        Where flags have made another study of it than the file says, and no folder is named, results go to
        `results/<study>-<command>`, so that those of the study as written stay; what these have of it is not computed
        again.

        Args:
            study: the part, with the flags.
            config: the study's file or name.
            part: what makes the part of a whole study.
            command: the command's name.
            only: what the part's own study is called.
        """
        from l2xbench.commands.run import How, run_study

        whole = self.folder(study)
        how = How(self.data_root, self.dry_run, self.fresh, self.retry_failed)
        if self.out is not None or _as_written(study, config, part):
            raise typer.Exit(run_study(study, whole, how, only=only))
        own = whole.with_name(f"{whole.name}-{command}")
        typer.echo(f"not the study as written: results go to {own}, those in {whole} stay (--out names another folder)")
        raise typer.Exit(run_study(study, own, replace(how, like=whole), only=only))

    def folder(self, study: StudyConfig) -> Path:
        """Where results go."""
        return self.out or Path("results", study.study)


@dataclass(frozen=True)
class CardFlags:
    """What a command says anew of the cards of the networks that it names. Each field is a flag."""

    weights: Weights = None
    output: Output = None
    weights_key: WeightsKey = None
    inputs: Inputs = None
    channels: Channels = None
    extra_channels: ExtraChannels = None
    card: CardKeys = None

    def said(self, models: Sequence[str] = ()) -> dict[str, Any]:
        """The keys of a card that the flags set.

        Args:
            models: the networks whose cards they are.

        Raises:
            RequestError: a flag that is no KEY=VALUE, or no YAML; or one checkpoint for several networks.
        """
        extra = None
        if self.extra_channels is not None:
            extra = assigned([f"extra_channels=[{self.extra_channels}]"], "--extra-channels", "0.1,0")["extra_channels"]
        given = {
            "weights": self.weights,
            "output": self.output,
            "weights_key": self.weights_key,
            "inputs": assigned(self.inputs, "--inputs", "sigma=25") or None,
            "channels": self.channels,
            "extra_channels": extra,
        }
        others = assigned(self.card, "--card", "multiple=8")
        said = others | {key: value for key, value in given.items() if value is not None}
        if len(models) > 1 and said.get("weights") not in (None, "random"):
            raise RequestError(
                f"--weights {said['weights']}: it is one network's checkpoint, and --models names {len(models)}; name "
                "each by its checkpoint file, or by a YAML of two lines: base: CARD and weights: FILE"
            )
        return said


@dataclass(frozen=True)
class QuickFlags:
    """What every command has that makes a study of its own flags: how its networks run, and where. Each field is a
    flag.
    """

    degrade: Degrade = None
    data_root: DataRoot = None
    device: Device = None
    seed: Seed = None
    trust: Trust = False
    fresh: Fresh = False
    dry_run: DryRun = False

    def spoiled(self) -> dict[str, Any]:
        """How LR images that are made are spoiled.

        Raises:
            RequestError: a flag that is no KEY=VALUE.
        """
        return assigned(self.degrade, "--degrade", "noise=25")

    def request(
        self,
        cards: CardFlags,
        dataset: str,
        models: str,
        *,
        images: int | None = None,
        crop: int | None = None,
        scale: int | None = None,
        needs_hr: bool = False,
    ) -> DatasetRequest:
        """What a command for one dataset asks for, besides its own block.

        Raises:
            RequestError: a flag that cannot be read.
        """
        from l2xbench.commands.quick import DatasetRequest

        chosen = names(models) or []
        return DatasetRequest(
            dataset=dataset,
            models=chosen,
            images=images,
            crop=crop,
            scale=scale,
            degrade=self.spoiled(),
            device=self.device,
            seed=self.seed,
            trust=self.trust,
            keys=cards.said(chosen),
            needs_hr=needs_hr,
        )

    def carry_out(self, study: StudyConfig, folder: Path) -> NoReturn:
        """Runs the study, which is called as the command and its block, and ends with the exit code of that."""
        from l2xbench.commands.quick import in_flags
        from l2xbench.commands.run import How, run_study
        from l2xbench.zoo.load import told_apart

        apart = told_apart({name: entry.card or "" for name, entry in study.models.items()})
        if apart:
            typer.echo(apart)
        how = How(self.data_root, self.dry_run, self.fresh)
        try:
            code = run_study(study, folder, how, only=study.study)
        except RequestError as error:
            raise RequestError(in_flags(str(error), study.study)) from error
        raise typer.Exit(code)


_WHERE = {"device", "engine", "workers", "ray_address", "threads"}
"""Keys of a study that say where it runs, not what it is."""


def _as_written(study: StudyConfig, config: str, part: Callable[[StudyConfig], StudyConfig]) -> bool:
    """Whether flags have left this part of a study as its file says."""
    from l2xbench.studies.reading import read_study

    try:
        written = part(read_study(config))
    except RequestError:
        return False  # a flag has mended it
    return study.model_dump(exclude=_WHERE) == written.model_dump(exclude=_WHERE)


def overrides(assignments: list[str] | None, **keys: Any) -> dict[str, Any]:
    """Keys of the study: those of `--set`, and over them those of `keys` that are not None."""
    given = assigned(assignments, "--set", "attribution.reference=mean")
    return {**given, **{key: value for key, value in keys.items() if value is not None}}


def assigned(texts: list[str] | None, flag: str, example: str) -> dict[str, Any]:
    """The keys and YAML values of flags KEY=VALUE.

    Raises:
        RequestError: one is no KEY=VALUE.
    """
    from l2xbench.config import parse_assignment

    return dict(parse_assignment(text, flag, example) for text in texts or [])


def names(text: str | None, flag: str = "--models", example: str = "edsr,swinir") -> list[str] | None:
    """The names of `a,b,c`, each once; None where the flag is not given.

    Raises:
        RequestError: the flag is given and names nothing.
    """
    if text is None:
        return None
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise RequestError(f"{flag} '{text}': names separated by commas are needed, for example {flag} {example}")
    return list(dict.fromkeys(found))
