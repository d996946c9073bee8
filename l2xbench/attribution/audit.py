"""Is a network explained exactly? Its completeness in both precisions, and what it is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from l2xbench.attribution.engine.draws import draws_from_here
from l2xbench.attribution.engine.paired import paired_forward
from l2xbench.attribution.errors import AttributionError, FailedOperationError, NetworkAssertionError
from l2xbench.attribution.explain import completeness_error
from l2xbench.attribution.precision import cast_down_to, cast_to
from l2xbench.attribution.rules.call import Kind
from l2xbench.attribution.verification import require_plain_outputs
from l2xbench.errors import reason_of


@dataclass(frozen=True)
class AuditedOperation:
    """One kind of operation that a network met, how it was treated, and what it costs in completeness; see `Audit`."""

    name: str
    """ATen's, as `l2xbench rules` takes it."""
    kind: Kind
    """How it is treated; `l2xbench rules` says what each kind means."""
    count: int
    """How often it was met."""
    share: float
    """|sum g dy - sum m dx| over its calls as a part of the objective's difference, 0 where exact."""
    where: str
    """The submodule that met it first."""


@dataclass(frozen=True)
class Audit:
    """Completeness errors, |sum R - delta| / max(|delta|, 1e-3 sum |R|), of the image and (the worst) of outputs.

    In float32 the error of a single output is mostly the network's own: its two outputs are nearly equal numbers, and
    `explain` takes float64 for them.

    Examples:
        >>> found = audit(nn.Conv2d(3, 3, 3), torch.rand(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))
        >>> found.image64 < 1e-12, found.operations[0].kind
        (True, 'linear')
    """

    image64: float
    """The whole output's error in float64; NaN where the network cannot be computed in it."""
    image32: float
    """The same in float32."""
    neurons64: float
    """The largest of the single outputs' errors in float64."""
    neurons32: float
    """The same in float32."""
    operations: tuple[AuditedOperation, ...]
    """What was met, by its share of the error, then by how often."""
    no_float64: str = ""
    """Why the network cannot be computed in float64; empty where it can."""
    routed: str = ""
    """The first of the Python numbers that the network goes by; empty where it goes by none."""
    jump: float = 0.0
    """What the reference's own would change, as a part of the difference that is explained."""

    @property
    def worst(self) -> float:
        """The error that a user meets: of the image, in the worse of the two precisions."""
        return self.image32 if self.no_float64 else max(self.image64, self.image32)


def _error(values: Tensor, delta: Tensor) -> float:
    """The completeness error of a whole batch as one map."""
    return float(completeness_error(values.reshape(1, -1), delta.reshape(1)))


def audit(
    model: nn.Module,
    inputs: Tensor,
    references: Tensor,
    *,
    output: int | str | None = None,
    neurons: int = 5,
    seed: int = 0,
) -> Audit:
    """Explain a network in float64 and in float32, for the whole output and for some random values of it.

    Completeness is that of Yu and Yang, *Learning to Explain*, Eq. 1. The outputs of the paired pass are compared with
    those of plain ones first.

    Args:
        model: any module that maps (N, C, H, W) to a tensor.
        inputs: (N, C, H, W) in the network's own range.
        references: of the same shape.
        output: index or key of the output to explain, where the network returns several.
        neurons: how many values of the output are explained one by one.
        seed: decides which.

    Returns:
        the completeness errors, and the operations that were met.

    Raises:
        UnsupportedOperationError: the paired pass does not give the network's own output.
        AttributionError: the network cannot be explained at all; names the operation, or the submodule.

    Examples:
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GELU(), nn.Conv2d(8, 3, 3))
        >>> found = audit(net, torch.rand(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))
        >>> found.worst < 1e-4, sorted(o.name for o in found.operations)
        (True, ['convolution', 'gelu'])
    """
    again = draws_from_here(inputs.device)
    require_plain_outputs(model, inputs, references, output)
    image32, neurons32, operations, (routed, jump) = _audited(
        model, inputs, references, torch.float32, output, neurons, seed
    )
    image64 = neurons64 = math.nan
    why = ""
    again()
    try:
        image64, neurons64, operations, _ = _audited(model, inputs, references, torch.float64, output, neurons, seed)
    except (NetworkAssertionError, FailedOperationError) as error:
        why = str(error)
    except AttributionError:
        raise
    except Exception as error:  # whatever a network, a kernel or a device has against float64
        why = reason_of(error)
    return Audit(
        image64=image64,
        image32=image32,
        neurons64=neurons64,
        neurons32=neurons32,
        operations=tuple(sorted(operations, key=lambda o: (-o.share, -o.count))),
        no_float64=why,
        routed=routed,
        jump=jump,
    )


def _audited(
    model: nn.Module,
    inputs: Tensor,
    references: Tensor,
    dtype: torch.dtype,
    output: int | str | None,
    neurons: int,
    seed: int,
) -> tuple[float, float, tuple[AuditedOperation, ...], tuple[str, float]]:
    """The errors of the image and of the worst output in one precision, what the network met, and what it goes by."""
    x, x_ref = inputs.to(dtype), references.to(dtype)
    failure: Exception | None = None
    # as `explain` does: TorchScript and recurrent layers compare types before the engine sees them
    for casting in (cast_down_to, cast_to):
        try:
            with (
                torch.inference_mode(False),
                torch.enable_grad(),
                casting(model, dtype),
                paired_forward(model, x, x_ref, output=output) as out,
            ):
                change = (out.value.detach() - out.reference).double()
                delta = change.abs().sum()
                (m,) = torch.autograd.grad(out.value, out.inputs, change.sign().to(dtype), retain_graph=True)
                image = _error(m * (x - x_ref), delta)
                operations = tuple(
                    AuditedOperation(r.name, r.kind, r.count, r.share(float(delta)), r.where) for r in out.operations
                )
                generator = torch.Generator().manual_seed(seed)
                errors = []
                for i in torch.randint(change.numel(), (neurons,), generator=generator).tolist():
                    one = torch.zeros(out.value.numel(), dtype=dtype, device=out.value.device)
                    one[i] = 1
                    (m,) = torch.autograd.grad(out.value, out.inputs, one.view(out.value.shape), retain_graph=True)
                    errors.append(_error(m * (x - x_ref), change.reshape(-1)[i]))
                jump = 0.0 if out.jump is None else float(out.jump.abs().sum()) / max(float(delta), 1e-30)
                return image, max(errors, default=0.0), operations, (out.routed, jump)
        except FailedOperationError as error:
            failure = failure or error
        except AttributionError:
            raise
        except Exception as error:
            failure = failure or error
    assert failure is not None
    raise failure
