"""Parametrizations: parameters that are computed by modules from other parameters.

A module with parametrized tensors gets a class of its own, derived from the one it had, with a property for each such tensor.
The tensors that training changes lie in ``module.parametrizations.<name>``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...autograd import no_grad
from ...tensor import Tensor
from ..modules.container import ModuleDict, ModuleList
from ..modules.module import Module
from ..parameter import Parameter
from ._members import register_tensor

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

# Values computed within `cached()`, by module and name of the tensor; the depth counts nested blocks.
_cache: dict[tuple[Module, str], Any] = {}
_cache_depth = 0


@contextmanager
def cached() -> Iterator[None]:
    """Within the block, compute each parametrized tensor once, when it is first read.

    The values are forgotten at the end of the outermost block. What is assigned to a parametrized tensor inside
    is seen after the block.
    """
    global _cache_depth
    _cache_depth += 1
    try:
        yield
    finally:
        _cache_depth -= 1
        if _cache_depth == 0:
            _cache.clear()


class ParametrizationList(ModuleList):
    """What ``module.parametrizations.<name>`` is: the parametrizations of one tensor, first to last, and what they start from.

    That is ``original`` (a parameter or buffer) or, where the first parametrization's ``right_inverse`` returns a sequence,
    ``original0``, ``original1``, and so on. Calling the list computes the tensor.

    ``modules``: one or more modules; a ``right_inverse`` that some of them have is applied to ``original``, last to first.
    ``unsafe`` leaves out the check that shape and dtype stay. Raises ValueError where they do not, for no modules, and for
    a ``right_inverse`` that gives no tensors.
    """

    original: Tensor
    unsafe: bool

    def __init__(self, modules: Sequence[Module], original: Tensor | Parameter, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            start = self._invert_where_possible(original)
        self.is_tensor = isinstance(start, Tensor)
        if isinstance(start, Tensor):
            self.ntensors = 1
            self._register_one(original, start)
        elif isinstance(start, Sequence):
            self.ntensors = len(start)
            self._register_several(original, start)
        else:
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(start).__name__}"
            )
        if not unsafe:
            _check_unchanged("unparametrized", shape, dtype, "parametrized", self())

    def _invert_where_possible(self, value: Any) -> Any:
        for module in reversed(self):
            if hasattr(module, "right_inverse"):
                try:
                    value = module.right_inverse(value)
                except NotImplementedError:  # the parametrization says that it has no inverse after all
                    pass
        return value

    def _register_one(self, original: Tensor, start: Tensor) -> None:
        if start.dtype != original.dtype:
            raise ValueError(
                "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {start.dtype}"
            )
        # The parameter stays the same object, for the optimizers that already know it.
        _set_data(original, start)
        register_tensor(self, "original", original)

    def _register_several(self, original: Tensor, start: Sequence) -> None:
        for i, tensor in enumerate(start):
            if not isinstance(tensor, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                    f"Got element {i} of the sequence with type {type(tensor).__name__}."
                )
            if isinstance(original, Parameter):
                tensor = Parameter(tensor, original.requires_grad)
            register_tensor(self, f"original{i}", tensor)

    def _originals(self) -> list[Tensor]:
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrizations give ``value``; what assigning to the tensor calls.

        Raises RuntimeError where a parametrization has no ``right_inverse``, ValueError where the result of one does
        not fit the originals.
        """
        with no_grad():
            start: Any = value
            for module in reversed(self):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                start = module.right_inverse(start)
            for old, new in zip(self._originals(), self._checked(start)):
                _set_data(old, new)

    def _checked(self, start: Any) -> Sequence[Tensor]:
        """What ``right_inverse`` gave, as a sequence that fits the originals."""
        if self.is_tensor:
            if not isinstance(start, Tensor):
                raise ValueError(f"`right_inverse` should return a tensor. Got {type(start).__name__}")
            values: Sequence[Any] = [start]
        elif isinstance(start, Sequence):
            values = start
        else:
            raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(start).__name__}.")
        if len(values) != self.ntensors:
            raise ValueError(
                f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got length {len(values)}."
            )
        for i, (old, new) in enumerate(zip(self._originals(), values)):
            if not isinstance(new, Tensor):
                raise ValueError(
                    f"`right_inverse` must return a sequence of tensors. Got element {i} of type {type(new).__name__}"
                )
            if new.dtype != old.dtype:
                raise ValueError(
                    f"Tensor {i} returned by `right_inverse` has dtype {new.dtype} while the original has {old.dtype}"
                )
        return values

    def forward(self) -> Any:
        """Compute the tensor from the originals."""
        first, *others = self
        value = first(*self._originals())
        for module in others:
            value = module(value)
        return value


def _set_data(old: Tensor, new: Tensor) -> None:
    if old is not new:
        old.data = new.detach()


def _check_unchanged(before: str, shape: Any, dtype: Any, after: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(value).__name__}.")
    for what, old, new in (("dtype", dtype, value.dtype), ("shape", shape, value.shape)):
        if old != new:
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, unless the `unsafe` flag is enabled.\n"
                f"{before} {what}: {old}\n{after} {what}: {new}"
            )


# The class of a module with parametrized tensors. Modules share it with their copies, so it is never changed: another set
# of tensors is another class.


def _give_class(module: Module, base: type, names: list[str]) -> None:
    members: dict[str, Any] = {name: _property(name) for name in names}
    members["__getstate__"] = _refuse_to_serialize
    if not hasattr(base, "__deepcopy__"):
        members["__deepcopy__"] = _deepcopy
    members["__module__"] = __name__
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), members)


def _property(name: str) -> property:
    def read(self: Any) -> Tensor:
        if _cache_depth == 0:
            return self.parametrizations[name]()
        key = (self, name)
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def write(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(read, write)


def _refuse_to_serialize(self: Module) -> dict:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(): save that, and load it into a module "
        "with the same parametrizations."
    )


def _deepcopy(self: Module, memo: dict) -> Module:
    copied = self.__new__(type(self))
    memo[id(self)] = copied
    copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return copied


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute the parameter or buffer ``module.<tensor_name>`` by ``parametrization`` from now on, and return ``module``.

    What it was becomes ``module.parametrizations.<tensor_name>.original``. A further parametrization is applied to the result
    of those registered before. If ``parametrization`` has a method ``right_inverse``, it gives the original for the present
    value, and again for every value assigned; it may return a sequence, which ``forward`` then gets as several arguments.

    The parametrization must keep shape and dtype, unless ``unsafe``. Raises ValueError where it does not, or where the
    module has no such tensor.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _append(module, tensor_name, parametrization, unsafe)
    elif tensor_name in module._parameters or tensor_name in module._buffers:
        register = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
        delattr(module, tensor_name)
        _install(module, tensor_name, register)
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'"
        )
    return module


def _install(module: Any, tensor_name: str, parametrizations: ParametrizationList) -> None:
    base = type_before_parametrizations(module)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = parametrizations
    _give_class(module, base, list(module.parametrizations))


def _append(module: Any, tensor_name: str, parametrization: Any, unsafe: bool) -> None:
    parametrizations = module.parametrizations[tensor_name]
    if not unsafe:
        value = getattr(module, tensor_name)
        _check_unchanged(
            f"module.{tensor_name}",
            value.shape,
            value.dtype,
            f"parametrization(module.{tensor_name})",
            parametrization(value),
        )
        if hasattr(parametrization, "right_inverse"):
            _check_inverse(tensor_name, value, parametrization.right_inverse(value))
    parametrizations.append(parametrization)
    parametrizations.unsafe |= unsafe


def _check_inverse(tensor_name: str, value: Tensor, inverse: Any) -> None:
    if not isinstance(inverse, Tensor):
        raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(inverse).__name__}")
    for what in ("dtype", "shape"):
        expected, received = getattr(value, what), getattr(inverse, what)
        if expected != received:
            raise ValueError(
                f"The tensor returned by parametrization.right_inverse must have the same {what} as module.{tensor_name}, "
                f"unless the `unsafe` flag is enabled.\nmodule.{tensor_name}.{what}: {expected}\nreturned {what}: {received}"
            )


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the module has a parametrized tensor, or whether the one of this name is parametrized."""
    parametrizations = module._modules.get("parametrizations")
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make ``module.<tensor_name>`` a plain parameter or buffer again, and return ``module``.

    It keeps the value that the parametrizations give, or with ``leave_parametrized=False`` becomes the original. Raises
    ValueError where the tensor is not parametrized, or where it should become one of several originals.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    owner: Any = module
    parametrizations = owner.parametrizations[tensor_name]
    if not leave_parametrized and not parametrizations.is_tensor:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence "
            "of tensors."
        )
    tensor = _left_behind(module, tensor_name, leave_parametrized)
    base = type_before_parametrizations(module)
    del owner.parametrizations[tensor_name]
    remaining = list(owner.parametrizations)
    if remaining:
        _give_class(module, base, remaining)
    else:
        del owner.parametrizations
        module.__class__ = base
    register_tensor(module, tensor_name, tensor)
    return module


def _left_behind(module: Any, tensor_name: str, leave_parametrized: bool) -> Tensor:
    """The tensor that a module has once its parametrizations are gone."""
    parametrizations = module.parametrizations[tensor_name]
    if not leave_parametrized:
        return parametrizations.original
    with no_grad():
        value = getattr(module, tensor_name)
    if parametrizations.is_tensor:
        _set_data(parametrizations.original, value)
        return parametrizations.original
    trained = any(original.requires_grad for original in parametrizations._originals())
    return Parameter(value) if trained else value


def type_before_parametrizations(module: Module) -> type:
    """Return the class that the module has without its parametrizations."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Let ``to_module`` share the parametrized tensor of this name, or all, with ``from_module``, and return ``to_module``.

    Parametrizations and originals are shared, not copied. A plain tensor of this name that ``to_module`` had is dropped,
    parametrizations of it stay and come first. Raises KeyError for a tensor that is not parametrized.
    """
    if not is_parametrized(from_module):
        return to_module
    source: Any = from_module
    target: Any = to_module
    names = list(source.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        shared = source.parametrizations[name]
        earlier = target.parametrizations[name] if is_parametrized(target, name) else ()
        if name in target._parameters or name in target._buffers:
            delattr(target, name)
        _install(target, name, _sharing(shared, [*earlier, *shared]))
    return to_module


def _sharing(parametrizations: Any, modules: list[Module]) -> ParametrizationList:
    """Another list of parametrizations, with the same originals."""
    other = copy.copy(parametrizations)
    other._parameters = dict(parametrizations._parameters)
    other._buffers = dict(parametrizations._buffers)
    other._modules = {str(i): module for i, module in enumerate(modules)}
    return other
