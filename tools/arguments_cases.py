"""Cases of ``arguments_check.py`` that are lines of source: ``(family, kind, source)``; ``t`` is the library, ``r`` the result."""

from __future__ import annotations

from collections.abc import Iterator


def several(text: str) -> list[str]:
    """The parts between semicolons."""
    return [" ".join(part.split()) for part in text.split(";")]


DTYPES = several("""
    bool; uint8; int8; int16; int32; int64; float16; bfloat16; float32; float64; complex64; complex128
""")
FURTHER = ["uint16", "uint32", "uint64"]
NUMBERS = ["True", "2", "-1", "2.5", "(1+2j)"]
NUMPY = several("""
    np.bool_(True); np.uint8(2); np.int32(2); np.int64(2); np.float16(2.5); np.float32(2.5); np.float64(2.5);
    np.complex64(1+2j); np.array(2.5); np.array([1., 2., 3.])
""")

INFIX = ["+", "-", "*", "/", "//", "%", "**", "&", "|", "^", "<<", ">>", "<", "<=", ">", ">=", "==", "!=", "@"]
BINARY = several("""
    add; sub; rsub; mul; div; floor_divide; remainder; fmod; pow; float_power; true_divide; maximum; minimum; fmax;
    fmin; atan2; hypot; copysign; nextafter; ldexp; logaddexp; logaddexp2; xlogy; special.xlog1py; special.zeta;
    gcd; lcm; heaviside; bitwise_and; bitwise_or; bitwise_xor; bitwise_left_shift; bitwise_right_shift; logical_and;
    logical_or; logical_xor; eq; ne; lt; le; gt; ge; isclose; dot; outer; inner; vdot; kron; cross; dist; complex;
    polar; isin; bucketize; searchsorted; result_type; can_cast; equal; allclose; igamma; nn.functional.mse_loss;
    nn.functional.l1_loss; nn.functional.binary_cross_entropy; matmul; tensordot
""")
METHODS = several("""
    add; sub; mul; div; floor_divide; remainder; fmod; pow; eq; lt; bitwise_and; logical_and; maximum; __radd__;
    __rsub__; __rmul__; __rtruediv__; __rfloordiv__; __rmod__; __rpow__; __rand__; __ror__; __rxor__; __rlshift__;
    __rrshift__; type_as; copysign; atan2; float_power; xlogy; ldexp
""")
INPLACE = several("""
    add_; sub_; mul_; div_; floor_divide_; remainder_; fmod_; pow_; float_power_; eq_; lt_; ne_; bitwise_and_;
    bitwise_or_; bitwise_xor_; bitwise_left_shift_; bitwise_right_shift_; logical_and_; logical_or_; logical_xor_;
    copysign_; atan2_; hypot_; gcd_; lcm_; xlogy_; ldexp_; nextafter_; heaviside_; copy_; fill_; clamp_min_;
    clamp_max_; true_divide_; __iadd__; __isub__; __imul__; __itruediv__; __ifloordiv__; __imod__; __ipow__;
    __iand__; __ior__; __ixor__; __ilshift__; __irshift__
""")


def tensor(dtype: str, form: str, second: bool = False) -> str:
    """Source of an operand."""
    if form == "0-dim":
        return f"t.tensor({3 - second}, dtype=t.{dtype})"
    return f"t.tensor({[2, 1, 3] if second else [1, 3, 2]}, dtype=t.{dtype})"


def operands(dtypes: str | None = None) -> Iterator[tuple[str, str, str]]:
    """Operators on all pairs of operands, and the ways to call them."""
    chosen = dtypes.split(",") if dtypes else DTYPES
    tensors = [(d, f) for d in chosen for f in ("tensor", "0-dim")]
    for d, f in tensors:
        a = tensor(d, f)
        others = [(tensor(e, g, True), f"{e} {g}") for e, g in tensors] + [(n, n) for n in NUMBERS + NUMPY]
        for b, name in others:
            number = name == b
            yield from _pairs(d, f, a, b, number)
    yield from _defaults(chosen)


def _pairs(d: str, f: str, a: str, b: str, number: bool) -> Iterator[tuple[str, str, str]]:
    kind = "number" if number and "np" not in b else "numpy" if number else "tensors"
    for sign in INFIX:
        yield sign, f"infix {kind}", f"r = {a} {sign} {b}"
        if number:
            yield sign, f"reflected {kind}", f"r = {b} {sign} {a}"
    for name in BINARY:
        yield name, f"function {kind}", f"r = t.{name}({a}, {b})"
        if number and f == "tensor":
            yield name, f"number first {kind}", f"r = t.{name}({b}, {a})"
    for name in METHODS:
        yield name, f"method {kind}", f"r = {a}.{name}({b})"
    for name in INPLACE:
        yield name, f"in place {kind}", f"x = {a}\nx.{name}({b})\nr = x"
    if number and "np" in b:
        return
    yield from _further(d, f, a, b)


def _further(d: str, f: str, a: str, b: str) -> Iterator[tuple[str, str, str]]:
    m = "t.tensor([True, False, True])"
    x = tensor(d, "tensor")
    i = "t.tensor([0, 2, 1])"
    yield "where", "ternary", f"r = t.where({m}, {a}, {b})"
    yield "where", "ternary", f"r = t.where({m}, {b}, {a})"
    yield "where", "ternary", f"r = {a}.where({m}, {b})"
    for source in (
        f"t.clamp({a}, {b})",
        f"t.clamp({a}, max={b})",
        f"t.clamp({a}, {b}, {b})",
        f"t.clip({a}, 1, {b})",
        f"t.clamp_min({a}, {b})",
        f"t.clamp_max({a}, {b})",
    ):
        yield "clamp", "ternary", f"r = {source}"
    yield "clamp_", "ternary", f"x = {a}\nx.clamp_({b})\nr = x"
    yield "lerp", "ternary", f"r = t.lerp({a}, {b}, 0.5)"
    yield "lerp", "ternary", f"r = t.lerp({x}, {x}, {b})"
    for name in ("addcmul", "addcdiv"):
        yield name, "ternary", f"r = t.{name}({a}, {b}, {a})"
        yield name, "ternary", f"r = t.{name}({b}, {a}, {a}, value=2)"
        yield name, "ternary", f"r = t.{name}({x}, {x}, {x}, value={b})"
        yield name, "ternary", f"x = {a}\nx.{name}_({b}, {b})\nr = x"
    for name in several("""
        cat; stack; hstack; vstack; block_diag; cartesian_prod; broadcast_tensors; meshgrid; atleast_1d
    """):
        star = "*" if name in ("block_diag", "cartesian_prod", "broadcast_tensors", "meshgrid", "atleast_1d") else ""
        yield name, "joining", f"r = t.{name}({star}[{a}, {b}])"
    for name in ("add", "sub"):
        yield name, "alpha", f"r = t.{name}({a}, {b}, alpha=2)"
        yield name, "alpha", f"r = t.{name}({a}, {b}, alpha=2.5)"
        yield name, "alpha", f"r = t.{name}({x}, {x}, alpha={b})"
    for out in ("bool", "uint8", "int64", "float16", "float32", "complex64"):
        for name in (
            "add",
            "mul",
            "div",
            "pow",
            "eq",
            "bitwise_and",
            "maximum",
            "atan2",
            "fmod",
            "logical_and",
            "where",
        ):
            first = f"{m}, {a}" if name == "where" else a
            yield name, "out=", f"o = t.empty(3, dtype=t.{out})\nr = [t.{name}({first}, {b}, out=o), o]"
    for rounding in ("'trunc'", "'floor'", "None"):
        yield "div", "rounding_mode", f"r = t.div({a}, {b}, rounding_mode={rounding})"
    yield "__setitem__", "writing", f"x = {x}\nx[1] = {b}\nr = x"
    yield "__setitem__", "writing", f"x = {x}\nx[{i}] = {b}\nr = x"
    yield "__setitem__", "writing", f"x = {x}\nx[{m}] = {tensor(d, '0-dim')}\nr = x"
    for name in ("index_put", "index_put_"):
        yield name, "writing", f"r = {x}.{name}(({i},), {b})"
        yield name, "writing", f"r = {x}.{name}(({i},), {b}, accumulate=True)"
    yield "index_fill", "writing", f"r = {x}.index_fill(0, {i}, {b})"
    yield "index_copy", "writing", f"r = {x}.index_copy(0, {i}, {b})"
    yield "index_add", "writing", f"r = {x}.index_add(0, {i}, {b})"
    yield "index_add", "writing", f"r = {x}.index_add(0, {i}, {x}, alpha={b})"
    yield "scatter", "writing", f"r = {x}.scatter(0, {i}, {b})"
    yield "scatter", "writing", f"r = {x}.scatter(0, {i}, {b}, reduce='add')"
    yield "scatter_add", "writing", f"r = {x}.scatter_add(0, {i}, {b})"
    yield "scatter_reduce", "writing", f"r = {x}.scatter_reduce(0, {i}, {b}, 'amax')"
    yield "masked_fill", "writing", f"r = {x}.masked_fill({m}, {b})"
    yield "masked_fill_", "writing", f"x = {x}\nx.masked_fill_({m}, {b})\nr = x"
    yield "masked_scatter", "writing", f"r = {x}.masked_scatter({m}, {b})"
    yield "select_scatter", "writing", f"r = {x}.select_scatter({b}, 0, 1)"
    yield "slice_scatter", "writing", f"r = {x}.slice_scatter({b})"
    yield "put", "writing", f"r = {x}.put({i}, {b})"
    yield "full", "filling", f"r = t.full((2,), {b}, dtype=t.{d})"
    yield "full_like", "filling", f"r = t.full_like({x}, {b})"
    yield "new_full", "filling", f"r = {x}.new_full((2,), {b})"
    yield "new_tensor", "filling", f"r = {x}.new_tensor({b})"
    yield "tensor", "filling", f"r = t.tensor({b}, dtype=t.{d})"
    yield "tensor", "filling", f"r = t.tensor([{b}, 1])"
    yield "as_tensor", "filling", f"r = t.as_tensor({b}, dtype=t.{d})"
    yield "asarray", "filling", f"r = t.asarray({b}, dtype=t.{d})"
    yield "scalar_tensor", "filling", f"r = t.scalar_tensor({b}, dtype=t.{d})"
    yield "arange", "ranges", f"r = t.arange({b}, 5, dtype=t.{d})"
    yield "arange", "ranges", f"r = t.arange(0, {a}, {b})"
    yield "linspace", "ranges", f"r = t.linspace({b}, 5, 3, dtype=t.{d})"
    yield "logspace", "ranges", f"r = t.logspace({b}, 3, 3, dtype=t.{d})"
    yield "linspace", "ranges", f"r = t.linspace({a}, {b}, 3)"
    yield "threshold", "numbers", f"r = t.threshold({x}, {b}, 1)"
    yield "pad", "numbers", f"r = t.nn.functional.pad({x}, (1, 1), value={b})"
    yield "nan_to_num", "numbers", f"r = t.nan_to_num({x}, {b})"
    yield "hardtanh", "numbers", f"r = t.nn.functional.hardtanh({x}, -1, {b})"
    yield "leaky_relu", "numbers", f"r = t.nn.functional.leaky_relu({x}, {b})"
    yield "elu", "numbers", f"r = t.nn.functional.elu({x}, {b})"
    yield "softplus", "numbers", f"r = t.nn.functional.softplus({x}, {b})"
    yield "renorm", "numbers", f"r = t.renorm({x}.reshape(3, 1), {b}, 0, 1)"
    yield "norm", "numbers", f"r = t.norm({x}, {b})"
    yield "vector_norm", "numbers", f"r = t.linalg.vector_norm({x}, {b})"
    yield "quantile", "numbers", f"r = t.quantile({x}, {b} / 4)"
    yield "histc", "numbers", f"r = t.histc({x}, 3, 0, {b})"
    yield "item conversions", "numbers", f"r = [int({b}), bool({b}), float({b})]"
    yield "index", "numbers", f"r = t.arange(5)[{b}]"
    yield "range", "numbers", f"r = list(range(5))[{b}]"
    yield "addmm", "products", f"r = t.addmm({x}, {x}.reshape(1, 3).T, {x}.reshape(1, 3), beta={b})"
    yield "addmm", "products", f"r = t.addmm({x}, {x}.reshape(1, 3).T, {x}.reshape(1, 3), alpha={b})"
    yield "addr", "products", f"r = t.addr(t.ones(3, 3), {a}, {b})"
    yield "addmv", "products", f"r = t.addmv({a}, {x}.reshape(3, 1) * {x}, {b})"
    yield "linear", "products", f"r = t.nn.functional.linear({a}, {b})"


def _defaults(chosen: list[str]) -> Iterator[tuple[str, str, str]]:
    """Under other default dtypes."""
    for default in ("float64", "bfloat16", "float16"):
        head = f"t.set_default_dtype(t.{default})\n"
        for d in chosen:
            for form in ("tensor", "0-dim"):
                x = tensor(d, form)
                for b in several("""
                    2; 2.5; (1+2j); True; np.float64(2.5); np.float32(2.5); t.tensor(2); t.tensor(2.5);
                    t.tensor([2., 1, 3])
                """):
                    for source in (
                        f"{x} + {b}",
                        f"{x} / {b}",
                        f"{b} / {x}",
                        f"{x} ** {b}",
                        f"{x} // {b}",
                        f"t.where({x} > 0, {x}, {b})",
                        f"t.atan2({x}, t.as_tensor({b}))",
                        f"t.result_type({x}, {b})",
                        f"t.clamp({x}, {b})",
                        f"t.full((2,), {b})",
                        f"t.true_divide({x}, {b})",
                        f"t.float_power({x}, {b})",
                        f"t.stack([{x}, t.as_tensor({b})])",
                    ):
                        yield "default dtype", default, f"{head}r = {source}"
                for name in several("""
                    exp; sqrt; sigmoid; mean; std; var; sum; prod; erf; softmax; abs; angle; real; reciprocal;
                    rsqrt; tanh; logit; special.entr; special.i0e; deg2rad; nanmean; logsumexp; cumsum; norm; sinc;
                    frac; polygamma; bernoulli; rand_like
                """):
                    extra = ", 0" if name in ("softmax", "logsumexp", "cumsum") else ""
                    call = f"t.polygamma(1, {x})" if name == "polygamma" else f"t.{name}({x}{extra})"
                    yield (
                        "default dtype",
                        default,
                        f"{head}r = {call}" + (".dtype" if name in ("bernoulli", "rand_like") else ""),
                    )
        for source in several("""
            t.tensor([1.5]); t.tensor([1, 2.5]); t.tensor([1j]); t.arange(3.); t.linspace(0, 1, 3); t.eye(2);
            t.zeros(2); t.complex(t.ones(2), t.ones(2)); t.hann_window(4); t.fft.fftfreq(4);
            t.tensor(np.float32(2)); t.tensor(np.array([1.])); t.as_tensor(2.5); t.asarray([2.5]); t.Tensor([1, 2]);
            t.full((2,), 1j); t.view_as_complex(t.ones(2, 2)); t.logspace(0, 1, 3); t.kaiser_window(4);
            t.scalar_tensor(2); t.normal(0., 1., (2,)).dtype; t.nn.Linear(2, 2).weight.dtype; t.tensor([True, 2.5]);
            t.tensor([]); t.empty(0); t.sparse_coo_tensor([[0]], [1.]).dtype; t.triu_indices(2, 2);
            t.bincount(t.tensor([1]), t.tensor([2.5])); t.histc(t.tensor([1.])); t.bartlett_window(3);
            t.vander(t.tensor([1, 2]))
        """):
            yield "default dtype", default, f"{head}r = {source}"
    yield "default dtype", "refusals", "t.set_default_dtype(t.int32)\nr = 0"
    yield "default dtype", "refusals", "t.set_default_dtype('float32')\nr = 0"
    yield "default dtype", "refusals", "t.set_default_dtype(t.complex64)\nr = 0"


# -- edges -----------------------------------------------------------------------------------------------------------

INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]


def edges() -> Iterator[tuple[str, str, str]]:
    """Arithmetic at the ends of the ranges, conversions, reductions."""
    yield from _integer_edges()
    yield from _conversions()
    yield from _numbers_beyond()
    yield from _reductions()
    yield from _orders()
    yield from _roundings()


def _integer_edges() -> Iterator[tuple[str, str, str]]:
    for d in INTEGERS:
        x = f"t.tensor([t.iinfo(t.{d}).min, t.iinfo(t.{d}).max, 0, 1, 5, 100], dtype=t.{d})"
        for sign in ("+", "-", "*", "//", "%", "**", "<<", ">>", "/", "&", "^"):
            for b in several("""
                0; 1; 3; 7; 8; 31; 32; 63; 64; 65; 100; -1; -2; -3; -100; 0.0; -1.5; 300; 2**31; True; False
            """):
                yield sign, f"integers {d}", f"r = {x} {sign} {b}"
                yield sign, f"integers reflected {d}", f"r = {b} {sign} {x}"
                yield sign, f"integers tensor {d}", f"r = {x} {sign} t.tensor({b})"
                if b.lstrip("-").isdigit() and abs(int(b)) < 128:
                    yield sign, f"integers same dtype {d}", f"r = {x} {sign} t.tensor([{b}]).to(t.{d})"
                    yield sign, f"integers in place {d}", f"x = {x}\nx {sign}= {b}\nr = x"
        for name in several("""
            abs; neg; square; sign; bitwise_not; positive; reciprocal; sgn; floor; ceil; round; trunc; frac;
            cumsum(0); cumprod(0); sum(); prod(); mean(); sum(dtype=t.int8); sum(dtype=t.uint8);
            prod(dtype=t.int16); cumsum(0, dtype=t.int8); diff(); logical_not; isnan; isfinite; isinf; signbit;
            float_power(2); float_power(-1); div(0, rounding_mode='trunc'); div(0, rounding_mode='floor'); div(-1,
            rounding_mode='trunc'); div(3, rounding_mode='floor'); remainder(-1); fmod(-1); fmod(0); remainder(0);
            pow(-1); pow(0); pow(2); pow(0.5); gcd(t.tensor(0)); lcm(t.tensor(0)); ldexp(t.tensor(3)); clamp(-500,
            500); clamp(min=-1); clamp(min=2.7); clamp(max=-1); addcmul(x, x); addcdiv(x, x); lerp(x, 0.5);
            masked_fill(x > 3, -1); masked_fill(x > 3, 300); masked_fill(x > 3, 1.7); eq(-1); lt(-1); gt(300);
            eq(2**40); lt(2**40); eq(0.5); ge(-0.5); eq(2**70); to(t.float16); to(t.bfloat16); to(t.bool);
            float().to(t.int8); min(); argmin(); sort(descending=True); topk(2); unique(); median(); mode(); var();
            std(); norm(); dot(x); outer(x); vdot(x); kron(x); softmax(0); exp(); all(); any(); bincount();
            logsumexp(0); count_nonzero(); nansum(); nanmean(); dist(x); histc(3); sigmoid(); relu(); erf();
            rsqrt(); sqrt(); log(); angle(); conj(); real; imag; hardshrink(); logit()
        """):
            call = name if "(" in name or name in ("real", "imag") else f"{name}()"
            yield name.split("(")[0], f"integers unary {d}", f"x = {x}\nr = x.{call}"
        for name in several("""
            relu; relu6; gelu; silu; hardtanh; hardswish; hardsigmoid; leaky_relu; elu; selu; celu; softplus;
            softsign; tanhshrink; softshrink; mish; logsigmoid; threshold(x, 1, 2); normalize(x, dim=0); one_hot;
            softmin(x, 0); dropout; pad(x, (1, 1))
        """):
            yield (
                name.split("(")[0],
                f"integers activations {d}",
                f"x = {x}\nr = t.nn.functional.{name if '(' in name else name + '(x)'}",
            )
    for d in FLOATS:
        x = f"t.tensor([float('nan'), float('inf'), -float('inf'), 0., -0., 1.5, -2.5, 3., 1e-7], dtype=t.{d})"
        for sign in ("+", "-", "*", "/", "//", "%", "**", "==", "<"):
            for b in several("""
                0; 0.0; -0.0; 1; -1; -2; 2; 3; 0.5; -0.5; 1/3; float('inf'); -float('inf'); float('nan'); 1e30;
                1e308; 1e-320; 2**70; True
            """):
                yield sign, f"floats {d}", f"r = {x} {sign} {b}"
                yield sign, f"floats reflected {d}", f"r = {b} {sign} {x}"
                yield sign, f"floats tensor {d}", f"r = {x} {sign} t.tensor({b}, dtype=t.float64).to(t.{d})"
        for name in several("""
            fmod(0); fmod(2); fmod(-2); remainder(float('inf')); remainder(-2); sign(); sgn(); sum(); mean(); max();
            min(); argmax(); argmin(); amax(); amin(); aminmax(); median(); nanmedian(); mode(); sort(); argsort();
            topk(3); kthvalue(2); cummax(0); cummin(0); logcumsumexp(0); cumprod(0); unique(); nansum(); nanmean();
            clamp(0, 1); clamp(min=float('nan')); clamp(2, 1); clip(0.5); nan_to_num(); relu(); to(t.bool); bool();
            count_nonzero(); nonzero(); all(); any(); isnan(); var(); std(); norm(); norm(float('inf'));
            norm(-float('inf')); norm(0); softmax(0); log_softmax(0); logsumexp(0); frexp(); floor_divide(0.5);
            div(0.3, rounding_mode='floor'); div(0.3, rounding_mode='trunc'); quantile(0.5); nanquantile(0.5);
            histc(3, -1, 1); histc(); diff(); maximum(t.zeros(1)); fmax(t.zeros(1)); fmin(t.tensor(float('nan')));
            heaviside(t.tensor(0.5).to(x)); copysign(-0.0); copysign(t.tensor(-1)); signbit(); nextafter(x);
            equal(x); allclose(x); isclose(x, equal_nan=True); lerp(x, 0.5); logaddexp(x); hypot(x); atan2(x);
            xlogy(x); sinc(); logit(); logit(0.1); frac(); trunc(); unique_consecutive(); searchsorted(x); msort();
            renorm(2, 0, 1)
        """):
            yield name.split("(")[0], f"floats unary {d}", f"x = {x}\nr = x.{name}"


def _conversions() -> Iterator[tuple[str, str, str]]:
    values = (
        "[float('nan'), float('inf'), -float('inf'), 300.7, -1.5, 0.5, -0.5, 3e9, -3e9, 1e19, -1e19, 1e30, 2.5, 255.9, "
        "256., 128., -129.]"
    )
    finite = "[300.7, -1.5, 0.5, -0.5, 2.5, 255.9, 256., 128., -129., 127.5, 65504.]"
    near = "[0.5, -0.5, 2.5, 3.9, -3.9, 100.1]"
    for source in FLOATS:
        for goal in [*INTEGERS, "bool", *FLOATS, "complex64"]:
            for name, v in (("near", near), ("out of range", finite), ("special", values)):
                x = f"t.tensor({v}, dtype=t.{source})"
                for call in (
                    f"{x}.to(t.{goal})",
                    f"{x}.type(t.{goal})",
                    f"t.empty({v}.__len__(), dtype=t.{goal}).copy_({x})",
                ):
                    yield "to", f"conversions {name} -> {goal}", f"r = {call}"
    for source in [*INTEGERS, "bool"]:
        for goal in [*INTEGERS, "bool", *FLOATS, "complex64", "uint16", "uint32", "uint64"]:
            elements = "True, False" if source == "bool" else f"t.iinfo(t.{source}).min, t.iinfo(t.{source}).max, 0, 77"
            x = f"t.tensor([{elements}], dtype=t.{source})"
            yield "to", "conversions of integers", f"r = {x}.to(t.{goal})"
    for source in ("complex64", "complex128"):
        for goal in [*INTEGERS, "bool", *FLOATS]:
            yield (
                "to",
                "conversions of complex",
                f"r = t.tensor([1+2j, 2j, 0, float('nan')], dtype=t.{source}).to(t.{goal})",
            )
    for value in several("""
        300; -1; 2.7; -2.7; 2**40; 2**63; -2**63; 2**64; 2**70; -2**70; 1e30; float('nan'); float('inf'); 1+2j;
        1+0j; True; None; 'a'; [1]; 70000.; 3.5e38; 256; -129
    """):
        for d in [*INTEGERS, "bool", *FLOATS, "complex64", "uint16", "uint32", "uint64"]:
            for call in several("""
                t.tensor({v}, dtype=t.{d}); t.tensor([{v}], dtype=t.{d}); t.full((2,), {v}, dtype=t.{d}); t.zeros(2,
                dtype=t.{d}).fill_({v}); t.zeros(2, dtype=t.{d}).masked_fill(t.tensor([True, False]), {v});
                t.full_like(t.zeros(2, dtype=t.{d}), {v}); t.zeros(2, dtype=t.{d}).new_full((2,), {v}); t.zeros(2,
                dtype=t.{d}).index_fill(0, t.tensor([0]), {v}); t.zeros(2, dtype=t.{d}).scatter(0, t.tensor([0]),
                {v}); t.scalar_tensor({v}, dtype=t.{d}); t.zeros(2, dtype=t.{d}) + {v}; t.zeros(2,
                dtype=t.{d}).add_({v}); t.zeros(2, dtype=t.{d}) == {v}; t.zeros(2, dtype=t.{d}) < {v};
                t.clamp(t.zeros(2, dtype=t.{d}), {v}); t.where(t.tensor([True, False]), t.zeros(2, dtype=t.{d}),
                {v}); t.ones(2, dtype=t.{d}) * {v}; t.maximum(t.ones(2, dtype=t.{d}), t.tensor({v})); t.ones(2,
                dtype=t.{d}).fill_(t.tensor({v})); t.nn.functional.pad(t.ones(2, dtype=t.{d}), (1, 0), value={v});
                t.asarray([{v}], dtype=t.{d}); t.arange(0, 3, {v}, dtype=t.{d}); t.tensor([1, {v}])
            """):
                yield (
                    "number " + call.split("(")[0].strip("t."),
                    "numbers into tensors",
                    "r = " + call.format(v=value, d=d),
                )
            yield "__setitem__", "numbers into tensors", f"x = t.zeros(2, dtype=t.{d})\nx[0] = {value}\nr = x"
            yield "__setitem__", "numbers into tensors", f"x = t.zeros(2, dtype=t.{d})\nx[x == 0] = {value}\nr = x"
            yield (
                "__setitem__",
                "numbers into tensors",
                f"x = t.zeros(2, dtype=t.{d})\nx[t.tensor([0])] = {value}\nr = x",
            )
    for x in several("""
        t.tensor(2.5); t.tensor([2.5]); t.tensor([1, 2]); t.tensor(float('nan')); t.tensor(float('inf'));
        t.tensor(1+2j); t.tensor(1+0j); t.tensor(True); t.tensor(3); t.tensor([]); t.tensor([[7]]); t.tensor(2**60);
        t.tensor(200, dtype=t.uint8); t.tensor(2.5, dtype=t.bfloat16); t.tensor(1.5, dtype=t.float16); t.tensor(2.5,
        requires_grad=True)
    """):
        for f in several("""
            int; float; complex; bool; round; len; hash(1) or str; operator_index; math_floor; math_ceil;
            math_trunc; divmod2; abs; list; tuple; range; bytes; np.array; np.float32; format_f; format_d; rfor;
            item; tolist; contains; reversed; neg; invert; pos; not; iter
        """):
            call = {
                "operator_index": "x.__index__()",
                "math_floor": "__import__('math').floor(x)",
                "math_ceil": "__import__('math').ceil(x)",
                "math_trunc": "__import__('math').trunc(x)",
                "divmod2": "divmod(x, 2)",
                "format_f": "f'{x:.2f}'",
                "format_d": "f'{x:d}'",
                "rfor": "[1, 2, 3, 4][x]",
                "item": "x.item()",
                "tolist": "x.tolist()",
                "contains": "2.5 in x",
                "neg": "-x",
                "invert": "~x",
                "pos": "+x",
                "not": "not x",
                "iter": "[v for v in x]",
            }.get(f, f"{f}(x)")
            yield f, "Python's conversions", f"x = {x}\nr = {call}"


def _numbers_beyond() -> Iterator[tuple[str, str, str]]:
    for v in (
        "2**31",
        "2**32",
        "2**63 - 1",
        "2**63",
        "2**64 - 1",
        "2**64",
        "-2**63",
        "-2**63 - 1",
        "2**100",
        "10**400",
    ):
        for source in several("""
            t.tensor({v}); t.tensor([{v}]); t.tensor([{v}, 1.5]); t.tensor({v}, dtype=t.float32); t.tensor({v},
            dtype=t.float64); t.tensor({v}, dtype=t.uint64); t.ones(2) + {v}; {v} - t.ones(2); t.ones(2,
            dtype=t.int64) * {v}; t.ones(2, dtype=t.int32) + {v}; t.ones(2, dtype=t.uint8) - {v}; t.full((2,), {v});
            t.arange({v} - 2, {v}); t.arange({v}, {v} + 2); t.ones(2) < {v}; t.ones(2).int() == {v}; t.pow({v},
            t.ones(2)); t.pow(t.ones(2, dtype=t.int64), {v}); t.zeros({v}); t.ones(3)[{v}]; t.ones(3).sum({v});
            t.ones(3)[:{v}]; t.ones(3).narrow(0, 0, {v}); t.scalar_tensor({v}); t.as_tensor({v}); t.eye({v});
            t.ones(2).reshape({v}); t.ones(2).repeat({v}); t.linspace(0, {v}, 3); t.clamp(t.ones(2), max={v});
            t.manual_seed({v}) and 0; t.ones(1).expand({v}).shape; t.roll(t.ones(3), {v});
            t.ones(2).addcmul(t.ones(2), t.ones(2), value={v}); t.add(t.ones(2), t.ones(2), alpha={v});
            t.tensor({v}).item(); t.where(t.ones(2) > 0, {v}, 0); t.index_select(t.ones(3), 0, t.tensor({v}));
            t.ones(2).fill_({v})
        """):
            yield source.split("(")[0].strip("t."), "big numbers", "r = " + source.format(v=f"({v})")


def _reductions() -> Iterator[tuple[str, str, str]]:
    names = several("""
        sum; prod; mean; nansum; nanmean; cumsum; cumprod; std; var; amax; amin; max; min; argmax; argmin; all; any;
        median; nanmedian; mode; logsumexp; norm; softmax; log_softmax; count_nonzero; aminmax; sort; argsort;
        kthvalue; quantile; nanquantile; unique; cummax; cummin; logcumsumexp; std_mean; var_mean;
        nn.functional.softmin; nn.functional.normalize; linalg.vector_norm; diff; flip; topk
    """)
    after = {"kthvalue": ["1"], "quantile": ["0.5"], "nanquantile": ["0.5"], "topk": ["1"]}
    for name in names:
        lead = "".join(f", {a}" for a in after.get(name, []))
        for d in ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "complex64"]:
            for shape in ("()", "(0,)", "(2, 0)", "(0, 3)", "(2, 3)", "(1,)"):
                x = f"t.ones({shape}, dtype=t.{d})"
                for rest in several("""
                    ; , 0; , -1; , 1; , 2; , -3; , (0,); , (0, 1); , (0, 0); , (); , None; , []; , dim=0; , dim=0,
                    keepdim=True; , dim=(0, 1), keepdim=True; , keepdim=True; , axis=0; , axis=0, keepdims=True; ,
                    True; , 1.0; , 'a'; , t.tensor(0); , np.int64(0)
                """):
                    if name == "topk" and rest == "":
                        continue
                    yield name, f"reductions {rest.strip(', ')}", f"r = t.{name}({x}{lead}{rest})"
                if shape in ("(2, 3)", "(0, 3)", "()"):
                    for goal in ("bool", "uint8", "int8", "int64", "float16", "float64", "complex64"):
                        for where in ("", ", 0"):
                            yield name, f"reductions dtype= {goal}", f"r = t.{name}({x}{lead}{where}, dtype=t.{goal})"
                    for goal in ("bool", "uint8", "int64", "float16", "float32", "complex64"):
                        yield (
                            name,
                            "reductions out=",
                            f"o = t.empty(3, dtype=t.{goal})\nr = [t.{name}({x}{lead}, 0, out=o), o]",
                        )
                        yield (
                            name,
                            "reductions out= dtype=",
                            f"o = t.empty(3, dtype=t.{goal})\nr = [t.{name}({x}{lead}, 0, out=o, dtype=t.float32), o]",
                        )


def _orders() -> Iterator[tuple[str, str, str]]:
    lists = several("""
        [1., 3., 3., 2., 3.]; [2., 1., 1., 2.]; [float('nan'), 1., float('nan'), 2.]; [1., float('nan'), 5.];
        [float('inf'), float('inf'), -float('inf')]; [0., -0., 0.]; [5.]; [[1., 2.], [2., 1.]]; [[float('nan'), 1.],
        [2., 2.]]; [1, 1, 2, 2]; [3, 1, 2, 2, 1]; [True, False, True]
    """)
    for x in lists:
        for call in several("""
            argmax(); argmin(); max(0); min(0); median(); median(0); nanmedian(); nanmedian(0); mode(); mode(0);
            sort(stable=True); argsort(stable=True); topk(1); kthvalue(1); cummax(0); cummin(0); amax(); aminmax();
            unique(return_inverse=True, return_counts=True); unique_consecutive(return_counts=True); argmax(0,
            True); argmax(keepdim=True); max(0, keepdim=True); argmin(-1); msort(); std(correction=0);
            var(unbiased=False); var(correction=5); histc(2); isin(x[0]); equal(x); maximum(x.flip(0));
            minimum(x.flip(0)); fmax(x.flip(0)); count_nonzero(0); nonzero(); any(0); all(0); cumsum(0); diff();
            logcumsumexp(0); bincount()
        """):
            yield call.split("(")[0], "ties", f"x = t.tensor({x})\nr = x.{call}"
        for q in several("""
            0.5; 0.25; 0; 1; 0.3; 1.5; -0.1; [0.1, 0.9]; t.tensor([0.1, 0.9]); t.tensor([0.1, 0.9],
            dtype=t.float64); t.tensor([[0.5]])
        """):
            for rest in several("""
                ; , 0; , 0, True; , interpolation='lower'; , interpolation='higher'; , interpolation='midpoint'; ,
                interpolation='nearest'; , interpolation='other'; , keepdim=True
            """):
                for name in ("quantile", "nanquantile"):
                    yield name, "quantiles", f"x = t.tensor({x})\nr = t.{name}(x, {q}{rest})"


def _roundings() -> Iterator[tuple[str, str, str]]:
    for d in FLOATS:
        x = f"t.tensor([0.5, 1.5, 2.5, -0.5, -1.5, 0.25, 0.35, 123.456, 1250., -0., 0.45], dtype=t.{d})"
        for call in several("""
            round(); round(decimals=1); round(decimals=-1); round(decimals=2); round(decimals=0);
            round(decimals=-2); floor(); ceil(); trunc(); fix(); frac(); to(t.int32); int(); long(); short();
            char(); round(1); round(decimals=1.0); rint(); floor_divide(0.1); remainder(0.1); fmod(0.1)
        """):
            yield "round", f"rounding {d}", f"r = {x}.{call}"
    for call in several("""
        round(t.tensor(2.5)); round(t.tensor(2.567), 2); round(t.tensor([2.567, 1.5]), 1); round(t.tensor(3));
        round(t.tensor([25, 35]), -1); t.round(t.tensor([25, 35]), decimals=-1); t.round(t.tensor([25, 35]),
        decimals=1); t.round(t.tensor([True]))
    """):
        yield "round", "rounding", f"r = {call}"
    for b in range(-4, 5):
        for d in ("int8", "int32", "int64", "uint8"):
            x = f"t.tensor([0, 1, 2, 3, 5, {'-1, -2, -3, -7' if d != 'uint8' else '7'}], dtype=t.{d})"
            for source in (
                f"{x} ** {b}",
                f"{b} ** {x}",
                f"{x}.pow(t.tensor({b}))",
                f"{x}.pow(t.tensor([{b}]).to(t.{d}))",
                f"t.pow({b}, {x})",
                f"{x}.pow_({b})",
                f"t.float_power({x}, {b})",
                f"{x}.bool() ** {b}",
                f"{b} ** {x}.bool()",
                f"{x} // {b}",
                f"{b} // {x}",
                f"{x} % {b}",
                f"{b} % {x}",
                f"{x} / {b}",
                f"{b} / {x}",
                f"t.fmod({x}, {b})",
                f"t.remainder({b}, {x})",
                f"t.div({x}, {b}, rounding_mode='trunc')",
                f"t.ldexp({x}, t.tensor({b}))",
                f"{x} << {b}",
                f"{b} << {x}",
                f"{b} >> {x}",
                f"t.linalg.matrix_power({x}[:4].reshape(2, 2), {b})",
                f"t.square({x})",
                f"t.special.polygamma({b}, {x})",
                f"t.special.multigammaln({x}, {b})",
            ):
                yield "small integers", f"powers {d}", f"r = {source}"
