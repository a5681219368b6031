"""Every layer against PyTorch's: its signature, its text, its state under the same seed, its result."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest
from tests.nn.cases import CASES, Case, make_input

import flambeau as fb

torch = pytest.importorskip("torch")

LAYERS = sorted({case.name for case in CASES})


def name_of(case) -> str:
    arguments = [*map(repr, case.args), *(f"{k}={v!r}" for k, v in case.kwargs.items())]
    return f"{case.name}({', '.join(arguments)})"


each_case = pytest.mark.parametrize("case", CASES, ids=name_of)
each_callable_case = pytest.mark.parametrize("case", [c for c in CASES if c.inputs], ids=name_of)


def make_pair(case):
    """The same layer of both libraries, made under the same seed."""
    layers = []
    for library in (fb, torch):
        library.manual_seed(0)
        layers.append(getattr(library.nn, case.name)(*case.args, **case.kwargs))
    return layers


def as_tuple(result) -> tuple:
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("name", LAYERS)
def test_signature_is_pytorchs(name):
    def arguments(layer):
        parameters = inspect.signature(layer.__init__).parameters.values()
        return [(p.name, p.kind, p.default) for p in parameters]

    assert arguments(getattr(fb.nn, name)) == arguments(getattr(torch.nn, name))


@pytest.mark.parametrize("name", LAYERS)
def test_layer_lives_where_pickles_look_for_it(name):
    ours, theirs = getattr(fb.nn, name), getattr(torch.nn, name)
    assert ours.__module__.removeprefix("flambeau.") == theirs.__module__.removeprefix("torch.")


@each_case
def test_repr_is_pytorchs(case):
    ours, theirs = make_pair(case)
    assert repr(ours) == repr(theirs)


@each_case
def test_state_under_the_same_seed_is_pytorchs(case):
    ours, theirs = (layer.state_dict() for layer in make_pair(case))
    assert list(ours) == list(theirs)
    for key in ours:
        assert tuple(ours[key].shape) == tuple(theirs[key].shape)
        assert str(ours[key].dtype) == str(theirs[key].dtype)
        np.testing.assert_array_equal(ours[key].numpy(), theirs[key].numpy())


@each_case
def test_layer_survives_pickling(case):
    layer, _ = make_pair(case)
    loaded = pickle.loads(pickle.dumps(layer))
    assert repr(loaded) == repr(layer)
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(loaded.state_dict()[key].numpy(), value.numpy())


@each_callable_case
def test_result_is_pytorchs(case):
    arrays = [make_input(spec, seed) for seed, spec in enumerate(case.inputs)]
    ours, theirs = make_pair(case)
    for layer_mode in (True, False):
        got = ours.train(layer_mode)(*[fb.tensor(array) for array in arrays])
        expected = theirs.train(layer_mode)(*[torch.tensor(array) for array in arrays])
        for ours_result, theirs_result in zip(as_tuple(got), as_tuple(expected), strict=True):
            assert tuple(ours_result.shape) == tuple(theirs_result.shape)
            assert str(ours_result.dtype) == str(theirs_result.dtype)
            np.testing.assert_allclose(
                ours_result.detach().numpy(), theirs_result.detach().numpy(), rtol=2e-5, atol=2e-5
            )
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key].numpy(), value.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        "Conv2d(3, 4, 3, groups=2)",
        "Conv2d(4, 3, 3, groups=2)",
        "Conv2d(4, 4, 3, groups=0)",
        "Conv2d(3, 4, 3, stride=2, padding='same')",
        "Conv2d(3, 4, 3, padding='some')",
        "Conv2d(3, 4, 3, padding_mode='mirror')",
        "ConvTranspose2d(3, 4, 3, padding_mode='reflect')",
        "GroupNorm(3, 4)",
        "Dropout(1.5)",
        "Embedding(3, 2, padding_idx=3)",
        "Bilinear(0, 2, 3)",
        "Hardtanh(1.0, -1.0)",
        "Unflatten(0, 3)",
        "Unflatten(0, (2, 1.5))",
        "MultiMarginLoss(p=3)",
        "TripletMarginLoss(margin=0)",
        "HuberLoss(delta='1')",
        "FractionalMaxPool2d(2)",
        "FractionalMaxPool2d(2, output_size=2, output_ratio=0.5)",
        "FractionalMaxPool2d(2, output_ratio=1.5)",
        "Linear(3)",
        "AdaptiveLogSoftmaxWithLoss(8, 20, [5, 5])",
        "AdaptiveLogSoftmaxWithLoss(8, 20, [])",
        "AdaptiveLogSoftmaxWithLoss(8, 20, [20])",
    ],
)
def test_wrong_arguments_raise_as_in_pytorch(call):
    with pytest.raises(Exception) as theirs:
        eval(f"torch.nn.{call}")
    with pytest.raises(theirs.type):
        eval(f"fb.nn.{call}")


@pytest.mark.parametrize(
    "name, shape", [("BatchNorm2d", (2, 3)), ("InstanceNorm1d", (2,)), ("Softmax2d", (2, 3))]
)
def test_wrong_rank_raises_as_in_pytorch(name, shape):
    arguments = () if name == "Softmax2d" else (3,)
    messages = []
    for library in (fb, torch):
        with pytest.raises(ValueError) as error:
            getattr(library.nn, name)(*arguments)(library.zeros(shape))
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_output_size_of_a_transposed_convolution_chooses_its_padding():
    layer = fb.nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1)
    x = fb.zeros(1, 1, 4, 4)
    assert tuple(layer(x, output_size=[8, 7]).shape) == (1, 1, 8, 7)
    assert tuple(layer(x, output_size=[1, 1, 7, 8]).shape) == (1, 1, 7, 8)
    with pytest.raises(ValueError, match="valid sizes range from"):
        layer(x, output_size=[9, 9])
    with pytest.raises(ValueError, match="output_size must have 2 or 4 elements"):
        layer(x, output_size=[8])


def test_embedding_from_pretrained_keeps_the_table():
    table = fb.ones(4, 3)
    frozen = fb.nn.Embedding.from_pretrained(table)
    assert not frozen.weight.requires_grad
    assert frozen.weight.data_ptr() == table.data_ptr()
    assert fb.nn.EmbeddingBag.from_pretrained(table, freeze=False).weight.requires_grad
    with pytest.raises(AssertionError):
        fb.nn.Embedding.from_pretrained(fb.ones(3))


def test_old_reduction_arguments_warn_and_work():
    with pytest.warns(UserWarning, match="reduction='sum'"):
        assert fb.nn.MSELoss(size_average=False).reduction == "sum"
    with pytest.warns(UserWarning):
        assert fb.nn.L1Loss(reduce=False).reduction == "none"


def test_layer_takes_dtype_and_keeps_it():
    layer = fb.nn.Conv1d(2, 3, 2, dtype=fb.float64)
    assert layer.weight.dtype == fb.float64 and layer.bias.dtype == fb.float64
    assert fb.nn.BatchNorm1d(3, dtype=fb.float64).num_batches_tracked.dtype == fb.int64


def test_batch_norm_of_an_old_state_starts_counting():
    layer = fb.nn.BatchNorm1d(2)
    state = dict(layer.state_dict())
    del state["num_batches_tracked"]
    assert str(layer.load_state_dict(state)) == "<All keys matched successfully>"


def test_adaptive_softmax_predicts_as_pytorch():
    ours, theirs = make_pair(Case("AdaptiveLogSoftmaxWithLoss", (8, 20, [5, 10]), {"div_value": 2.0}, ()))
    x = make_input((30, 8), seed=0)
    got, expected = ours(fb.tensor(x), fb.arange(30) % 20), theirs(torch.tensor(x), torch.arange(30) % 20)
    np.testing.assert_allclose(got.loss.item(), expected.loss.item(), rtol=1e-5)
    full, predicted = ours.log_prob(fb.tensor(x)), ours.predict(fb.tensor(x))
    np.testing.assert_allclose(
        full.detach().numpy(), theirs.log_prob(torch.tensor(x)).detach().numpy(), rtol=1e-5
    )
    np.testing.assert_array_equal(predicted.numpy(), theirs.predict(torch.tensor(x)).numpy())
    with pytest.raises(RuntimeError, match=r"should be in \[0, 19\]"):
        ours(fb.zeros(1, 8), fb.tensor([20]))
