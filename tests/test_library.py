"""Operators of one's own and ``torch.ops``, against PyTorch."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from typing import Optional, Union

import pytest

import flambeau

torch = pytest.importorskip("torch")


def both(call):
    return [call(m) for m in (flambeau, torch)]


def scaled(m, name="flambeau_test::scaled"):
    """A custom operator with a gradient that no derivation would give: five times the true one."""

    def fn(x, k=2):
        return x.detach() * k

    fn.__annotations__ = {"x": m.Tensor, "k": int, "return": m.Tensor}
    op = m.library.custom_op(name, fn, mutates_args=())
    op.register_fake(lambda x, k=2: m.empty_like(x))

    def setup(ctx, inputs, output):
        ctx.k = inputs[1]
        ctx.save_for_backward(inputs[0])

    def backward(ctx, grad):
        assert ctx.needs_input_grad == (True, False)
        return grad * ctx.k * 5 + 0 * ctx.saved_tensors[0], None

    op.register_autograd(backward, setup_context=setup)
    return op


def test_custom_operator():
    def run(m):
        op = scaled(m)
        x = m.ones(2, requires_grad=True)
        y = op(x, k=3)
        y.sum().backward()
        found = [y.tolist(), x.grad.tolist(), m.ops.flambeau_test.scaled(m.ones(1)).tolist()]
        return found + [tuple(op(m.empty(4, device="meta")).shape), repr(op), str(m.ops.flambeau_test.scaled.default)]

    mine, theirs = both(run)
    assert mine == [[3.0, 3.0], [15.0, 15.0], [2.0], (4,), theirs[4], "flambeau_test.scaled.default"]
    assert mine[:4] == theirs[:4]


def test_without_a_gradient_backward_is_refused():
    def run(m):
        def fn(x):
            return x.detach() * 2

        fn.__annotations__ = {"x": m.Tensor, "return": m.Tensor}
        y = m.library.custom_op("flambeau_test::plain", fn, mutates_args=())(m.ones(2, requires_grad=True))
        assert y.requires_grad
        with pytest.raises(RuntimeError, match="no autograd formula was registered"):
            y.sum().backward()

    both(run)


def test_operators_that_write():
    def run(m):
        def fn(x):
            x.add_(1)

        fn.__annotations__ = {"x": m.Tensor, "return": None}
        x = m.zeros(2)
        m.library.custom_op("flambeau_test::bump", fn, mutates_args={"x"})(x)
        return x.tolist()

    assert run(flambeau) == run(torch) == [1.0, 1.0]


def test_lists_of_tensors_have_gradients():
    def run(m):
        def fn(xs, scale):
            return sum(x.detach() for x in xs) * scale

        fn.__annotations__ = {"xs": Sequence[m.Tensor], "scale": float, "return": m.Tensor}
        op = m.library.custom_op("flambeau_test::total", fn, mutates_args=())
        op.register_autograd(
            lambda ctx, grad: ([grad * i for i in range(2)], None), setup_context=lambda ctx, inputs, output: None
        )
        xs = [m.ones(1, requires_grad=True), m.ones(1, requires_grad=True)]
        op(xs, 2.0).sum().backward()
        return [x.grad.item() for x in xs]

    assert run(flambeau) == run(torch) == [0.0, 1.0]


@pytest.mark.parametrize(
    "fault",
    [
        lambda m: m.library.register_fake("flambeau_test::nothing", lambda x: x),
        lambda m: scaled(m)(3),
        lambda m: m.ops.flambeau_test.no_such_name,
        lambda m: m.ops.aten.no_such_name,
        lambda m: m.ops.load_library("/no/such/file"),
        lambda m: m.library.Library("flambeau_test", "SOMETHING"),
        lambda m: m.library.infer_schema(lambda x: x, mutates_args=()),
    ],
)
def test_errors(fault):
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        fault(torch)
    with pytest.raises(type(theirs.value)):
        fault(flambeau)


def test_a_result_may_not_be_an_argument():
    def same(x: flambeau.Tensor) -> flambeau.Tensor:
        return x

    same.__annotations__ = {"x": flambeau.Tensor, "return": flambeau.Tensor}
    with pytest.raises(RuntimeError, match="may not alias"):
        flambeau.library.custom_op("flambeau_test::same", same, mutates_args=())(flambeau.ones(1))


def test_defined_and_given_computations():
    def run(m):
        m.library.define("flambeau_defined::q", "(Tensor x, int k=1) -> Tensor")
        with pytest.raises(NotImplementedError, match="flambeau_defined::q"):
            m.ops.flambeau_defined.q(m.ones(1))
        m.library.impl("flambeau_defined::q", "cpu", lambda x, k=1: x * 7 + k)
        library = m.library.Library("flambeau_lib", "DEF")
        library.define("w(Tensor x) -> Tensor")
        library.impl("w", lambda x: x.sin(), "CompositeImplicitAutograd")
        x = m.ones(1, requires_grad=True)
        m.ops.flambeau_lib.w(x).backward()
        kept.append(library)  # PyTorch forgets the operators of a library that is collected
        return m.ops.flambeau_defined.q(m.ones(1), k=3).tolist(), round(x.grad.item(), 4)

    kept = []
    assert run(flambeau) == run(torch)


def test_kernels_by_device():
    def fn(x):
        raise AssertionError("for another device")

    fn.__annotations__ = {"x": flambeau.Tensor, "return": flambeau.Tensor}
    op = flambeau.library.custom_op("flambeau_test::elsewhere", fn, mutates_args=(), device_types="cuda")
    with pytest.raises(NotImplementedError, match="CPU"):
        op(flambeau.ones(1))
    op.register_kernel("cpu")(lambda x: x + 2)
    assert op(flambeau.ones(1)).item() == 3.0


def test_schemas():
    def prototype(m):
        def fn(x, k=2, *, b=False, o=None, n=None, ts, li, st="a", d=m.float32, sc=1, lf): ...

        fn.__annotations__ = {
            "x": m.Tensor, "k": int, "b": bool, "o": Optional[m.Tensor], "n": int | None, "ts": Sequence[m.Tensor],  # noqa: UP007, UP045
            "li": list[int], "st": str, "d": m.dtype, "sc": Union[int, float, bool], "lf": Sequence[float],  # noqa: UP007
            "return": tuple[m.Tensor, m.Tensor],
        }  # fmt: skip
        return fn

    for mutates in ((), {"x"}, "unknown"):
        mine, theirs = both(lambda m, mutates=mutates: m.library.infer_schema(prototype(m), mutates_args=mutates))
        assert mine == theirs


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.ops.aten.add(m.ones(1), 2),
        lambda m: m.ops.aten.add.Tensor(m.ones(1), m.ones(1)),
        lambda m: m.ops.aten.slice(m.arange(6), 0, 1, 5, 2),
        lambda m: m.ops.aten._to_copy(m.ones(2), dtype=m.float64),
        lambda m: m.ops.aten.view(m.ones(4), [2, 2]),
        lambda m: m.ops.aten.expand(m.ones(1), [2, 3]),
        lambda m: m.ops.aten.permute(m.ones(2, 3), [1, 0]),
        lambda m: m.ops.aten.sum.dim_IntList(m.ones(2, 3), [1], True),
        lambda m: m.ops.aten.mm.default(m.ones(2, 2), m.ones(2, 2)),
        lambda m: m.ops.aten.convolution(m.ones(1, 1, 4), m.ones(1, 1, 2), None, [1], [0], [1], False, [0], 1),
        lambda m: m.ops.aten._fft_c2c(m.ones(4).to(m.complex64), [0], 2, True),
        lambda m: m.ops.aten.constant_pad_nd(m.ones(2), [1, 1], 3.0),
        lambda m: m.ops.aten.index_put(m.zeros(3), [m.tensor([1])], m.ones(1)),
        lambda m: m.ops.aten.linalg_vector_norm(m.ones(4)),
        lambda m: m.ops.aten._foreach_add([m.ones(1)], 1)[0],
        lambda m: m.ops.aten.sym_size(m.ones(2, 3), 1),
        lambda m: m.ops.aten._local_scalar_dense(m.ones(1)),
        lambda m: [str(m.ops.aten.add), str(m.ops.aten.add.Tensor), m.ops.aten.relu.default.name()],
        lambda m: [m.ops.aten.mm.default.namespace, m.ops.aten.add.Tensor.__name__],
    ],
)
def test_aten(call):
    mine, theirs = both(call)
    assert str(mine) == str(theirs)


def test_operators_are_keys():
    add = flambeau.ops.aten.add
    assert {add.Tensor: 1}[flambeau.ops.aten.add.Tensor] == 1
    assert add.Tensor.overloadpacket is add
    assert pickle.loads(pickle.dumps(add.Tensor)) is add.Tensor
    assert copy.deepcopy(add) is add
    assert not hasattr(add, "no_such_overload")


def test_refusals_name_their_reason():
    for name in ("get_ctx", "get_kernel", "opcheck", "register_vmap", "triton_op", "wrap_triton", "fallthrough_kernel"):
        with pytest.raises(NotImplementedError, match=name):
            getattr(flambeau.library, name)()
