"""The training step and the checkpoint: everything that a resumed run needs to go on bit for bit."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

from l2xbench.errors import RequestError
from l2xbench.zoo.network import Network
from training.files import write_whole
from training.images import Patches
from training.recipe import Recipe


@dataclass(frozen=True)
class Row:
    """A line of the log: means over the steps since the line before; the validation PSNR where it was measured."""

    step: int
    seconds: float
    lr: float
    loss: float
    gradient_norm: float
    val_psnr: float | None = None


class Trainer:
    """A network in training, with all that decides how it goes on.

    Attributes:
        step: steps made.
        seconds: time spent on them, over all parts of a resumed run.
        rows: the log.
    """

    def __init__(self, network: Network, patches: Mapping[int, Patches], recipe: Recipe, device: torch.device) -> None:
        """`patches` by scale: those of `scales_of(network)`."""
        self.recipe, self.patches, self.device = recipe, patches, device
        self.zero_at_first = [
            name for name, value in network.core.named_parameters() if not name.endswith("bias") and not value.any()
        ]
        self.network = network.to(device).train()
        for weight in network.parameters():
            if weight.dim() == 4:  # convolutions of images: a tenth faster on a CPU, more on a GPU
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        self._average = AveragedModel(network, multi_avg_fn=_moving_average(recipe.ema), use_buffers=True)
        trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self._optimiser = torch.optim.Adam(trainable, lr=recipe.lr, betas=(0.9, recipe.beta2))
        self._generator = torch.Generator().manual_seed(recipe.seed)
        self.step, self.seconds = 0, 0.0
        self.rows: list[Row] = []
        self._losses: list[Tensor] = []  # since the last row
        self._norms: list[Tensor] = []

    @property
    def averaged(self) -> nn.Module:
        """The network with the averaged weights: what is validated and exported."""
        module = self._average.module
        assert isinstance(module, nn.Module)
        return module

    @property
    def gates(self) -> dict[str, float]:
        """Root mean square of each averaged weight that was all zero at first and is used: what the gates learned."""
        trained = dict(self.network.core.named_parameters())
        averaged = dict(self.averaged.core.named_parameters())  # type: ignore[union-attr]
        return {
            name: float(averaged[name].detach().square().mean().sqrt())
            for name in self.zero_at_first
            if trained[name].grad is not None
        }

    @property
    def progress(self) -> float:
        """How far along its schedule the run is, in [0, 1]."""
        return self.recipe.progress(self.step, self.seconds)

    def advance(self) -> None:
        """One step: a batch, its L1 loss, clipped Adam, the weights' average."""
        began = time.perf_counter()
        rate = self.recipe.learning_rate(self.progress)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        lr, hr = self._batch()
        # bfloat16 has float32's range: no scaling of the loss is needed
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
            sr = self.network(lr)
        loss = F.l1_loss(sr.float(), hr)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        self._optimiser.step()
        self._average.update_parameters(self.network)
        self._losses.append(loss.detach())
        self._norms.append(norm.detach())
        self.step += 1
        self.seconds += time.perf_counter() - began

    def _batch(self) -> tuple[Tensor, Tensor]:
        """A batch of one scale; a network of several takes them in turn by chance, as MDSR and CARN do."""
        scales = list(self.patches)
        scale = (
            scales[int(torch.randint(len(scales), (1,), generator=self._generator))] if len(scales) > 1 else scales[0]
        )
        self.network.run_at(scale)
        return self.patches[scale].batch(self.recipe.batch, self._generator)

    def log(self, val_psnr: float | None = None) -> Row:
        """Close a line of the log over the steps since the last one."""
        loss, norm = (float(torch.stack(values).mean()) for values in (self._losses, self._norms))
        row = Row(self.step, self.seconds, self._optimiser.param_groups[0]["lr"], loss, norm, val_psnr)
        self._require_finite()
        self.rows.append(row)
        self._losses, self._norms = [], []
        return row

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        self._require_finite()
        state = {
            "recipe": self.recipe.as_dict(),
            "network": self.network.state_dict(),
            "average": self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "rows": [vars(row) for row in self.rows],
            "losses": self._losses,
            "norms": self._norms,
            "rng": torch.get_rng_state(),
            "rng_cuda": torch.cuda.get_rng_state_all() if self.device.type == "cuda" else [],
            "rng_patches": self._generator.get_state(),
        }
        write_whole(path, lambda part: torch.save(state, part))

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same recipe; the time limit alone may differ.

        Raises:
            RequestError: the file is no checkpoint, or one of another recipe or network.
        """
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged pickle may raise anything
            raise RequestError(f"{path}: is no checkpoint of this script; give another --out, or --restart") from error
        for key, now in self.recipe.as_dict().items():
            then = state["recipe"].get(key)
            if key != "minutes" and then != now:
                raise RequestError(
                    f"{path}: {key}: was trained with {then}, this run asks for {now}; "
                    "give the same recipe, another --out, or --restart"
                )
        try:
            self.network.load_state_dict(state["network"])
        except RuntimeError as error:
            raise RequestError(f"{path}: is of another network; give another --out, or --restart") from error
        self._average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.rows = [Row(**row) for row in state["rows"]]
        self._losses = [loss.to(self.device) for loss in state["losses"]]
        self._norms = [norm.to(self.device) for norm in state["norms"]]
        torch.set_rng_state(state["rng"])
        if self.device.type == "cuda" and state["rng_cuda"]:
            torch.cuda.set_rng_state_all(state["rng_cuda"])
        self._generator.set_state(state["rng_patches"])

    def _require_finite(self) -> None:
        if self._losses and not torch.stack(self._losses).isfinite().all():
            raise RequestError(f"the loss is not finite by step {self.step}; a lower --lr or --clip may help")


def _moving_average(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """An exponential average that forgets faster in the first steps, so that the initial weights do not linger."""

    @torch.no_grad()
    def update(averages: Sequence[Tensor], values: Sequence[Tensor], count: Tensor | int) -> None:
        steps = float(count)
        if averages[0].is_floating_point():
            weight = 1 - min(decay, (1 + steps) / (10 + steps))
            torch._foreach_lerp_(list(averages), list(values), weight)
        else:
            torch._foreach_copy_(list(averages), list(values))

    return update
