"""What gradients are by convention: complex numbers, points without a derivative, layouts and dtypes of gradients."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.autograd import grad

from autograd_cases.helpers import attempt, randn

INF, NAN = float("inf"), float("nan")


def _twice(f, *inputs):
    """Values, gradients with a cotangent of 1, and gradients of their sums."""
    y = f(*inputs)
    total = y.real.sum() + y.imag.sum() * 2 if y.is_complex() else y.sum()
    first = grad(total, inputs, create_graph=True, allow_unused=True)
    found = [g for g in first if g is not None and g.requires_grad]
    second = (
        grad(sum((g.abs() if g.is_complex() else g).sum() for g in found), inputs, allow_unused=True)
        if found
        else None
    )
    return y, first, second


def _t(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype, requires_grad=True)


def special_points_of_one_argument():
    points = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, INF, -INF, NAN, 1e-310, 3.0, -3.0, 6.0]
    names = [
        "abs",
        "sqrt",
        "rsqrt",
        "log",
        "log2",
        "log10",
        "log1p",
        "exp",
        "exp2",
        "expm1",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "erf",
        "erfc",
        "erfinv",
        "sigmoid",
        "logit",
        "reciprocal",
        "square",
        "neg",
        "sign",
        "sgn",
        "floor",
        "ceil",
        "round",
        "trunc",
        "frac",
        "lgamma",
        "digamma",
        "sinc",
        "i0",
        "positive",
        "relu",
        "deg2rad",
        "rad2deg",
        "nan_to_num",
        "angle",
        "special.entr",
        "special.erfcx",
        "special.i0e",
        "special.i1",
        "special.i1e",
        "special.log_ndtr",
        "special.ndtri",
        "special.ndtr",
        "special.xlog1py",
        "logsigmoid",
    ]
    out = {}
    for name in names:
        target = torch
        for part in name.split("."):
            target = getattr(target, part, None)
        if target is None:
            target = getattr(F, name)
        if name == "special.xlog1py":
            target = lambda x: torch.special.xlog1py(x, x)  # noqa: E731
        out[name] = attempt(
            lambda target=target: [grad(target(x := _t(p)).sum(), x, allow_unused=True) for p in points]
        )
    activations = {
        "relu6": F.relu6,
        "hardtanh": F.hardtanh,
        "hardswish": F.hardswish,
        "hardsigmoid": F.hardsigmoid,
        "leaky_relu": F.leaky_relu,
        "elu": F.elu,
        "selu": F.selu,
        "celu": F.celu,
        "gelu": F.gelu,
        "silu": F.silu,
        "mish": F.mish,
        "softplus": F.softplus,
        "softsign": F.softsign,
        "tanhshrink": F.tanhshrink,
        "softshrink": F.softshrink,
        "hardshrink": F.hardshrink,
        "threshold": lambda x: F.threshold(x, 0.5, 9.0),
        "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
        "softplus_beta": lambda x: F.softplus(x, 3.0, 5.0),
        "glu": lambda x: F.glu(torch.cat([x, x])),
        "rrelu": lambda x: F.rrelu(x),
        "prelu": lambda x: F.prelu(x, torch.tensor([0.25], dtype=torch.float64)),
        "elu2": lambda x: F.elu(x, 2.0),
    }
    for name, f in activations.items():
        out[name] = attempt(lambda f=f: [grad(f(x := _t(p)).sum(), x) for p in points])
        out[name, "second"] = attempt(lambda f=f: [_second(f, p) for p in points])
    return out


def _second(f, p):
    x = _t(p)
    (g,) = grad(f(x).sum(), x, create_graph=True)
    return grad(g.sum(), x, allow_unused=True) if g.requires_grad else "constant"


def special_points_of_two_arguments():
    pairs = [
        (0.0, 0.0),
        (0.0, 1.0),
        (1.0, 0.0),
        (0.0, -1.0),
        (-1.0, 2.0),
        (-1.0, 0.5),
        (2.0, 2.0),
        (0.0, 0.5),
        (INF, 1.0),
        (1.0, INF),
        (NAN, 1.0),
        (1.0, NAN),
        (-2.0, -2.0),
        (0.0, 2.0),
        (5.0, 3.0),
        (-5.0, 3.0),
        (0.0, NAN),
        (INF, INF),
        (-0.0, 0.0),
    ]
    functions = {
        "pow": torch.pow,
        "maximum": torch.maximum,
        "minimum": torch.minimum,
        "fmax": torch.fmax,
        "fmin": torch.fmin,
        "atan2": torch.atan2,
        "hypot": torch.hypot,
        "fmod": torch.fmod,
        "remainder": torch.remainder,
        "div": torch.div,
        "xlogy": torch.xlogy,
        "copysign": torch.copysign,
        "logaddexp": torch.logaddexp,
        "logaddexp2": torch.logaddexp2,
        "float_power": torch.float_power,
        "floor_divide": lambda a, b: torch.div(a, b, rounding_mode="floor"),
        "trunc_divide": lambda a, b: torch.div(a, b, rounding_mode="trunc"),
        "where": lambda a, b: torch.where(a > b, a, b),
        "clamp_min": lambda a, b: a.clamp(min=b),
        "clamp_max": lambda a, b: a.clamp(max=b),
        "dist": lambda a, b: torch.dist(a, b),
        "dist1": lambda a, b: torch.dist(a, b, 1),
        "cosine": lambda a, b: F.cosine_similarity(a, b, 0),
        "nextafter": lambda a, b: torch.nextafter(a, b) + a * b,
        "heaviside": lambda a, b: torch.heaviside(a, b),
        "ldexp": torch.ldexp,
        "xlog1py": torch.special.xlog1py,
        "l1": F.l1_loss,
        "smooth_l1": F.smooth_l1_loss,
        "huber": F.huber_loss,
        "mse": F.mse_loss,
        "pairwise": lambda a, b: F.pairwise_distance(a[None], b[None]),
        "cdist": lambda a, b: torch.cdist(a[None], b[None]),
        "kl": lambda a, b: F.kl_div(a, b, reduction="sum"),
        "kl_log": lambda a, b: F.kl_div(a, b, reduction="sum", log_target=True),
        "poisson": lambda a, b: F.poisson_nll_loss(a, b),
        "hinge": lambda a, b: F.hinge_embedding_loss(a, b),
        "margin": lambda a, b: F.margin_ranking_loss(a, b, torch.ones(1).double()),
        "soft_margin": lambda a, b: F.soft_margin_loss(a, b),
        "bce_logits": F.binary_cross_entropy_with_logits,
        "lerp": lambda a, b: torch.lerp(a, b, 0.25),
        "polar": lambda a, b: torch.polar(a, b).abs(),
    }
    out = {}
    for name, f in functions.items():

        def at(p, q, f=f):
            a, b = _t(p), _t(q)
            return grad(f(a, b).sum(), (a, b), allow_unused=True)

        out[name] = [attempt(lambda p=p, q=q: at(p, q)) for p, q in pairs]
        out[name, "second"] = [attempt(lambda p=p, q=q, f=f: _second_of_two(f, p, q)) for p, q in pairs]
    for exponent in (0, 1, 2, 3, -1, 0.5, 1.5, 0.0, 2.0, -0.5):
        out["pow_number", exponent] = attempt(
            lambda e=exponent: [grad((x := _t(p)).pow(e).sum(), x) for p in (0.0, 1.0, -1.0, INF, NAN)]
        )
        out["pow_number_second", exponent] = attempt(
            lambda e=exponent: [_second(lambda t: t**e, p) for p in (0.0, 1.0, -1.0)]
        )
        out["number_pow", exponent] = attempt(
            lambda e=exponent: [grad((e ** (x := _t(p))).sum(), x) for p in (0.0, 1.0, -1.0)]
        )
    return out


def _second_of_two(f, p, q):
    a, b = _t(p), _t(q)
    first = [
        g
        for g in grad(f(a, b).sum(), (a, b), create_graph=True, allow_unused=True)
        if g is not None and g.requires_grad
    ]
    return grad(sum(g.sum() for g in first), (a, b), allow_unused=True) if first else "constant"


def reductions_with_ties_and_zeros():
    inputs = {
        "ties": [[1.0, 1.0, 0.0], [2.0, 2.0, 2.0]],
        "zeros": [[0.0, 0.0, 0.0], [1.0, 0.0, 2.0]],
        "nan": [[1.0, NAN, 2.0], [0.0, 1.0, 1.0]],
        "inf": [[INF, INF, 1.0], [-INF, 0.0, 1.0]],
        "negative": [[-1.0, -2.0, -1.0], [-INF, -INF, -INF]],
    }
    functions = {
        "max": lambda x: x.max(),
        "min": lambda x: x.min(),
        "max_dim": lambda x: x.max(1)[0],
        "min_dim": lambda x: x.min(1)[0],
        "amax": lambda x: x.amax(1),
        "amin": lambda x: x.amin((0, 1)),
        "amax_all": lambda x: x.amax(),
        "median": lambda x: x.median(),
        "median_dim": lambda x: x.median(1)[0],
        "nanmedian": lambda x: x.nanmedian(1)[0],
        "mode": lambda x: x.mode(1)[0],
        "kthvalue": lambda x: x.kthvalue(2, 1)[0],
        "sort": lambda x: x.sort(1)[0] * torch.arange(3.0),
        "topk": lambda x: x.topk(2, 1)[0] * torch.arange(1.0, 3.0),
        "prod": lambda x: x.prod(),
        "prod_dim": lambda x: x.prod(1),
        "cumprod": lambda x: x.cumprod(1),
        "cummax": lambda x: x.cummax(1)[0],
        "cummin": lambda x: x.cummin(1)[0],
        "norm": lambda x: x.norm(),
        "norm_dim": lambda x: x.norm(dim=1),
        "norm1": lambda x: x.norm(1),
        "norm_inf": lambda x: x.norm(INF, dim=1),
        "norm_ninf": lambda x: x.norm(-INF),
        "norm0": lambda x: x.norm(0) + x.sum(),
        "norm3": lambda x: x.norm(3),
        "norm_half": lambda x: x.norm(0.5, dim=1),
        "vector_norm": lambda x: torch.linalg.vector_norm(x, 2, 1),
        "fro": lambda x: torch.linalg.norm(x),
        "nuc": lambda x: torch.linalg.norm(x, "nuc"),
        "logsumexp": lambda x: x.logsumexp(1),
        "softmax": lambda x: x.softmax(1)[:, 0],
        "log_softmax": lambda x: x.log_softmax(1)[:, 0],
        "var": lambda x: x.var(1),
        "std": lambda x: x.std(1),
        "std_all": lambda x: x.std(),
        "nansum": lambda x: x.nansum(1),
        "nanmean": lambda x: x.nanmean(1),
        "quantile": lambda x: x.quantile(0.5, 1),
        "nanquantile": lambda x: x.nanquantile(0.5, 1),
        "logcumsumexp": lambda x: x.logcumsumexp(1),
        "aminmax": lambda x: torch.aminmax(x)[0] + torch.aminmax(x)[1],
        "normalize": lambda x: F.normalize(x),
        "max_pool": lambda x: F.max_pool1d(x[None], 3),
        "adaptive": lambda x: F.adaptive_max_pool1d(x[None], 1),
        "renorm": lambda x: x.renorm(2, 0, 1.0),
        "clamp": lambda x: x.clamp(0.0, 2.0),
        "clamp_min": lambda x: x.clamp(min=1.0),
        "unique": lambda x: x.sum(),
        "pdist": lambda x: F.pdist(x),
        "cosine": lambda x: F.cosine_similarity(x, x.flip(0)),
        "trapezoid": lambda x: torch.trapezoid(x),
        "diff": lambda x: x.diff(),
        "cross": lambda x: torch.linalg.cross(x, x.flip(0)),
        "layer_norm": lambda x: F.layer_norm(x, (3,)) * torch.arange(3.0),
        "max_two": lambda x: torch.maximum(x, x.flip(1)),
        "cross_entropy": lambda x: F.cross_entropy(x, torch.tensor([0, 1])),
        "matrix_norm2": lambda x: torch.linalg.matrix_norm(x, 2),
        "softmin": lambda x: F.softmin(x, 1)[:, 1],
        "gumbel": lambda x: x.softmax(0).argmax() * x.sum(),
    }
    out = {}
    for kind, rows in inputs.items():
        for name, f in functions.items():
            out[name, kind] = attempt(
                lambda f=f, rows=rows: grad(
                    f(x := torch.tensor(rows, dtype=torch.float64, requires_grad=True)).sum(), x
                )
            )
            out[name, kind, "second"] = attempt(lambda f=f, rows=rows: _second_of(f, rows))
    return out


def _second_of(f, rows):
    x = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    (g,) = grad(f(x).pow(2).sum(), x, create_graph=True)
    return grad(g.sum(), x, allow_unused=True) if g.requires_grad else "constant"


def complex_gradients():
    z = lambda seed=0: torch.view_as_complex(randn(3, 2, seed=seed, grad=False)).requires_grad_()  # noqa: E731
    one = [
        "abs",
        "angle",
        "conj",
        "real",
        "imag",
        "sgn",
        "exp",
        "log",
        "sqrt",
        "rsqrt",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "sigmoid",
        "reciprocal",
        "square",
        "neg",
        "log2",
        "log10",
        "log1p",
        "expm1",
        "prod",
        "sum",
        "mean",
        "cumsum",
        "cumprod",
        "var",
        "std",
        "norm",
        "resolve_conj",
        "conj_physical",
        "sinc",
    ]
    out = {
        name: attempt(
            lambda name=name: _twice(
                lambda a: (
                    getattr(torch, name)(a) if name != "cumsum" and name != "cumprod" else getattr(a, name)(0)
                ),
                z(),
            )
        )
        for name in one
    }
    two = {
        "add": lambda a, b: a + b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b,
        "pow": lambda a, b: a**b,
        "sub": lambda a, b: a - b * 2j,
        "real_times": lambda a, b: a.real * b,
        "abs_times": lambda a, b: a.abs() * b.abs(),
        "matmul": lambda a, b: a[None] @ b,
        "vdot": torch.vdot,
        "dot": torch.dot,
        "outer": torch.outer,
        "where": lambda a, b: torch.where(a.real > 0, a, b),
        "einsum": lambda a, b: torch.einsum("i,j->ij", a, b.conj()),
        "addcmul": lambda a, b: torch.addcmul(a, b, b, value=2j),
        "lerp": lambda a, b: torch.lerp(a, b, 0.3),
        "linear": lambda a, b: F.linear(a[None], b[None]),
        "kron": torch.kron,
        "cat": lambda a, b: torch.cat([a, b.conj()]),
        "solve": lambda a, b: torch.linalg.solve(a.outer(b) + 3 * torch.eye(3), a),
        "mse": lambda a, b: (a - b).abs().pow(2).mean(),
        "index": lambda a, b: a[torch.tensor([0, 0])] * b[:2],
        "stack": lambda a, b: torch.stack([a, b]).sum(0).abs(),
        "conv": lambda a, b: F.conv1d(a[None, None], b[None, None, :2]),
        "addmm": lambda a, b: torch.addmm(a, a.outer(b), b.outer(a), beta=1j, alpha=2),
        "isclose": lambda a, b: a * torch.isclose(a, b),
        "fft": lambda a, b: torch.fft.fft(a) * torch.fft.ifft(b),
        "cross": lambda a, b: torch.linalg.cross(a, b),
        "real_view": lambda a, b: torch.view_as_real(a) * torch.view_as_real(b),
        "polar": lambda a, b: torch.polar(a.abs(), b.angle()),
        "inv": lambda a, b: torch.linalg.inv(a.outer(b) + 3 * torch.eye(3)),
        "det": lambda a, b: torch.linalg.det(a.outer(b) + torch.eye(3)),
        "svdvals": lambda a, b: torch.linalg.svdvals(a.outer(b)),
        "eigvalsh": lambda a, b: torch.linalg.eigvalsh(a.outer(a.conj()) + torch.diag(b.abs()).to(a.dtype)),
        "norm": lambda a, b: torch.linalg.vector_norm(a - b),
        "cholesky": lambda a, b: torch.linalg.cholesky(a.outer(a.conj()) + 2 * torch.eye(3)),
        "matrix_exp": lambda a, b: torch.linalg.matrix_exp(a.outer(b)),
        "cumprod": lambda a, b: (a * b).cumprod(0),
        "complex": lambda a, b: torch.complex(a.real, b.imag),
    }
    out |= {name: attempt(lambda f=f: _twice(f, z(), z(1))) for name, f in two.items()}
    x = randn(3)
    mixed = {
        "real_to_complex": lambda x: (x * (1 + 2j)).abs(),
        "exp_i": lambda x: torch.exp(1j * x).real,
        "complex_mul": lambda x: torch.view_as_real(x * torch.tensor([1j, 2j, 3j], dtype=torch.complex128)),
        "rfft": lambda x: torch.fft.rfft(x).abs(),
        "irfft": lambda x: torch.fft.irfft(torch.fft.rfft(x) * 1j, n=3),
        "to_complex": lambda x: x.to(torch.complex128) * 1j,
        "complex_pow": lambda x: x.abs() ** (1j),
        "cfloat_div": lambda x: 1j / x,
        "stft": lambda x: torch.stft(
            x.repeat(10), 8, return_complex=True, window=torch.ones(8).double()
        ).abs(),
        "angle": lambda x: torch.complex(x, x * 2).angle(),
        "eig": lambda x: torch.linalg.eigvals(x.outer(x) + torch.eye(3)).abs(),
        "sqrt": lambda x: x.to(torch.complex128).sqrt(),
    }
    out |= {("mixed", name): attempt(lambda f=f: _twice(f, x)) for name, f in mixed.items()}
    zeros = lambda: torch.zeros(2, dtype=torch.complex128, requires_grad=True)  # noqa: E731
    for name in ("abs", "angle", "sgn", "norm", "sqrt", "log", "reciprocal", "prod"):
        out["zero", name] = attempt(
            lambda name=name: grad(
                torch.view_as_real(y) if (y := getattr(torch, name)(v := zeros())).is_complex() else y,
                v,
                torch.ones_like(torch.view_as_real(y)) if y.is_complex() else torch.ones_like(y),
            )
        )
    out["backward_complex"] = attempt(lambda: z().sum().backward())
    out["backward_given"] = attempt(
        lambda: grad(v := z(), v, torch.tensor([1j, 2.0, 3 - 1j], dtype=torch.complex128))
    )
    out["holomorphic"] = attempt(lambda: grad((v := z()) ** 2, v, torch.ones(3, dtype=torch.complex128)))
    out["grad_real"] = attempt(lambda: grad((v := z()) ** 2, v, torch.ones(3, dtype=torch.float64)))
    return out


def where_and_masks():
    x = lambda: _t(-1.0, 0.0, 4.0)  # noqa: E731
    functions = {
        "where_sqrt": lambda x: torch.where(x > 0, x.sqrt(), 0.0),
        "where_log": lambda x: torch.where(x > 0, x.log(), x),
        "where_div": lambda x: torch.where(x != 0, 1 / x, 0.0),
        "safe": lambda x: torch.where(x > 0, torch.where(x > 0, x, 1.0).sqrt(), 0.0),
        "masked_fill": lambda x: x.sqrt().masked_fill(x <= 0, 0.0),
        "times_mask": lambda x: x.sqrt() * (x > 0),
        "nan_to_num": lambda x: x.sqrt().nan_to_num(),
        "index": lambda x: x[x > 0].sqrt(),
        "masked_select": lambda x: x.masked_select(x > 0).log(),
        "clamp_sqrt": lambda x: x.clamp(min=0).sqrt(),
        "relu_sqrt": lambda x: x.relu().sqrt(),
        "where_scalar": lambda x: torch.where(x > 0, 1.0, x),
        "where_inf": lambda x: torch.where(x > 0, x, -INF).exp(),
        "softmax_mask": lambda x: x.masked_fill(x < 0, -INF).softmax(0),
        "all_masked": lambda x: x.masked_fill(x < 9, -INF).softmax(0),
        "logsumexp_mask": lambda x: x.masked_fill(x < 9, -INF).logsumexp(0),
        "abs_pow": lambda x: x.abs() ** 0.5,
        "norm_zero": lambda x: (x * 0).norm(),
        "xlogx": lambda x: torch.xlogy(x, x),
        "div_zero": lambda x: x / (x * 0),
    }
    return {name: attempt(lambda f=f: _twice(f, x())) for name, f in functions.items()}


def layouts_of_gradients():
    functions = {
        "exp": lambda x: x.exp(),
        "mul": lambda x: x * x,
        "matmul": lambda x: x @ x.t(),
        "sum0": lambda x: x.sum(0),
        "softmax": lambda x: x.softmax(1),
        "view": lambda x: x.reshape(6, 2),
        "t": lambda x: x.t(),
        "cat": lambda x: torch.cat([x, x]),
        "index": lambda x: x[torch.tensor([0, 0, 1])],
        "layer_norm": lambda x: F.layer_norm(x, (4,)),
        "conv": lambda x: F.conv1d(x[None], x[None, :, :2]),
        "cumsum": lambda x: x.cumsum(0),
        "max": lambda x: x.max(1)[0],
        "unfold": lambda x: x.unfold(1, 2, 1),
        "diag": lambda x: x.diagonal(),
        "flip": lambda x: x.flip(1),
        "pad": lambda x: F.pad(x, (1, 2)),
        "expand": lambda x: x[None].expand(2, 3, 4),
        "repeat": lambda x: x.repeat(2, 2),
        "where": lambda x: torch.where(x > 0, x, 0.0),
        "norm": lambda x: x.norm(dim=0),
        "gelu": lambda x: F.gelu(x),
        "sort": lambda x: x.sort(1)[0],
        "pool": lambda x: F.avg_pool1d(x[None], 2),
        "logsumexp": lambda x: x.logsumexp(1),
        "split": lambda x: x.split(2, 1)[1],
        "linear": lambda x: F.linear(x, x),
        "prod": lambda x: x.prod(0),
        "tril": lambda x: x.tril(),
        "roll": lambda x: x.roll(1, 0),
        "cdist": lambda x: torch.cdist(x, x),
        "fft": lambda x: torch.fft.rfft(x),
        "var": lambda x: x.var(0),
        "kron": lambda x: torch.kron(x, x),
        "take": lambda x: x.take(torch.tensor([1, 1])),
        "bn": lambda x: F.batch_norm(x, None, None, training=True),
        "einsum": lambda x: torch.einsum("ij,kj->ik", x, x),
        "movedim": lambda x: x.movedim(0, 1),
        "gather": lambda x: x.gather(0, torch.zeros(1, 4, dtype=torch.int64)),
    }
    out = {}
    for name, f in functions.items():
        x = randn(3, 4)
        y = f(x)
        kind = y.dtype
        cotangents = {
            "expanded": torch.ones((), dtype=kind).expand(y.shape),
            "strided": (torch.arange(2.0 * y.numel()).to(kind).view(*y.shape, 2))[..., 0],
            "reversed": torch.arange(float(y.numel()))
            .to(kind)
            .view(y.shape[::-1])
            .permute(*range(y.dim() - 1, -1, -1)),
            "zero_stride": torch.arange(float(y.shape[-1])).to(kind).expand(y.shape)
            if y.dim()
            else torch.ones((), dtype=kind),
            "offset": torch.arange(float(y.numel() + 3)).to(kind)[3:].view(y.shape),
        }
        for how, g in cotangents.items():
            out[name, how] = attempt(lambda y=y, x=x, g=g: grad(y, x, g, retain_graph=True))
    return out


def half_precision():
    functions = {
        "sum": lambda x: x.sum(0),
        "mean": lambda x: x.mean(),
        "softmax": lambda x: x.softmax(1),
        "layer_norm": lambda x: F.layer_norm(x, (4,)),
        "matmul": lambda x: x @ x.t(),
        "exp": lambda x: x.exp(),
        "gelu": lambda x: F.gelu(x),
        "cross_entropy": lambda x: F.cross_entropy(x, torch.tensor([0, 1, 2])),
        "norm": lambda x: x.norm(),
        "var": lambda x: x.var(1),
        "prod": lambda x: x.prod(1),
        "cumsum": lambda x: x.cumsum(1),
        "to32": lambda x: x.float() * 2,
        "times32": lambda x: x * torch.ones(4),
        "pow": lambda x: x**3,
        "silu": lambda x: F.silu(x),
        "mse": lambda x: F.mse_loss(x, x * 2),
        "index": lambda x: x[torch.tensor([0, 0])],
        "where": lambda x: torch.where(x > 0, x, 0.0),
        "clamp": lambda x: x.clamp(0, 1),
        "logsumexp": lambda x: x.logsumexp(1),
        "linear": lambda x: F.linear(x, x),
        "number": lambda x: x * 2.5,
        "tensor_number": lambda x: x * torch.tensor(2.5),
        "conv": lambda x: F.conv1d(x[None], x[None, :, :2]),
        "attention": lambda x: F.scaled_dot_product_attention(x[None], x[None], x[None]),
        "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
        "max_pool": lambda x: F.max_pool1d(x[None], 2),
        "bce": lambda x: F.binary_cross_entropy_with_logits(x, x.detach().sigmoid()),
        "embedding": lambda x: F.embedding(torch.tensor([0, 0]), x),
        "log_softmax": lambda x: x.log_softmax(0),
        "rsqrt": lambda x: x.abs().rsqrt(),
        "smooth_l1": lambda x: F.smooth_l1_loss(x, x * 0),
    }
    out = {}
    for dtype in (torch.float16, torch.bfloat16):
        for name, f in functions.items():
            out[name, str(dtype)] = attempt(lambda f=f, dtype=dtype: _first(f, dtype))
    return out


def _first(f, dtype):
    x = randn(3, 4, dtype=dtype, grad=False).requires_grad_()
    y = f(x)
    return y, grad(y.sum(), x)


def mixed_dtypes():
    a, b, c = randn(3, dtype=torch.float32), randn(3, seed=1), randn(3, seed=2, dtype=torch.float16)
    functions = {
        "add": lambda: a + b,
        "mul": lambda: a * b * c,
        "where": lambda: torch.where(a > 0, a, b),
        "cat": lambda: torch.cat([a, b, c]),
        "stack": lambda: torch.stack([a, c]),
        "pow": lambda: a.abs() ** b,
        "div": lambda: c / a,
        "maximum": lambda: torch.maximum(a, b),
        "lerp": lambda: torch.lerp(a, a * 2, 0.5),
        "to": lambda: a.double() + b,
        "sum_dtype": lambda: a.sum(dtype=torch.float64) + b.sum(),
        "mean_dtype": lambda: c.mean(dtype=torch.float32),
        "int_times": lambda: a * torch.arange(3),
        "bool_times": lambda: b * (b > 0),
        "softmax_dtype": lambda: c.softmax(0, dtype=torch.float32),
        "addcmul": lambda: torch.addcmul(a, a, a),
        "number": lambda: a * 2 + 1,
        "cumsum_dtype": lambda: a.cumsum(0, dtype=torch.float64),
        "int_div": lambda: a / torch.tensor(2),
        "dot": lambda: torch.dot(a, b.float()),
        "atan2": lambda: torch.atan2(a, b),
        "double_number": lambda: a * torch.tensor(2.0, dtype=torch.float64),
        "prod_dtype": lambda: a.prod(dtype=torch.float64),
        "norm_dtype": lambda: torch.linalg.vector_norm(a, dtype=torch.float64),
    }
    return {
        name: attempt(lambda f=f: [y := f(), grad(y.sum(), (a, b, c), allow_unused=True)])
        for name, f in functions.items()
    }


def sparse_gradients():
    def embedding():
        w = randn(5, 2)
        F.embedding(torch.tensor([0, 3, 0]), w, sparse=True).sum().backward()
        return w.grad.is_sparse, w.grad.to_dense(), w.grad.is_coalesced()

    def accumulate():
        w = randn(5, 2)
        for _ in range(2):
            F.embedding(torch.tensor([0, 3]), w, sparse=True).pow(2).sum().backward()
        return w.grad.is_sparse, w.grad.to_dense()

    def with_dense():
        w = randn(5, 2)
        (F.embedding(torch.tensor([0, 3]), w, sparse=True).sum() + w.sum()).backward()
        return w.grad.is_sparse, w.grad.to_dense()

    def bag():
        w = randn(5, 2)
        F.embedding_bag(torch.tensor([[0, 3], [1, 1]]), w, sparse=True, mode="sum").sum().backward()
        return w.grad.is_sparse, w.grad.to_dense()

    def mm():
        s = torch.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0], (2, 2)).double().requires_grad_()
        d = randn(2, 2)
        torch.sparse.mm(s, d).sum().backward()
        return s.grad.to_dense(), d.grad

    def to_dense():
        s = torch.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0], (2, 2)).double().requires_grad_()
        (s.to_dense() ** 2).sum().backward()
        return s.grad.to_dense()

    def from_values():
        v = randn(2)
        s = torch.sparse_coo_tensor(torch.tensor([[0, 1], [1, 0]]), v, (2, 2))
        return grad((s.to_dense() * torch.arange(4.0).view(2, 2)).sum(), v)

    def to_sparse():
        d = randn(2, 2)
        return grad(d.to_sparse().to_dense().pow(2).sum(), d)

    def gather():
        d = randn(3, 2)
        g = grad(torch.gather(d, 0, torch.tensor([[0, 1]]), sparse_grad=True).sum(), d)[0]
        return g.is_sparse, g.to_dense()

    def optimizer():
        e = torch.nn.Embedding(4, 2, sparse=True)
        with torch.no_grad():
            e.weight.copy_(randn(4, 2))
        o = torch.optim.SparseAdam(e.parameters(), lr=0.1)
        for _ in range(2):
            o.zero_grad()
            e(torch.tensor([1, 1, 3])).pow(2).sum().backward()
            o.step()
        return e.weight

    def hook():
        w, log = randn(4, 2), []
        w.register_hook(lambda g: log.append(g.is_sparse))
        F.embedding(torch.tensor([0]), w, sparse=True).sum().backward()
        return log

    return {name: attempt(f) for name, f in list(locals().items())}
