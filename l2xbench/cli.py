"""The commands: parse, call, show. No work is done here, and nothing heavy is imported before a command runs."""

from __future__ import annotations

import errno
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from l2xbench.errors import RequestError
from l2xbench.system import heap, threads

# Typer carries its own copy of click since 0.2x and imports click before that; the class of usage errors is either's
UsageError: type[Exception] = typer.BadParameter.__bases__[0]

INTERRUPTED = 130
FULL = (errno.ENOSPC, errno.EDQUOT)

app = typer.Typer(
    name="l2xbench",
    help="Which input pixels did a super-resolution network use? Exact attribution, and a benchmark built on it.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)

OptionalStudy = Annotated[
    str, typer.Argument(help="A study's YAML, or a bundled study's name.", metavar="[STUDY]", show_default=True)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and stop.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Models = Annotated[
    Optional[str],  # noqa: UP045  typer reads annotations at run time on Python 3.10
    typer.Option("--models", help="Only these of the study's networks: a,b,c.", metavar="NAMES"),
]
Out = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--out", help="The results folder; results/<study> by default.", metavar="FOLDER"),
]
DataRoot = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--data-root", help="Where known sets (Urban100, ...) lie.", metavar="FOLDER"),
]
Device = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--device", help="cpu, cuda, cuda:1 or auto; overrides the study.", metavar="NAME"),
]
Seed = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--seed", help="Overrides the study's seed.", min=0, metavar="N"),
]
Assignments = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--set", help="Override any key of the study: --set attribution.reference=mean.", metavar="KEY=VALUE"),
]

Fresh = Annotated[bool, typer.Option("--fresh", help="Do everything anew; forget what was done before.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try again what failed before.")]
Engine = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--engine", help="local, or ray: on a Ray cluster (pip install 'l2xbench[ray]').", metavar="NAME"),
]
Workers = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--workers",
        help="Networks at work at a time; by default one a GPU, on CPUs by measurement.",
        min=1,
        metavar="N",
    ),
]
RayAddress = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--ray-address", help="HOST:PORT of the cluster, auto, or local to start one.", metavar="ADDRESS"),
]


def _version(wanted: bool) -> None:
    if wanted:
        from l2xbench import __version__

        typer.echo(f"l2xbench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command(
    epilog="Example: l2xbench run configs/demo.yaml --models edsr --set attribution.reference=mean --out /tmp/demo"
)
def run(
    config: Annotated[str, typer.Argument(help="A study's YAML, or a bundled study's name (demo).", metavar="STUDY")],
    models: Models = None,
    out: Out = None,
    data_root: DataRoot = None,
    device: Device = None,
    seed: Seed = None,
    assignments: Assignments = None,
    engine: Engine = None,
    workers: Workers = None,
    ray_address: RayAddress = None,
    status: Annotated[
        bool, typer.Option("--status", help="Show what is done, failed and left in the results folder, and stop.")
    ] = False,
    retry_failed: RetryFailed = False,
    fresh: Fresh = False,
    dry_run: DryRun = False,
    debug: Debug = False,
) -> None:
    """Run a study: super-resolve, measure, explain; leave tables, figures and a manifest.

    What is already done is not done again: the same command goes on after an interruption.
    """
    overrides = _overrides(assignments, device=device, seed=seed, **_where(engine, workers, ray_address))
    chosen = _names(models)
    # a wrong study is told before torch, which takes seconds to import
    from l2xbench.config import read_study

    study = read_study(config, overrides, chosen)
    folder = out or Path("results", study.study)
    if status:
        from l2xbench.commands.status import show_status

        show_status(study, folder)
        return
    from l2xbench.commands.run import How, run_study

    how = How(data_root, dry_run, fresh, retry_failed)
    raise typer.Exit(run_study(study, folder, how))


@app.command(epilog="Example: l2xbench ablate --ratios 0.05:0.4 --methods l2x,integrated_gradients")
def ablate(
    config: OptionalStudy = "demo",
    ratios: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--ratios", help="Masked shares: a:b (by 0.05), a:b:step or a,b,c.", metavar="RATIOS"),
    ] = None,
    methods: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--methods", help="Whose maps to follow: l2x,lam,...; the study's by default.", metavar="NAMES"),
    ] = None,
    models: Models = None,
    out: Out = None,
    data_root: DataRoot = None,
    device: Device = None,
    seed: Seed = None,
    assignments: Assignments = None,
    engine: Engine = None,
    workers: Workers = None,
    ray_address: RayAddress = None,
    retry_failed: RetryFailed = False,
    fresh: Fresh = False,
    dry_run: DryRun = False,
    debug: Debug = False,
) -> None:
    """Mask what a map calls important and see how far PSNR and SSIM fall, against random order and other controls.

    Maps that `run` has made are used, and what is already done is not done again.
    """
    wanted = {"ablation.ratios": ratios, "ablation.methods": _names(methods, "--methods", "l2x,lam")}
    wanted |= _where(engine, workers, ray_address)
    overrides = _overrides(assignments, device=device, seed=seed, **wanted)
    chosen = _names(models)
    from l2xbench.config import for_ablation, read_study

    study = for_ablation(read_study(config, overrides, chosen))
    from l2xbench.commands.run import How, run_study

    folder = out or Path("results", study.study)
    how = How(data_root, dry_run, fresh, retry_failed)
    raise typer.Exit(run_study(study, folder, how, only="ablation"))


@app.command(epilog="Example: l2xbench cka --models edsr,swinir --set similarity.crops=16")
def cka(
    config: OptionalStudy = "demo",
    models: Models = None,
    estimator: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--estimator", help="biased (the paper's) or unbiased; overrides the study.", metavar="NAME"),
    ] = None,
    out: Out = None,
    data_root: DataRoot = None,
    device: Device = None,
    seed: Seed = None,
    assignments: Assignments = None,
    engine: Engine = None,
    workers: Workers = None,
    ray_address: RayAddress = None,
    retry_failed: RetryFailed = False,
    fresh: Fresh = False,
    dry_run: DryRun = False,
    debug: Debug = False,
) -> None:
    """How alike do networks see? CKA of their attributions of the same LR crops, each network with each.

    Only what this needs is computed; what `run` or an earlier call has left in the results folder is used.
    """
    wanted = {"similarity.estimator": estimator, **_where(engine, workers, ray_address)}
    overrides = _overrides(assignments, device=device, seed=seed, **wanted)
    chosen = _names(models)
    from l2xbench.config import SimilarityOptions, read_study

    study = read_study(config, overrides, chosen)
    if study.similarity is None:
        study = study.model_copy(update={"similarity": SimilarityOptions()})
    if len(study.models) < 2:
        raise RequestError(f"cka: two networks at least are needed to compare; this asks for {', '.join(study.models)}")
    from l2xbench.commands.run import How, run_study

    folder = out or Path("results", study.study)
    how = How(data_root, dry_run, fresh, retry_failed)
    raise typer.Exit(run_study(study, folder, how, only="similarity"))


@app.command(epilog="Example: l2xbench report results/demo --palette blue-orange")
def report(
    results: Annotated[Path, typer.Argument(help="A results folder.", metavar="RESULTS")],
    palette: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--palette", help="green-red or blue-orange; the study's by default.", metavar="NAME"),
    ] = None,
    one_file: Annotated[
        Optional[bool],  # noqa: UP045
        typer.Option("--one-file/--folder", help="The page whole, or loading images from its folder; by its size."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Make tables, figures and report.html of a results folder again, from its records alone: no network is run."""
    from l2xbench.run.manifest_files import manifest_files

    manifest_files(results)
    from l2xbench.commands.report import remake

    raise typer.Exit(remake(results, palette=palette, one_file=one_file))


@app.command(epilog="Example: l2xbench models swinir")
def models(
    name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(help="A card's name, or its YAML; all cards by default.", metavar="[NAME]"),
    ] = None,
    debug: Debug = False,
) -> None:
    """Show the networks that have a card: what each is, what is published of it, where its checkpoint is."""
    from rich.console import Console

    from l2xbench.commands import screen_models
    from l2xbench.zoo.cards import bundled_cards, find_card, read_card

    if name is None:
        screen_models.show_models(Console(), [read_card(path) for path in bundled_cards().values()])
    else:
        screen_models.show_card(Console(), find_card(name))


@app.command(epilog="Example: l2xbench fetch edsr urban100 --scale 4")
def fetch(
    names: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(help="Networks and datasets: edsr, urban100, set5, ...", metavar="NAME..."),
    ] = None,
    scale: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--scale", help="The scale of datasets: 2, 3 or 4; 4 by default.", min=2, max=4, metavar="N"),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Show what can be fetched and what is here, and stop.")] = False,
    debug: Debug = False,
) -> None:
    """Download checkpoints and datasets into L2XBENCH_HOME (~/.cache/l2xbench), each file checked against its hash.

    What is there and right is not downloaded again; an interrupted download goes on where it stopped.
    """
    from l2xbench.commands import fetch as fetching

    if show:
        fetching.list_items(scale)
        return
    if not names:
        raise RequestError("fetch: name a network or a dataset; `l2xbench fetch --list` shows what there is")
    raise typer.Exit(fetching.fetch_names(names, scale))


@app.command(epilog="Example: l2xbench check ./my_network.py:Net --trust --size 64")
def check(
    model: Annotated[
        str, typer.Argument(help="A card, its YAML, a checkpoint file, or file.py:Class.", metavar="MODEL")
    ],
    weights: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--weights", help="A checkpoint, or random; by default the card's own, else random."),
    ] = None,
    size: Annotated[int, typer.Option("--size", help="LR pixels on a side.", min=4)] = 48,
    image: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--image", help="An LR image to explain, instead of scikit-image's astronaut."),
    ] = None,
    reference: Annotated[str, typer.Option("--reference", help="blur, mean or black.")] = "blur",
    outputs: Annotated[int, typer.Option("--outputs", help="Single outputs to explain beside the image.", min=0)] = 5,
    trust: Annotated[bool, typer.Option("--trust", help="Run the Python of file.py:Class.")] = False,
    seed: Seed = None,
    debug: Debug = False,
) -> None:
    """Is this network explained exactly? Its operations, the rule of each, and the completeness error.

    Exit code 1 where the error of the map exceeds 1e-4 in float64 or float32.
    """
    from l2xbench.commands import check as checking

    raise typer.Exit(
        checking.check(
            model,
            weights,
            size=size,
            image=image,
            reference=reference,
            trust=trust,
            seed=seed or 0,
            outputs=outputs,
        )
    )


@app.command(epilog="Example: l2xbench explain lr.png --models edsr-compact,./mine.pth --target patch:60,80,16,16")
def explain(
    image: Annotated[Path, typer.Argument(help="An LR image.", metavar="IMAGE")],
    models: Annotated[
        str, typer.Option("--models", help="Cards, card YAMLs or checkpoint files: a,b,c.", metavar="NAMES")
    ] = "edsr-compact",
    target: Annotated[
        str, typer.Option("--target", help="image, patch:y,x,h,w or neuron:c,y,x, in SR pixels.", metavar="TARGET")
    ] = "image",
    reference: Annotated[str, typer.Option("--reference", help="blur, mean or black.", metavar="NAME")] = "blur",
    method: Annotated[
        str, typer.Option("--method", help="l2x, or a peer: lam, integrated_gradients, ...", metavar="NAME")
    ] = "l2x",
    hr: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--hr", help="The HR image, to be shown and compared with.", metavar="FILE"),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", help="The folder for figure and maps; results/explain/<image> by default."),
    ] = None,
    palette: Annotated[str, typer.Option("--palette", help="green-red or blue-orange.", metavar="NAME")] = "green-red",
    device: Device = None,
    trust: Annotated[bool, typer.Option("--trust", help="Run the Python of file.py:Class.")] = False,
    seed: Seed = None,
    debug: Debug = False,
) -> None:
    """Which pixels of this image did each network use? One figure, and each map as an .npz."""
    names = _names(models) or []
    if not image.is_file():
        raise RequestError(f"{image}: no such file; an LR image is needed")
    from l2xbench.commands.explain import explain_image

    code = explain_image(
        image,
        names,
        target=target,
        reference=reference,
        method=method,
        out=out or Path("results", "explain", image.stem),
        hr=hr,
        palette=palette,
        device=device or "auto",
        trust=trust,
        seed=seed or 0,
    )
    raise typer.Exit(code)


@app.command(epilog="Example: l2xbench explore photo.png --models edsr-compact,./mine.pth")
def explore(
    images: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(help="LR images and folders; scikit-image's photographs by default.", metavar="[IMAGE]..."),
    ] = None,
    models: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--models", help="Cards, card YAMLs or checkpoint files: a,b,c; the bundled ones by default."),
    ] = None,
    study: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--study", help="A study's YAML: its networks, images and reference.", metavar="STUDY"),
    ] = None,
    hr: Annotated[bool, typer.Option("--hr", help="The images are HR: LR is made of them by bicubic.")] = False,
    crop: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--crop", help="LR pixels on a side of what is explained at a time; 96 by default.", min=8),
    ] = None,
    port: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--port", help="By default the first free one from 8470; 0 for any.", min=0, max=65535),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on; others than this let others in.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    data_root: DataRoot = None,
    device: Device = None,
    trust: Annotated[bool, typer.Option("--trust", help="Run the Python of file.py:Class.")] = False,
    seed: Seed = None,
    debug: Debug = False,
) -> None:
    """Open a local page: click a spot of an SR image and see which pixels each network used for it.

    Nothing is sent anywhere: the page comes from this machine, and asks for nothing else.
    """
    if find_spec("nicegui") is None:
        raise RequestError("explore: the page needs an extra: pip install 'l2xbench[explore]'")
    names = _names(models)
    found = None
    if study is not None:
        from l2xbench.config import read_study

        found = read_study(study, _overrides(None, device=device, seed=seed), names)
    from l2xbench.commands.explore import explore as open_page

    code = open_page(
        images or [],
        names,
        study=found,
        kind="hr" if hr else "lr",
        side=crop,
        data_root=data_root,
        host=host,
        port=port,
        browser=browser,
        device=device or "auto",
        trust=trust,
        seed=seed or 0,
    )
    raise typer.Exit(code)


def _overrides(assignments: list[str] | None, **flags: Any) -> dict[str, Any]:
    from l2xbench.config import parse_assignment

    given = dict(parse_assignment(text) for text in assignments or [])
    return {**given, **{key: value for key, value in flags.items() if value is not None}}


def _where(engine: str | None, workers: int | None, ray_address: str | None) -> dict[str, Any]:
    """Where units run, as keys of the study; an address alone asks for Ray."""
    if ray_address is not None and engine is None:
        engine = "ray"
    return {"engine": engine, "workers": workers, "ray_address": ray_address}


def _names(text: str | None, flag: str = "--models", example: str = "edsr,swinir") -> list[str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise RequestError(f"{flag} '{text}': names separated by commas are needed, for example {flag} {example}")
    return list(dict.fromkeys(names))


def main() -> None:
    """The program: runs a command and turns what goes wrong into one line and an exit code."""
    heap.keep_freed()
    threads.wait_briefly()
    debug = "--debug" in sys.argv
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:  # typer has caught Ctrl-C itself
            raise KeyboardInterrupt
    except RequestError as error:
        if debug:
            raise
        _complain(str(error))
        code = 2
    except UsageError as error:
        command = getattr(getattr(error, "ctx", None), "command_path", "l2xbench")
        _complain(f"{error.format_message()} (see: {command} --help)")  # type: ignore[attr-defined]
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        _complain("stopped; what is finished is kept, and the same command goes on from there")
        code = INTERRUPTED
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in FULL:
            where = f"{error.filename}: " if error.filename else ""
            _complain(f"{where}{error.strerror}; what was finished is kept, and the same command goes on from there")
            sys.exit(2)
        reason = " ".join(str(error).split())
        _complain(f"internal error: {type(error).__name__}: {reason} (run again with --debug and report the traceback)")
        code = 70
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str) -> None:
    # a name from a file may hold anything; it must stay one line and send no control sequences to the terminal
    shown = "".join(c if c.isprintable() else " " for c in message)
    print(f"l2xbench: {shown}", file=sys.stderr)
