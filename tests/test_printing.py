"""The text of tensors is PyTorch's, character for character."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flambeau import printing
from flambeau.printing import format_tensor

torch = pytest.importorskip("torch")

INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]


def ours(tensor, **arguments) -> str:
    """Our text for the elements of a PyTorch tensor."""
    plain = tensor.detach()
    array = (plain.float() if plain.dtype in (torch.float16, torch.bfloat16) else plain).numpy()
    return format_tensor(array, str(tensor.dtype).removeprefix("torch."), **arguments)


def check(tensor) -> None:
    assert ours(tensor) == repr(tensor)


@pytest.fixture(autouse=True)
def default_options():
    yield
    for module in (printing, torch):
        module.set_printoptions(profile="default")


@pytest.mark.parametrize("dtype", ["bool", *INTEGERS, *FLOATS, *COMPLEX])
@pytest.mark.parametrize(
    "shape", [(), (1,), (5,), (2, 3), (2, 1, 3), (0,), (0, 3), (2, 0), (40,), (3, 400), (11, 12, 13)]
)
def test_every_dtype_and_shape(dtype, shape):
    torch.manual_seed(0)
    values = torch.randn(shape, dtype=torch.float64) * 50
    if dtype.startswith("complex"):
        values = torch.complex(values, values.flip(0) / 3 if values.dim() else -values)
    check(values.abs().to(torch.uint8) if dtype == "uint8" else values.to(getattr(torch, dtype)))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "values",
    [
        *([0.0], [-0.0], [1.0, 2.0, 3.0], [1.0, 1000.0], [0.5, 1000.0], [1.0, 1001.0], [99999.0]),
        *([1e-5], [1e-4, 1.0], [0.00012345], [-1e-3, 1.0], [2e8], [1e8], [1e-40], [1e300]),
        *([math.nan], [math.inf], [-math.inf, 1.0], [math.nan, 0.25], [math.inf, -math.nan, 3.0]),
        *([0.0, 1e-7, math.nan], [1.23456789, -9.87654321], [123456.789, 1.5]),
    ],
)
def test_notation_follows_the_values(dtype, values):
    vector = torch.tensor(values, dtype=getattr(torch, dtype))
    check(vector)
    check(vector[0])
    check(vector.expand(3, -1))
    check(torch.complex(vector.float(), -vector.float()))


@pytest.mark.parametrize("kind", ["integers", "floats", "complex"])
@pytest.mark.parametrize("columns", [9, 10, 11, 12, 19, 26, 27])
def test_lines_wrap_at_the_line_width(kind, columns):
    matrix = torch.arange(3 * columns).reshape(3, columns)
    if kind == "floats":
        matrix = matrix / 7
    if kind == "complex":
        matrix = torch.complex(matrix / 7, matrix * -0.5)
    check(matrix)
    check(matrix.flatten())
    check(matrix.reshape(1, 1, 3, columns))


def test_only_many_elements_are_summarised():
    check(torch.arange(1000))
    check(torch.arange(1001))
    check(torch.rand(4, 5, 6, 10))
    check(torch.rand(1001, 2))
    check(torch.rand(2, 1001, dtype=torch.complex64))
    wide_in_the_middle = torch.zeros(2000)
    wide_in_the_middle[1000] = 1e9
    check(wide_in_the_middle)  # what is not shown has no say in the notation


@pytest.mark.parametrize("dtype", ["float16", "int32", "float64", "float32"])
@pytest.mark.parametrize("length", range(6, 14))
def test_suffixes_break_the_line_where_pytorch_does(dtype, length):
    leaf = torch.arange(length).to(getattr(torch, dtype))
    check(leaf)
    if not leaf.is_floating_point():
        return
    leaf.requires_grad_()
    assert ours(leaf, requires_grad=True) == repr(leaf)
    result = leaf + 0.25
    assert ours(result, requires_grad=True, grad_fn_name="AddBackward0") == repr(result)


def test_parameters_say_so():
    parameter = torch.nn.Parameter(torch.rand(2, 3))
    assert ours(parameter, requires_grad=True, is_parameter=True) == repr(parameter)


def test_meta_tensors_show_their_size():
    for tensor in (torch.empty(2, 3, device="meta"), torch.empty(4, device="meta", dtype=torch.int64)):
        shape_only = np.broadcast_to(np.zeros((), np.float32), tuple(tensor.shape))
        name = str(tensor.dtype).removeprefix("torch.")
        assert format_tensor(shape_only, name, device="meta") == repr(tensor)


def test_a_non_contiguous_array_is_printed_in_its_own_order():
    check(torch.arange(12).reshape(3, 4).t())
    check(torch.arange(20.0).reshape(4, 5)[::2, 1::3])


def test_the_default_dtype_is_not_shown():
    vector = torch.tensor([1.5, 2.0])
    torch.set_default_dtype(torch.float64)
    try:
        for dtype in (torch.float32, torch.float64, torch.complex64, torch.complex128):
            for tensor in (vector.to(dtype), vector[:0].to(dtype)):
                assert ours(tensor, default_dtype="float64") == repr(tensor)
    finally:
        torch.set_default_dtype(torch.float32)


OPTIONS = [
    {"precision": 2},
    {"precision": 0},
    {"threshold": 5},
    {"threshold": 5, "edgeitems": 1},
    {"threshold": 5, "edgeitems": 0},
    {"edgeitems": 0},
    {"linewidth": 30},
    {"linewidth": 1},
    {"sci_mode": True},
    {"sci_mode": False},
    {"profile": "short"},
    {"profile": "full"},
    {"profile": "short", "precision": 6},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_are_those_of_pytorch(options):
    printing.set_printoptions(**options)
    torch.set_printoptions(**options)
    assert printing.get_printoptions() == torch._tensor_str.get_printoptions()
    for tensor in (
        torch.linspace(-3, 1e5, 30),
        torch.arange(24.0).reshape(2, 3, 4),
        torch.arange(2000).reshape(2, 1000),
        torch.randn(3, 4, dtype=torch.complex128),
        torch.tensor(3.25),
        torch.zeros(0, 2),
    ):
        check(tensor)


def test_options_of_a_with_block_end_with_it():
    before = printing.get_printoptions()
    with printing.printoptions(precision=1):
        assert format_tensor(np.float32([1.25, 2.0]), "float32") == "tensor([1.2, 2.0])"
    assert printing.get_printoptions() == before


def test_an_unknown_profile_is_refused():
    with pytest.raises(ValueError, match="profile must be one of"):
        printing.set_printoptions(profile="wide")


shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple)
numbers = st.one_of(
    st.integers(-2000, 2000).map(float),
    st.floats(width=32),
    st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 1e-4, 1e8, 0.5]),
)


dtypes = st.sampled_from([*INTEGERS, *FLOATS, *COMPLEX])


@settings(max_examples=300, deadline=None)
@given(data=st.data(), shape=shapes, dtype=dtypes, digits=st.integers(0, 6))
def test_any_tensor(data, shape, dtype, digits):
    count = math.prod(shape)
    pool = data.draw(st.lists(numbers, min_size=1, max_size=6))
    values = torch.tensor([pool[i % len(pool)] for i in range(count)], dtype=torch.float64).reshape(shape)
    if dtype in INTEGERS:
        values = values.nan_to_num(0, 0, 0).clamp(-2000, 2000)
    if dtype in COMPLEX:
        values = torch.complex(values, values.flip(-1) if values.dim() else -values)
    tensor = values.to(getattr(torch, dtype))
    options = {"precision": digits, "threshold": 40, "edgeitems": 1, "linewidth": 60}
    printing.set_printoptions(**options)
    torch.set_printoptions(**options)
    check(tensor)
