"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..tensor import Tensor


def functional_call(
    module,
    parameter_and_buffer_dicts,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
):
    """Call ``module`` with other tensors in place of its parameters and buffers, which it has back afterwards.

    ``parameter_and_buffer_dicts``: one dictionary from names to tensors, or several, of disjoint names. What is not named stays; a
    name that the module has not is an attribute of it meanwhile.
    ``args`` is one argument or a tuple. ``tie_weights``: names of one tensor are replaced together. ``strict``: exactly the
    module's parameters and buffers must be named. Raises RuntimeError, TypeError or ValueError where that is not so.
    """
    if isinstance(parameter_and_buffer_dicts, dict):
        given = parameter_and_buffer_dicts
    elif isinstance(parameter_and_buffer_dicts, Sequence):
        given = _merged(parameter_and_buffer_dicts)
    else:
        raise ValueError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(parameter_and_buffer_dicts)}"
        )
    positional = () if args is None else args if isinstance(args, tuple) else (args,)
    with _swapped(module, given, tie_weights, strict):
        return module(*positional, **(kwargs or {}))


def _merged(dicts: Sequence) -> dict:
    if not all(isinstance(d, dict) for d in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for d in dicts for name in d]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(
            f"{sorted(repeated)} appeared in multiple dictionaries; behavior of functional call is ambiguous"
        )
    return {name: value for d in dicts for name, value in d.items()}


@contextmanager
def _swapped(module, given: dict, tie_weights: bool, strict: bool):
    """Within the block the module holds the given tensors."""
    places = _places(module)
    _check_names(module, given, places, strict)
    chosen = _tied(given, places) if tie_weights else given
    undo: list = []
    try:
        for name, tensor in chosen.items():
            if name not in places:
                undo.append(_assigned(module, name, tensor))
                continue
            holder, key = places[name]
            undo.append(partial(holder.__setitem__, key, holder[key]))
            holder[key] = tensor
        yield
    finally:
        for restore in reversed(undo):
            restore()


def _assigned(module, name: str, tensor):
    """Set an attribute that is no parameter or buffer (a parametrized tensor, say); gives what takes it back."""
    prefix, _, key = name.rpartition(".")
    if not key:
        raise KeyError("functional_call: a tensor's name cannot be empty")
    owner = module.get_submodule(prefix)
    if not hasattr(owner, key):
        setattr(owner, key, tensor)
        return partial(delattr, owner, key)
    old = getattr(owner, key)
    if not isinstance(old, Tensor):
        raise TypeError(f"functional_call: attribute `{key}` of {type(owner).__name__} is a {type(old).__name__}, not a torch.Tensor")
    setattr(owner, key, tensor)
    return partial(setattr, owner, key, old)


def _places(module) -> dict:
    """For each parameter's and buffer's name, the dictionary that holds it and its key."""
    found = {}
    for prefix, part in module.named_modules(remove_duplicate=False):
        for holder in (part._parameters, part._buffers):
            for key in holder:
                found[f"{prefix}.{key}" if prefix else key] = (holder, key)
    return found


def _check_names(module, given: dict, places: dict, strict: bool) -> None:
    for name, tensor in given.items():
        if not isinstance(tensor, Tensor) and tensor is not None:
            raise TypeError(f"functional_call: {tensor!r} for {name!r} is not an instance of torch.Tensor")
    unexpected = [name for name in given if name not in places]
    if strict:
        missing = [name for name, (holder, key) in places.items() if name not in given and holder[key] is not None]
        if unexpected or missing:
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(module).__name__}: unexpected key(s): {unexpected}, missing key(s): {missing}."
            )


def _tied(given: dict, places: dict) -> dict:
    """The given tensors for every name of the tensors that they replace."""
    names: dict[int, list[str]] = {}
    for name, (holder, key) in places.items():
        if holder[key] is not None:
            names.setdefault(id(holder[key]), []).append(name)
    chosen = dict(given)
    for group in names.values():
        values = [given[name] for name in group if name in given]
        if any(v is not values[0] for v in values):
            raise ValueError(f"functional_call got multiple values for keys {sorted(n for n in group if n in given)}, which are tied. "
                             "Consider using tie_weights=False")  # fmt: skip
        for name in group if values else ():
            chosen[name] = values[0]
    return chosen


def stack_module_state(models) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of modules of one type, stacked, by name: what ``vmap`` needs to run an ensemble.

    The stacked parameters are leaves that require grad where the modules' do. Raises RuntimeError for no modules, for modules of
    several types, or some in training mode and others not.
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(m.named_parameters()) for m in models]
    buffers = [dict(m.named_buffers()) for m in models]
    return _stacked(parameters), _stacked(buffers)


def _stacked(dicts: list[dict]) -> dict:
    from ..ops.joining import stack

    made = {}
    for name in dicts[0]:
        tensors = [d[name] for d in dicts]
        flags = {t.requires_grad for t in tensors}
        if len(flags) > 1:
            raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
        made[name] = stack([t.detach() for t in tensors]).requires_grad_(tensors[0].requires_grad)
    return made


def replace_all_batch_norm_modules_(root):
    """Make every batch normalization in ``root`` forget its running statistics, in place: vmap cannot update what samples share."""
    from .. import nn

    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    for part in root.modules():
        if isinstance(part, kinds):
            part.running_mean = part.running_var = part.num_batches_tracked = None
            part.track_running_stats = False
    return root
