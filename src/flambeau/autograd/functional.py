"""Derivatives of functions as a whole: Jacobians, Hessians and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable

from ..tensor import Tensor
from .differentiate import grad
from .mode import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def vjp(func: Callable, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """``(func(inputs), v @ J)``: the product of a vector with the Jacobian. ``v`` may be left out for one-element results."""
    with enable_grad():
        single, values = _leaves(inputs, create_graph)
        one, outputs = _call("vjp", func, values)
        v = _directions("vjp", "v", v, outputs)
        found = _gradients("vjp", outputs, values, v, create_graph, strict)
    return _given(one, outputs, create_graph), _given(single, found, create_graph)


def jvp(func: Callable, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """``(func(inputs), J @ v)``: the product of the Jacobian with a vector, by differentiating backward."""
    with enable_grad():
        single, values = _leaves(inputs, create_graph)
        v = _directions("jvp", "v", v, values)
        one, outputs = _call("jvp", func, values)
        dummies = tuple(o.new_zeros(o.shape).requires_grad_() for o in outputs)
        backwards = _gradients("jvp", outputs, values, dummies, True, strict)
        found = _gradients("jvp", backwards, dummies, v, create_graph, strict)
    return _given(one, outputs, create_graph), _given(one, found, create_graph)


def jacobian(
    func: Callable,
    inputs,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
):
    """The Jacobian of ``func`` at ``inputs``: a tensor of shape ``output.shape + input.shape`` for each pair.

    ``vectorize`` only concerns speed in ``"reverse-mode"``; ``strategy="forward-mode"``, for functions with more results than
    inputs, requires it, and sends all directions forward at once.
    """
    _check_strategy("jacobian", strategy, strict, vectorize)
    if strategy == "forward-mode":
        from ..func import jacfwd

        return _forward("jacobian", func, inputs, create_graph, jacfwd)
    with enable_grad():
        single, values = _leaves(inputs, create_graph)
        one, outputs = _call("jacobian", func, values)
        rows = [_rows(output, values, create_graph, strict) for output in outputs]
    if not create_graph:
        rows = [tuple(t.detach() for t in row) for row in rows]
    if one:
        return rows[0][0] if single else rows[0]
    return tuple(row[0] for row in rows) if single else tuple(rows)


def _check_strategy(name: str, strategy: str, strict: bool, vectorize: bool) -> None:
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    if strategy == "forward-mode" and strict:
        raise NotImplementedError(f'{name}: strict=True and strategy="forward-mode" are not supported together')
    if strategy == "forward-mode" and not vectorize:
        raise NotImplementedError(f"{name}: forward mode is only implemented for `vectorize=True`.")
    if strict and vectorize:
        raise RuntimeError(f"{name}: `strict=True` and `vectorized=True` are not supported together")


def _forward(name: str, func, inputs, create_graph: bool, transform):
    """What a transformation of ``torch.func`` gives of ``func`` at all inputs."""
    with enable_grad():
        single, values = _leaves(inputs, create_graph)
        one = True

        def called(*values):
            nonlocal one
            one, outputs = _call(name, func, values)
            return outputs

        found = transform(called, tuple(range(len(values))))(*values)
    rows = found if create_graph else [tuple(t.detach() for t in row) for row in found]
    rows = tuple(row[0] for row in rows) if single else tuple(rows)
    return rows[0] if one else rows


def _rows(output: Tensor, values: tuple, create_graph: bool, strict: bool) -> tuple:
    """The Jacobian of one result with respect to each input."""
    made = [[] for _ in values]
    flat = output.reshape(-1)
    for k in range(output.numel()):
        if not output.requires_grad:
            if strict:
                raise RuntimeError(f"Output {k} of the user-provided function is independent of all inputs. "
                                   "This is not allowed in strict mode.")
            found = [None] * len(values)
        else:
            found = grad(flat[k], values, retain_graph=True, create_graph=create_graph, allow_unused=True)
        for i, (x, g) in enumerate(zip(values, found)):
            if g is None and strict:
                raise RuntimeError(
                    f"Output {k} of the user-provided function is independent of input {i}. This is not allowed in strict mode."
                )
            made[i].append(x.new_zeros(x.shape) if g is None else g)
    return tuple(_stack(rows, x).reshape((*output.shape, *x.shape)) for rows, x in zip(made, values))


def _stack(rows: list, x: Tensor) -> Tensor:
    """The rows as one tensor."""
    if not rows:
        return x.new_zeros((0, *x.shape))
    result = x.new_zeros((len(rows), *x.shape))
    for k, row in enumerate(rows):
        result[k] = row
    return result


def hessian(
    func: Callable,
    inputs,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
):
    """The Hessian of ``func``, which gives one number: a tensor of shape ``x.shape + y.shape`` for each pair of inputs."""
    _check_strategy("hessian", outer_jacobian_strategy, strict, vectorize)
    single = isinstance(inputs, Tensor)
    if outer_jacobian_strategy == "forward-mode":
        from ..func import grad as gradient_of
        from ..func import jacfwd

        def gradients(*values):
            return gradient_of(lambda *x: _scalar("hessian", func(*x)), tuple(range(len(values))))(*values)

        found = _forward("hessian", gradients, inputs, create_graph, jacfwd)
        return found[0] if single else found

    def gradient(*values):
        result = _scalar("hessian", func(*values))
        return _gradients("hessian", (result,), values, (None,), True, strict)

    found = jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found[0] if single else found


def vhp(func: Callable, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """``(func(inputs), v @ H)`` for a function that gives one number."""
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def hvp(func: Callable, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """``(func(inputs), H @ v)`` for a function that gives one number; the Hessian is symmetric."""
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def _hessian_product(name: str, func, inputs, v, create_graph: bool, strict: bool):
    with enable_grad():
        single, values = _leaves(inputs, create_graph)
        v = _directions(name, "v", v, values)
        result = _scalar(name, func(*values))
        gradients = _gradients(name, (result,), values, (None,), True, strict)
        found = _gradients(name, gradients, values, v, create_graph, strict)
    return _given(True, (result,), create_graph), _given(single, found, create_graph)


# -- shared ----------------------------------------------------------------------------------------------------------


def _leaves(inputs, create_graph: bool) -> tuple[bool, tuple]:
    """Whether there is one input, and the inputs as tensors to differentiate by."""
    single = not isinstance(inputs, tuple)
    values = (inputs,) if single else inputs
    for i, x in enumerate(values):
        if not isinstance(x, Tensor):
            raise TypeError(
                "The inputs given to the function must be either a Tensor or a tuple of Tensors but the value "
                f"at index {i} has type {type(x)}."
            )
    if create_graph:
        return single, tuple(x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in values)
    return single, tuple(x.detach().requires_grad_() for x in values)


def _call(name: str, func, values: tuple) -> tuple[bool, tuple]:
    """Whether the function gives one tensor, and its results."""
    outputs = func(*values)
    one = not isinstance(outputs, tuple)
    outputs = (outputs,) if one else outputs
    for o in outputs:
        if not isinstance(o, Tensor):
            raise TypeError(
                f"The outputs of the user-provided function given to {name} must be either a Tensor or a tuple of Tensors but "
                f"the given outputs of the user-provided function has type {type(o)}."
            )
    return one, outputs


def _scalar(name: str, output) -> Tensor:
    if not isinstance(output, Tensor):
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if output.numel() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
    return output.reshape(())


def _directions(name: str, argument: str, v, like: tuple) -> tuple:
    """The vectors, checked to be shaped as ``like``."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"The vector {argument} can only be None if the tensors it goes with contain a single element: see {name}.")
        return (like[0].new_ones(like[0].shape),)
    v = v if isinstance(v, tuple) else (v,)
    if len(v) != len(like):
        raise RuntimeError(f"{argument} is a tuple of invalid length: should be {len(like)} but got {len(v)}.")
    for i, (a, b) in enumerate(zip(v, like)):
        if a.shape != b.shape:
            raise RuntimeError(f"Entry {i} in {argument} has invalid size: should be {b.shape} but got {a.shape}.")
    return v


def _gradients(name: str, outputs: tuple, values: tuple, v: tuple, create_graph: bool, strict: bool) -> tuple:
    """Gradients with zeros (an error, if ``strict``) for what does not depend on an input."""
    roots = [(o, g) for o, g in zip(outputs, v) if o.requires_grad]
    found = [None] * len(values)
    if roots:
        found = grad([o for o, _ in roots], values, [g for _, g in roots], retain_graph=True, create_graph=create_graph, allow_unused=True)
    for i, g in enumerate(found):
        if g is None and strict:
            raise RuntimeError(f"{name}: the result of the user-provided function is independent of input {i}. "
                               "This is not allowed in strict mode.")
    return tuple(x.new_zeros(x.shape) if g is None else g for g, x in zip(found, values))


def _given(single: bool, values: tuple, create_graph: bool):
    values = values if create_graph else tuple(v.detach() for v in values)
    return values[0] if single else tuple(values)
