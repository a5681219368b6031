"""What operators do with nested tensors of ``layout=torch.strided``: those that PyTorch has, with its restrictions."""

from __future__ import annotations

import builtins

from ..ops import NAMESPACES
from ..ops.copying import SHORTHANDS, to
from ..ops.differentiation import backward as _backward
from ..tensor import Tensor, wrap_dim
from .handle import held, rules_for
from .strided import StridedNested, largest

_torch, _functional = NAMESPACES["torch"], NAMESPACES["nn.functional"]
rule = rules_for(StridedNested)

# -- elementwise ---------------------------------------------------------------------------------------------------------

_UNARY = ("abs neg negative sgn sqrt tanh sin cos logical_not isinf isnan isposinf isneginf zeros_like ones_like detach clone".split())  # noqa: SIM905
_ACTIVATIONS = ["relu", "gelu", "silu", "dropout"]
_BY_NUMBER = ["eq", "ge", "gt"]


def _on_values(function):
    def apply(input, *args, **kwargs):
        kwargs.pop("memory_format", None)
        return input.with_values(function(input._held, *args, **kwargs))

    return apply


for _name in _UNARY:
    rule(_name)(_on_values(_torch.get(_name) or getattr(Tensor, _name)))
for _name in _ACTIVATIONS:
    rule(_name)(_on_values(_functional[_name]))
rule("to")(_on_values(to))
for _name in SHORTHANDS:
    rule(_name)(_on_values(getattr(Tensor, _name)))


def _pair(name: str, function, input, other):
    """Both operands, packed alike, for a binary operator; RuntimeError where PyTorch refuses them."""
    if not isinstance(other, Tensor) or (other.dim() == 0 and not isinstance(other, StridedNested)):
        return input.with_values(function(input._held, other))
    if not isinstance(input, StridedNested):
        if input.dim() == 0:
            return other.with_values(function(input, other._held))
        raise RuntimeError("Expected both self and other to be nested, but got a non-nested self and nested other")
    if not isinstance(other, StridedNested):
        raise RuntimeError("Expected both self and other to be nested, but got a nested self and non-nested other")
    if not input.same_sizes(other):
        raise RuntimeError(f"{name} does not support broadcasting when given a NestedTensor")
    return input.with_values(function(input._held, other._held))


def _binary(name: str):
    function = _torch[name]
    writer = getattr(Tensor, name + "_")

    @rule(name)
    def apply(input, other, *, alpha=1):
        return _pair(name, function, input, other if alpha == 1 else alpha * other)

    @rule(name + "_")
    def write(input, other, *, alpha=1):
        _pair(name, writer, input, other if alpha == 1 else alpha * other)
        return input


for _name in ("add", "sub", "mul", "div"):
    _binary(_name)


def _by_number(name: str):
    @rule(name)
    def apply(input, other):
        if isinstance(other, Tensor) and other.dim() or not isinstance(input, StridedNested):
            raise RuntimeError(f"{name} does not support nested tensor as other value.")
        return input.with_values(_torch[name](input._held, other))


for _name in _BY_NUMBER:
    _by_number(_name)


def _in_place(name: str, writer):
    @rule(name)
    def write(input, *args, **kwargs):
        writer(input._held, *held(args), **held(kwargs))
        return input


for _name in ("relu_", "fill_", "zero_", "copy_", "gelu_", "silu_"):
    if hasattr(Tensor, _name):
        _in_place(_name, getattr(Tensor, _name))


@rule("masked_fill")
def masked_fill(input, mask, value):
    """``value`` where the nested ``mask`` is true."""
    if not isinstance(mask, StridedNested) or not input.same_sizes(mask):
        raise RuntimeError("masked_fill: expected a nested mask of the sizes of the nested tensor")
    return input.with_values(_torch["masked_fill"](input._held, mask._held, value))


@rule("contiguous")
def contiguous(self, memory_format=None):
    """The tensor itself: components are contiguous always."""
    return self


@rule("requires_grad_")
def requires_grad_(self, requires_grad=True):
    """Ask for gradients with respect to this leaf's values."""
    return self.requires_grad_(requires_grad)


@rule("backward")
def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Gradients of the leaves, from a nested gradient of this tensor."""
    _backward(self._held, None if gradient is None else held(gradient), retain_graph, create_graph, held(inputs))


# -- components ----------------------------------------------------------------------------------------------------------


@rule("unbind")
def unbind(input, dim=0):
    """The components."""
    if wrap_dim(dim, input.dim()):
        raise RuntimeError(f"NestedTensor can only be unbound along dimension 0 got dimension {dim} instead.")
    return input.components()


@rule("select")
def select(input, dim, index):
    """One component, or the elements at ``index`` of a dimension of all components."""
    d = wrap_dim(dim, input.dim())
    if d:
        return input.map(lambda c: c.select(d - 1, index))
    count = len(input._sizes)
    if not -count <= index < count:
        raise IndexError(f"index {index} is out of bounds for dimension 0 with size {count}")
    return input.components()[index]


@rule("__getitem__", "getitem")
def getitem(self, index):
    """A component, or part of one; with ``...`` first, part of each component."""
    first, *rest = index if isinstance(index, tuple) else (index,)
    if first is Ellipsis and all(isinstance(i, builtins.int) for i in rest):
        return self.map(lambda c: c[(Ellipsis, *rest)])
    if not isinstance(first, builtins.int):
        raise self.refusal("slice.Tensor")
    found = select(self, 0, first)
    return found[tuple(rest)] if rest else found


@rule("narrow")
def narrow(input, dim, start, length):
    """Consecutive components; only ``dim=0``."""
    if wrap_dim(dim, input.dim()):
        raise RuntimeError(f"narrow(): only dim=0 supported for nested tensors, but got: {dim}")
    if start + length > len(input._sizes):
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({len(input._sizes)}).")
    return StridedNested.of(input.components()[start:start + length])


@rule("to_padded_tensor")
def to_padded_tensor(input, padding, output_size=None):
    """A dense tensor of the components, each filled up with ``padding`` to the largest sizes or to ``output_size``."""
    fitted = (len(input._sizes), *largest(input._sizes, input.dim() - 1))
    wanted = tuple(output_size) if output_size is not None else fitted
    if len(wanted) != len(fitted):
        raise RuntimeError("Length of output_size does not match NestedTensor dims. Broadcasting is not supported.")
    if any(w < f for w, f in zip(wanted, fitted)):
        raise RuntimeError("Value in output_size is less than NestedTensor padded size. Truncation is not supported.")
    padded = []
    for c in input.components():
        room = [end for size, full in zip(reversed(c.shape), reversed(wanted[1:])) for end in (0, full - size)]
        padded.append(_functional["pad"](c, room, value=padding) if any(room) else c)
    if not padded:
        return _torch["full"](wanted, padding, dtype=input.dtype)
    return _torch["stack"](padded)


@rule("transpose", "swapaxes", "swapdims")
def transpose(input, dim0, dim1):
    """Each component transposed; the batch dimension cannot be."""
    a, b = wrap_dim(dim0, input.dim()), wrap_dim(dim1, input.dim())
    if 0 in (a, b):
        raise RuntimeError("Nested tensor dimension 0 cannot be transposed")
    return input.map(lambda c: c.transpose(a - 1, b - 1))


@rule("view", "reshape")
def view(input, *shape):
    """Each component with other sizes: those given behind the batch's."""
    sizes = shape[0] if isinstance(shape[0], tuple | list) else shape
    if sizes[0] not in (-1, len(input._sizes)):
        raise RuntimeError(f"view: For now nested view cannot change or infer the implicit batch dimension, got {list(sizes)}")
    return input.map(lambda c: c.reshape(tuple(sizes[1:])))


@rule("unsqueeze")
def unsqueeze(input, dim):
    """A dimension of size 1 more in each component."""
    d = wrap_dim(dim, input.dim() + 1)
    if not d:
        raise RuntimeError("unsqueeze(): For nested tensors, unsqueezing dim 0 is not supported")
    return input.map(lambda c: c.unsqueeze(d - 1))


@rule("squeeze")
def squeeze(input, dim=None):
    """Without a dimension that has size 1 in every component."""
    d = 0 if dim is None else wrap_dim(dim, input.dim())
    if not d:
        raise RuntimeError("squeeze(): For nested tensors, the dim of a component must be given")
    return input.map(lambda c: c.squeeze(d - 1)) if all(s[d - 1] == 1 for s in input._sizes) else input


@rule("flatten", "unflatten")
def flatten(input, *args, **kwargs):
    """Raises RuntimeError: there is no shape to change."""
    raise RuntimeError(f"flatten: {input.layout} nested tensors have no sizes to join or part")


@rule("chunk")
def chunk(input, chunks, dim=0):
    """Pieces of the last dimension."""
    if wrap_dim(dim, input.dim()) != input.dim() - 1:
        raise RuntimeError("Chunk for nested tensors is currently only supported for the last dimension.")
    if input.size(-1) % chunks:
        raise RuntimeError("Chunk for nested tensors is only supported for nested tensors with trailing dimension divisible by chunks.")
    pieces = zip(*(c.chunk(chunks, -1) for c in input.components()))
    return tuple(StridedNested.of(p) for p in pieces)


@rule("cat", "concat", "concatenate")
def cat(tensors, dim=0):
    """Batches one after the other (``dim=0``), or the components joined along another dimension."""
    d = wrap_dim(dim, tensors[0].dim())
    parts = [t.components() for t in tensors]
    if not d:
        return StridedNested.of([c for p in parts for c in p])
    return StridedNested.of(_torch["cat"](list(p), d - 1) for p in zip(*parts))


# -- products, softmax, normalization, sums ------------------------------------------------------------------------------


@rule("linear")
def linear(input, weight, bias=None):
    """``component @ weight.T + bias`` of each component, in one product."""
    if input.dim() != 3:
        raise RuntimeError("Linear requires nested_tensor.dim == 3 and input to have dim == 2")
    out = _functional["linear"](input._held.view(-1, input.size(-1)), weight, bias)
    return StridedNested.over(out.reshape(-1), [(*s[:-1], weight.shape[0]) for s in input._sizes])


@rule("matmul", "bmm", "__matmul__")
def matmul(input, other):
    """The products of the components of two nested tensors."""
    nested = [isinstance(t, StridedNested) for t in (input, other)]
    if not all(nested):
        kinds = ["nested" if n else "non-nested" for n in nested]
        raise RuntimeError(f"Expected both to be nested, but got a {kinds[0]} self and {kinds[1]} other")
    if len(input._sizes) != len(other._sizes):
        raise RuntimeError(f"matmul: Expected size for the 1st dimension of 2nd input tensor to be: {len(input._sizes)} but got: "
                           f"{len(other._sizes)}.")
    return StridedNested.of(a @ b for a, b in zip(input.components(), other.components()))


@rule("softmax")
def softmax(input, dim, *, dtype=None):
    """The softmax of each component along a dimension that is not the batch."""
    d = wrap_dim(dim, input.dim())
    if not d:
        raise RuntimeError("Cannot apply softmax across nested dimension 0")
    return input.map(lambda c: _torch["softmax"](c, d - 1, dtype=dtype))


@rule("layer_norm")
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Normalized over the last dimensions, which must have one size; ``weight`` and ``bias`` are needed."""
    if weight is None or bias is None:
        raise ValueError("NestedTensor layer_norm requires weight and bias")
    out = _functional["layer_norm"](input._held.view(-1, *normalized_shape), normalized_shape, weight, bias, eps)
    return input.with_values(out.reshape(-1))


@rule("sum")
def sum(input, dim=None, keepdim=False, *, dtype=None):
    """Sums along the last dimension, which is kept with size 1; nothing else in PyTorch."""
    if dim is None:
        raise input.refusal("sum")
    dims = dim if isinstance(dim, tuple | list) else (dim,)
    if len(dims) != 1:
        raise RuntimeError("NestedTensor only allows reduction of a single dimension for now.")
    d = wrap_dim(dims[0], input.dim())
    if d != input.dim() - 1:
        raise RuntimeError(f"NestedTensor can only be reduced across the last dimension for now got dimension {d} instead.")
    if not keepdim:
        raise RuntimeError("NestedTensor always requires keepdim=True for now.")
    return input.map(lambda c: c.sum(-1, keepdim=True, dtype=dtype))


@rule("embedding")
def embedding(input, weight, *args, **kwargs):
    """The rows of ``weight`` that the components name."""
    rows = _functional["embedding"](input._held, weight, *args, **kwargs)
    return StridedNested.over(rows.reshape(-1), [(*s, weight.shape[1]) for s in input._sizes])
