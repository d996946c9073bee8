"""The network that callers see: range, channels, padding and cropping are its own business."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l2xbench.errors import RequestError, did_you_mean, reason_of
from l2xbench.zoo.archs.bicubic import Bicubic
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.luminance import to_rgb, to_ycbcr
from l2xbench.zoo.outputs import OF_Y, UnfitNetwork, choose_output, only_image, require_image, require_size, whole_ratio


class Network(nn.Module):
    """An SR network that takes any LR image in [0, 1] and returns its SR image.

    Its forward pass uses plain torch operations only, so attribution explains padding and scaling with the rest. What
    it returns is an SR image or an error: whoever runs it, `run`, `explain` or `check`, meets the same one.

    Attributes:
        core: the architecture itself, as published.
        card: what is known of it.
        name: the name it was asked for by.
        scale: SR size over LR size.
        weights: which weights it carries, in words (a file's name, `random`, `given`).
        weights_key: which of a checkpoint's several were taken, where that was not asked for; None elsewhere.
        output_taken: which of the core's several outputs was taken in the last pass, where the card does not say.
        takes: the range of the images that callers give.
        channels: `rgb`, or `y` where the core takes and gives the Y channel alone.

    Examples:
        >>> import l2xbench
        >>> net = l2xbench.load_model("edsr-compact")
        >>> net(torch.rand(2, 3, 9, 12)).shape, net.scale, net.name, net.parameter_count
        (torch.Size([2, 3, 36, 48]), 4, 'edsr-compact', 380931)
    """

    wraps = "core"
    """Where the architecture is, whose names those of its submodules are (see `attribution.parts`)."""
    takes = (0.0, 1.0)
    """The range of the images that callers give."""

    def __init__(
        self,
        core: nn.Module,
        card: ModelCard,
        *,
        scale: int | None,
        weights: str,
        weights_key: str | None = None,
        multiple: int = 1,
        minimum: int = 1,
        square: bool = False,
        channels: str = "rgb",
    ) -> None:
        """Takes the core as built.

        Args:
            scale: None to find it by running the core on a blank image.

        Raises:
            RequestError: it takes arguments that the card does not give, or the scale cannot be found.
        """
        super().__init__()
        self.core = core
        self.card = card
        self.name = card.name
        self.weights = weights
        self.weights_key = weights_key
        self.multiple = multiple
        self.minimum = minimum
        self.square = square
        self.channels = channels
        self.output_taken: int | str | None = None
        require_arguments(core, card)
        self._inputs(torch.empty(1))
        self._typical = _typical_parameter(core)
        self.eval()
        self.scale = self._probed_scale() if scale is None else scale

    @property
    def parameter_count(self) -> int:
        """How many learned numbers the network holds; frozen mean shifts do not count."""
        return sum(p.numel() for p in self.core.parameters() if p.requires_grad)

    @property
    def scales(self) -> tuple[int, ...]:
        """The scales that the network holds weights for; most hold one."""
        several = tuple(self.core.scales) if hasattr(self.core, "run_at") else ()  # type: ignore[arg-type]
        return several or (self.scale,)

    def run_at(self, scale: int) -> None:
        """Choose one of `scales`.

        Args:
            scale: SR size over LR size.

        Examples:
            >>> import l2xbench
            >>> net = l2xbench.load_model("edsr-compact")
            >>> net.run_at(net.scales[0])
        """
        if scale != self.scale:
            self.core.run_at(scale)  # type: ignore[operator]
            self.scale = scale

    def forward(self, lr: Tensor) -> Tensor:
        """Super-resolves.

        Args:
            lr: (N, 3, H, W), float, in [0, 1]. A network of higher precision computes in its own and returns this one.

        Returns:
            (N, 3, scale H, scale W), about [0, 1], not clamped.

        Raises:
            RequestError: what the core gives is no SR image of this size; the line says what would mend it.

        Examples:
            >>> import l2xbench
            >>> l2xbench.load_model("bicubic")(torch.full((1, 3, 4, 4), 0.5)).mean()
            tensor(0.5000)
        """
        height, width = lr.shape[-2:]
        x = self._pad(lr)
        if x is lr and type(lr) is Tensor:
            x = lr.clone()  # a core may write to what it is given; that of another kind is a copy already
        precision = self._typical[0].dtype if self._typical else lr.dtype
        raised = precision != lr.dtype and torch.promote_types(precision, lr.dtype) == precision
        if raised:
            x = x.to(precision)
        colour = None
        if self.channels == "y":
            ycbcr = to_ycbcr(x)
            x, colour = ycbcr[:, :1], ycbcr[:, 1:]
        enlarge = self.card.enlarged and self.scale > 1
        result = self._of_core(Bicubic(self.scale)(x) if enlarge else x)
        require_size(result, x, self.scale, self.name)
        if colour is not None:
            result = to_rgb(torch.cat([result, Bicubic(self.scale)(colour) if self.scale > 1 else colour], dim=1))
        if raised:
            result = result.to(lr.dtype)
        if result.shape[-2:] == (height * self.scale, width * self.scale):
            return result
        return result[..., : height * self.scale, : width * self.scale]

    def _of_core(self, x: Tensor) -> Tensor:
        """What the core makes of an image in [0, 1]: an image in [0, 1], of any size."""
        given = x
        if self.card.extra_channels:
            constant = torch.tensor(self.card.extra_channels, dtype=x.dtype, device=x.device)
            planes = constant[None, :, None, None].expand(len(x), -1, *x.shape[-2:])
            x = torch.cat([x, planes], dim=1)
        if self.card.input_range == 255:
            x = x * 255.0
        try:
            returned = self.core(x, **self._inputs(x))
        except RuntimeError as error:
            self._require_channels(error, x)
            self._require_precision(error)
            raise
        output = self.card.output
        if output is None and not isinstance(returned, Tensor):
            output = self.output_taken = only_image(returned, given, given.shape[1])
        result = choose_output(returned, output, self.name)
        if self.card.input_range == 255:
            result = result / 255.0
        channels = given.shape[1]
        if self.card.extra_channels and result.dim() == 4 and result.shape[1] == x.shape[1]:
            result = result[:, :channels]
        require_image(result, given, channels, self.name)
        return result

    def _inputs(self, x: Tensor) -> dict[str, Any]:
        """The card's arguments besides the image; a list as a tensor, the batch in front."""
        found: dict[str, Any] = {}
        for key, value in self.card.inputs.items():
            if isinstance(value, list):
                try:
                    tensor = torch.tensor(value, dtype=x.dtype, device=x.device)
                except (TypeError, ValueError):
                    raise RequestError(
                        f"{self.name}: inputs.{key}: a list of numbers, or of lists as long as each other, is needed"
                    ) from None
                found[key] = tensor.expand(len(x), *tensor.shape)
            else:
                found[key] = value
        return found

    def _require_channels(self, error: RuntimeError, x: Tensor) -> None:
        """Raises an UnfitNetwork with what would mend it where a core says that it takes other channels."""
        said = re.search(r"expected input.* to have (\d+) channels, but got (\d+) channels", str(error))
        if said is None or int(said[2]) != x.shape[1]:
            return
        takes, rgb = int(said[1]), x.shape[1] - len(self.card.extra_channels)
        if takes == 1:
            mend = OF_Y
        elif takes > rgb:
            values = ", ".join(["0"] * (takes - rgb))
            mend = (
                f"say what those beyond {'Y' if rgb == 1 else 'RGB'} hold, a number each: "
                f"`extra_channels: [{values}]` in the card or study, "
                f"--extra-channels {values.replace(' ', '')} of a command"
            )
        else:
            mend = "say `channels: rgb`, and no `extra_channels`"
        raise UnfitNetwork(f"{self.name}: the network takes {takes} channels, not {x.shape[1]}; {mend}") from error

    def _require_precision(self, error: RuntimeError) -> None:
        """Raises an UnfitNetwork where a core makes half-precision numbers of the image by itself."""
        said = re.search(
            r"Input type \(\S*(Half|BFloat16)\) and|must have the same dtype.* (Half|BFloat16)", str(error)
        )
        if said is not None:
            kind = {"Half": "float16", "BFloat16": "bfloat16"}[said[1] or said[2]]
            raise UnfitNetwork(
                f"{self.name}: the network casts to {kind} by itself, and is run in float32; leave the cast out, or "
                "cast to its weights' own type: x.to(self.conv.weight.dtype)"
            ) from error

    def _probed_scale(self) -> int:
        side = _round_up(max(16, self.minimum), self.multiple)
        precision = self._typical[0].dtype if self._typical else torch.float32
        blank = torch.zeros(1, 1 if self.channels == "y" else 3, side, side, dtype=precision)
        unknown = f"{self.name}: scale: cannot be read off the architecture; give it in the card"
        try:
            with torch.no_grad():
                result = self._of_core(blank)
        except RequestError:
            raise
        except Exception as error:  # a network may need what only its author knows
            raise RequestError(f"{unknown} (a blank image of {side} x {side}: {reason_of(error)})") from error
        ratio = whole_ratio(result, blank)
        if ratio is None:
            sizes = " x ".join(map(str, result.shape[-2:]))
            by = " x ".join(f"{length / side:.4g}" for length in result.shape[-2:])
            raise RequestError(
                f"{self.name}: scale: a blank image of {side} x {side} gives {sizes}, {by} times the size; a whole "
                "number is needed, the same for height and width, or give `scale` in the card if other sizes do"
            )
        return ratio

    def _pad(self, lr: Tensor) -> Tensor:
        height, width = lr.shape[-2:]
        padded_height = _round_up(max(height, self.minimum), self.multiple)
        padded_width = _round_up(max(width, self.minimum), self.multiple)
        if self.square:
            padded_height = padded_width = max(padded_height, padded_width)
        # reflection reaches as far as the image goes; what is still missing repeats the edge
        for mode in ("reflect", "replicate"):
            height, width = lr.shape[-2:]
            below, right = padded_height - height, padded_width - width
            if mode == "reflect":
                below, right = min(below, height - 1), min(right, width - 1)
            if below > 0 or right > 0:
                lr = F.pad(lr, (0, right, 0, below), mode=mode)
        return lr


def _typical_parameter(core: nn.Module) -> tuple[nn.Parameter, ...]:
    """One parameter of the precision that most of a network's numbers have; none where it has no parameters.

    The first would not do: it may be complex, or a step size that came from NumPy. A tuple, so that it is not
    registered once more; its type is asked in each pass, since an explanation in float64 changes it.
    """
    numbers: Counter[torch.dtype] = Counter()
    first: dict[torch.dtype, nn.Parameter] = {}
    for parameter in core.parameters():
        if parameter.dtype.is_floating_point and not nn.parameter.is_lazy(parameter):
            numbers[parameter.dtype] += parameter.numel()
            first.setdefault(parameter.dtype, parameter)
    return (first[numbers.most_common(1)[0][0]],) if numbers else ()


def own_precision(core: nn.Module) -> torch.dtype | None:
    """The precision of most of a network's numbers, None where it has none.

    Examples:
        >>> own_precision(nn.Conv2d(3, 3, 3).double())
        torch.float64
    """
    return next((parameter.dtype for parameter in _typical_parameter(core)), None)


def require_arguments(core: nn.Module, card: ModelCard) -> None:
    """Raises a RequestError unless the card's `inputs` are what the network takes and needs besides the image."""
    try:
        parameters = list(inspect.signature(core.forward).parameters.values())
    except (TypeError, ValueError):  # compiled code tells nothing
        return
    named = [p for p in parameters[1:] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for key in card.inputs:
            if key not in [p.name for p in named]:
                raise RequestError(
                    f"{card.name}: inputs.{key}: the network takes no such argument; "
                    f"{did_you_mean(key, [p.name for p in named])}"
                )
    needed = [p.name for p in named if p.default is p.empty and p.name not in card.inputs]
    if needed:
        raise RequestError(
            f"{card.name}: the network takes {', '.join(needed)} besides the image; "
            f"say `inputs: {{{needed[0]}: 1.0}}` in the card or study, --inputs {needed[0]}=1.0 of a command"
        )


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
