"""The training step and the checkpoint: everything that a resumed run needs to go on bit for bit."""

from __future__ import annotations

import copy
import io
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from l2xbench.errors import RequestError
from l2xbench.system.files import write_whole
from l2xbench.zoo.network import Network
from training.flat import flatten, views
from training.gpu import HostConstants, suit
from training.images import Patches
from training.recipe import Recipe

MAX_STEPS = 1_000_000
"""Room for the schedule while its length is not known."""
_BEYOND = 128
"""Steps beyond the schedule that may be tried and undone, when a run that is nearly over is made ready."""


@dataclass(frozen=True)
class Row:
    """A line of the log: means over the steps since the line before; the validation PSNR where it was measured."""

    step: int
    seconds: float
    lr: float
    loss: float
    gradient_norm: float
    skipped: int = 0
    """Steps whose gradient was not finite; they changed nothing."""
    val_psnr: float | None = None


class Trainer:
    """A network in training, with all that decides how it goes on.

    A step reads its number, its learning rate and its patches from the device and asks the host nothing, so that on a
    GPU it is captured once in a CUDA graph and then replayed, on a stream of its own: many trainers side by side use
    the device that one network of this size leaves idle. On a CPU the same step runs as it is written. What a network
    itself draws by chance (dropout) goes on after a resumption as it would have on a CPU; on a GPU it does not.

    Attributes:
        name: of the network's card.
        step: steps made.
        seconds: time spent on them, over all parts of a resumed run.
        rows: the log.
        chain: seconds that the kernels of a step take to be sent off, one after the other: how long its chain is.
    """

    def __init__(self, network: Network, patches: Mapping[int, Patches], recipe: Recipe, device: torch.device) -> None:
        """`patches` by scale: those of `network.scales`."""
        self.name, self.recipe, self.patches, self.device = network.name, recipe, patches, device
        self.zero_at_first = [
            name for name, value in network.core.named_parameters() if not name.endswith("bias") and not value.any()
        ]
        self.network = network.to(device).train()
        self.averaged = copy.deepcopy(self.network).eval()
        self._weights, self._average = flatten(self.network), flatten(self.averaged)
        self._parameters = [p for p in self.network.parameters() if p.requires_grad]
        self._used = [False] * len(self._parameters)
        self._gradient = torch.zeros_like(self._weights)
        self._gradients = views(self._gradient, self._parameters)

        on_gpu = device.type == "cuda"
        if on_gpu:
            suit(self.network)
        self._now = torch.zeros(1, 2, device=device)  # learning rate, and how far the average moves
        self._schedule = torch.zeros((recipe.steps or MAX_STEPS) + _BEYOND, 2, device=device)
        self._index = torch.zeros(1, dtype=torch.long, device=device)
        self._sums = torch.zeros(3, device=device)  # of losses, gradient norms and skipped steps
        self._skip = torch.zeros((), device=device)
        flat = torch.nn.Parameter(self._weights)
        flat.grad = self._gradient
        betas = (0.9, recipe.beta2)
        self._optimiser = torch.optim.Adam([flat], lr=self._now[0, 0], betas=betas, fused=True, capturable=on_gpu)
        self._optimiser.step()  # makes its state, and with no gradient changes nothing
        self._moments = self._optimiser.state[flat]
        self._moments["step"].zero_()
        self._optimiser.found_inf = self._skip  # type: ignore[attr-defined]  # as gradient scalers do
        self._generator = torch.Generator(device).manual_seed(recipe.seed)
        self._draw_scale = torch.Generator().manual_seed(recipe.seed)
        self._chance = torch.Generator().manual_seed(recipe.seed).get_state()  # what the network draws by itself
        self._stream: torch.cuda.Stream | None = None
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
        self._constants: dict[int, list[Tensor]] = {scale: [] for scale in patches}
        self.chain = 0.0
        self.step, self.seconds, self._logged = 0, 0.0, 0
        self.rows: list[Row] = []
        if recipe.steps is not None:
            self.plan(recipe.steps)

    @property
    def gates(self) -> dict[str, float]:
        """Root mean square of each averaged weight that was all zero at first and is used: what the gates learned."""
        names = [name for name, p in self.network.core.named_parameters() if p.requires_grad]
        used = dict(zip(names, self._used, strict=True))
        averaged = dict(self.averaged.core.named_parameters())
        return {
            name: float(averaged[name].detach().square().mean().sqrt()) for name in self.zero_at_first if used[name]
        }

    @property
    def steps(self) -> int:
        """The length of the schedule; 0 while it is not known."""
        return self.recipe.steps or 0

    def plan(self, steps: int) -> None:
        """Lay the schedule over so many steps."""
        self.recipe = self.recipe.of_length(steps)
        assert steps <= len(self._schedule)
        rates = torch.tensor([self.recipe.learning_rate(step / steps) for step in range(steps)], dtype=torch.float64)
        # the average forgets faster in the first steps, so that the initial weights do not linger
        count = torch.arange(1, steps + 1, dtype=torch.float64)
        moves = 1 - ((1 + count) / (10 + count)).clamp(max=self.recipe.ema)
        self._schedule[:steps] = torch.stack([rates, moves], dim=1).float().to(self.device)
        self.wait()

    def warm_up(self, passes: int = 3) -> None:
        """Make steps that are undone: libraries are loaded, and what is kept between passes is there."""
        before = self._state()
        with self._on_stream():
            for _ in range(passes):
                for scale in self.patches:
                    began = time.perf_counter()
                    self._step(scale)
                    self.chain = time.perf_counter() - began
        self.wait()
        self._restore(before)

    def capture(self, priority: int = 0) -> None:
        """Record the step, of each scale, as a CUDA graph; `warm_up` must have been called. On a CPU nothing is done.

        Args:
            priority: of the trainer's stream; the lower, the sooner its kernels run.
        """
        if self.device.type != "cuda":
            return
        before = self._state()
        self._stream = torch.cuda.Stream(self.device, priority=priority)
        for scale in self.patches:
            graph = torch.cuda.CUDAGraph()
            graph.register_generator_state(self._generator)
            with torch.cuda.graph(graph, stream=self._stream):
                self._step(scale)
            self._graphs[scale] = graph
        self._restore(before)

    def advance(self) -> None:
        """One step: a batch, its L1 loss, clipped Adam, the weights' average. On a GPU it is only sent off: `wait`."""
        scale = self._next_scale()
        if self._graphs:
            with self._on_stream():
                self._graphs[scale].replay()
        else:
            with torch.random.fork_rng(devices=[]):  # of each network's own, whoever else is in training
                torch.set_rng_state(self._chance)
                self._step(scale)
                self._chance = torch.get_rng_state()
        self.step += 1

    def wait(self) -> None:
        """Return when all that was sent off is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _on_stream(self) -> AbstractContextManager[Any]:
        return torch.cuda.stream(self._stream) if self._stream is not None else nullcontext()

    def _next_scale(self) -> int:
        """A network of several scales takes them in turn by chance, as MDSR and CARN do."""
        scales = list(self.patches)
        if len(scales) == 1:
            return scales[0]
        return scales[int(torch.randint(len(scales), (1,), generator=self._draw_scale))]

    def _step(self, scale: int) -> None:
        self.network.run_at(scale)
        torch.index_select(self._schedule, 0, self._index, out=self._now)
        lr, hr = self.patches[scale].batch(self.recipe.batch, self._generator)
        # bfloat16 has float32's range: no scaling of the loss is needed
        half = torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16")
        kept = HostConstants(self._constants[scale]) if self.device.type == "cuda" else nullcontext()
        with half, kept:
            sr = self.network(lr)
        loss = F.l1_loss(sr.float(), hr)
        gradients = torch.autograd.grad(loss, self._parameters, allow_unused=True)
        pairs = [(mine, new) for mine, new in zip(self._gradients, gradients, strict=True) if new is not None]
        self._used = [was or new is not None for was, new in zip(self._used, gradients, strict=True)]
        with torch.no_grad():
            self._gradient.zero_()  # of the other scales' weights
            _copy_all(pairs)
            norm = torch.linalg.vector_norm(self._gradient)
            finite = norm.isfinite()
            self._skip.copy_(~finite)
            self._gradient.mul_((self.recipe.clip / (norm + 1e-6)).clamp(max=1))
            self._optimiser.step()
            self._average.lerp_(self._weights, self._now[0, 1])
            found = torch.stack([loss.detach(), norm]).masked_fill_(~finite, 0)
            self._sums.add_(torch.cat([found, self._skip[None]]))
            self._index.add_(1)

    def log(self, val_psnr: float | None = None) -> Row:
        """Close a line of the log over the steps since the last one.

        Raises:
            RequestError: none of these steps had a finite gradient.
        """
        self.wait()
        loss, norm, skipped = self._sums.tolist()
        made = self.step - self._logged
        if made and skipped >= made:
            raise RequestError(
                f"{self.name}: the loss is not finite by step {self.step}; a lower --lr or --clip may help"
            )
        rate = self.recipe.learning_rate((self.step - 1) / self.steps) if self.step else 0.0
        counted = max(made - int(skipped), 1)
        row = Row(self.step, self.seconds, rate, loss / counted, norm / counted, int(skipped), val_psnr)
        self.rows.append(row)
        self._sums.zero_()
        self.wait()
        self._logged = self.step
        return row

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        self.wait()
        state = {
            "recipe": self.recipe.as_dict(),
            "keys": list(self.network.state_dict()),
            "tensors": {name: value.cpu() for name, value in self._state().items()},
            "draw_scale": self._draw_scale.get_state(),
            "step": self.step,
            "logged": self._logged,
            "seconds": self.seconds,
            "rows": [vars(row) for row in self.rows],
        }
        content = io.BytesIO()
        torch.save(state, content)
        write_whole(path, content.getbuffer())

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same recipe; the time limit alone may differ. Before `capture`.

        Raises:
            RequestError: the file is no checkpoint, or one of another recipe or network.
        """
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            then, keys = dict(state["recipe"]), state["keys"]
        except Exception as error:  # a damaged pickle may raise anything
            raise RequestError(f"{path}: is no checkpoint of this script; give another --out, or --restart") from error
        for key, now in self.recipe.as_dict().items():
            decided_then = key == "steps" and now is None  # by the time limit
            if key != "minutes" and not decided_then and then.get(key) != now:
                raise RequestError(
                    f"{path}: {key}: was trained with {then.get(key)}, this run asks for {now}; "
                    "give the same recipe, another --out, or --restart"
                )
        if keys != list(self.network.state_dict()) or state["tensors"]["weights"].shape != self._weights.shape:
            raise RequestError(f"{path}: is of another network; give another --out, or --restart")
        self.plan(int(then["steps"]))
        self._restore(state["tensors"])
        self._draw_scale.set_state(state["draw_scale"])
        self.step, self._logged, self.seconds = state["step"], state["logged"], state["seconds"]
        self.rows = [Row(**row) for row in state["rows"]]

    def _tensors(self) -> dict[str, Tensor]:
        """What a step changes on the device."""
        named = {"weights": self._weights, "average": self._average, "index": self._index, "sums": self._sums}
        return named | {f"adam.{key}": value for key, value in self._moments.items()}

    def _state(self) -> dict[str, Tensor]:
        """A copy of all that a step changes."""
        copies = {name: value.detach().clone() for name, value in self._tensors().items()}
        return copies | {"generator": self._generator.get_state(), "chance": self._chance.clone()}

    @torch.no_grad()
    def _restore(self, state: Mapping[str, Tensor]) -> None:
        for name, value in self._tensors().items():
            value.copy_(state[name])
        self._generator.set_state(state["generator"])
        self._chance = state["chance"]
        self.wait()


def _copy_all(pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Copy each second into each first: in one kernel those that lie in memory alike."""
    alike = [(mine, new) for mine, new in pairs if mine.stride() == new.stride()]
    if alike:
        torch._foreach_copy_([mine for mine, _ in alike], [new for _, new in alike])
    for mine, new in pairs:
        if mine.stride() != new.stride():
            mine.copy_(new)


def prepare(trainers: Sequence[Trainer]) -> None:
    """Make every trainer ready to `advance`: on a GPU a graph each, the longest chains of kernels first in line."""
    if not trainers or trainers[0].device.type != "cuda":
        return
    for trainer in trainers:
        trainer.warm_up()
    lowest, highest = torch.cuda.Stream.priority_range()  # type: ignore[call-arg]  # static, whatever its stub says
    order = sorted(trainers, key=lambda trainer: trainer.chain)
    for rank, trainer in enumerate(order):
        trainer.capture(round(lowest + (highest - lowest) * rank / max(1, len(order) - 1)))


def timed(trainers: Sequence[Trainer], steps: int) -> float:
    """Makes so many steps of each trainer, and gives the seconds that they took together."""
    began = time.perf_counter()
    for _ in range(steps):
        for trainer in trainers:
            trainer.advance()
    for trainer in trainers:
        trainer.wait()
    return time.perf_counter() - began


def seconds_a_step(trainers: Sequence[Trainer], steps: int) -> float:
    """How long a step of all trainers together takes; what the steps changed is undone."""
    before = [(trainer, trainer._state(), trainer._draw_scale.get_state(), trainer.step) for trainer in trainers]
    passed = timed(trainers, steps) / steps
    for trainer, state, draws, step in before:
        trainer._restore(state)
        trainer._draw_scale.set_state(draws)
        trainer.step = step
    return passed


def length_of(minutes: float, seconds: float) -> int:
    """Steps that fit into `minutes` at so many seconds a step."""
    return max(1, min(MAX_STEPS, math.floor(60 * minutes / seconds)))
