"""Autocast computes what PyTorch's does, in the same dtypes."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

LOWER = [
    "a @ a", "t.mm(a, a)", "a.mm(a)", "t.matmul(a, a)", "t.bmm(a[None], a[None])", "t.addmm(a, a, a)", "t.addbmm(a, a[None], a[None])",
    "t.baddbmm(a[None], a[None], a[None])", "t.linalg.vecdot(a, a)", "t.linalg.multi_dot([a, a, a])", "F.linear(a, a)",
    "F.linear(a, a, a[0])", "F.conv1d(a[None], a[None])", "F.conv2d(a[None, None], a[None, None])",
    "F.conv3d(a[None, None, None], a[None, None, None])", "F.conv_transpose1d(a[None], a[:, :, None])",
    "F.conv_transpose2d(a[None, None], a[None, None], stride=2)", "F.prelu(a, a[0, :1])",
    "F.scaled_dot_product_attention(a[None], a[None], a[None])", "t.einsum('ij,jk->ik', a, a)", "t.inner(a, a)", "t.chain_matmul(a, a)",
    "t.linalg.matrix_power(a, 2)", "t.cov(a)", "F.multi_head_attention_forward(a, a, a, 3, 1, t.ones(9, 3), None, None, None, False, 0., "
    "a, None)[0]",
]  # fmt: skip
FULL = [
    "t.prod(a)", "a.prod(0)", "t.cdist(a, a)", "t.trace(a)", "t.inverse(a)", "t.linalg.inv(a)", "t.linalg.solve(a, a)", "t.linalg.qr(a)",
    "t.linalg.svdvals(a)", "t.linalg.cond(a)", "t.linalg.matrix_rank(a)", "t.quantile(a, 0.3)", "t.polar(a, a)", "t.fft.rfft(a)",
    "F.mse_loss(a, a + 1)", "F.l1_loss(a, a + 1)", "F.smooth_l1_loss(a, a + 1)", "F.huber_loss(a, a + 1)", "F.kl_div(a, a)",
    "F.binary_cross_entropy(a.sigmoid(), a.sigmoid())", "F.binary_cross_entropy_with_logits(a, a.sigmoid())",
    "F.cross_entropy(a, t.tensor([0, 1, 2]))", "F.nll_loss(a, t.tensor([0, 1, 2]))", "F.soft_margin_loss(a, a)",
    "F.poisson_nll_loss(a, a)", "F.hinge_embedding_loss(a, a.sign())", "F.margin_ranking_loss(a, a + 1, a.sign())",
    "F.cosine_embedding_loss(a, a + 1, a[0].sign())", "F.triplet_margin_loss(a, a + 1, a * 2)",
    "F.multi_margin_loss(a, t.tensor([0, 1, 2]))",
    "F.avg_pool3d(a[None, None, None], 1)", "F.max_pool3d(a[None, None, None], 1)", "F.adaptive_avg_pool3d(a[None, None, None], 1)",
    "F.pad(a[None], (1, 1), 'reflect')", "F.pad(a[None], (1, 1), 'replicate')", "t.stft(a[0], 2, window=t.ones(2), return_complex=True)",
]  # fmt: skip
OTHERS = [
    "a + a", "a.exp()", "a.sum()", "F.softmax(a, 0)", "F.layer_norm(a, (3,))", "F.relu(a)", "t.mv(a, a[0])", "t.dot(a[0], a[0])",
    "t.outer(a[0], a[0])", "t.addmv(a[0], a, a[0])", "F.pad(a, (1, 1))", "F.max_pool2d(a[None], 2)", "F.avg_pool2d(a[None], 2)",
    "t.matmul(a, a, out=t.empty_like(a))", "a.clone().addmm_(a, a)", "t.linalg.norm(a)", "t.linalg.vector_norm(a)",
    "a.double() @ a.double()",
    "t.cat([a, a.float()])", "t.stack([a.bfloat16(), a.float()])", "t.cat([a, a])", "t.index_copy(a, 0, t.tensor([0]), a[:1] + 1)",
    "a.to(t.int64) @ a.to(t.int64)", "F.embedding(t.tensor([0, 1]), a)", "F.gelu(a)", "a.mean()", "F.group_norm(a[None], 1)",
]  # fmt: skip


@pytest.fixture(autouse=True)
def no_autocast_is_left_on():
    yield
    assert not flambeau.is_autocast_cpu_enabled()
    assert flambeau.get_autocast_dtype("cpu") is flambeau.bfloat16


def matrix(library, dtype: str):
    data = [[1.5, -0.25, 0.5], [0.75, 2.0, -1.0], [-0.5, 0.25, 1.0]]
    return library.tensor(data, dtype=getattr(library, dtype))


def tensors(value) -> list:
    if isinstance(value, (tuple, list)):
        return [tensor for part in value for tensor in tensors(part)]
    return [] if value is None else [value]


def assert_equal(ours, theirs, tolerance: float = 2e-2) -> None:
    for mine, wanted in zip(tensors(ours), tensors(theirs), strict=True):
        assert str(mine.dtype) == str(wanted.dtype)
        complex_numbers = wanted.is_complex()
        mine, wanted = [(x.detach().abs() if complex_numbers else x.detach().double().abs()).numpy() for x in (mine, wanted)]
        np.testing.assert_allclose(mine, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("given", ["float32", "bfloat16"])
@pytest.mark.parametrize("call", LOWER + FULL + OTHERS)
def test_each_operator_computes_in_pytorch_s_dtype(call, given):
    """Twice, since a signature that is known takes another path."""
    for _ in range(2):
        results = []
        for library in (torch, flambeau):
            names = {"t": library, "F": library.nn.functional, "a": matrix(library, given)}
            with library.autocast("cpu"):
                try:
                    results.append(eval(call, names))
                except Exception as error:
                    results.append(type(error))
        if isinstance(results[0], type):
            assert isinstance(results[1], type) or given == "bfloat16"
        else:
            assert_equal(results[1], results[0])


@pytest.mark.parametrize("call", LOWER)
def test_nothing_changes_outside(call):
    a = matrix(flambeau, "float32")
    names = {"t": flambeau, "F": flambeau.nn.functional, "a": a}
    before = eval(call, names)
    with flambeau.autocast("cpu"):
        assert eval(call, names).dtype is flambeau.bfloat16
    after = eval(call, names)
    assert after.dtype is before.dtype is flambeau.float32
    assert flambeau.equal(before, after)


def test_known_signatures_do_not_pass_by():
    """A signature seen inside other operators, or with ``out``, is not taken for one that autocast let through."""
    a = matrix(flambeau, "float32")
    with flambeau.autocast("cpu"):
        for _ in range(3):
            flambeau.mv(a, a[0]), flambeau.mm(a, a, out=flambeau.empty(3, 3)), flambeau.nn.functional.bilinear(a, a, a[None])
            assert flambeau.mm(a, a).dtype is flambeau.bfloat16


def test_blocks_nest():
    for library in (torch, flambeau):
        a = matrix(library, "float32")
        with library.autocast("cpu"):
            with library.autocast("cpu", enabled=False):
                assert (a @ a).dtype is library.float32
                assert not library.is_autocast_enabled("cpu")
                with library.autocast("cpu", dtype=library.float16):
                    assert (a @ a).dtype is library.float16
                    assert library.get_autocast_dtype("cpu") is library.float16
            assert (a @ a).dtype is library.bfloat16
            assert library.is_autocast_cpu_enabled()
        assert (a @ a).dtype is library.float32


def test_as_a_decorator():
    for library in (torch, flambeau):
        a = matrix(library, "float32")

        @library.autocast("cpu")
        def product(x):
            """Square."""
            return x @ x

        assert product(a).dtype is library.bfloat16
        assert product.__doc__ == "Square."
        assert (a @ a).dtype is library.float32


def test_an_error_ends_the_block():
    a = matrix(flambeau, "float32")
    with pytest.raises(ZeroDivisionError), flambeau.autocast("cpu"):
        1 / 0
    assert (a @ a).dtype is flambeau.float32


def test_a_model_learns_as_in_pytorch():
    gradients = []
    for library in (torch, flambeau):
        library.manual_seed(0)
        model = library.nn.Sequential(library.nn.Linear(6, 8), library.nn.LayerNorm(8), library.nn.GELU(), library.nn.Linear(8, 3))
        optimizer = library.optim.SGD(model.parameters(), lr=0.1)
        x = library.linspace(-1, 1, 24).reshape(4, 6)
        for _ in range(3):
            optimizer.zero_grad()
            with library.autocast("cpu"):
                output = model(x)
                loss = library.nn.functional.cross_entropy(output, library.tensor([0, 1, 2, 0]))
            assert output.dtype is library.bfloat16 and loss.dtype is library.float32
            loss.backward()
            optimizer.step()
        gradients.append([p.grad for p in model.parameters()] + [loss])
        assert all(p.grad.dtype is library.float32 for p in model.parameters())
    assert_equal(gradients[1], gradients[0], tolerance=3e-2)


def test_backward_within_the_block():
    weight = matrix(flambeau, "float32").requires_grad_()
    for _ in range(2):
        with flambeau.autocast("cpu"):
            (weight @ weight).sum().backward()
        assert weight.grad.dtype is flambeau.float32
    plain = matrix(flambeau, "float32").requires_grad_()
    (plain @ plain).sum().backward()
    assert plain.grad.dtype is flambeau.float32
    np.testing.assert_allclose(weight.grad.numpy(), 2 * plain.grad.numpy(), rtol=2e-2)


def test_copies_of_weights_are_kept_until_the_end():
    from flambeau.ops import autocast

    weight = flambeau.nn.Parameter(matrix(flambeau, "float32"))
    with flambeau.autocast("cpu"):
        first = weight @ weight
        assert len(autocast._state.copies) == 1
        with flambeau.no_grad():
            weight.mul_(2)
        assert flambeau.equal(weight @ weight, first * 4)
        with flambeau.autocast("cpu", cache_enabled=False):
            assert not flambeau.is_autocast_cache_enabled()
        flambeau.clear_autocast_cache()
        assert not autocast._state.copies
        weight @ weight
    assert not autocast._state.copies


def test_other_threads_compute_as_ever():
    a, found = matrix(flambeau, "float32"), []
    with flambeau.autocast("cpu"):
        thread = threading.Thread(target=lambda: found.extend(((a @ a).dtype, flambeau.is_autocast_cpu_enabled())))
        thread.start()
        thread.join()
        assert (a @ a).dtype is flambeau.bfloat16
    assert found == [flambeau.float32, False]


def test_modes_and_subclasses_see_the_call():
    seen = []

    class Watch(flambeau.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(func)
            return func(*args, **(kwargs or {}))

    a = matrix(flambeau, "float32")
    with flambeau.autocast("cpu"):
        assert not flambeau.overrides.has_torch_function((a,))
        with Watch():
            assert flambeau.mm(a, a).dtype is flambeau.bfloat16
        assert (a + a).dtype is flambeau.float32
    assert seen[0] is flambeau.mm


@pytest.mark.parametrize(
    "call",
    ["LSTM(4, 6)", "LSTM(4, 6, 2, bidirectional=True)", "GRU(4, 6)", "RNN(4, 6)", "LSTMCell(4, 6)", "GRUCell(4, 6)", "RNNCell(4, 6)"],
)
def test_recurrent_layers(call):
    results = []
    for library in (torch, flambeau):
        library.manual_seed(0)
        layer = eval(f"nn.{call}", {"nn": library.nn})
        x = library.linspace(-1, 1, 24).reshape((6, 4) if "Cell" in call else (3, 2, 4))
        with library.autocast("cpu"):
            results.append(layer(x))
    assert_equal(results[1], results[0], tolerance=5e-2)


WRONG = [
    "t.autocast('foo')", "t.autocast(t.device('cpu'))", "t.autocast('cpu')(3)", "t.get_autocast_dtype('foo')",
    "t.is_autocast_enabled('meta')", "t.set_autocast_enabled('cpu')", "t.set_autocast_enabled('cpu', 0)",
    "t.set_autocast_enabled(True, 'cpu')", "t.autocast('meta')", "t.amp.custom_fwd(device_type=3)",
]  # fmt: skip


@pytest.mark.parametrize("call", WRONG)
def test_wrong_use_raises_pytorch_s_exception(call):
    with pytest.raises(Exception) as wanted:
        eval(call, {"t": torch})
    with pytest.raises(wanted.type):
        eval(call, {"t": flambeau})


def test_what_cannot_be_is_disabled_with_a_warning():
    for library in (torch, flambeau):
        a = matrix(library, "float32")
        with pytest.warns(UserWarning, match="target dtype is not supported"):
            block = library.autocast("cpu", dtype=library.float64)
        with block:
            assert (a @ a).dtype is library.float32
        with pytest.warns(UserWarning, match="not available"):
            library.autocast("cuda")
        with pytest.warns(FutureWarning), library.cpu.amp.autocast():
            assert (a @ a).dtype is library.bfloat16


def test_state_functions():
    for library in (torch, flambeau):
        library.set_autocast_enabled("cpu", True)
        assert library.is_autocast_enabled("cpu") and not library.is_autocast_enabled()
        library.set_autocast_cpu_enabled(False)
        library.set_autocast_cpu_dtype(library.float16)
        assert library.get_autocast_cpu_dtype() is library.float16
        library.set_autocast_dtype("cpu", library.bfloat16)
        assert library.get_autocast_gpu_dtype() is library.float16
        assert library.autocast_increment_nesting() == 1 and library.autocast_decrement_nesting() == 0
        assert library.amp.is_autocast_available("cpu") and not library.amp.is_autocast_available("meta")


def test_custom_functions():
    def square_of(library):
        class Square(library.autograd.Function):
            @staticmethod
            @library.amp.custom_fwd(device_type="cpu", cast_inputs=library.float32)
            def forward(ctx, x):
                ctx.save_for_backward(x)
                assert not library.is_autocast_enabled("cpu")
                return x @ x

            @staticmethod
            @library.amp.custom_bwd(device_type="cpu")
            def backward(ctx, grad):
                (x,) = ctx.saved_tensors
                return grad @ x.T + x.T @ grad

        return Square

    for library in (torch, flambeau):
        x = matrix(library, "bfloat16").requires_grad_()
        with library.autocast("cpu"):
            result = square_of(library).apply(x)
        assert result.dtype is library.float32
        result.sum().backward()
        assert x.grad.dtype is library.bfloat16


def test_no_warning_for_the_usual_block():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with flambeau.autocast(device_type="cpu", dtype=flambeau.bfloat16):
            pass
