"""Parameters and buffers. Each test runs on PyTorch as well."""

from __future__ import annotations

import copy
import pickle

import pytest

import flambeau

torch = pytest.importorskip("torch")


@pytest.fixture(params=[flambeau, torch], ids=["flambeau", "torch"])
def lib(request):
    return request.param


def test_parameter_shares_memory_and_requires_grad(lib):
    data = lib.ones(2)
    parameter = lib.nn.Parameter(data)
    assert parameter.data_ptr() == data.data_ptr()
    assert parameter.requires_grad and parameter.is_leaf
    assert not lib.nn.Parameter(data, requires_grad=False).requires_grad
    assert lib.nn.Parameter().shape == (0,)


def test_parameter_of_a_computed_tensor_is_a_leaf(lib):
    x = lib.ones(2, requires_grad=True)
    parameter = lib.nn.Parameter(x * 2)
    assert parameter.is_leaf and parameter.tolist() == [2, 2]


def test_operators_on_parameters_give_tensors(lib):
    parameter = lib.nn.Parameter(lib.ones(2))
    for result in (parameter + 1, parameter.detach(), parameter.data, parameter.view(2, 1)):
        assert type(result) is lib.Tensor
    assert not isinstance(parameter * 2, lib.nn.Parameter)


def test_parameter_text(lib):
    text = repr(lib.nn.Parameter(lib.ones(2)))
    assert text == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"


def test_parameter_survives_copies(lib):
    parameter = lib.nn.Parameter(lib.ones(2), requires_grad=False)
    for twin in (copy.deepcopy(parameter), pickle.loads(pickle.dumps(parameter))):
        assert type(twin) is lib.nn.Parameter and not twin.requires_grad
        assert twin.tolist() == [1, 1] and twin.data_ptr() != parameter.data_ptr()


def test_integer_parameter_cannot_require_grad(lib):
    with pytest.raises(RuntimeError, match="floating point"):
        lib.nn.Parameter(lib.ones(2, dtype=lib.int64))
    assert lib.nn.Parameter(lib.ones(2, dtype=lib.int64), requires_grad=False).dtype == lib.int64


def test_subclasses_keep_their_class(lib):
    class Tagged(lib.Tensor):
        pass

    parameter = lib.nn.Parameter(lib.ones(2).as_subclass(Tagged))
    assert type(parameter) is Tagged and isinstance(parameter, lib.nn.Parameter)
    net = lib.nn.Module()
    net.p = parameter
    assert list(net.parameters()) == [parameter] or next(net.parameters()) is parameter


def test_buffer_is_a_marked_tensor(lib):
    buffer = lib.nn.Buffer(lib.ones(2), persistent=False)
    assert type(buffer) is lib.Tensor and isinstance(buffer, lib.nn.Buffer)
    assert buffer.persistent is False
    assert not isinstance(lib.ones(2), lib.nn.Buffer)


def test_a_parameter_class_can_look_at_operators_and_leave_them_to_its_base(lib):
    seen = []

    class Watched(lib.nn.Parameter):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs)

    assert (Watched(lib.ones(2)) + 1).tolist() == [2, 2] and "add" in str(seen)
