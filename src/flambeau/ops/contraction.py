"""Sums of products over named dimensions: ``tensordot``, ``einsum``, ``kron``, ``chain_matmul``."""

from __future__ import annotations

from .. import dtypes
from ..lazy.spec import count
from ..runtime.warning import warn_once
from ..tensor import Tensor, wrap_dim
from .matmul import bmm, check_same_dtype, matmul, mm
from .overrides import write_out
from .registry import function
from .reshaping import reshaped
from .views import _expand, diagonal, permute


@function()
def tensordot(a, b, dims=2, out=None):
    """Sum products over ``dims``: the last of ``a`` and first of ``b`` (an int), or the two listed groups of dimensions."""
    left, right = _contracted(a, b, dims)
    for i, j in zip(left, right):
        if a.shape[i] != b.shape[j] and 1 not in (a.shape[i], b.shape[j]):
            raise RuntimeError("contracted dimensions need to match, but first has size "
                               f"{a.shape[i]} in dim {i} and second has size {b.shape[j]} in dim {j}")
    check_same_dtype("tensordot", a.dtype, b.dtype)
    # A dimension of size 1 meets any size: its partner is summed first.
    a_sums = [i for i, j in zip(left, right) if a.shape[i] != 1 and b.shape[j] == 1]
    b_sums = [j for i, j in zip(left, right) if b.shape[j] != 1 and a.shape[i] == 1]
    a = a.sum(tuple(a_sums), keepdim=True, dtype=a.dtype) if a_sums else a
    b = b.sum(tuple(b_sums), keepdim=True, dtype=b.dtype) if b_sums else b
    free_a = [i for i in range(a.ndim) if i not in left]
    free_b = [j for j in range(b.ndim) if j not in right]
    shared = count([a.shape[i] for i in left])
    shape_a, shape_b = [a.shape[i] for i in free_a], [b.shape[j] for j in free_b]
    rows = reshaped(permute(a, (*free_a, *left)), (count(shape_a), shared))
    columns = reshaped(permute(b, (*right, *free_b)), (shared, count(shape_b)))
    result = reshaped(mm(rows, columns), (*shape_a, *shape_b))
    return result if out is None else write_out("tensordot", result, out)


def _contracted(a: Tensor, b: Tensor, dims) -> tuple[list[int], list[int]]:
    """The dimensions of both operands that are summed over, in pairs."""
    if isinstance(dims, Tensor):
        dims = dims.tolist() if dims.numel() > 1 else int(dims.item())
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        return list(range(a.ndim - dims, a.ndim)), list(range(dims))
    first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(first) != len(second):
        raise RuntimeError("both dimension lists should have same length")
    left, right = [wrap_dim(d, a.ndim) for d in first], [wrap_dim(d, b.ndim) for d in second]
    if len(set(left)) != len(left) or len(set(right)) != len(right):
        raise RuntimeError(f"tensordot(): a dimension appears twice in {dims}")
    return left, right


@function(method=True)
def kron(input, other, *, out=None):
    """The Kronecker product: every element of ``input`` times all of ``other``, as blocks. Dtypes are promoted."""
    ndim = max(input.ndim, other.ndim)
    left = (1,) * (ndim - input.ndim) + tuple(input.shape)
    right = (1,) * (ndim - other.ndim) + tuple(other.shape)
    spread = reshaped(input, tuple(s for size in left for s in (size, 1)))
    blocks = reshaped(other, tuple(s for size in right for s in (1, size)))
    result = reshaped(spread * blocks, tuple(p * q for p, q in zip(left, right)))
    return result if out is None else write_out("kron", result, out)


@function()
def chain_matmul(*matrices, out=None):
    """The product of several matrices, in the order that takes least work."""
    if not matrices:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    for x in matrices:
        if x.ndim != 2:
            raise RuntimeError(f"chain_matmul(): Tensor dimension is {x.ndim}, expected 2 instead")
    warn_once("torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use torch.linalg.multi_dot instead, "
              "which accepts a list of two or more tensors rather than multiple parameters.")
    result = matrices[0] if len(matrices) == 1 else multiply_chain(list(matrices))
    return result if out is None else write_out("chain_matmul", result, out)


def multiply_chain(matrices: list[Tensor]) -> Tensor:
    """The product of matrices by the order of least multiplications (dynamic programming: Cormen et al., ch. 15.2)."""
    n = len(matrices)
    sizes = [x.shape[0] for x in matrices] + [matrices[-1].shape[1]]
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            choices = [(cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i][j], split[i][j] = min(choices)

    def product(i: int, j: int) -> Tensor:
        if i == j:
            return matrices[i]
        return matmul(product(i, split[i][j]), product(split[i][j] + 1, j))

    return product(0, n - 1)


# -- einsum ---------------------------------------------------------------------------------------------------------------


@function()
def einsum(equation, *operands):
    """Sum products of ``operands`` by the letters of ``equation`` (``"ij,jk->ik"``; ``...`` for broadcast dimensions).

    Also ``einsum(x, [0, 1], y, [1, 2], [0, 2])``. Pairs are contracted from left to right, each by one product of matrices.
    """
    if not isinstance(equation, str):
        equation, operands = _from_sublists((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not operands:
        raise RuntimeError("einsum(): must provide at least one operand")
    terms, output = _parse(equation, operands)
    sizes = _sizes(terms, operands)
    current, labels = _prepare(operands[0], terms[0])
    for i in range(1, len(operands)):
        later = set(output).union(*terms[i + 1:])
        nxt, other = _prepare(operands[i], terms[i])
        current, labels = _contract(current, labels, nxt, other, later)
    return _finish(current, labels, output, sizes)


def _from_sublists(arguments) -> tuple[str, tuple]:
    """The equation of the form that gives labels as lists of ints."""
    letters = [chr(c) for c in (*range(65, 91), *range(97, 123))]

    def text(labels) -> str:
        for label in labels:
            if label is not Ellipsis and not 0 <= label < 52:
                raise RuntimeError(f"einsum(): subscript {label} is not within the valid range [0, 52)")
        return "".join("..." if label is Ellipsis else letters[label] for label in labels)

    pairs, explicit = len(arguments) // 2, len(arguments) % 2
    operands = tuple(arguments[0:2 * pairs:2])
    equation = ",".join(text(labels) for labels in arguments[1:2 * pairs:2])
    return equation + ("->" + text(arguments[-1]) if explicit else ""), operands


def _parse(equation: str, operands) -> tuple[list[list], list]:
    """Labels of each operand and of the result; broadcast dimensions are labelled -1, -2, ... from the last."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    if len(texts) != len(operands):
        raise RuntimeError(f"einsum(): more operands were provided than specified in the equation ({len(operands)} for "
                           f"{len(texts)} terms in '{equation}')")
    terms = [_labels(text, x.ndim, i) for i, (text, x) in enumerate(zip(texts, operands))]
    broadcast = min([label for term in terms for label in term if isinstance(label, int)], default=0)
    ellipsis = list(range(broadcast, 0))
    if not arrow:
        letters = sorted(label for term in terms for label in term if isinstance(label, str))
        return terms, ellipsis + [c for c in letters if letters.count(c) == 1]
    if right.count("...") > 1 or "." in right.replace("...", "", 1):
        raise RuntimeError("einsum(): found '.' for output that is not part of any ellipsis")
    before, dots, after = right.partition("...")
    output = [*before, *(ellipsis if dots else ()), *after]
    _check_output(output, terms)
    return terms, output


def _check_output(output: list, terms: list[list]) -> None:
    known = {label for term in terms for label in term}
    for label in output:
        if isinstance(label, str) and not label.isalpha():
            raise RuntimeError(f"einsum(): invalid subscript given at the output in the equation: {label!r}")
        if label not in known and isinstance(label, str):
            raise RuntimeError(f"einsum(): output subscript {label} does not appear in the equation for any input operand")
        if output.count(label) > 1:
            raise RuntimeError(f"einsum(): output subscript {label} appears more than once in the output")


def _labels(text: str, ndim: int, i: int) -> list:
    before, dots, after = text.partition("...")
    if "." in before + after:
        raise RuntimeError(f"einsum(): found '.' for operand {i} that is not part of any ellipsis")
    bad = next((c for c in before + after if not (c.isalpha() and c.isascii())), None)
    if bad is not None:
        raise RuntimeError(f"einsum(): invalid subscript given at index {text.index(bad)} in the equation string: {bad!r}, "
                           "subscripts must be in [a-zA-Z]")
    covered = ndim - len(before) - len(after)
    if covered < 0 or (covered and not dots):
        raise RuntimeError(f"einsum(): the number of subscripts in the equation ({len(before) + len(after)}) does not match the number of "
                           f"dimensions ({ndim}) for operand {i}" + ("" if dots else " and no ellipsis was given"))
    return [*before, *range(-covered, 0), *after]


def _sizes(terms: list[list], operands) -> dict:
    sizes: dict = {}
    for i, (term, x) in enumerate(zip(terms, operands)):
        for label, size in zip(term, x.shape):
            old = sizes.setdefault(label, size)
            if old != size and 1 not in (old, size):
                raise RuntimeError(f"einsum(): subscript {label} has size {size} for operand {i} which does not broadcast with previously "
                                   f"seen size {old}")
            sizes[label] = size if old == 1 else old
    return sizes


def _prepare(x: Tensor, term: list) -> tuple[Tensor, list]:
    """An operand with its repeated labels reduced to diagonals."""
    labels = list(term)
    for label in dict.fromkeys(term):
        while labels.count(label) > 1:
            i = labels.index(label)
            j = labels.index(label, i + 1)
            if x.shape[i] != x.shape[j]:
                raise RuntimeError(f"einsum(): subscript {label} is repeated for operand but the sizes don't match, "
                                   f"{x.shape[j]} != {x.shape[i]}")
            x = diagonal(x, 0, i, j)
            labels = [c for k, c in enumerate(labels) if k not in (i, j)] + [label]
    return x, labels


def _drop(x: Tensor, labels: list, kept: set) -> tuple[Tensor, list]:
    """Sum over the labels that nothing else needs."""
    gone = tuple(i for i, label in enumerate(labels) if label not in kept)
    return (x.sum(gone) if gone else x), [label for label in labels if label in kept]


def _contract(a: Tensor, first: list, b: Tensor, second: list, later: set) -> tuple[Tensor, list]:
    """The product of two operands, summed over labels that are not in ``later``."""
    # A shared label of size 1 on one side only broadcasts: it is as if that side did not have it.
    a, first = _without_ones(a, first, b, second)
    b, second = _without_ones(b, second, a, first)
    alike = a.dtype is b.dtype
    a, first = _drop(a, first, later | set(second))
    b, second = _drop(b, second, later | set(first))
    if alike and a.dtype is not b.dtype:  # sums of integers are int64
        a, b = a.to(dtypes.int64), b.to(dtypes.int64)
    batch = [c for c in first if c in second and c in later]
    shared = [c for c in first if c in second and c not in later]
    rows = [c for c in first if c not in second]
    columns = [c for c in second if c not in first]
    size = dict(zip(second, b.shape)) | dict(zip(first, a.shape))

    def arranged(x, labels, *groups):
        x = permute(x, tuple(labels.index(c) for group in groups for c in group))
        return reshaped(x, tuple(count([size[c] for c in group]) for group in groups))

    left = arranged(a, first, batch, rows, shared)
    right = arranged(b, second, batch, shared, columns)
    result = bmm(left, right)
    labels = batch + rows + columns
    return reshaped(result, tuple(size[c] for c in labels)), labels


def _without_ones(x: Tensor, labels: list, other: Tensor, others: list) -> tuple[Tensor, list]:
    ones = [i for i, c in enumerate(labels) if x.shape[i] == 1 and c in others and other.shape[others.index(c)] != 1]
    for i in reversed(ones):
        x = x.select(i, 0)
    return x, [c for i, c in enumerate(labels) if i not in ones]


def _finish(x: Tensor, labels: list, output: list, sizes: dict) -> Tensor:
    x, labels = _drop(x, labels, set(output))
    x = permute(x, tuple(labels.index(c) for c in output)) if labels != output else x
    shape = tuple(sizes[c] for c in output)
    return x if tuple(x.shape) == shape else _expand(x, shape)
