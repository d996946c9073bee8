"""Steps and selections: comparisons, rounding, indices that depend on the data.

What a network *selects* (an order, an index, a mask) jumps, so no multiplier on the selecting tensor can carry
the jump's effect. What is read or written is linear for each selection; the mean of the two selections'
gradients explains the part of dy that came through the selected tensor, and the rest, the effect of selecting
differently, is spread over that tensor's own differences in proportion to them (the least change of the
multipliers that is complete). Recorded as "selection".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.errors import UnsupportedOperationError
from l2xbench.attribution.rules.call import Call, OperationRecord, Pair, differentiable, without_gradient
from l2xbench.attribution.rules.piecewise import elementwise
from l2xbench.attribution.rules.questions import asked_at_once
from l2xbench.attribution.rules.treatment import DEEPLIFT, LEAST_CHANGE, closed_form, treatment
from l2xbench.system.torch_parts import tree_flatten, tree_unflatten

Evaluate = Callable[..., Tensor]


@treatment("comparison", "each stream has its own")
def comparison(call: Call) -> Pair:
    """A result with no derivative (a comparison, an index)."""
    return each_its_own(call, call.reference())


def each_its_own(call: Call, reference: Any) -> Pair:
    """A result with no derivative, given the reference stream's."""
    value = without_gradient(call.operation, call.values, call.value_options)
    for v, r in zip(*((t if isinstance(t, (list, tuple)) else (t,)) for t in (value, reference)), strict=True):
        if isinstance(v, Tensor):
            same_size(v, r, call.record)
    return value, reference


class Selection(torch.autograd.Function):
    """y = f(x; c) with f linear (or quadratic) in the tensors x, and a discrete c that differs between the
    streams.
    """

    @staticmethod
    def forward(
        ctx: Any, f: Evaluate, f_ref: Evaluate, record: OperationRecord, *inputs: Tensor
    ) -> tuple[Tensor, Tensor]:
        half = len(inputs) // 2
        y, y_ref = f(*inputs[:half]).detach(), f_ref(*inputs[half:]).detach()
        same_size(y, y_ref, record)
        y, y_ref = without_one_sided_masks(y, y_ref)
        ctx.f, ctx.f_ref, ctx.record = f, f_ref, record
        ctx.save_for_backward(y - y_ref, *inputs)
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        return y, y_ref

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, ...]:
        dy, *inputs = ctx.saved_tensors
        half = len(inputs) // 2
        if g is None:
            return (None,) * (3 + 2 * half)
        x, x_ref = inputs[:half], inputs[half:]
        multipliers = [torch.zeros_like(a) for a in x]
        for f in (ctx.f, ctx.f_ref):
            with torch.enable_grad():
                middle = [torch.lerp(a, b, 0.5).requires_grad_() for a, b in zip(x, x_ref, strict=True)]
                found = torch.autograd.grad(f(*middle), middle, g, allow_unused=True)
            for m, part in zip(multipliers, found, strict=True):
                if part is not None:
                    m.add_(part, alpha=0.5)
        spread([a - b for a, b in zip(x, x_ref, strict=True)], multipliers, g, dy, ctx.record)
        return (None, None, None, *multipliers, *(None,) * half)


def same_size(y: Tensor, y_ref: Tensor, record: OperationRecord) -> None:
    """A selection may find more elements in one stream than in the other: there is nothing to pair them by."""
    if y.shape != y_ref.shape:
        raise UnsupportedOperationError(
            f"{record.name} in {record.where} selects {tuple(y.shape)} elements of the input's stream but "
            f"{tuple(y_ref.shape)} of the reference's; a selection whose size depends on the data cannot be explained "
            "(use torch.where, or multiply by the mask)"
        )


def masked_in_one_stream(y: Tensor, y_ref: Tensor) -> Tensor:
    """Where -inf (a softmax's mask) stands in one stream alone, but for rows of the last axis that it fills: softmax
    gives NaN or zeros for those, which it would not for finite numbers.
    """
    at, at_ref = y == -torch.inf, y_ref == -torch.inf
    one_sided = at != at_ref
    has_rows = one_sided.dim() > 0 and one_sided.shape[-1] > 1
    return one_sided & ~(at.all(-1, True) | at_ref.all(-1, True)) if has_rows else one_sided


def below(*tensors: Tensor) -> Tensor:
    """1e3 below the least finite entry, which the exponential does not tell from -inf; -inf where there is none."""
    least = torch.stack([torch.where(t.isfinite(), t, torch.inf).min() for t in tensors]).min() - 1e3
    return torch.where(least.isfinite(), least, -torch.inf)


def without_one_sided_masks(y: Tensor, y_ref: Tensor) -> Pair:
    """The two streams' results with what is masked in one stream alone as a finite number, so that its difference is
    one.
    """
    if not y.dtype.is_floating_point or not y.numel():
        return y, y_ref
    one_sided = masked_in_one_stream(y, y_ref)
    if asked_at_once() and not one_sided.any():
        return y, y_ref
    floor = below(y, y_ref)
    y, y_ref = (torch.where(one_sided & (t == -torch.inf), floor, t) for t in (y, y_ref))
    return y, y_ref


def spread(dx: list[Tensor], multipliers: list[Tensor], g: Tensor, dy: Tensor, record: OperationRecord) -> None:
    """Add to the multipliers, in place, what makes sum m dx = sum g dy, per item of the first axis where all
    have it.
    """
    items = g.shape[0] if g.dim() and all(d.dim() and d.shape[0] == g.shape[0] for d in dx) else 1
    rest = (g * dy.nan_to_num(0.0, 0.0, 0.0)).reshape(items, -1).sum(1, dtype=torch.float64)
    size = torch.zeros_like(rest)
    for d, m in zip(dx, multipliers, strict=True):
        rest -= (d * m).reshape(items, -1).sum(1, dtype=torch.float64)
        size += d.square().reshape(items, -1).sum(1, dtype=torch.float64)
    share = torch.where(size > 0, rest / size, torch.zeros_like(rest))
    record.leave(torch.where(size > 0, torch.zeros_like(rest), rest).sum())
    for d, m in zip(dx, multipliers, strict=True):
        m.add_(d * share.to(d.dtype).view(items, *(1,) * (d.dim() - 1)) if items > 1 else d * share[0].to(d.dtype))


@treatment(
    "selection", "the mean gradient of the two selections; the rest over the tensor's own differences", LEAST_CHANGE
)
def read_or_write(call: Call) -> Pair:
    """Gather, index, scatter, index_put, masked_fill ... at a place that depends on the data."""
    arguments, layout = tree_flatten((tuple(call.values), call.value_options))
    references, _ = tree_flatten((tuple(call.references), call.reference_options))
    moving = [i for i, (a, b) in enumerate(zip(arguments, references, strict=True)) if a is not b and differentiable(a)]

    def with_choice(fixed: list[Any]) -> Evaluate:
        def evaluate(*tensors: Tensor) -> Tensor:
            full = list(fixed)
            for i, tensor in zip(moving, tensors, strict=True):
                full[i] = tensor
            args, options = tree_unflatten(full, layout)
            y: Tensor = call.operation(*args, **options)
            return y

        return evaluate

    y, y_ref = Selection.apply(
        with_choice(arguments), with_choice(references), call.record,
        *(arguments[i] for i in moving), *(references[i] for i in moving),
    )  # fmt: skip
    return y, y_ref


class Choice(torch.autograd.Function):
    """A result made by a choice alone (a one-hot mask): its change is spread over what the choice was made by."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, y_ref: Tensor, record: OperationRecord, *inputs: Tensor) -> Tensor:
        half = len(inputs) // 2
        ctx.record = record
        ctx.save_for_backward(y - y_ref, *(a - b for a, b in zip(inputs[:half], inputs[half:], strict=True)))
        return y.clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        dy, *dx = ctx.saved_tensors
        multipliers = [torch.zeros_like(d) for d in dx]
        spread(dx, multipliers, g, dy, ctx.record)
        return (None, None, None, *multipliers, *(None,) * len(dx))


class Rest(Choice):
    """Zero, with the multipliers of a change y - y' that nothing else carries."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, y_ref: Tensor, record: OperationRecord, *inputs: Tensor) -> Tensor:
        return Choice.forward(ctx, y, y_ref, record, *inputs).zero_()


@treatment("selection", "dy over what the choice was made by", LEAST_CHANGE)
def choice(call: Call) -> Pair:
    """An operation of which only indices or masks differ between the streams."""
    with torch.no_grad():
        value, reference = call.value(), call.reference()
    sources = [a for a, _ in call.sources], [b for _, b in call.sources]

    def chosen(v: Any, r: Any) -> tuple[Any, Any]:
        if not isinstance(v, Tensor):
            return v, r
        same_size(v, r, call.record)
        if not (sources[0] and differentiable(v)):
            return v, r
        with torch.no_grad():
            v, r = without_one_sided_masks(v, r)
        return Choice.apply(v, r, call.record, *sources[0], *sources[1]), r

    if isinstance(value, (tuple, list)):
        pairs = [chosen(v, r) for v, r in zip(value, reference, strict=True)]
        return type(value)([v for v, _ in pairs]), type(reference)([r for _, r in pairs])
    return chosen(value, reference)


@treatment("selection", "read from x where each stream finds them", LEAST_CHANGE)
def order(call: Call) -> Pair:
    """Values in an order, or of a rank: read from x where each stream finds them."""
    x, x_ref = call.values[0], call.references[0]
    with torch.no_grad():
        value, reference = call.value(), call.reference()
    if isinstance(value, Tensor):  # the median of everything
        flat, flat_ref = x.reshape(-1), x_ref.reshape(-1)
        i, j = ((t - v).abs().argmin().view(1) for t, v in ((flat, value), (flat_ref, reference)))
        y, y_ref = Selection.apply(
            lambda t: t.reshape(-1).gather(0, i), lambda t: t.reshape(-1).gather(0, j), call.record, x, x_ref
        )
        return y.view(()), y_ref.view(())
    dim = call.arguments().get("dim", -1)
    (_, i), (_, j) = value[:2], reference[:2]
    keep = i.dim() == x.dim()

    def at(index: Tensor) -> Evaluate:
        return lambda t: t.gather(dim, index) if keep else t.gather(dim, index.unsqueeze(dim)).squeeze(dim)

    y, y_ref = Selection.apply(at(i), at(j), call.record, x, x_ref)
    return (y, i), (y_ref, j)


def step_slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
    """dy/dx of a function that is constant but for jumps; 0 where x = x'."""
    dx = x - x_ref
    return torch.where(dx == 0, torch.zeros_like(dx), (y - y_ref) / dx)


@treatment("selection", "dy/dx, 0 where dx = 0; large where a jump is crossed by a small dx", DEEPLIFT)
def step(call: Call) -> Pair:
    """A function with jumps: the chord slope, exact; large where a jump is crossed by a small dx."""
    return elementwise(call, step_slope)


class Slope(torch.autograd.Function):
    """y, elementwise of x, by its chord slope."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        ctx.save_for_backward(step_slope(x, x_ref, y, y_ref))
        return y.clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        return g * ctx.saved_tensors[0], None, None, None


@treatment("selection", "dy/dx of the same draw, 0 where dx = 0", DEEPLIFT)
def drawn(call: Call) -> Pair:
    """Random numbers of a distribution that the first argument tells, drawn alike in both streams."""
    with torch.no_grad():
        y, y_ref = call.value(), call.reference()
    return Slope.apply(call.values[0], call.references[0], y, y_ref), y_ref


def carriers(
    a: Tensor, b: Tensor, a_ref: Tensor, b_ref: Tensor, y: Tensor, y_ref: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The differences of the two branches and of the result; a branch's is 0 where it cannot carry the result's: where
    it is no number (a mask of -inf in one stream, which softmax sees to), or 1e8 times as large (memory that the
    network has not written to).
    """
    da, db, dy = ((t - t_ref).nan_to_num_(0.0, 0.0, 0.0) for t, t_ref in ((a, a_ref), (b, b_ref), (y, y_ref)))
    da, db = (torch.where(d.abs() > 1e8 * dy.abs(), torch.zeros_like(d), d) for d in (da, db))
    return da, db, dy


class Switch(torch.autograd.Function):
    """y = a where c else b, with a condition c that differs between the streams at some places.

    There dy is shared over da and db along their direction, m = dy (da, db) / (da^2 + db^2): complete, and for branches
    that are multiples of one x (an activation written with `where`) exactly the chord slope.
    """

    @staticmethod
    def forward(ctx: Any, c: Tensor, c_ref: Tensor, a: Tensor, b: Tensor, a_ref: Tensor, b_ref: Tensor) -> Any:
        y, y_ref = torch.where(c, a, b), torch.where(c_ref, a_ref, b_ref)
        da, db, dy = carriers(a, b, a_ref, b_ref, y, y_ref)
        scale = torch.maximum(da.abs(), db.abs())  # squares of large or of tiny differences are no numbers
        da, db = da / scale, db / scale
        share = dy / scale / (da.square() + db.square())
        m_a, m_b = ((share * d).nan_to_num_(0.0, 0.0, 0.0) for d in (da, db))
        changed = c != c_ref
        ctx.shapes = a.shape, b.shape
        ctx.save_for_backward(torch.where(changed, m_a, c.to(dy.dtype)), torch.where(changed, m_b, (~c).to(dy.dtype)))
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        return y, y_ref

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, ...]:
        if g is None:
            return (None,) * 6
        m_a, m_b = ((g * m).sum_to_size(shape) for m, shape in zip(ctx.saved_tensors, ctx.shapes, strict=True))
        return None, None, m_a, m_b, None, None


@closed_form("m = dy (da, db) / (da^2 + db^2) where the condition changes, else the branch taken", LEAST_CHANGE)
def where(call: Call) -> Pair:
    """See `Switch`."""
    (c, a, b), (c_ref, a_ref, b_ref) = call.values, call.references
    return switch(call, c, c_ref, a, b, a_ref, b_ref)


@closed_form("as where, the filling first", LEAST_CHANGE)
def masked_fill(call: Call) -> Pair:
    """`where` with the filling first."""
    (b, c, a), (b_ref, c_ref, a_ref) = call.values, call.references
    a, a_ref = (t if isinstance(t, Tensor) else b.new_full((), t) for t in (a, a_ref))
    return switch(call, c, c_ref, a, b, a_ref, b_ref)


def switch(call: Call, c: Tensor, c_ref: Tensor, a: Tensor, b: Tensor, a_ref: Tensor, b_ref: Tensor) -> Pair:
    """`Switch` on tensors of one type.

    Where -inf (a softmax's mask) is chosen in one stream only, a difference of infinity could not be
    explained: there it is taken 1e3 below the least finite entry, which the exponential does not tell from -inf.
    """
    dtype = torch.result_type(a, b)
    a, b, a_ref, b_ref = (t.to(dtype) for t in (a, b, a_ref, b_ref))
    if dtype.is_complex:
        a, b, a_ref, b_ref = (torch.view_as_real(t.resolve_conj()) for t in (a, b, a_ref, b_ref))
        y, y_ref = switch(call, c.unsqueeze(-1), c_ref.unsqueeze(-1), a, b, a_ref, b_ref)
        return torch.view_as_complex(y), torch.view_as_complex(y_ref)
    with torch.no_grad():
        one_sided = masked_in_one_stream(torch.where(c, a, b), torch.where(c_ref, a_ref, b_ref))
        cut = not asked_at_once() or bool(one_sided.any())
    if cut:
        floor = below(a.detach(), b.detach(), a_ref, b_ref)
        a, b, a_ref, b_ref = (torch.where(one_sided & (t == -torch.inf), floor, t) for t in (a, b, a_ref, b_ref))
    y, y_ref = Switch.apply(c, c_ref, a, b, a_ref, b_ref)
    if call.sources:
        with torch.no_grad():
            da, db, dy = carriers(a, b, a_ref, b_ref, y, y_ref)
            unexplained = (c != c_ref) & (da == 0) & (db == 0) & (dy != 0)
            left = torch.where(unexplained, dy, torch.zeros_like(dy))
        if not asked_at_once() or unexplained.any():
            sources = [a for a, _ in call.sources], [b for _, b in call.sources]
            y = y + Rest.apply(left, torch.zeros_like(left), call.record, *sources[0], *sources[1])
    return y, y_ref
