"""Comparing gradients with finite differences: ``gradcheck`` and ``gradgradcheck``."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from ..tensor import Tensor
from .differentiate import grad

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """Raised where gradients and finite differences do not agree."""


def gradcheck(
    func: Callable,
    inputs: Tensor | Sequence,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether backward through ``func`` agrees with finite differences of ``func``, at ``inputs`` (float64 or complex128).

    Every element of every differentiable input is moved by ``eps`` to both sides. Disagreement beyond
    ``atol + rtol * |numerical|`` raises :class:`GradcheckError`, or gives False where ``raise_exception`` is False.
    ``fast_mode`` compares one random projection of the Jacobian instead of all of it. ``check_forward_ad`` compares derivatives in
    forward mode too, ``check_batched_grad`` batches of gradients with gradients one by one.
    """
    if check_batched_forward_grad:
        raise NotImplementedError("flambeau: gradcheck: argument check_batched_forward_grad is not supported yet")
    if masked:
        raise NotImplementedError("flambeau: gradcheck: argument masked is not supported yet: see sparse.as_sparse_gradcheck")
    if not (check_backward_ad or check_forward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    try:
        _check_inputs(inputs)
        if check_backward_ad:
            _check(func, inputs, eps, atol, rtol, nondet_tol, check_grad_dtypes, fast_mode)
        if check_forward_ad:
            _check_forward(func, inputs, eps, atol, rtol)
        if check_batched_grad:
            _check_batched(func, inputs)
        if check_undefined_grad and check_backward_ad:
            _check_undefined(func, inputs)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable,
    inputs: Tensor | Sequence,
    grad_outputs: Tensor | Sequence | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """As :func:`gradcheck`, for the gradient of ``func`` with respect to ``inputs`` and ``grad_outputs`` (random by default).

    ``check_rev_over_rev`` differentiates the gradient backward, ``check_fwd_over_rev`` in forward mode.
    """
    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    if grad_outputs is None:
        outputs = _differentiable(func(*inputs))
        grad_outputs = tuple(_random_like(o, gen_non_contig_grad_outputs).requires_grad_() for o in outputs)
    elif isinstance(grad_outputs, Tensor):
        grad_outputs = (grad_outputs,)
    count = len(inputs)

    def gradient(*arguments):
        values = tuple(_fresh_leaf(a) for a in arguments[:count])
        targets = [v for v in values if isinstance(v, Tensor) and v.requires_grad]
        outputs = _differentiable(func(*values))
        found = grad(outputs, targets, arguments[count:], create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None and g.requires_grad)

    return gradcheck(
        gradient, (*inputs, *grad_outputs), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad, check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode, masked=masked,
    )  # fmt: skip


def _fresh_leaf(value):
    """An input as it is in the graph, but another tensor: it may be given twice."""
    return value.view_as(value) if isinstance(value, Tensor) and value.requires_grad else value


def _random_like(output: Tensor, strided: bool) -> Tensor:
    made = output.new_empty((*output.shape, 2) if strided else output.shape)
    made.normal_()
    return made.select(-1, 0) if strided else made


def _differentiable(outputs) -> tuple:
    outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
    return tuple(o for o in outputs if isinstance(o, Tensor) and o.requires_grad)


def _check_inputs(inputs: tuple) -> None:
    checked = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    if not checked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True."
        )
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor) or not x.requires_grad:
            continue
        if x.dtype.name not in ("float64", "complex128"):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will likely "
                "fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )
        if any(st == 0 and sz > 1 for st, sz in zip(x.stride(), x.shape)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be "
                "able to compute the numerical gradients correctly. You should call .contiguous on the input before "
                "passing it to gradcheck."
            )
        x.retain_grad()


def _check(func, inputs, eps, atol, rtol, nondet_tol, check_dtypes, fast) -> None:
    outputs = _differentiable(func(*inputs))
    leaves = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    if not outputs:
        _expect_constant(func, inputs, leaves, eps)
        return
    for o, output in enumerate(outputs):
        numerical = [_numerical(func, inputs, leaf, o, eps) for leaf in leaves]
        analytical = _analytical(output, leaves, check_dtypes)
        again = _analytical(output, leaves, check_dtypes)
        for i, (n, a, b) in enumerate(zip(numerical, analytical, again)):
            if np.abs(a - b).max(initial=0.0) > nondet_tol:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
                    "different values, although analytical gradient matches numerical gradient. The tolerance for "
                    f"nondeterminism was {nondet_tol}."
                )
            if fast:
                weights = np.random.default_rng(0).standard_normal(n.shape[-1])
                n, a = n @ weights, a @ weights
            if not np.allclose(a, n, rtol=rtol, atol=atol, equal_nan=True):
                raise GradcheckError(
                    f"Jacobian mismatch for output {o} with respect to input {i},\nnumerical:{n}\nanalytical:{a}\n"
                )


def _check_forward(func, inputs, eps: float, atol: float, rtol: float) -> None:
    """Forward mode against finite differences."""
    leaves = [(i, x) for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    for o, _ in enumerate(_differentiable(func(*inputs))):
        for i, leaf in leaves:
            numerical = _numerical(func, inputs, leaf, o, eps)
            analytical = _in_forward_mode(func, inputs, i, o)
            if not np.allclose(analytical, numerical, rtol=rtol, atol=atol, equal_nan=True):
                raise GradcheckError(
                    f"Jacobian computed with forward mode mismatch for output {o} with respect to input {i},\n"
                    f"numerical:{numerical}\nanalytical:{analytical}\n"
                )


def _in_forward_mode(func, inputs: tuple, i: int, o: int) -> np.ndarray:
    """As :func:`_numerical` for input ``i``, by dual tensors: a row for each direction."""
    from .forward_ad import dual_level, make_dual, unpack_dual

    leaf, rows = inputs[i], []
    for k in range(leaf.numel()):
        for unit in (1, 1j) if leaf.is_complex() else (1,):
            direction = leaf.detach().new_zeros(leaf.numel())
            direction[k] = unit
            with dual_level():
                given = make_dual(leaf, direction.reshape(leaf.shape))
                primal, tangent = unpack_dual(_differentiable(func(*inputs[:i], given, *inputs[i + 1 :]))[o])
                found = primal.detach().new_zeros(primal.shape) if tangent is None else tangent.detach()
                rows.append(_as_real(np.array(found.numpy()).reshape(-1)))
    return np.stack(rows) if rows else np.zeros((0, 0))


def _check_batched(func, inputs) -> None:
    """A batch of gradients sent backward together gives what each gives by itself."""
    leaves = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    for output in _differentiable(func(*inputs)):
        pair = [_random_like(output, False) for _ in range(2)]
        together = output.detach().new_zeros((2, *output.shape))
        together[0], together[1] = pair
        batched = grad([output], leaves, [together], retain_graph=True, allow_unused=True, is_grads_batched=True)
        for row, seed in enumerate(pair):
            for b, g in zip(batched, grad([output], leaves, [seed], retain_graph=True, allow_unused=True)):
                if (b is None) != (g is None) or (g is not None and not np.allclose(b[row].detach().numpy(), g.detach().numpy())):
                    raise GradcheckError("gradcheck or gradgradcheck failed while testing batched gradient computation.")


def _expect_constant(func, inputs, leaves, eps) -> None:
    plain = func(*inputs)
    for o, _ in enumerate(plain if isinstance(plain, (tuple, list)) else (plain,)):
        for leaf in leaves:
            if np.abs(_numerical(func, inputs, leaf, o, eps, only_differentiable=False)).max(initial=0.0) > 0:
                raise GradcheckError("Numerical gradient for function expected to be zero")


def _elements(leaf: Tensor) -> np.ndarray:
    """The memory of an input, which finite differences write to."""
    return leaf.detach().numpy()


def _numerical(func, inputs, leaf: Tensor, o: int, eps: float, only_differentiable: bool = True) -> np.ndarray:
    """Finite differences of output ``o``: a row for each real number of ``leaf``, a column for each of the output."""
    elements = _elements(leaf)

    def value() -> np.ndarray:
        outputs = func(*inputs)
        outputs = _differentiable(outputs) if only_differentiable else outputs
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        found = outputs[o].detach()
        return np.array(found.numpy()).reshape(-1)

    rows = []
    for index in itertools.product(*[range(s) for s in leaf.shape]):
        kept = elements[index]
        for direction in (eps, 1j * eps) if leaf.is_complex() else (eps,):
            elements[index] = kept + direction
            above = value()
            elements[index] = kept - direction
            below = value()
            elements[index] = kept
            rows.append(_as_real((above - below) / (2 * eps)))
    return np.stack(rows) if rows else np.zeros((0, _as_real(value()).size))


def _as_real(values: np.ndarray) -> np.ndarray:
    """Complex numbers as pairs of real ones."""
    return np.stack([values.real, values.imag], -1).reshape(-1) if values.dtype.kind == "c" else values


def _analytical(output: Tensor, leaves: Sequence[Tensor], check_dtypes: bool) -> list[np.ndarray]:
    """As :func:`_numerical` for each leaf, by backward."""
    columns: list[list[np.ndarray]] = [[] for _ in leaves]
    for k in range(output.numel()):
        for unit in (1, 1j) if output.is_complex() else (1,):
            seed = output.detach().new_zeros(output.numel())
            seed[k] = unit
            found = grad([output], leaves, [seed.reshape(output.shape)], retain_graph=True, allow_unused=True)
            for column, leaf, g in zip(columns, leaves, found):
                _check_gradient(leaf, g, check_dtypes)
                values = np.zeros(leaf.shape, dtype=_elements(leaf).dtype) if g is None else np.array(g.detach().numpy())
                column.append(_as_real(values.reshape(-1)))
    sizes = [leaf.numel() * (2 if leaf.is_complex() else 1) for leaf in leaves]
    return [np.stack(c, 1) if c else np.zeros((size, 0)) for c, size in zip(columns, sizes)]


def _check_gradient(leaf: Tensor, gradient: Tensor | None, check_dtypes: bool) -> None:
    if gradient is None:
        return
    if gradient.shape != leaf.shape:
        raise GradcheckError("Analytical gradient has incorrect size")
    if check_dtypes and gradient.dtype is not leaf.dtype:
        raise GradcheckError("Gradient has dtype mismatch")


def _check_undefined(func, inputs) -> None:
    """Backward must bear the absence of some gradients: only one result's is given at a time."""
    outputs = _differentiable(func(*inputs))
    leaves = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    if len(outputs) < 2:
        return
    for output in outputs:
        try:
            grad([output], leaves, [output.detach().new_zeros(output.shape)], retain_graph=True, allow_unused=True)
        except RuntimeError as error:
            raise GradcheckError(
                "Expected backward function to handle undefined output grads. Please look at \"Notes about undefined output gradients\""
            ) from error
