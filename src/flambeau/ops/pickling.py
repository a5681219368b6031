"""Copying and pickling of tensors: memory that is shared stays shared."""

from __future__ import annotations

from ..lazy.spec import spec as make_spec
from ..runtime import devices
from ..runtime.warning import warn
from ..tensor import Tensor, as_subclass, empty_storage, make
from .registry import function
from .storages import UntypedStorage, untyped_storage


def unserializable_hook(hook):
    """Decorator: a hook that may get lost when its tensor is copied or saved, without a warning."""
    hook.__torch_unserializable__ = True
    return hook


def warn_if_has_hooks(tensor: Tensor) -> None:
    """Warn of each hook of a tensor that is copied or saved without it."""
    hooks = tensor._autograd.hooks if tensor._autograd is not None else None
    for hook in hooks.values() if hooks else ():
        if not getattr(hook, "__torch_unserializable__", False):
            warn(f"backward hook {hook!r} on tensor will not be serialized. If this is expected, decorate it with "
                 "torch.utils.hooks.unserializable_hook.")


@function(None, method=True)
def __deepcopy__(self, memo):
    """A leaf with its own memory. Tensors that share a storage share the copy, within one deep copy."""
    import copy

    if id(self) in memo:
        return memo[id(self)]
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
            "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
            "see https://github.com/pytorch/pytorch/pull/103001"
        )
    if self.is_meta:
        copied = empty_storage(self._spec.plain)
    else:
        storage = copy.deepcopy(untyped_storage(self), memo)
        copied = make(storage._storage, self._spec.plain, self._offset)
    if type(self) is not Tensor:
        copied = as_subclass(copied, type(self))
    copied.requires_grad_(self.requires_grad)
    memo[id(self)] = copied
    if self.grad is not None:
        copied.grad = copy.deepcopy(self.grad, memo)
    copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return copied


@function(None, method=True)
def __copy__(self):
    """Another tensor object over the same memory, without hooks."""
    warn_if_has_hooks(self)
    copied = make(self._storage, self._spec.plain, self._offset)
    if type(self) is not Tensor:
        copied = as_subclass(copied, type(self))
    copied.requires_grad_(self.requires_grad)
    copied.__dict__.update(self.__dict__)
    return copied


@function(None, method=True)
def __reduce_ex__(self, protocol):
    """The memory, and how it is seen; neither history nor hooks are kept. Tensors that share a storage share it after loading."""
    warn_if_has_hooks(self)
    if self.is_meta:
        arguments = (None, self.dtype, 0, tuple(self.shape), self.stride(), self.requires_grad)
    else:
        arguments = (untyped_storage(self), self.dtype, self.storage_offset(), tuple(self.shape), self.stride(), self.requires_grad)
    if type(self) is Tensor and not self.__dict__:
        return rebuild_tensor, arguments
    return _rebuild_subclass, (type(self), arguments, dict(self.__dict__))


def rebuild_tensor(storage: UntypedStorage | None, dtype, offset: int, shape, stride, requires_grad: bool = False) -> Tensor:
    """A tensor over ``storage`` (None: on ``meta``); ``offset`` and ``stride`` count elements."""
    if storage is None:
        made = empty_storage(make_spec(tuple(shape), tuple(stride), dtype, devices.meta))
    else:
        made = make(storage._storage, make_spec(tuple(shape), tuple(stride), dtype), offset * dtype.itemsize)
    return made.requires_grad_(requires_grad)


def _rebuild_subclass(cls: type, arguments: tuple, attributes: dict) -> Tensor:
    made = rebuild_tensor(*arguments)
    if cls is not Tensor:
        made = as_subclass(made, cls)
    made.__dict__.update(attributes)
    return made


