"""``beta * input + alpha * product``: addmm, addbmm, baddbmm, addmv and addr, each one instruction."""

from __future__ import annotations

from ..compiler.graph import Param
from ..lazy.spec import count
from ..tensor import Tensor
from . import overrides
from .creation import filled
from .gradient import in_opmath, in_opmath_gradient
from .inplace import publish_inplace
from .matmul import _outer, added, adjoint, bmm, mm, mv
from .operator import Operator, compile_function, operator
from .overrides import _scalar_name
from .promotion import result_type_of
from .registry import export
from .reshaping import reshaped
from .schema import NUMBERS, argument
from .views import _expand, permute

# In a signature, a factor of 1 is None and one of 0 is False: the body leaves them out, as PyTorch does, so that NaN in
# ``input`` is not seen where beta is 0.
_ONE, _ZERO = None, False


def _is_zero(factor) -> bool:
    return factor is False or (isinstance(factor, Param) and factor.kind is bool)


def _scaled(x: Tensor, factor) -> Tensor:
    return x if factor is None else x * factor


class ScaledProduct(Operator):
    """``name(input, first, second, *, beta=1, alpha=1)`` of a product and its gradient ``sides(grad, first, second)``."""

    def __init__(self, name: str, operands: tuple[str, str], product, sides, doc: str):
        first, second = operands
        super().__init__(f"{name}(Tensor input, Tensor {first}, Tensor {second}, *, Scalar beta=1, Scalar alpha=1)", self._sum, opmath=True)
        self.product = product
        self.operands = operands
        self.doc = doc
        self.sides = sides
        self.skips = name != "addr"  # PyTorch reads the vectors of addr even where alpha is 0
        self.gradient_body = self._gradient

    def known(self, values):
        # A bool is what zeros are kept as: True itself must be made a number first.
        return None if values[3] is True or values[4] is True else super().known(values)

    def normalized(self, values) -> tuple:
        tensors = super().normalized(values[:3])
        self.check_dtypes(tensors)
        return (*tensors, self._factor("beta", values[3], tensors[0]), self._factor("alpha", values[4], tensors[0]))

    def _factor(self, name: str, value, input: Tensor):
        if value is _ONE or value is _ZERO or isinstance(value, Param):
            return value
        if value.__class__ not in NUMBERS:
            value = argument(self.name, name, "Scalar", value)
        if isinstance(value, complex) and not input.dtype.is_complex:
            raise RuntimeError(f"For non-complex input tensors, argument {name} must not be a complex number.")
        if isinstance(value, float) and input.dtype.category < 2:
            if self.name == "addr":
                raise RuntimeError(f"For integral input tensors, argument {name} must not be a floating point number.")
            value = int(value)  # the others truncate
        return _ONE if value == 1 else _ZERO if value == 0 else value

    def check_dtypes(self, tensors) -> None:
        if self.name == "addr":  # alone promotes
            return
        input, *factors = tensors
        for x, name in zip(factors, self.operands):
            if x.dtype is not input.dtype:
                raise RuntimeError(f"{self.name}(): self and {name} must have the same dtype, but got {_scalar_name(input.dtype)} and "
                                   f"{_scalar_name(x.dtype)}")

    def _sum(self, input, first, second, beta, alpha):
        product = self.product(first, second)
        start = _expand(input, tuple(product.shape))
        product = filled(product.shape, 0, product.dtype) if _is_zero(alpha) and self.skips else _scaled(product, alpha)
        if not _is_zero(beta):
            start = _scaled(start, beta)
            product = added(start, product) if self.name in ("addmm", "addbmm") else start + product
        whole = product.dtype.category < 2
        result = product.to(result_type_of((input, first, second))) if whole else product  # factors do not promote integers
        return result if self.name == "addr" else result.contiguous()

    def _gradient(self, grad, saved):
        to_input = filled(saved.input.shape, 0, grad.dtype) if _is_zero(saved.beta) else _scaled(grad, _conjugate(saved.beta))
        if _is_zero(saved.alpha):
            return (to_input, *(filled(getattr(saved, name).shape, 0, grad.dtype) for name in self.operands))
        first, second = (getattr(saved, name) for name in self.operands)
        return (to_input, *self.sides(_scaled(grad, _conjugate(saved.alpha)), first, second))


def _conjugate(factor):
    """The conjugate of a factor; a run-time complex number cannot be looked at while tracing."""
    if isinstance(factor, Param) and factor.kind is complex:
        from ..compiler.graph import TraceError
        raise TraceError("the conjugate of a run-time number")
    return factor.conjugate() if isinstance(factor, complex) else factor


_SOURCE = """
def {name}(input, {first}, {second}, *, beta=1, alpha=1, out=None):
    if out is None and beta.__class__ is int and beta == 1 and alpha.__class__ is int and alpha == 1:
        return plain(input, {first}, {second})
    return call(input, {first}, {second}, beta, alpha, out=out)
"""


_METHOD = """
def {name}(input, {first}, {second}, *, beta=1, alpha=1):
    return public(input, {first}, {second}, beta=beta, alpha=alpha)
"""


def _declare(name: str, operands: tuple[str, str], product, sides, doc: str):
    op = ScaledProduct(name, operands, product, sides, doc)
    plain = _plain(op)
    scope = {"plain": plain, "call": op}
    public = compile_function(_SOURCE.format(name=name, first=operands[0], second=operands[1]), name, scope, "ops", doc)
    public.operator = op
    op.function = plain.operator.function = public
    overrides.remember(op)
    export("torch", name, public)
    method = compile_function(_METHOD.format(name=name, first=operands[0], second=operands[1]), name, {"public": public}, "ops", doc)
    method.operator = op
    overrides.offer_as(method, op)
    setattr(Tensor, name, method)
    publish_inplace(op, (name,), "torch").normalized = op.normalized
    return public


def _plain(op: ScaledProduct):
    """The operator without factors: its calls are recorded by the short path."""
    first, second = op.operands

    def body(input, first, second):
        op.check_dtypes((input, first, second))
        return in_opmath(op.body)(input, first, second, _ONE, _ONE)

    made = operator(f"{op.name}(Tensor input, Tensor {first}, Tensor {second})", namespace=None)(body)
    made.gradient(in_opmath_gradient(lambda grad, saved: (grad, *op.sides(grad, *(getattr(saved, name) for name in op.operands)))))
    return made


def _batch_sides(grad, first, second):
    return bmm(grad, adjoint(second)), bmm(adjoint(first), grad)


def _summed_batches(first: Tensor, second: Tensor) -> Tensor:
    """The sum over the batch of products: one product of the batches laid side by side."""
    return mm(_side_by_side(first), _stacked(second)) if _fits(first, second) else bmm(first, second).sum(0)


def _fits(first: Tensor, second: Tensor) -> bool:
    return first.ndim == second.ndim == 3 and first.shape[0] == second.shape[0] and first.shape[2] == second.shape[1]


def _side_by_side(x: Tensor) -> Tensor:
    batch, rows, columns = x.shape
    return reshaped(permute(x, (1, 0, 2)), (rows, batch * columns))


def _stacked(x: Tensor) -> Tensor:
    return reshaped(x, (count(x.shape[:2]), x.shape[2]))


def _summed_sides(grad, first, second):
    spread = _expand(grad, (first.shape[0], *grad.shape))
    return _batch_sides(spread, first, second)


def _outer_product(first: Tensor, second: Tensor) -> Tensor:
    if first.ndim != 1 or second.ndim != 1:
        raise RuntimeError(f"addr: Expected 1-D arguments vec1 and vec2, but got {first.ndim}-D and {second.ndim}-D")
    return _outer(first, second)


addmm = _declare(
    "addmm", ("mat1", "mat2"), mm, lambda grad, a, b: (mm(grad, adjoint(b)), mm(adjoint(a), grad)),
    "``beta * input + alpha * (mat1 @ mat2)``; ``input`` broadcasts to the product. With ``beta`` 0, ``input`` is not read.")
baddbmm = _declare(
    "baddbmm", ("batch1", "batch2"), bmm, _batch_sides,
    "``beta * input + alpha * (batch1 @ batch2)`` of batches of matrices; ``input`` broadcasts to the product.")
addbmm = _declare(
    "addbmm", ("batch1", "batch2"), _summed_batches, _summed_sides,
    "``beta * input + alpha * sum(batch1[i] @ batch2[i])``; ``input`` broadcasts to the product.")
addmv = _declare(
    "addmv", ("mat", "vec"), mv, lambda grad, a, b: (_outer(grad, b.conj()), mv(adjoint(a), grad)),
    "``beta * input + alpha * (mat @ vec)``; ``input`` broadcasts to the product.")
addr = _declare(
    "addr", ("vec1", "vec2"), _outer_product, lambda grad, a, b: (mv(grad, b.conj()), mv(grad.t(), a.conj())),
    "``beta * input + alpha * outer(vec1, vec2)``; ``input`` broadcasts to the product.")
