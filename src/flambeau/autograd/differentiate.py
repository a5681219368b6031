"""``backward`` and ``grad``: what users call to differentiate."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from ..lazy.storage import Storage
from ..runtime.warning import warn_once
from ..tensor import Tensor, make
from .engine import accumulate, execute
from .graph import GradientEdge, edge_of


def backward(
    tensors,
    grad_tensors=None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables=None,
    inputs=None,
) -> None:
    """Add the gradient of ``tensors`` to the ``.grad`` of the leaves that they were computed from.

    Args:
        tensors: a tensor (or a ``GradientEdge``), or a sequence of them.
        grad_tensors: the gradient of some scalar with respect to each; None for a one-element tensor means 1.
        retain_graph: keep what was saved for backward, to pass the graph again. Default: as ``create_graph``.
        create_graph: record backward itself, so that gradients can be differentiated.
        inputs: accumulate into these tensors only.

    Raises RuntimeError where a tensor has no history, more than one element and no gradient given, or a
    gradient of another shape.
    """
    if grad_variables is not None:
        if grad_tensors is not None:
            raise RuntimeError(
                "'grad_tensors' and 'grad_variables' (deprecated) arguments both passed to backward(). Please only use 'grad_tensors'."
            )
        grad_tensors = grad_variables
    if inputs is not None and not isinstance(inputs, (Tensor, GradientEdge)) and len(inputs) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    if create_graph:
        warn_once("backward() with create_graph=True keeps the graph alive through the gradients, which refer to it in a circle. Use "
                  "autograd.grad instead, or set .grad to None afterwards, so that memory is given back.")
    keep = create_graph if retain_graph is None else retain_graph
    outputs = _as_tuple(tensors)
    roots = _root_edges(outputs)
    if grad_tensors is None and inputs is None and len(outputs) == 1:
        execute(roots, [_implicit(outputs[0])], create_graph=create_graph, keep_graph=keep)
        return
    gradients, foreign = _root_gradients(outputs, grad_tensors)
    if inputs is None:
        execute(roots, gradients, create_graph=create_graph, keep_graph=keep, foreign=foreign)
        return
    targets = list(dict.fromkeys([_beneath(x) for x in _as_tuple(inputs)]))
    edges = _input_edges(targets)
    answers = execute(
        roots, gradients, create_graph=create_graph, keep_graph=keep, wanted=_positions(edges), foreign=foreign
    )
    for i, target in enumerate(targets):
        if i in answers:
            accumulate(_leaf_of(target), answers[i], create_graph)


def _leaf_of(target) -> Tensor:
    """The tensor whose ``.grad`` an input of ``backward`` stands for."""
    if not isinstance(target, GradientEdge):
        return target
    leaf = getattr(target.node, "variable", None)
    if leaf is None:
        raise RuntimeError("backward(): a GradientEdge among the inputs must be that of a leaf, whose .grad takes the gradient")
    return leaf


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple:
    """The gradients of ``outputs`` with respect to ``inputs``, one for each input; no ``.grad`` is touched.

    Args:
        grad_outputs: as ``grad_tensors`` of :func:`backward`.
        allow_unused: give None for an input that the outputs do not depend on, instead of an error. Default:
            the value of ``materialize_grads``.
        is_grads_batched: the gradients have one more dimension in front, of as many gradients as there are.
        materialize_grads: give zeros instead of None.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for "
            "other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    outputs, inputs = _as_tuple(outputs), _as_tuple(inputs)
    if not inputs:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    keep = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        return _batched_grad(outputs, inputs, grad_outputs, keep, create_graph, allow_unused, materialize_grads)
    results = None
    if any(isinstance(t, Tensor) and t._spec.override for t in (*outputs, *inputs)):
        results = _through_duals(outputs, inputs, grad_outputs, create_graph)
    if results is None:
        edges = _input_edges(inputs)
        roots = _root_edges(outputs)
        gradients, foreign = _root_gradients(outputs, grad_outputs)
        answers = execute(
            roots, gradients, create_graph=create_graph, keep_graph=keep, wanted=_positions(edges), foreign=foreign
        )
        results = [_above(x, answers.get(i)) for i, x in enumerate(inputs)]
    if materialize_grads:
        return tuple(x.new_zeros(x.shape) if g is None else g for g, x in zip(results, inputs))
    unused = next((i for i, g in enumerate(results) if g is None), None)
    if unused is not None and not allow_unused:
        raise RuntimeError(
            f"The differentiated Tensor at index {unused} appears to not have been used in the graph. Set allow_unused=True "
            "if this is the desired behavior."
        )
    return tuple(results)


def _through_duals(outputs, inputs, grad_outputs, create_graph: bool) -> list | None:
    """The gradients, with their derivatives, of dual tensors; None for others. Set by the operators."""
    return None


def set_through_duals(function) -> None:
    """``function(outputs, inputs, grad_outputs, create_graph)`` differentiates dual tensors, gives None for others."""
    global _through_duals
    _through_duals = function


def _batched_grad(outputs, inputs, grad_outputs, keep: bool, create_graph: bool, allow_unused, materialize: bool) -> tuple:
    """One backward for each slice of the gradients, the answers stacked."""
    batches = _as_tuple(grad_outputs)
    sizes = {g.shape[0] for g in batches}
    if len(sizes) != 1:
        raise ValueError(f"grad: with is_grads_batched all gradients need the same first size, got {sorted(sizes)}")
    (size,) = sizes
    rows = [
        grad(outputs, inputs, [g[i] for g in batches], keep or i + 1 < size, create_graph, True, allow_unused, False, materialize)
        for i in range(size)
    ]
    return tuple(
        None if column[0] is None else _stacked(column) for column in zip(*rows)
    )


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    result = tensors[0].new_empty((len(tensors), *tensors[0].shape))
    for i, t in enumerate(tensors):
        result[i] = t
    return result


def _beneath(x):
    """What the graph knows of an input: of a sparse tensor, its values."""
    return x._held if hasattr(x, "gradient_above") else x


def _above(x, gradient):
    """The gradient of an input, from that of what the graph knows."""
    return x.gradient_above(gradient) if gradient is not None and hasattr(x, "gradient_above") else gradient


def _as_tuple(value) -> tuple:
    if isinstance(value, (Tensor, GradientEdge)):
        return (value,)
    return tuple(value) if value is not None else ()


def _root_edges(outputs: tuple) -> list:
    edges = []
    for i, output in enumerate(outputs):
        if isinstance(output, GradientEdge):
            edges.append((output.node, output.output_nr))
            continue
        if not isinstance(output, Tensor):
            raise TypeError(f"element {i} of tensors is expected to be a Tensor, got {type(output).__name__}")
        edge = edge_of(output)
        if edge is None:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
        edges.append(edge)
    return edges


def _input_edges(inputs: Sequence) -> list:
    edges = []
    for x in inputs:
        if isinstance(x, GradientEdge):
            edges.append((x.node, x.output_nr))
            continue
        if not isinstance(x, Tensor):
            raise TypeError(f"all inputs have to be Tensors or GradientEdges, but got {type(x).__name__}")
        edge = edge_of(x)
        if edge is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        edges.append(edge)
    return edges


def _positions(edges: list) -> dict:
    """The wanted edges, each with its places in the answer."""
    wanted: dict = {}
    for i, edge in enumerate(edges):
        wanted.setdefault(tuple(edge), []).append(i)
    return wanted


def _root_gradients(outputs: tuple, given) -> tuple[list, set]:
    """The gradient that enters at each output, and the storages among them that belong to the caller."""
    if given is None:
        given = (None,) * len(outputs)
    given = _as_tuple(given)
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients")
    gradients, foreign = [], set()
    for i, (output, gradient) in enumerate(zip(outputs, given)):
        if gradient is None:
            gradients.append(_implicit(output))
            continue
        if not isinstance(gradient, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
        if isinstance(output, Tensor):
            _check_gradient(i, output, gradient)
            if gradient.dtype is not output.dtype:
                gradient = gradient.to(output.dtype)
            if hasattr(output, "gradient_beneath"):
                gradient = output.gradient_beneath(gradient)
        if not gradient._spec.override:
            foreign.add(id(gradient._storage))
        gradients.append(gradient)
    return gradients, foreign


def _implicit(output) -> Tensor:
    if isinstance(output, GradientEdge):
        return _implicit_at(output)
    if output._spec.numel != 1:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    if not output._spec.dtype.is_floating_point:
        raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {output.dtype}")
    return _one(output)


def _implicit_at(edge: GradientEdge) -> Tensor:
    """The gradient 1 of an edge, where its node knows that it has a real result of one element."""
    rule = getattr(edge.node, "rule", None)
    spec = rule.results[edge.output_nr][1] if rule is not None else None
    if spec is None or spec.numel != 1 or not spec.dtype.is_floating_point:
        raise RuntimeError("grad can be implicitly created only for scalar outputs: a GradientEdge needs its gradient given")
    return make(Storage(None, 0), spec.plain).new_ones(spec.shape)


_ones: dict = {}


def _one(output: Tensor) -> Tensor:
    """A computed 1 of a one-element shape; made anew when somebody has written to the last one."""
    spec = output._spec
    found = _ones.get(spec)
    if found is None or found._storage.version or found._storage.external is not None:
        found = output.new_ones(output.shape)
        if spec.device.type != "cpu":
            return found
        found._ready()
        _ones[spec] = found
    return found


def _check_gradient(i: int, output: Tensor, gradient: Tensor) -> None:
    if gradient.shape != output.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {gradient.shape} and output[{i}] has a shape of {output.shape}."
        )
    if gradient.dtype.is_complex != output.dtype.is_complex:
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            f"grad_output[{i}] has a dtype of {gradient.dtype} and output[{i}] has a dtype of {output.dtype}."
        )
