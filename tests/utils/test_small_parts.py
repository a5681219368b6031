"""Small modules that packages import: futures, configurations, texts of tensors, swapping, devices, helpers of parallel code."""

from __future__ import annotations

import io
import threading

import pytest

import flambeau
from flambeau import futures
from flambeau.utils import cpp_extension, swap_tensors
from flambeau.utils._device import DeviceContext, set_device

torch = pytest.importorskip("torch")


def outcome(call, m):
    try:
        return str(call(m))
    except Exception as error:
        return type(error)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m._utils._flatten_dense_tensors([m.ones(2), m.zeros(2, 2)]),
        lambda m: m._utils._unflatten_dense_tensors(m.arange(6.0), [m.ones(2), m.zeros(2, 2)]),
        lambda m: m._utils._flatten_dense_tensors([]),
        lambda m: m._utils._element_size(m.float64),
        lambda m: m._utils._get_device_index("cuda:1"),
        lambda m: m._utils._get_device_index(3),
        lambda m: m._utils._get_device_index(None),
        lambda m: m._utils._get_device_index(None, optional=True),
        lambda m: m._utils._get_device_index("cpu", allow_cpu=True),
        lambda m: m._utils._get_device_index("cpu"),
        lambda m: m._tensor_str._tensor_str(m.arange(4.0).reshape(2, 2), 7),
        lambda m: m._tensor_str._tensor_str(m.ones(2).bfloat16(), 0),
        lambda m: m._tensor_str._add_suffixes("x", ["a", "b"], 2, False),
        lambda m: m._tensor_str._add_suffixes("x" * 78, ["a", "b"], 2, False),
        lambda m: m._tensor_str._str(m.ones(2)),
        lambda m: m._tensor_str.PRINT_OPTS.precision,
        lambda m: [m.compiler.reset(), m.compiler.cudagraph_mark_step_begin(), m.compiler.is_compiling()],
    ],
)
def test_agrees(call):
    assert outcome(call, flambeau) == outcome(call, torch)


def test_futures():
    def run(m):
        first, log = m.futures.Future(), []
        second = first.then(lambda f: f.value() + 1)
        first.add_done_callback(lambda f: log.append(f.value()))
        before = first.done()
        first.set_result(3)
        failed = m.futures.Future()
        failed.set_exception(ValueError("text"))
        both = [f.wait() for f in m.futures.collect_all([first, second]).wait()]
        found = [before, second.wait(), both, m.futures.wait_all([first, second]), log]
        faults = [
            lambda: first.set_result(1),
            lambda: failed.wait(),
            lambda: failed.value(),
            lambda: failed.set_exception(3),
            lambda: m.futures.Future().value(),
            lambda: m.futures.Future(devices=["cuda:0"]),
        ]
        return found + [outcome(lambda _, fault=fault: fault(), m) for fault in faults]

    assert run(flambeau) == run(torch)


def test_a_future_is_waited_for_in_another_thread():
    future, seen = futures.Future(), []
    waiting = threading.Thread(target=lambda: seen.append(future.wait()))
    waiting.start()
    future.set_result("value")
    waiting.join(10)
    assert seen == ["value"]
    with pytest.raises(ValueError, match="text"):
        futures.collect_all([future, future.then(lambda f: int("text"))]).wait()


def test_swapping():
    def run(m):
        a, b = m.ones(2), m.nn.Parameter(m.zeros(3))
        a.note = "a"
        m.utils.swap_tensors(a, b)
        return [type(a).__name__, type(b).__name__, a.tolist(), b.tolist(), a.requires_grad, b.note, hasattr(a, "note")]

    assert run(flambeau) == run(torch)


def test_the_gradient_follows_a_swapped_leaf():
    a, b = flambeau.ones(2, requires_grad=True), flambeau.zeros(1)
    y = (a * 3).sum()
    swap_tensors(a, b)
    y.backward()
    assert a.grad is None
    assert b.grad.tolist() == [3.0, 3.0]


def test_device_mode():
    with DeviceContext("meta"):
        assert flambeau.empty(2).is_meta
    assert set_device("meta")(flambeau.ones)(2).is_meta
    assert not flambeau.ones(2).is_meta


def test_texts_about_flambeau():
    assert "NumPy" in flambeau.__config__.show()
    assert str(flambeau.get_num_threads()) in flambeau.__config__.parallel_info()


def test_refusals():
    with pytest.raises(NotImplementedError, match="load_inline.*custom_op"):
        cpp_extension.load_inline("name", "source")
    with pytest.raises(RuntimeError, match="Ninja"):
        cpp_extension.verify_ninja_availability()
    with pytest.raises(NotImplementedError, match="SobolEngine"):
        flambeau.quasirandom.SobolEngine(2)
    with pytest.raises(NotImplementedError, match="set_default_backend"):
        flambeau.compiler.set_default_backend("inductor")
    with pytest.raises(NotImplementedError, match="wrap_numpy"):
        flambeau.compiler.wrap_numpy(len)


def test_other_places_of_the_same_things():
    from flambeau.nn import init

    assert flambeau._ops.OpOverload is type(flambeau.ops.aten.add.Tensor)
    assert flambeau._tensor.Tensor is flambeau.Tensor
    assert init._no_grad_uniform_(flambeau.zeros(3), 1.0, 2.0).min() >= 1
    saved = io.BytesIO()
    flambeau.save(flambeau.ones(2), saved)
    assert flambeau.storage._load_from_bytes(saved.getvalue()).tolist() == [1.0, 1.0]
    assert flambeau.nn.modules.transformer._get_activation_fn("gelu") is flambeau.nn.functional.gelu
    assert not isinstance(flambeau.empty(1, device="meta"), flambeau._subclasses.FakeTensor)
    with pytest.raises(NotImplementedError, match="FakeTensorMode"):
        flambeau._subclasses.FakeTensorMode()
    with pytest.raises(NotImplementedError, match="FlopCounterMode"):
        flambeau.utils.flop_counter.FlopCounterMode(display=False)


@pytest.mark.parametrize("differentiable", [True, False])
def test_steps_of_other_people_s_optimizers(differentiable):
    from flambeau.optim.optimizer import Optimizer, ParamsT, _default_to_fused_or_foreach, _use_grad_for_differentiable

    class Plain(Optimizer):
        def __init__(self, params: ParamsT):
            super().__init__(params, {"differentiable": differentiable})

        @_use_grad_for_differentiable
        def step(self, closure=None):
            return flambeau.is_grad_enabled()

    weight = flambeau.ones(1, requires_grad=True)
    assert Plain([weight]).step() is differentiable
    assert _default_to_fused_or_foreach([weight], differentiable) == (False, False)
