"""Tensors that carry a mask of which elements count: ``masked_tensor``.

Elementwise operators work on all elements and keep the mask; reductions leave out what is masked; views and selections are taken of
both. Two masked operands must have equal masks. Other operators raise TypeError, as in PyTorch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..ops.registry import NAMESPACES
from ..tensor import Tensor, as_subclass

__all__ = ["MaskedTensor", "as_masked_tensor", "is_masked_tensor", "masked_tensor"]

def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_UNARY = _names("""
    abs absolute acos acosh angle arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh bitwise_not ceil clamp clip
    conj_physical cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 fix floor frac i0 invert isnan lgamma log log10 log1p log2
    logit nan_to_num neg negative pos positive pow rad2deg reciprocal round rsqrt sgn sigmoid sign signbit sin sinc sinh sqrt square
    tan tanh trunc to half float double int long bool bfloat16 type clone detach contiguous ones_like zeros_like empty_like
    full_like requires_grad_
""")
_BINARY = _names("""
    add and arctan2 atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor div divide eq floor_divide
    floordiv fmax fmin fmod ge greater gt le less logaddexp logaddexp2 lt maximum minimum mod mul multiply ne nextafter not_equal or
    radd rdiv remainder rmul rpow rsub rtruediv sub subtract true_divide truediv xor
""")
_BOTH = _names("""
    atleast_1d broadcast_to cat chunk column_stack dsplit dstack expand expand_as flatten getitem hsplit hstack narrow permute ravel
    reshape reshape_as select split squeeze stack t transpose unbind unflatten unfold unsqueeze view view_as vsplit vstack
""")
_REDUCTIONS = _names("""
    amax amin argmax argmin mean norm prod std sum var
""")
_SOFTMAXES = _names("""
    softmax log_softmax softmin
""")
_PLAIN = _names("""
    get size stride dim numel element_size nelement is_floating_point is_complex is_contiguous len backward requires_grad set delete
    register_hook retain_grad storage_offset __len__ dtype shape data_ptr is_signed ndimension hash
""")


def _check(data: Any, mask: Any) -> None:
    if not isinstance(data, Tensor):
        raise TypeError("data must be a Tensor")
    if not isinstance(mask, Tensor):
        raise TypeError("mask must be a Tensor")
    if mask.dtype is not dtypes.bool_:
        raise TypeError("mask must have dtype bool.")
    if data.ndim != mask.ndim:
        raise ValueError("data.dim() must equal mask.dim()")
    if data.shape != mask.shape:
        raise ValueError(f"data.size() must equal mask.size(), got {list(data.shape)} and {list(mask.shape)}")
    if data.dtype.name not in ("float16", "float32", "float64", "bool", "int8", "int16", "int32", "int64"):
        raise TypeError(f"{data.dtype} is not supported in MaskedTensor.")


class MaskedTensor(Tensor):
    """A tensor of data and a bool tensor of which of its elements count. See :func:`masked_tensor`."""

    _mask: Tensor

    @staticmethod
    def __new__(cls: type, data: Tensor, mask: Tensor, requires_grad: bool = False) -> MaskedTensor:
        if is_masked_tensor(data) or is_masked_tensor(mask):
            raise TypeError("data and mask must be plain tensors")
        _check(data, mask)
        warnings.warn("The PyTorch API of MaskedTensors is in prototype stage and will change in the near future.", stacklevel=3)
        return _wrapped(data.detach().requires_grad_(requires_grad), mask)

    def get_data(self) -> Tensor:
        """All elements, also those that do not count."""
        return as_subclass(self, Tensor)

    def get_mask(self) -> Tensor:
        """Which elements count."""
        return self._mask

    def to_tensor(self, value: Any) -> Tensor:
        """The data with ``value`` for what does not count."""
        return self.get_data().masked_fill(~self._mask, value)

    def to_dense(self) -> MaskedTensor:
        """The tensor itself: its layout is dense."""
        return self

    def is_sparse_coo(self) -> bool:
        """False."""
        return False

    is_sparse_csr = is_sparse_coo

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(".numpy() is not supported for tensor subclasses.")

    def tolist(self) -> Any:
        raise RuntimeError(".tolist() is not supported for tensor subclasses, got MaskedTensor")

    def item(self) -> Any:
        return self.get_data().item()

    def __float__(self) -> float:
        return float(self.get_data())

    def __int__(self) -> int:
        return int(self.get_data())

    def __bool__(self) -> bool:
        return bool(self.get_data())

    @property
    def grad(self) -> Any:
        """The gradient, with the same mask."""
        meta = self._autograd
        found = None if meta is None else meta.grad
        return None if found is None else _wrapped(as_subclass(found, Tensor), self._mask)

    @grad.setter
    def grad(self, value: Any) -> None:
        vars(Tensor)["grad"].__set__(self, None if value is None else _data_of(value))

    def __repr__(self, **unused: Any) -> str:
        data, mask = self.get_data().detach(), self._mask
        if self.ndim == 0:
            shown = _word(data.item()) if mask.item() else "--"
            return f"MaskedTensor({shown}, {mask.item()})"
        return "MaskedTensor(\n" + _text(data.tolist(), mask.tolist(), "  ") + "\n)"

    __str__ = __repr__

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", str(func))
        bare = name if name in _PLAIN else name.strip("_")
        rule = next((rule for names, rule in _RULES if bare in names), None)
        if rule is None:
            raise TypeError(f"no implementation found for '{name}' on types that implement __torch_function__: [MaskedTensor]")
        return rule(func, bare, args, kwargs)


def _wrapped(data: Tensor, mask: Tensor) -> MaskedTensor:
    made: Any = as_subclass(data, MaskedTensor)
    made._mask = mask
    return made


def _word(value: Any) -> str:
    return f"{value:8.4f}" if isinstance(value, float) else str(value)


def _text(values: list, mask: list, indent: str) -> str:
    if values and isinstance(values[0], list):
        inner = ",\n".join(_text(v, m, indent + "  ") for v, m in zip(values, mask))
        return f"{indent}[\n{inner}\n{indent}]"
    return f"{indent}[{', '.join(_word(v) if m else '      --' for v, m in zip(values, mask))}]"


def _data_of(value: Any) -> Any:
    if isinstance(value, MaskedTensor):
        return value.get_data()
    return type(value)(_data_of(v) for v in value) if isinstance(value, (list, tuple)) else value


def _mask_of(value: Any) -> Any:
    if isinstance(value, MaskedTensor):
        return value._mask
    return type(value)(_mask_of(v) for v in value) if isinstance(value, (list, tuple)) else value


def _plain(func: Callable, name: str, args: tuple, kwargs: dict) -> Any:
    return func(*_data_of(args), **kwargs)


def _unary(func: Callable, name: str, args: tuple, kwargs: dict) -> Any:
    result = func(*_data_of(args), **kwargs)
    return args[0] if result is None else _wrapped(result, args[0]._mask)


def _binary(func: Callable, name: str, args: tuple, kwargs: dict) -> Any:
    masks = [a._mask for a in args[:2] if isinstance(a, MaskedTensor)]
    if len(masks) == 2 and (masks[0].shape != masks[1].shape or not bool((masks[0] == masks[1]).all())):
        raise ValueError("Input masks must match. If you need support for this, please open an issue on Github.")
    result = func(*_data_of(args), **kwargs)
    return _wrapped(result, masks[0].expand(result.shape))


def _both(func: Callable, name: str, args: tuple, kwargs: dict) -> Any:
    data, mask = func(*_data_of(args), **kwargs), func(*_mask_of(args), **kwargs)
    if isinstance(data, (tuple, list)):
        return type(data)(_wrapped(d, m) for d, m in zip(data, mask))
    return _wrapped(data, mask)


def _reduction(func: Callable, name: str, args: tuple, kwargs: dict) -> MaskedTensor:
    x, *rest = args
    dim = kwargs.pop("dim", rest[0] if rest and name != "norm" else None)
    keepdim = kwargs.pop("keepdim", rest[1] if len(rest) > 1 and name != "norm" else False)
    reduce = NAMESPACES["masked"][name]
    order = [kwargs.pop("p", kwargs.pop("ord", rest[0] if rest else 2))] if name == "norm" else []
    result = reduce(x.get_data(), *order, dim=dim, keepdim=keepdim, mask=x._mask, **kwargs)
    every = tuple(range(x.ndim)) if dim is None else dim
    return _wrapped(result, x._mask.any(every, keepdim) if x.ndim else x._mask)


def _all(func: Callable, name: str, args: tuple, kwargs: dict) -> MaskedTensor:
    x, *rest = args
    filled = x.get_data().bool() | ~x._mask
    return _wrapped(filled.all(*rest, **kwargs), x._mask.any(*rest, **kwargs))


def _softmax(func: Callable, name: str, args: tuple, kwargs: dict) -> MaskedTensor:
    x, *rest = args
    dim = kwargs.pop("dim", rest[0] if rest else None)
    for unused in ("_stacklevel",):
        kwargs.pop(unused, None)
    return _wrapped(NAMESPACES["masked"][name](x.get_data(), dim, mask=x._mask, **kwargs), x._mask)


def _where(func: Callable, name: str, args: tuple, kwargs: dict) -> MaskedTensor:
    condition, first, second = args
    return _wrapped(func(condition, _data_of(first), _data_of(second)), func(condition, _mask_of(first), _mask_of(second)))


_RULES: tuple[tuple[frozenset, Callable], ...] = (
    (_PLAIN, _plain), (_UNARY, _unary), (_BINARY, _binary), (_BOTH, _both), (_REDUCTIONS, _reduction), (_SOFTMAXES, _softmax),
    (frozenset({"all"}), _all), (frozenset({"where"}), _where),
)  # fmt: skip


def masked_tensor(data: Tensor, mask: Tensor, requires_grad: bool = False) -> MaskedTensor:
    """A tensor of a copy of ``data`` whose elements count where ``mask``, of bool and of the same shape, is true.

    Raises TypeError for what are no plain tensors, another dtype of the mask or one of the data that is not supported; ValueError for
    shapes that differ.
    """
    if isinstance(data, Tensor) and not is_masked_tensor(data):
        data = data.detach().clone()
    if isinstance(mask, Tensor) and not is_masked_tensor(mask):
        mask = mask.clone()
    return MaskedTensor(data, mask, requires_grad)


def as_masked_tensor(data: Tensor, mask: Tensor) -> MaskedTensor:
    """As :func:`masked_tensor`, with the memory and the history of ``data``."""
    _check(data, mask)
    return _wrapped(as_subclass(data, Tensor), mask)


def is_masked_tensor(obj: Any) -> bool:
    """Whether it is a masked tensor."""
    return isinstance(obj, MaskedTensor)
