"""Element types and PyTorch's rules of type promotion."""

from __future__ import annotations

import numpy as np

from .runtime.fixed import Fixed

__all__ = ["dtype", "finfo", "iinfo", "promote_types", "can_cast", "result_kind", "from_numpy_dtype"]

_KINDS = {"b": 0, "i": 1, "f": 2, "c": 3}
_FLOAT32 = np.dtype("float32")


class dtype(Fixed):
    """An element type such as ``float32``.

    ``numpy`` is the NumPy type of the memory. What NumPy does not have is seen as bits: bfloat16 as ``uint16``, the 8-bit
    floats as ``uint8``, complex32 as ``uint32``; ``compute`` is the type in which NumPy computes with its values.
    """

    __slots__ = ("name", "itemsize", "numpy", "kind", "is_floating_point", "is_complex", "is_signed", "compute", "alias", "packed")
    name: str
    itemsize: int
    numpy: np.dtype
    kind: str
    is_floating_point: bool
    is_complex: bool
    is_signed: bool
    compute: np.dtype
    alias: str
    packed: bool

    def __init__(self, name: str, itemsize: int, numpy_name: str, kind: str, signed: bool = True, alias: str = ""):
        memory = np.dtype(numpy_name)
        packed = kind != memory.kind and kind in "fc"  # whether memory is bits that NumPy cannot interpret
        # The NumPy type in which arithmetic on this dtype is done.
        compute = np.dtype("complex64") if name == "complex32" else _FLOAT32 if packed or name == "float16" else memory
        self._fill(name=name, itemsize=itemsize, numpy=memory, kind=kind, is_floating_point=kind == "f", is_complex=kind == "c",
                   is_signed=signed, packed=packed, compute=compute, alias=alias)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self):
        return _by_name, (self.name,)

    def __deepcopy__(self, memo):
        return self

    @property
    def category(self) -> int:
        """0 boolean, 1 integer, 2 floating point, 3 complex."""
        return _KINDS[self.kind]

    def to_real(self) -> dtype:
        """The real type of a complex one's parts."""
        return {"complex32": float16, "complex64": float32, "complex128": float64}.get(self.name, self)

    def to_complex(self) -> dtype:
        """The complex type whose parts have this type, or hold its values; RuntimeError where there is none."""
        if self.is_complex:
            return self
        found = {"float16": complex32, "bfloat16": complex64, "float32": complex64, "float64": complex128}.get(self.name)
        if found is None:
            raise RuntimeError(f"Unknown Complex ScalarType for {SCALAR_NAMES[self.name]}")
        return found


class NameOnly(dtype):
    """A dtype that programs may name and compare, of which there are no tensors: that of quantised and of packed numbers."""

    __slots__ = ()

    def __init__(self, name: str, itemsize: int):
        self._fill(name=name, itemsize=itemsize, kind="q", is_floating_point=name.startswith("float"), is_complex=False, alias="")

    @property
    def is_signed(self) -> bool:  # type: ignore[override]
        """Whether numbers of this dtype have a sign; RuntimeError for quantised dtypes and bits."""
        if self.name.startswith(("q", "bits")):
            raise RuntimeError(f"is_signed is not supported for the dtype {self!r}")
        return not self.name.startswith("uint")

    def _refuse(self):
        raise NotImplementedError(f"flambeau: tensors of {self!r} are not supported: the dtype is a name only")

    numpy = compute = packed = category = property(_refuse)


bool_ = dtype("bool", 1, "bool", "b", signed=False)
uint8 = dtype("uint8", 1, "uint8", "i", signed=False)
uint16 = dtype("uint16", 2, "uint16", "i", signed=False)
uint32 = dtype("uint32", 4, "uint32", "i", signed=False)
uint64 = dtype("uint64", 8, "uint64", "i", signed=False)
int8 = dtype("int8", 1, "int8", "i")
int16 = dtype("int16", 2, "int16", "i", alias="short")
int32 = dtype("int32", 4, "int32", "i", alias="int")
int64 = dtype("int64", 8, "int64", "i", alias="long")
float16 = dtype("float16", 2, "float16", "f", alias="half")
bfloat16 = dtype("bfloat16", 2, "uint16", "f")
float32 = dtype("float32", 4, "float32", "f", alias="float")
float64 = dtype("float64", 8, "float64", "f", alias="double")
float8_e4m3fn = dtype("float8_e4m3fn", 1, "uint8", "f")
float8_e5m2 = dtype("float8_e5m2", 1, "uint8", "f")
float8_e4m3fnuz = dtype("float8_e4m3fnuz", 1, "uint8", "f")
float8_e5m2fnuz = dtype("float8_e5m2fnuz", 1, "uint8", "f")
float8_e8m0fnu = dtype("float8_e8m0fnu", 1, "uint8", "f", signed=False)
complex32 = dtype("complex32", 4, "uint32", "c", alias="chalf")
complex64 = dtype("complex64", 8, "complex64", "c", alias="cfloat")
complex128 = dtype("complex128", 16, "complex128", "c", alias="cdouble")

ALL = (bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64,
       float16, bfloat16, float32, float64, complex32, complex64, complex128,
       float8_e4m3fn, float8_e5m2, float8_e4m3fnuz, float8_e5m2fnuz, float8_e8m0fnu)
NAMES_ONLY = tuple(
    NameOnly(name, size)
    for size, names in (
        (1, "qint8 quint8 quint4x2 quint2x4 bits8 bits1x8 bits2x4 bits4x2 float4_e2m1fn_x2"), (2, "bits16"), (4, "qint32"),
        (1, "int1 int2 int3 int4 int5 int6 int7 uint1 uint2 uint3 uint4 uint5 uint6 uint7"),
    )
    for name in names.split()
)  # fmt: skip
FLOAT8 = (float8_e4m3fn, float8_e5m2, float8_e4m3fnuz, float8_e5m2fnuz, float8_e8m0fnu)
WIDE_UNSIGNED = (uint16, uint32, uint64)
# How PyTorch's messages call a dtype.
SCALAR_NAMES = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long", "float16": "Half",
    "bfloat16": "BFloat16", "float32": "Float", "float64": "Double", "complex32": "ComplexHalf", "complex64": "ComplexFloat",
    "complex128": "ComplexDouble", "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64",
    **{d.name: d.name.capitalize() for d in FLOAT8},
}
BY_NAME = {d.name: d for d in (*ALL, *NAMES_ONLY)} | {d.alias: d for d in ALL if d.alias}
_BY_PYTHON = {bool: bool_, int: int64, float: float64, complex: complex128}
_BY_NUMPY = {d.numpy: d for d in ALL if not d.packed}


def _refuse_another(cls, *args, **kwargs):
    raise TypeError("cannot create 'torch.dtype' instances: there are those that flambeau names")


dtype.__new__ = _refuse_another  # type: ignore[method-assign]


def _by_name(name: str) -> dtype:
    return BY_NAME[name]


def of_python_type(value):
    """The dtype that one of Python's own types of numbers stands for, as in ``dtype=float``; anything else as it is."""
    return _BY_PYTHON.get(value, value) if value.__class__ is type else value


def checked(function: str, argument: str, position: int, value) -> dtype:
    """An argument that must be a dtype or one of Python's types of numbers; ``TypeError`` else."""
    found = of_python_type(value)
    if not isinstance(found, dtype):
        raise TypeError(f"{function}(): argument '{argument}' (position {position}) must be torch.dtype, not {type(value).__name__}")
    return found


def from_numpy_dtype(numpy_dtype) -> dtype:
    """The dtype of a NumPy array's elements; ``TypeError`` where there is none, ``ValueError`` for another byte order."""
    if not np.dtype(numpy_dtype).isnative:
        raise ValueError(f"given numpy array has byte order different from the native byte order: {np.dtype(numpy_dtype)}")
    found = _BY_NUMPY.get(np.dtype(numpy_dtype))
    if found is None:
        raise TypeError(
            f"can't convert np.ndarray of type {np.dtype(numpy_dtype)}. The only supported types are: float64, float32, "
            "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool.")
    return found


def _promote_integers(a: dtype, b: dtype) -> dtype:
    if a.is_signed == b.is_signed:
        return a if a.itemsize >= b.itemsize else b
    return int16 if int8 in (a, b) else a if a.is_signed else b


def _promote_floats(a: dtype, b: dtype) -> dtype:
    if a.itemsize == b.itemsize:  # float16 with bfloat16
        return float32
    return a if a.itemsize > b.itemsize else b


def _refuse_promotion(a: dtype, b: dtype) -> None:
    """Raise for what PyTorch does not promote: 8-bit floats, and wide unsigned integers with anything but floats."""
    pair = (a, b)
    if a in FLOAT8 or b in FLOAT8:
        what = "Float8 Types"
    elif any(d in WIDE_UNSIGNED for d in pair) and not any(d.is_floating_point for d in pair):
        what = "uint16, uint32, uint64 types"
    else:
        return
    raise RuntimeError(f"Promotion for {what} is not supported, attempted to promote {SCALAR_NAMES[a.name]} and {SCALAR_NAMES[b.name]}")


def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest dtype that PyTorch lets hold values of both ``a`` and ``b``; RuntimeError where it has none."""
    if a is b:
        return a
    _refuse_promotion(a, b)
    if a.kind != b.kind:
        high, low = (a, b) if a.category > b.category else (b, a)
        if high.is_complex and low.is_floating_point:
            return _promote_complex(high, low.to_complex())
        return high
    if a.kind == "i":
        return _promote_integers(a, b)
    return _promote_complex(a, b) if a.is_complex else _promote_floats(a, b)


def _promote_complex(a: dtype, b: dtype) -> dtype:
    return a if a.itemsize >= b.itemsize else b


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether PyTorch lets a result of type ``from_`` be written to an output of type ``to``."""
    return from_.category <= to.category


def result_kind(value) -> str:
    """The kind ('b', 'i', 'f', 'c') of a Python number."""
    if isinstance(value, bool):
        return "b"
    if isinstance(value, int):
        return "i"
    return "c" if isinstance(value, complex) else "f"


_default = float32
followers: list = []  # called with the old and the new default dtype, before it changes
# eps, max, the smallest normal number and the resolution of floats that NumPy does not have.
_LIMITS = {
    "bfloat16": (2.0**-7, (2 - 2.0**-7) * 2.0**127, 2.0**-126, 0.01),
    "float8_e4m3fn": (2.0**-3, 448.0, 2.0**-6, 1.0),
    "float8_e5m2": (2.0**-2, 57344.0, 2.0**-14, 1.0),
    "float8_e4m3fnuz": (2.0**-3, 240.0, 2.0**-7, 1.0),
    "float8_e5m2fnuz": (2.0**-3, 57344.0, 2.0**-15, 1.0),
    "float8_e8m0fnu": (1.0, 2.0**127, 2.0**-127, 1.0),
}


def get_default_dtype() -> dtype:
    """The floating-point dtype of tensors made from Python floats (``float32`` at first)."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make ``d`` the floating-point dtype of tensors made from Python floats."""
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    if d is not _default:
        for follow in followers:
            follow(_default, d)
    _default = d


class _Limits(Fixed):
    """What is known of a dtype's range; equal for equal dtypes, and not hashable, as in PyTorch."""

    __hash__ = None  # type: ignore[assignment]
    dtype: str

    def __eq__(self, other) -> bool:
        return type(self) is type(other) and self.dtype == other.dtype


class finfo(_Limits):
    """Limits of a floating-point dtype: ``eps max min tiny smallest_normal resolution bits``."""

    eps: float
    max: float
    min: float
    tiny: float
    smallest_normal: float
    resolution: float
    bits: int

    def __init__(self, type: dtype | None = None):
        type = _default if type is None else checked("finfo", "type", 1, type)
        if not (type.is_floating_point or type.is_complex):
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{type!r}'")
        type = type.to_real()
        if type.name in _LIMITS:
            eps, largest, tiny, resolution = _LIMITS[type.name]
        else:
            info = np.finfo(type.numpy)
            eps, largest, tiny, resolution = float(info.eps), float(info.max), float(info.tiny), 10.0 ** -info.precision
        self._fill(dtype=type.name, bits=type.itemsize * 8, eps=eps, max=largest, min=-largest if type.is_signed else tiny, tiny=tiny,
                   smallest_normal=tiny, resolution=resolution)

    def __repr__(self) -> str:
        return (f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
                f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})")


class iinfo(_Limits):
    """Limits of an integer dtype: ``min max bits``."""

    bits: int
    min: int
    max: int

    def __init__(self, type: dtype):
        type = checked("iinfo", "type", 1, type)
        if type is bool_:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if type.kind != "i":
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type!r}'")
        info = np.iinfo(type.numpy)
        self._fill(bits=info.bits, min=int(info.min), max=int(info.max), dtype=type.name)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
