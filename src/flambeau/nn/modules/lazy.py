"""Layers that learn their input's size from the first input."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from ...autograd import no_grad
from ..parameter import is_lazy

__all__ = ["LazyModuleMixin"]

if TYPE_CHECKING:
    from .module import Module as _Base
else:
    _Base = object


class LazyModuleMixin(_Base):
    """For a module with :class:`UninitializedParameter`: the first call gives them their shapes.

    A class lists this before the module's class and defines :meth:`initialize_parameters`. Cast and move such a module first,
    then call it once, then make the optimizer: parameters are drawn at that first call. A lazy module loads the state of one
    that was called, and its own state can be saved before.

    Attributes:
        cls_to_become: the class that the module changes to with the first call; None keeps the class.
    """

    cls_to_become: type | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialize the parameters for what ``forward`` is about to get. Every subclass defines it."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer of this module itself has no shape yet."""
        return any(is_lazy(tensor) for tensor in itertools.chain(self._parameters.values(), self._buffers.values()))

    def _infer_parameters(self, module: Any, args: tuple, kwargs: dict | None = None) -> None:
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        for name, tensor in self._own_state().items():
            destination[prefix + name] = tensor if keep_vars or is_lazy(tensor) else tensor.detach()

    def _lazy_load_hook(self, state_dict: dict, prefix: str, *others: Any) -> None:
        """Give parameters the shapes of the state that is about to be copied into them."""
        for name, own in itertools.chain(self._parameters.items(), self._buffers.items()):
            loaded = state_dict.get(prefix + name)
            if loaded is not None and is_lazy(own) and not is_lazy(loaded):
                with no_grad():
                    own.materialize(loaded.shape)  # type: ignore[union-attr]

    def _replicate_for_data_parallel(self) -> Any:
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. "
            "Run a dummy forward pass to correctly initialize the modules"
        )
