"""The dtypes that NumPy does not have, or PyTorch computes with only in part: limits, storage, casts, files, promotion."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest

import flambeau as fl

torch = pytest.importorskip("torch")
warnings.filterwarnings("ignore", message="ComplexHalf support is experimental")

FLOAT8 = ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"]
UNSIGNED = ["uint16", "uint32", "uint64"]
EVERY = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex32", "complex64",
         "complex128", *FLOAT8, *UNSIGNED]
SAMPLES = [0.1, -0.5, 3.0, float("inf"), -float("inf"), 1e9, 0.0, -0.0, 464.0, 1e-5]


def outcome(function, module):
    """The result, or the type and message of the exception."""
    try:
        return function(module)
    except Exception as error:
        return type(error), str(error)


def bits(module, tensor) -> np.ndarray:
    return tensor.view(module.uint8).numpy()


def float32_patterns() -> np.ndarray:
    """Every exponent with many mantissas, and their neighbours: ties, subnormal numbers, NaN and infinities are among them."""
    coarse = np.arange(1 << 18, dtype=np.uint32) << 14
    return np.concatenate([coarse, coarse + 1, coarse - 1, coarse + 0x1FFF]).view(np.float32)


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_properties_of_a_dtype(name):
    ours, theirs = getattr(fl, name), getattr(torch, name)
    for field in ("is_floating_point", "is_complex", "is_signed", "itemsize"):
        assert getattr(ours, field) == getattr(theirs, field), field
    assert repr(ours) == repr(theirs)
    assert repr(ours.to_real()) == repr(theirs.to_real())
    assert outcome(lambda m: repr(getattr(m, name).to_complex()), fl) == outcome(lambda m: repr(getattr(m, name).to_complex()), torch)


@pytest.mark.parametrize("limits", ["finfo", "iinfo"])
@pytest.mark.parametrize("name", EVERY)
def test_limits(name, limits):
    def read(module):
        info = getattr(module, limits)(getattr(module, name))
        return repr(info), [getattr(info, f, None) for f in ("bits", "min", "max", "eps", "tiny", "smallest_normal", "dtype")]

    ours, theirs = outcome(read, fl), outcome(read, torch)
    assert ours[0] == theirs[0]
    if ours[0] is not TypeError:
        assert ours[1] == theirs[1]


@pytest.mark.parametrize("a", EVERY)
def test_promotion_of_every_pair(a):
    for b in EVERY:
        def promoted(module):
            return repr(module.promote_types(getattr(module, a), getattr(module, b)))  # noqa: B023

        assert outcome(promoted, fl) == outcome(promoted, torch), (a, b)


@pytest.mark.parametrize("name", ["qint8", "quint8", "qint32", "quint4x2", "bits8", "bits16", "uint4", "int7", "float4_e2m1fn_x2"])
def test_names_of_dtypes_without_tensors(name):
    ours, theirs = getattr(fl, name), getattr(torch, name)
    assert repr(ours) == repr(theirs)
    for field in ("itemsize", "is_floating_point", "is_complex"):
        assert getattr(ours, field) == getattr(theirs, field), field
    if name.startswith(("q", "bits")):
        for dtype in (ours, theirs):
            with pytest.raises(RuntimeError):
                dtype.is_signed  # noqa: B018
    else:
        assert ours.is_signed == theirs.is_signed
    with pytest.raises(NotImplementedError, match="name only"):
        fl.zeros(2, dtype=ours)


# -- 8-bit floats ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FLOAT8)
def test_rounding_of_every_half(name):
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    expected = bits(torch, torch.from_numpy(halves).to(getattr(torch, name)))
    np.testing.assert_array_equal(bits(fl, fl.from_numpy(halves).to(getattr(fl, name))), expected)


@pytest.mark.parametrize("name", FLOAT8)
def test_rounding_of_float32_is_the_same_once_and_compiled(name):
    numbers = float32_patterns()
    expected = bits(torch, torch.from_numpy(numbers).to(getattr(torch, name)))
    for _ in range(3):
        np.testing.assert_array_equal(bits(fl, fl.from_numpy(numbers).to(getattr(fl, name))), expected)


@pytest.mark.parametrize("name", FLOAT8)
def test_rounding_by_numpy(name):
    """The reference backend's rounding, which small windows use when they are first seen."""
    from flambeau.compiler.small_floats import encode
    expected = bits(torch, torch.from_numpy(float32_patterns()).to(getattr(torch, name)))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(encode(float32_patterns(), name), expected)


@pytest.mark.parametrize("target", ["float32", "float64", "float16", "bool"])
@pytest.mark.parametrize("name", FLOAT8)
def test_value_of_every_code(name, target):
    codes = np.arange(256, dtype=np.uint8)

    def values(module):
        return module.from_numpy(codes).view(getattr(module, name)).to(getattr(module, target)).numpy()

    for _ in range(3):
        np.testing.assert_array_equal(values(fl), values(torch))


@pytest.mark.parametrize("source", ["int64", "uint8", "bool", "float64", "bfloat16", "int32"])
@pytest.mark.parametrize("name", FLOAT8)
def test_casts_from_other_dtypes(name, source):
    def cast(module):
        return bits(module, module.tensor([0, 1, 3, 17, 100, 255]).to(getattr(module, source)).to(getattr(module, name)))

    np.testing.assert_array_equal(cast(fl), cast(torch))


@pytest.mark.parametrize("name", FLOAT8)
def test_a_cast_goes_back_for_gradients(name):
    x = fl.ones(3, requires_grad=True)
    (x * 2).to(getattr(fl, name)).float().sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_uint16_numbers_are_not_taken_for_the_bits_of_bfloat16():
    assert fl.tensor([3, 200], dtype=fl.uint16).to(fl.bfloat16).tolist() == [3, 200]


# -- all of them ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*FLOAT8, "complex32"])
def test_printing(name):
    for data in (SAMPLES, [], [[1.0, 2.0]], 2.0, [1.0] * 1500):
        assert repr(fl.tensor(data).to(getattr(fl, name))) == repr(torch.tensor(data).to(getattr(torch, name))) or name == "float8_e8m0fnu"
    assert repr(fl.tensor([1.0, 0.5]).to(getattr(fl, name))) == repr(torch.tensor([1.0, 0.5]).to(getattr(torch, name)))


@pytest.mark.parametrize("name", [*FLOAT8, "complex32", *UNSIGNED])
def test_files_are_exchanged_with_pytorch(name):
    ours, theirs = fl.arange(6.0).to(getattr(fl, name)), torch.arange(6.0).to(getattr(torch, name))
    for writer, reader, written, expected in ((fl, torch, ours, theirs), (torch, fl, theirs, ours)):
        file = io.BytesIO()
        writer.save({"x": written[1:]}, file)
        file.seek(0)
        assert repr(reader.load(file)["x"]) == repr(expected[1:])


@pytest.mark.parametrize("name", [*FLOAT8, "complex32", *UNSIGNED])
def test_memory_is_seen_and_moved_like_any_other(name):
    def run(module):
        x = module.arange(12.0).reshape(3, 4).to(getattr(module, name))
        x[1] = x[0]
        x[2, 1:] = 1
        pieces = [x.t().contiguous(), module.cat([x, x[:1]]), x[:, 1].clone(), x.flip(0), module.zeros_like(x), x.expand(2, 3, 4)]
        return [bits(module, p.contiguous()).tolist() for p in pieces], x.tolist(), x[0, 1].item()

    assert run(fl) == run(torch)


@pytest.mark.parametrize("name", [*FLOAT8, "complex32"])
def test_numpy_has_no_such_dtype(name):
    def convert(module):
        return module.zeros(2, dtype=getattr(module, name)).numpy()

    assert outcome(convert, fl) == outcome(convert, torch)


def test_parts_of_complex32():
    def run(module):
        z = module.complex(module.tensor([1.5, 2]).half(), module.tensor([0.5, -1]).half())
        pairs = module.view_as_real(z)
        return [repr(t) for t in (z, z.real, z.imag, pairs, module.view_as_complex(pairs), z.to(module.complex64), z * 1.5, z + z, z * z,
                                  z.chalf(), z == z, module.ones(2).half() * 1j)]

    assert run(fl) == run(torch)


def test_random_complex32():
    def run(module):
        module.manual_seed(3)
        return [repr(t) for t in (module.rand(5, dtype=module.complex32), module.randn(20, dtype=module.complex32))]

    assert run(fl) == run(torch)


def test_full_range_of_uint64():
    for module in (fl, torch):
        x = module.tensor([2**63 + 5, 2**64 - 1], dtype=module.uint64)
        assert x.tolist() == [2**63 + 5, 2**64 - 1]
        assert x[0].item() == 2**63 + 5
        assert x.to(module.float64).tolist() == [float(2**63 + 5), float(2**64)]


# -- what PyTorch computes with them, and what it refuses --------------------------------------------------------------

OPERATIONS = {
    "add": lambda m, a: a + a,
    "add a number": lambda m, a: a + 1,
    "add a float tensor": lambda m, a: a + m.ones(2),
    "add into a float tensor": lambda m, a: m.ones(2, 2).add_(a),
    "mul": lambda m, a: a * a,
    "mul by a number": lambda m, a: a * 2,
    "mul in place": lambda m, a: a.clone().mul_(a),
    "div": lambda m, a: a / a,
    "floor_divide": lambda m, a: a // 2,
    "remainder": lambda m, a: a % 2,
    "neg": lambda m, a: -a,
    "abs": lambda m, a: a.abs(),
    "invert": lambda m, a: ~a,
    "and": lambda m, a: a & 1,
    "shift": lambda m, a: a << 1,
    "eq": lambda m, a: a == 1,
    "lt": lambda m, a: a < 1,
    "isnan": lambda m, a: a.isnan(),
    "isinf": lambda m, a: a.isinf(),
    "maximum of reals": lambda m, a: a if a.is_complex() else m.maximum(a, a),
    "clamp": lambda m, a: a.clamp(0, 1),
    "round": lambda m, a: a.round(),
    "sqrt": lambda m, a: a.sqrt(),
    "relu": lambda m, a: m.relu(a),
    "softmax": lambda m, a: a.softmax(0),
    "softmax in float32": lambda m, a: m.softmax(a, 0, dtype=m.float32),
    "sum": lambda m, a: a.sum(),
    "mean": lambda m, a: a.mean(),
    "amax of reals": lambda m, a: a if a.is_complex() else a.amax(0),
    "any": lambda m, a: a.any(),
    "cumsum": lambda m, a: a.cumsum(0),
    "sort of reals": lambda m, a: a if a.is_complex() else a.sort()[0],
    "topk": lambda m, a: a.topk(1)[0],
    "mm": lambda m, a: a @ a,
    "bmm": lambda m, a: m.bmm(a[None], a[None]),
    "addmm": lambda m, a: m.addmm(a, a, a),
    "where": lambda m, a: m.where(m.tensor([True, False]), a, a),
    "cat": lambda m, a: m.cat([a, a]),
    "cat with int64": lambda m, a: m.cat([a, a.to(m.int64)]),
    "index": lambda m, a: a[m.tensor([1])],
    "index_select": lambda m, a: a.index_select(0, m.tensor([1])),
    "embedding": lambda m, a: m.nn.functional.embedding(m.tensor([1]), a),
    "arange": lambda m, a: m.arange(2, dtype=a.dtype),
    "linspace": lambda m, a: m.linspace(0, 1, 2, dtype=a.dtype),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", ["complex32", "uint16", "uint64", "float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu"])
def test_kernels_that_pytorch_has(name, operation):
    def run(module):
        a = module.tensor([[1.0, 0.0], [2.0, 1.0]]).to(getattr(module, name))
        result = OPERATIONS[operation](module, a)
        return repr(result.dtype), result.to(module.complex64 if result.is_complex() else module.float64).tolist()

    ours, theirs = outcome(run, fl), outcome(run, torch)
    if isinstance(theirs[0], type):
        assert ours[0] is theirs[0], (ours, theirs)
    else:
        assert ours[0] == theirs[0]
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6)


def test_what_a_product_adds_opens_no_sum_of_8_bit_floats():
    x = fl.ones(2, 2).to(fl.float8_e5m2)
    assert fl.addmm(x, x, x).float().tolist() == [[3.0, 3.0], [3.0, 3.0]]
    with pytest.raises(NotImplementedError, match="add"):
        x + x


def test_signatures_known_under_another_default_dtype():
    """What was found out under one default dtype does not hold under another."""

    def results(m):
        x = m.tensor([1, 3, 2])
        return [
            str(r.dtype)
            for r in (x / 2, x.sqrt(), x + 0.5, x.float().to(m.int32).exp(), m.where(x > 1, 0.5, 1), 0.5 * x, x.div(x))
        ]

    for m in (fl, torch):
        before = m.get_default_dtype()
        found = []
        try:
            for default in ("float32", "float64", "bfloat16", "float32", "float64"):
                m.set_default_dtype(getattr(m, default))
                found.append(results(m))
        finally:
            m.set_default_dtype(before)
        if m is fl:
            ours = found
    assert ours == found
