"""A builder of LLVM IR text.

One `Builder` writes the body of one function. Its methods append an instruction and return a `Value`
(the operand's text and its LLVM type), so generators read like arithmetic:

    b = Builder()
    x = b.load("<16 x float>", Value("%x", "ptr"))
    b.store(b.fma(x, x, b.constant(x.type, 1.0)), Value("%y", "ptr"))
    text = b.finish("square_plus_one", [Value("%x", "ptr"), Value("%y", "ptr")])
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

_BITS = {
    "i1": 1,
    "i8": 8,
    "i16": 16,
    "i32": 32,
    "i64": 64,
    "half": 16,
    "bfloat": 16,
    "float": 32,
    "double": 64,
    "ptr": 64,
}
_MANGLED = {"half": "f16", "bfloat": "bf16", "float": "f32", "double": "f64", "ptr": "p0"}
_FLOATS = frozenset(("half", "bfloat", "float", "double"))


@cache
def element(type: str) -> str:
    """The element type of a vector type; a scalar type is its own element."""
    return type[1:-1].split(" x ")[1] if type[0] == "<" else type


@cache
def lanes(type: str) -> int:
    """The number of elements of a vector type, or 0 for a scalar."""
    return int(type[1:-1].split(" x ")[0]) if type[0] == "<" else 0


def vector(scalar: str, count: int) -> str:
    """The type of ``count`` elements of ``scalar``; the scalar type itself where ``count`` is 0."""
    return f"<{count} x {scalar}>" if count else scalar


def like(type: str, scalar: str) -> str:
    """``type`` with its elements replaced by ``scalar``: ``like("<8 x float>", "i32") == "<8 x i32>"``."""
    return vector(scalar, lanes(type))


def bits(type: str) -> int:
    """The width in bits of an element of ``type``."""
    return _BITS[element(type)]


def is_float(type: str) -> bool:
    """Whether the elements of ``type`` are floating point."""
    return element(type) in _FLOATS


@cache
def mangled(type: str) -> str:
    """The suffix with which intrinsics name ``type``: ``v16f32`` for ``<16 x float>``."""
    scalar = element(type)
    name = _MANGLED.get(scalar, scalar)
    return f"v{lanes(type)}{name}" if lanes(type) else name


def _literal(scalar: str, number: float) -> str:
    """The text of a number: integers in decimal (wrapped to their width), floats in exact hexadecimal."""
    if scalar == "i1":
        return "true" if number else "false"
    if scalar not in _FLOATS:
        width = _BITS[scalar]
        wrapped = int(number) & ((1 << width) - 1)
        return str(wrapped - (1 << width) if wrapped >> (width - 1) else wrapped)
    number = float(number)
    if scalar == "half":
        return f"0xH{struct.unpack('<H', struct.pack('<e', number))[0]:04X}"
    if scalar == "bfloat":
        return f"0xR{struct.unpack('<I', struct.pack('<f', number))[0] >> 16:04X}"
    if scalar == "float":
        # LLVM writes a float as the double of the same value.
        number = _to_float32(number)
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def _to_float32(number: float) -> float:
    try:
        return struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


class Value:
    """An operand: its text (``%t3``, ``7``, ``splat (float 0x...)``) and its LLVM type."""

    __slots__ = ("name", "type")

    def __init__(self, name: str, type: str) -> None:
        self.name = name
        self.type = type

    def __repr__(self) -> str:
        return f"{self.type} {self.name}"


class Builder:
    """Writes the instructions of one function. Labels and names are fresh within the function."""

    def __init__(self) -> None:
        self.declarations: set[str] = set()
        self._lines: list[str] = []
        self._allocas: list[str] = []
        self._names = 0
        self._block = "entry"

    # -- names, instructions, blocks -------------------------------------------------------------

    def _fresh(self, prefix: str = "t") -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    def op(self, text: str, type: str) -> Value:
        """Append ``%new = text`` and return it as a value of ``type``."""
        name = "%" + self._fresh()
        self._lines.append(f"  {name} = {text}")
        return Value(name, type)

    def emit(self, text: str) -> None:
        """Append an instruction without a result."""
        self._lines.append("  " + text)

    def new_label(self, prefix: str = "block") -> str:
        """A fresh label, to be placed with `label`."""
        return self._fresh(prefix)

    @property
    def block(self) -> str:
        """The label of the block being written (what a phi names)."""
        return self._block

    def label(self, name: str) -> None:
        """Start the block ``name``; the block before it must have ended in a branch."""
        self._lines.append(f"{name}:")
        self._block = name

    def branch(self, target: str, condition: Value | None = None, otherwise: str = "") -> None:
        """Jump to ``target``, or to ``otherwise`` where the i1 ``condition`` is false."""
        if condition is None:
            self.emit(f"br label %{target}")
        else:
            self.emit(f"br i1 {condition.name}, label %{target}, label %{otherwise}")

    def phi(self, type: str, *incoming: tuple[Value, str]) -> Value:
        """The value that belongs to the block control came from; first in its block."""
        pairs = ", ".join(f"[ {value.name}, %{label} ]" for value, label in incoming)
        return self.op(f"phi {type} {pairs}", type)

    def ret(self, value: Value | None = None) -> None:
        """Return from the function."""
        self.emit(f"ret {value!r}" if value else "ret void")

    # -- constants -------------------------------------------------------------------------------

    def constant(self, type: str, number: float) -> Value:
        """A number of ``type``, in every lane of a vector type. Integers wrap, floats are exact."""
        literal = _literal(element(type), number)
        return Value(f"splat ({element(type)} {literal})" if lanes(type) else literal, type)

    def i64(self, number: int) -> Value:
        """An i64 constant."""
        return Value(str(number), "i64")

    def vector_constant(self, scalar: str, numbers: Sequence[float]) -> Value:
        """A vector of the given numbers: a table for `shuffle` or a lane-dependent constant."""
        items = ", ".join(f"{scalar} {_literal(scalar, number)}" for number in numbers)
        return Value(f"<{items}>", vector(scalar, len(numbers)))

    def iota(self, count: int, type: str = "i64") -> Value:
        """The vector 0, 1, ..., count-1 of element ``type``."""
        return self.vector_constant(type, range(count))

    def splat(self, value: Value, count: int) -> Value:
        """A scalar in every one of ``count`` lanes; the scalar itself where ``count`` is 0."""
        if not count:
            return value
        type = vector(value.type, count)
        one = self.op(f"insertelement {type} poison, {value!r}, i64 0", type)
        return self.op(f"shufflevector {one!r}, {type} poison, <{count} x i32> zeroinitializer", type)

    # -- arithmetic ------------------------------------------------------------------------------

    def _binary(self, operation: str, a: Value, b: Value) -> Value:
        return self.op(f"{operation} {a.type} {a.name}, {b.name}", a.type)

    def fadd(self, a: Value, b: Value) -> Value:
        return self._binary("fadd", a, b)

    def fsub(self, a: Value, b: Value) -> Value:
        return self._binary("fsub", a, b)

    def fmul(self, a: Value, b: Value) -> Value:
        return self._binary("fmul", a, b)

    def fdiv(self, a: Value, b: Value) -> Value:
        return self._binary("fdiv", a, b)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a*b + c with one rounding."""
        return self.intrinsic("llvm.fma", a, b, c)

    def fneg(self, a: Value) -> Value:
        return self.op(f"fneg {a!r}", a.type)

    def fabs(self, a: Value) -> Value:
        return self.intrinsic("llvm.fabs", a)

    def sqrt(self, a: Value) -> Value:
        return self.intrinsic("llvm.sqrt", a)

    def add(self, a: Value, b: Value) -> Value:
        return self._binary("add", a, b)

    def sub(self, a: Value, b: Value) -> Value:
        return self._binary("sub", a, b)

    def mul(self, a: Value, b: Value) -> Value:
        return self._binary("mul", a, b)

    def sdiv(self, a: Value, b: Value) -> Value:
        return self._binary("sdiv", a, b)

    def udiv(self, a: Value, b: Value) -> Value:
        return self._binary("udiv", a, b)

    def srem(self, a: Value, b: Value) -> Value:
        return self._binary("srem", a, b)

    def urem(self, a: Value, b: Value) -> Value:
        return self._binary("urem", a, b)

    def and_(self, a: Value, b: Value) -> Value:
        return self._binary("and", a, b)

    def or_(self, a: Value, b: Value) -> Value:
        return self._binary("or", a, b)

    def xor(self, a: Value, b: Value) -> Value:
        return self._binary("xor", a, b)

    def not_(self, a: Value) -> Value:
        """Every bit flipped."""
        return self.xor(a, self.constant(a.type, -1))

    def shl(self, a: Value, b: Value) -> Value:
        return self._binary("shl", a, b)

    def lshr(self, a: Value, b: Value) -> Value:
        return self._binary("lshr", a, b)

    def ashr(self, a: Value, b: Value) -> Value:
        return self._binary("ashr", a, b)

    def smin(self, a: Value, b: Value) -> Value:
        return self.intrinsic("llvm.smin", a, b)

    def smax(self, a: Value, b: Value) -> Value:
        return self.intrinsic("llvm.smax", a, b)

    def icmp(self, predicate: str, a: Value, b: Value) -> Value:
        """Compare integers: eq ne slt sle sgt sge ult ule ugt uge."""
        return self.op(f"icmp {predicate} {a!r}, {b.name}", like(a.type, "i1"))

    def fcmp(self, predicate: str, a: Value, b: Value) -> Value:
        """Compare floats: ordered (false with a NaN) oeq one olt ..., unordered (true) ueq une ult uno ..."""
        return self.op(f"fcmp {predicate} {a!r}, {b.name}", like(a.type, "i1"))

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """``a`` where the condition holds, ``b`` elsewhere."""
        return self.op(f"select {condition!r}, {a!r}, {b!r}", a.type)

    # -- conversions -----------------------------------------------------------------------------

    def convert(self, value: Value, type: str, signed: bool = True) -> Value:
        """The number of ``value`` in ``type`` (a scalar type keeps the lanes of the value).

        ``signed`` tells how integers on either side are read. i1 is always 0 or 1, and a conversion to i1
        asks whether the number differs from zero. Floats truncate towards zero; an integer out of range of
        its narrower type wraps; a float out of range of an integer is not defined.
        """
        type = type if lanes(type) else like(value.type, type)
        if type == value.type:
            return value
        if element(type) == "i1":
            zero = self.constant(value.type, 0)
            return self.fcmp("une", value, zero) if is_float(value.type) else self.icmp("ne", value, zero)
        signed = signed and element(value.type) != "i1"
        made = self.op(f"{_conversion(value.type, type, signed)} {value!r} to {type}", type)
        if element(value.type) == "double" and element(type) == "float":
            # Without the fence LLVM may join this rounding and one to half, for which processors have no instruction.
            made = self.intrinsic("llvm.arithmetic.fence", made)
        return made

    def bitcast(self, value: Value, type: str) -> Value:
        """The same bits as another type (a scalar type keeps the lanes of the value)."""
        if not lanes(type) and bits(type) == bits(value.type):
            type = like(value.type, type)
        return value if type == value.type else self.op(f"bitcast {value!r} to {type}", type)

    # -- calls -----------------------------------------------------------------------------------

    def call(self, name: str, type: str, *values: Value) -> Value:
        """Call an external function ``type name(values)``, which is declared."""
        self.declarations.add(f"declare {type} @{name}({', '.join(value.type for value in values)})")
        arguments = ", ".join(map(repr, values))
        if type == "void":
            self.emit(f"call void @{name}({arguments})")
            return Value("", "void")
        return self.op(f"call {type} @{name}({arguments})", type)

    def intrinsic(self, name: str, *values: Value) -> Value:
        """Call an intrinsic that is overloaded on, and returns, the type of its first argument."""
        type = values[0].type
        return self.call(f"{name}.{mangled(type)}", type, *values)

    def reduce(self, operation: str, value: Value) -> Value:
        """Combine the lanes of a vector: add mul and or xor smax smin umax umin fmax fmin."""
        return self.call(f"llvm.vector.reduce.{operation}.{mangled(value.type)}", element(value.type), value)

    # -- memory ----------------------------------------------------------------------------------

    def gep(self, pointer: Value, offset: Value | int) -> Value:
        """``pointer`` moved by ``offset`` bytes."""
        offset = self.i64(offset) if isinstance(offset, int) else offset
        return pointer if offset.name == "0" else self.op(f"getelementptr i8, {pointer!r}, {offset!r}", "ptr")

    def load(self, type: str, pointer: Value, align: int = 0, mask: Value | None = None) -> Value:
        """Read ``type`` at ``pointer``; aligned to one element unless told. Lanes off the mask read zero."""
        align = align or max(bits(type) // 8, 1)
        if mask is None:
            return self.op(f"load {type}, {pointer!r}, align {align}", type)
        name = f"llvm.masked.load.{mangled(type)}.p0"
        self.declarations.add(f"declare {type} @{name}(ptr, {mask.type}, {type})")
        return self.op(
            f"call {type} @{name}(ptr align {align} {pointer.name}, {mask!r}, {type} zeroinitializer)", type
        )

    def store(self, value: Value, pointer: Value, align: int = 0, mask: Value | None = None) -> None:
        """Write ``value`` at ``pointer``; aligned to one element unless told. Lanes off the mask stay."""
        align = align or max(bits(value.type) // 8, 1)
        if mask is None:
            return self.emit(f"store {value!r}, {pointer!r}, align {align}")
        name = f"llvm.masked.store.{mangled(value.type)}.p0"
        self.declarations.add(f"declare void @{name}({value.type}, ptr, {mask.type})")
        self.emit(f"call void @{name}({value!r}, ptr align {align} {pointer.name}, {mask!r})")

    def gather(self, type: str, pointers: Value, mask: Value | None = None) -> Value:
        """Read one element through each pointer of a vector of pointers."""
        mask = mask or self.constant(like(type, "i1"), 1)
        name = f"llvm.masked.gather.{mangled(type)}.{mangled(pointers.type)}"
        self.declarations.add(f"declare {type} @{name}({pointers.type}, {mask.type}, {type})")
        addresses = f"{pointers.type} align {max(bits(type) // 8, 1)} {pointers.name}"
        return self.op(f"call {type} @{name}({addresses}, {mask!r}, {type} zeroinitializer)", type)

    def scatter(self, value: Value, pointers: Value, mask: Value | None = None) -> None:
        """Write one element through each pointer of a vector of pointers, in the order of the lanes."""
        mask = mask or self.constant(like(value.type, "i1"), 1)
        name = f"llvm.masked.scatter.{mangled(value.type)}.{mangled(pointers.type)}"
        self.declarations.add(f"declare void @{name}({value.type}, {pointers.type}, {mask.type})")
        align = max(bits(value.type) // 8, 1)
        self.emit(f"call void @{name}({value!r}, {pointers.type} align {align} {pointers.name}, {mask!r})")

    def pointers(self, base: Value, offsets: Value) -> Value:
        """The vector of ``base`` + each byte offset of an integer vector."""
        return self.op(f"getelementptr i8, {base!r}, {offsets!r}", like(offsets.type, "ptr"))

    def alloca(self, type: str) -> Value:
        """A variable on the stack (in the entry block, so that it becomes a register where it can)."""
        name = "%" + self._fresh("v")
        self._allocas.append(f"  {name} = alloca {type}")
        return Value(name, "ptr")

    # -- lanes -----------------------------------------------------------------------------------

    def extract(self, value: Value, lane: Value | int) -> Value:
        """One element of a vector."""
        lane = self.i64(lane) if isinstance(lane, int) else lane
        return self.op(f"extractelement {value!r}, {lane!r}", element(value.type))

    def insert(self, value: Value, scalar: Value, lane: Value | int) -> Value:
        """The vector with one element replaced."""
        lane = self.i64(lane) if isinstance(lane, int) else lane
        return self.op(f"insertelement {value!r}, {scalar!r}, {lane!r}", value.type)

    def shuffle(self, a: Value, b: Value | None, order: Sequence[int]) -> Value:
        """Elements of ``a`` followed by ``b`` picked by ``order``."""
        type = vector(element(a.type), len(order))
        other = f"{a.type} poison" if b is None else repr(b)
        return self.op(f"shufflevector {a!r}, {other}, {self.vector_constant('i32', order)!r}", type)

    # -- control ---------------------------------------------------------------------------------

    @contextmanager
    def loop(self, low: Value | int, high: Value | int, step: Value | int = 1) -> Iterator[Value]:
        """``for i in range(low, high, step)`` over i64, step > 0; the body may run no time at all."""
        low, high, step = (self.i64(x) if isinstance(x, int) else x for x in (low, high, step))
        head, done = self.new_label("loop"), self.new_label("done")
        before = self._block
        self.branch(head, self.icmp("slt", low, high), done)
        self.label(head)
        counter = Value("%" + self._fresh("i"), "i64")
        place = len(self._lines)
        self._lines.append("")
        yield counter
        following = self.op(f"add nsw {counter!r}, {step.name}", "i64")
        # The phi is written last: only now is the block that jumps back known.
        self._lines[place] = (
            f"  {counter.name} = phi i64 [ {low.name}, %{before} ], [ {following.name}, %{self._block} ]"
        )
        self.branch(head, self.icmp("slt", following, high), done)
        self.label(done)

    @contextmanager
    def if_(self, condition: Value) -> Iterator[None]:
        """Run the body where the i1 ``condition`` holds."""
        then, done = self.new_label("then"), self.new_label("endif")
        self.branch(then, condition, done)
        self.label(then)
        yield
        self.branch(done)
        self.label(done)

    # -- the function ----------------------------------------------------------------------------

    def finish(
        self,
        name: str,
        params: Sequence[Value],
        ret: str = "void",
        attributes: str = "nounwind",
        linkage: str = "",
    ) -> str:
        """The text of the function; `declarations` then holds what its module must declare besides."""
        lines = self._lines
        if not lines or not lines[-1].startswith("  ret "):
            if ret != "void":
                raise ValueError(f"function {name}: its body does not end by returning {ret}")
            lines = [*lines, "  ret void"]
        head = " ".join(word for word in ("define", linkage, ret) if word)
        signature = f"{head} @{name}({', '.join(map(repr, params))}) {attributes} {{"
        return "\n".join([signature, "entry:", *self._allocas, *lines, "}", ""])


def _conversion(source: str, target: str, signed: bool) -> str:
    """The instruction that converts numbers of one type to another."""
    if is_float(source):
        if not is_float(target):
            return "fptosi" if signed else "fptoui"
        return "fpext" if bits(target) > bits(source) else "fptrunc"
    if is_float(target):
        return "sitofp" if signed else "uitofp"
    if bits(target) < bits(source):
        return "trunc"
    return "sext" if signed else "zext"
