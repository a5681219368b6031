"""What operators do with nested tensors of ``layout=torch.jagged``."""

from __future__ import annotations

import builtins
import inspect

from .. import dtypes
from ..ops import NAMESPACES
from ..ops.copying import to
from ..ops.differentiation import backward as _backward
from ..ops.transformed import map_tensors, tensors_in
from ..tensor import Tensor, from_array, wrap_dim
from .handle import POINTWISE, NestedTensor, held, rules_for
from .jagged import JaggedNested, NestedInt, index_tensor, ragged_of_sizes

_torch, _functional = NAMESPACES["torch"], NAMESPACES["nn.functional"]
rule = rules_for(JaggedNested)

# -- between packed and padded -------------------------------------------------------------------------------------------


def padded(x: JaggedNested, value, length: int | None = None) -> Tensor:
    """A dense tensor (batch, length, ...) of the components, filled up with ``value``; the ragged dimension comes second."""
    ragged = x._ragged
    length = ragged.longest if length is None else length
    packed = x._held.movedim(x._axis - 1, 0)
    if not packed.shape[0]:
        return _torch["full"]((ragged.batch, length, *packed.shape[1:]), value, dtype=x.dtype)
    places, inside = ragged.padded_places(length)
    rows = packed.index_select(0, index_tensor(places.reshape(-1))).view(ragged.batch, length, *packed.shape[1:])
    mask = from_array(inside, dtypes.bool_).reshape(ragged.batch, length, *[1] * (packed.ndim - 1))
    return _torch["where"](mask, rows, value).to(x.dtype)


def packed_rows(x: JaggedNested, table: Tensor) -> Tensor:
    """The elements of a (batch, length, ...) tensor that components have, packed."""
    places = x._ragged.rows() * table.shape[1] + x._ragged.columns()
    return table.flatten(0, 1).index_select(0, index_tensor(places))


def without_holes(x: JaggedNested) -> JaggedNested:
    """Packed anew where lengths leave gaps."""
    if x._ragged.lengths is None:
        return x
    return JaggedNested.over(_torch["cat"](list(x.components()), x._axis - 1), ragged_of_sizes(x._ragged.sizes), x._axis)


# -- elementwise ---------------------------------------------------------------------------------------------------------


def pointwise(name: str, func, args, kwargs):
    """An elementwise operator on packed values; NotImplemented for other operators."""
    plain = name.removesuffix("_")
    if plain not in POINTWISE:
        return NotImplemented
    nested = [t for t in tensors_in((args, kwargs)) if isinstance(t, JaggedNested)]
    first = nested[0]
    for other in nested[1:]:
        if not first.same_sizes(other):
            raise RuntimeError(f"cannot call binary pointwise function {plain}.Tensor with inputs of shapes {_shown(first)} "
                               f"and {_shown(other)}")
    highest: JaggedNested = max(nested, key=lambda t: t.dim())
    beneath = map_tensors(lambda t: _aligned(plain, t, highest), (args, kwargs))
    if plain == "dropout":
        func = _functional["dropout"]
    result = func(*beneath[0], **beneath[1])
    return args[0] if name.endswith("_") else highest.with_values(result)


def _shown(x) -> str:
    return f"({', '.join(map(str, x.shape))})"


def _aligned(name: str, t: Tensor, like: JaggedNested) -> Tensor:
    """What pairs with the packed values of ``like``."""
    if isinstance(t, NestedTensor):
        return t._held
    if t.dim() < like.dim():
        covered = t.dim() - (like.dim() - like._axis)
        if covered >= 0 and t.shape[covered] != 1:
            raise RuntimeError(f"cannot call binary pointwise function {name}.Tensor with inputs of shapes {_shown(like)} and "
                               f"{tuple(t.shape)}")
        return t
    if t.dim() > like.dim():
        raise RuntimeError(f"cannot call binary pointwise function {name}.Tensor with inputs of shapes {_shown(like)} and {tuple(t.shape)}")
    if t.shape[0] == 1 and t.shape[like._axis] == 1:
        return t.squeeze(0)
    t = t.movedim(like._axis, 1)
    if t.shape[1] == 1:
        rows = t.squeeze(1).expand(like._ragged.batch, *t.shape[2:]).index_select(0, index_tensor(like._ragged.rows()))
    elif t.shape[1] >= like._ragged.longest and t.shape[0] == like._ragged.batch:
        rows = packed_rows(like, t)
    else:
        raise RuntimeError(f"cannot call binary pointwise function {name}.Tensor with inputs of shapes {_shown(like)} and {tuple(t.shape)}")
    return rows.movedim(0, like._axis - 1)


def _on_values(name: str, function):
    @rule(name)
    def apply(input, *args, **kwargs):
        return input.with_values(function(input._held, *args, **kwargs))


for _name in ("clone", "detach", "zeros_like", "ones_like", "rand_like", "randn_like", "empty_like", "full_like", "alias", "dropout"):
    _on_values(_name, _functional[_name] if _name == "dropout" else getattr(Tensor, _name, None) or _torch.get(_name))
_on_values("to", to)


def _in_place(name: str, writer):
    @rule(name)
    def write(input, *args, **kwargs):
        writer(input._held, *held(args), **held(kwargs))
        return input


for _name in ("fill_", "zero_", "copy_", "relu_"):
    _in_place(_name, getattr(Tensor, _name, None) or _torch[_name])


@rule("contiguous")
def contiguous(self, memory_format=None):
    """The tensor itself where its components lie one after the other, else a copy that does."""
    if self.is_contiguous():
        return self
    tight = without_holes(self)
    return tight.with_values(tight._held.contiguous())


@rule("requires_grad_")
def requires_grad_(self, requires_grad=True):
    """Ask for gradients with respect to this leaf's values."""
    return self.requires_grad_(requires_grad)


@rule("backward")
def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Gradients of the leaves, from a nested gradient of this tensor."""
    _backward(self._held, None if gradient is None else held(gradient), retain_graph, create_graph, held(inputs))


# -- components and views ------------------------------------------------------------------------------------------------


def _inner(name: str, input: JaggedNested, dim: int, *, ragged: bool = False) -> int:
    """The dimension of the values for one of the whole; RuntimeError for the batch, and for the ragged one unless allowed."""
    d = wrap_dim(dim, input.dim())
    if not d or (d == input._axis and not ragged):
        raise RuntimeError(f"{name}(): not supported for NestedTensor on dim={d}")
    return d - 1


@rule("unbind")
def unbind(input, dim=0):
    """The components."""
    if wrap_dim(dim, input.dim()):
        raise RuntimeError("unbind(): only supported for NestedTensor on dim=0")
    return input.components()


@rule("select")
def select(input, dim, index):
    """One component, or the elements at ``index`` of a dimension that is not ragged."""
    if not wrap_dim(dim, input.dim()):
        return input.components()[index]
    d = _inner("select", input, dim)
    return JaggedNested.over(input._held.select(d, index), input._ragged, input._axis - (d + 1 < input._axis))


@rule("__getitem__", "getitem")
def getitem(self, index):
    """A component, or part of one; behind ``...`` or ``:, :`` positions of dimensions that are not ragged."""
    index = index if isinstance(index, tuple) else (index,)
    if isinstance(index[0], builtins.int):
        found = select(self, 0, index[0])
        return found[index[1:]] if index[1:] else found
    if Ellipsis in index:
        at = index.index(Ellipsis)
        index = (*index[:at], *[slice(None)] * (self.dim() - len(index) + 1), *index[at + 1:])
    whole = [i == slice(None) for i in index]
    if not whole[0] or not all(isinstance(i, builtins.int | slice) for i in index):
        raise RuntimeError("slice(): not supported for NestedTensor on dim=0")
    if len(index) > self._axis and not whole[self._axis]:
        raise RuntimeError(f"slice(): not supported for NestedTensor on dim={self._axis}")
    gone = sum_(isinstance(i, builtins.int) for i in index[:self._axis])
    return JaggedNested.over(self._held[index[1:]] if index[1:] else self._held, self._ragged, self._axis - gone)


sum_ = builtins.sum


@rule("narrow")
def narrow(input, dim, start, length):
    """Positions of a dimension that is not ragged."""
    return input.with_values(input._held.narrow(_inner("narrow", input, dim), start, length))


def _pieces(name: str):
    @rule(name)
    def apply(input, sizes, dim=0):
        d = _inner(name, input, dim)
        return tuple(input.with_values(p) for p in getattr(input._held, name)(sizes, d))


for _name in ("chunk", "split", "split_with_sizes", "tensor_split"):
    _pieces(_name)


@rule("transpose", "swapaxes", "swapdims")
def transpose(input, dim0, dim1):
    """Two dimensions exchanged, neither of them the batch; the ragged one goes along."""
    a, b = wrap_dim(dim0, input.dim()), wrap_dim(dim1, input.dim())
    if a == b:
        return input
    if 0 in (a, b):
        raise ValueError("Transpose is not supported on the batch dimension for jagged NT")
    axis = b if input._axis == a else a if input._axis == b else input._axis
    return JaggedNested.over(input._held.transpose(a - 1, b - 1), input._ragged, axis)


@rule("permute")
def permute(input, *dims):
    """Dimensions in another order; the batch stays first."""
    order = [wrap_dim(d, input.dim()) for d in (dims[0] if isinstance(dims[0], tuple | list) else dims)]
    if order[0]:
        raise ValueError("Permute is not supported on the batch dimension for jagged NT")
    return JaggedNested.over(input._held.permute([d - 1 for d in order[1:]]), input._ragged, order.index(input._axis))


@rule("unsqueeze")
def unsqueeze(input, dim):
    """A dimension of size 1 more, not before the batch."""
    d = dim + input.dim() + 1 if dim < 0 else dim
    if not d:
        raise RuntimeError("unsqueeze(): not supported for NestedTensor on dim=0")
    return JaggedNested.over(input._held.unsqueeze(d - 1), input._ragged, input._axis + (d <= input._axis))


@rule("squeeze")
def squeeze(input, dim=None):
    """Without a dimension of size 1."""
    if dim is None:
        raise RuntimeError("squeeze(): flambeau needs a dim for nested tensors")
    d = _inner("squeeze", input, dim)
    gone = input._held.shape[d] == 1 and d + 1 < input._axis
    return JaggedNested.over(input._held.squeeze(d), input._ragged, input._axis - gone)


@rule("view", "reshape", "view_as", "reshape_as")
def view(input, *shape):
    """Other sizes of the dimensions that are not ragged: ``(B, -1, ...)`` or with the ragged size from ``shape``."""
    sizes = list(shape[0].shape if isinstance(shape[0], Tensor) else shape[0] if isinstance(shape[0], tuple | list) else shape)
    symbol = [i for i, s in enumerate(sizes) if isinstance(s, NestedInt)]
    free = [i for i, s in enumerate(sizes) if not isinstance(s, NestedInt) and s == -1]
    if symbol and sizes[symbol[0]] != input._ragged.symbol or sizes[0] not in (-1, input._ragged.batch) or not (symbol or free):
        raise RuntimeError(f"view(): cannot view shape {_shown(input)} as {sizes}")
    axis = symbol[0] if symbol else next((i for i in free if i), 0)
    inner = [input._held.shape[input._axis - 1] if i == axis else s for i, s in enumerate(sizes)][1:]
    return JaggedNested.over(input._held.reshape(inner), input._ragged, axis)


@rule("unflatten")
def unflatten(input, dim, sizes):
    """A dimension that is not ragged as several."""
    d = _inner("unflatten", input, dim)
    return JaggedNested.over(input._held.unflatten(d, sizes), input._ragged, input._axis + (len(sizes) - 1) * (d + 1 < input._axis))


@rule("flatten")
def flatten(input, start_dim=0, end_dim=-1):
    """Several dimensions as one; the ragged one is not among them."""
    first, last = wrap_dim(start_dim, input.dim()), wrap_dim(end_dim, input.dim())
    if first == last:
        return input
    if not first or first <= input._axis <= last:
        raise RuntimeError("flatten(): not supported for NestedTensor on ragged dim")
    return JaggedNested.over(input._held.flatten(first - 1, last - 1), input._ragged, input._axis - (last - first) * (last < input._axis))


@rule("cat", "concat", "concatenate")
def cat(tensors, dim=0):
    """Joined along a dimension that is not ragged, of tensors with the same offsets."""
    first = next(t for t in tensors if isinstance(t, JaggedNested))
    d = _inner("cat", first, dim)
    for t in tensors:
        if not isinstance(t, JaggedNested) or not first.same_sizes(t):
            raise RuntimeError("cat(): expected nested tensors with the same offsets")
    return first.with_values(_torch["cat"]([t._held for t in tensors], d))


@rule("to_padded_tensor")
def to_padded_tensor(input, padding, output_size=None):
    """A dense tensor of the components, filled up with ``padding`` (or cut) to the longest or to ``output_size``."""
    if input._ragged.lengths is not None:
        raise RuntimeError("to_padded_tensor(): not supported for nested tensors with holes")
    length = None if output_size is None else output_size[input._axis]
    return padded(input, padding, length).movedim(1, input._axis)


# -- products, normalization, softmax ------------------------------------------------------------------------------------


@rule("linear")
def linear(input, weight, bias=None):
    """``input @ weight.T + bias`` along the last dimension, in one product."""
    _inner("linear", input, -1)
    return input.with_values(_functional["linear"](input._held, weight, bias))


@rule("matmul", "bmm", "__matmul__")
def matmul(input, other):
    """Nested by dense matrices."""
    wrong = not isinstance(input, JaggedNested) or isinstance(other, NestedTensor) or input._axis == input.dim() - 1
    if wrong or other.dim() > 2:
        raise RuntimeError(f"matmul(): not supported between inputs of shapes {_shown(input)} and {other.shape}")
    return input.with_values(input._held @ other)


@rule("layer_norm", "rms_norm")
def layer_norm(input, normalized_shape, *args, **kwargs):
    """Normalized over last dimensions, none of them ragged."""
    return _normalized("layer_norm", input, normalized_shape, args, kwargs)


@rule("rms_norm")
def rms_norm(input, normalized_shape, *args, **kwargs):
    """Scaled to a mean square of one over last dimensions, none of them ragged."""
    return _normalized("rms_norm", input, normalized_shape, args, kwargs)


def _normalized(name: str, input, normalized_shape, args, kwargs):
    if input.dim() - len(normalized_shape) <= input._axis:
        raise RuntimeError(f"{name}(): normalizing over ragged dim not supported for nested tensors")
    return input.with_values(_functional[name](input._held, normalized_shape, *args, **kwargs))


@rule("embedding")
def embedding(input, weight, *args, **kwargs):
    """The rows of ``weight`` that the components name."""
    return input.with_values(_functional["embedding"](input._held, weight, *args, **kwargs))


def _softmax(name: str):
    @rule(name)
    def apply(input, dim, *, dtype=None):
        d = wrap_dim(dim, input.dim())
        if not d:
            raise RuntimeError(f"{name}(): not supported when reducing across the batch dimension for NestedTensor")
        if d != input._axis:
            return input.with_values(_torch[name](input._held, d - 1, dtype=dtype))
        table = _torch[name](padded(input, -float("inf")), 1, dtype=dtype)
        return input.with_values(packed_rows(input, table).movedim(0, input._axis - 1))


_softmax("softmax")
_softmax("log_softmax")


@rule("scaled_dot_product_attention")
def attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    """Attention within each component of tensors (B, heads, ragged, size)."""
    if attn_mask is not None:
        raise RuntimeError("scaled_dot_product_attention(): attn_mask is not supported for nested tensors")
    one = _functional["scaled_dot_product_attention"]
    batch = zip(query.components(), key.components(), value.components())
    results = [one(q, k, v, None, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa) for q, k, v in batch]
    return query.with_values(_torch["cat"](results, query._axis - 1))


# -- reductions ----------------------------------------------------------------------------------------------------------

_FILLING = {
    "sum": 0, "mean": 0, "prod": 1, "any": False, "all": True, "amax": -float("inf"), "amin": float("inf"), "max": -float("inf"),
    "min": float("inf"), "argmax": -float("inf"), "argmin": float("inf"), "count_nonzero": 0,
}  # fmt: skip


def _reduction(name: str):
    function = _torch[name]

    @rule(name)
    def reduce(input, dim=None, keepdim=False, **kwargs):
        keep = {} if name == "count_nonzero" else {"keepdim": keepdim}
        if dim is None or dim == ():
            return function(without_holes(input)._held, **kwargs)
        dims = {wrap_dim(d, input.dim()) for d in (dim if isinstance(dim, tuple | list) else (dim,))}
        _check_dims(name, input, dims)
        inner = [d - 1 for d in sorted(dims) if d]
        if input._axis not in dims:
            gone = 0 if keepdim else sum_(d < input._axis for d in dims)
            result = function(input._held, inner if isinstance(dim, tuple | list) else inner[0], **keep, **kwargs)
            return _wrapped(result, input, input._axis - gone)
        if 0 in dims:
            result = function(input._held, inner if len(inner) > 1 else inner[0], **keep, **kwargs)
            return map_tensors(lambda t: t.unsqueeze(0), result) if keepdim else result
        return _along_ragged(name, function, input, keep, kwargs)


def _check_dims(name: str, input: JaggedNested, dims) -> None:
    if input._axis in dims and input._ragged.lengths is not None:
        raise RuntimeError(f"{name}(): reducing across the ragged dimension is not supported for non-contiguous nested tensors with holes")
    if 0 in dims and input._axis not in dims:
        raise RuntimeError(f"{name}(): reducing along the batch dimension but not the ragged dimension is not supported for nested tensors")
    if input._axis in dims and 0 not in dims and len(dims) > 1:
        raise RuntimeError(f"{name}(): reducing along a ragged and non-batch dimension is not supported for nested tensors")


def _wrapped(result, input: JaggedNested, axis: int):
    if isinstance(result, Tensor):
        return JaggedNested.over(result, input._ragged, axis)
    return type(result)(*[JaggedNested.over(r, input._ragged, axis) for r in result])


def _along_ragged(name: str, function, input: JaggedNested, keep, kwargs):
    """One result for each component: padded with what does not matter, then reduced."""
    filling = _FILLING[name]
    if isinstance(filling, float) and not input.dtype.is_floating_point:
        limits = dtypes.iinfo(input.dtype)
        filling = limits.min if filling < 0 else limits.max
    table = padded(input, filling).movedim(1, input._axis)
    if name != "mean":
        return function(table, input._axis, **keep, **kwargs)
    total = _torch["sum"](table, input._axis, **keep, **kwargs)
    lengths = index_tensor(input._ragged.sizes).reshape(-1, *[1] * (total.ndim - 1))
    return total / lengths.to(total.dtype)


for _name in _FILLING:
    if inspect.isroutine(_torch.get(_name)):
        _reduction(_name)
