"""Operators with arguments drawn at random: values, gradients and gradients of gradients in float64."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.autograd import grad

from autograd_cases.helpers import attempt

TIMES = 8


class Draw(random.Random):
    """Random arguments; ``x`` makes an input that is differentiated."""

    def __init__(self, seed: int):
        super().__init__(seed)
        self.numbers = np.random.default_rng(seed)
        self.inputs: list = []

    def x(self, *shape: int, low: float | None = None, high: float = 2.0) -> Any:
        values = (
            self.numbers.standard_normal(shape) if low is None else self.numbers.uniform(low, high, shape)
        )
        made = torch.tensor(values, requires_grad=True)
        self.inputs.append(made)
        layout = self.randrange(4)
        if layout == 1 and made.dim() > 1:
            made = made.transpose(0, -1).contiguous().transpose(0, -1)
        elif layout == 2 and made.dim():
            made = torch.stack([made, made], -1)[..., 0]
        return made

    def c(self, *shape: int) -> Any:
        return torch.tensor(self.numbers.uniform(0.1, 1.0, shape))

    def i(self, high: int, *shape: int) -> Any:
        return torch.tensor(self.numbers.integers(0, high, shape))

    def flag(self) -> bool:
        return self.random() < 0.5

    def dims(self, n: int) -> Any:
        chosen = tuple(self.sample(range(-n, 0), self.randint(1, n)))
        return chosen[0] if len(chosen) == 1 and self.flag() else chosen

    def dim(self, n: int) -> int:
        return self.randrange(-n, n)

    def reduction(self) -> str:
        return self.choice(["none", "mean", "sum"])


def _run(function: Callable[[Draw], Any], seed: int) -> Any:
    r = Draw(seed)
    found = function(r)
    outputs = [o for o in (found if isinstance(found, (tuple, list)) else [found]) if torch.is_tensor(o)]
    open_ = [
        torch.view_as_real(o.resolve_conj()) if o.is_complex() else o for o in outputs if o.requires_grad
    ]
    total = sum((o.sin() * torch.arange(1.0, o.numel() + 1).view(o.shape)).sum() for o in open_)
    first = grad(total, r.inputs, create_graph=True, allow_unused=True)
    again = [g for g in first if g is not None and g.requires_grad]
    second = (
        attempt(
            lambda: grad(
                sum(g.pow(2).sum() for g in again), r.inputs, allow_unused=True, materialize_grads=True
            )
        )
        if again
        else None
    )
    return [outputs, first, second]


def _conv(r, n):
    groups = r.choice([1, 1, 2])
    x = r.x(r.randint(1, 2), 2 * groups, *(r.randint(4, 6) for _ in range(n)))
    w = r.x(groups * r.randint(1, 2), 2, *(r.randint(1, 3) for _ in range(n)))
    stride = tuple(r.randint(1, 2) for _ in range(n)) if r.flag() else r.randint(1, 2)
    padding = r.choice(["valid", 0, 1, 2]) if stride != 1 else r.choice(["same", "valid", 0, 1])
    b = r.x(w.shape[0]) if r.flag() else None
    return (F.conv1d, F.conv2d, F.conv3d)[n - 1](x, w, b, stride, padding, r.randint(1, 2), groups)


def _conv_transpose(r, n):
    groups = r.choice([1, 2])
    x = r.x(2, 2 * groups, *(r.randint(2, 4) for _ in range(n)))
    w = r.x(2 * groups, r.randint(1, 2), *(r.randint(1, 3) for _ in range(n)))
    f = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[n - 1]
    return f(x, w, None, 2, r.randint(0, 1), r.randint(0, 1), groups, r.randint(1, 2))


def _pool(r, n, kind):
    x = r.x(2, 2, *(r.randint(4, 7) for _ in range(n)))
    k = r.randint(2, 3)
    stride, padding, ceil = r.choice([None, 1, 2]), r.randint(0, k // 2), r.flag()
    if kind == "max":
        return (F.max_pool1d, F.max_pool2d, F.max_pool3d)[n - 1](x, k, stride, padding, r.randint(1, 2), ceil)
    if kind == "avg":
        more = (r.choice([None, 3]),) if n > 1 else ()
        return (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[n - 1](x, k, stride, padding, ceil, r.flag(), *more)
    if kind == "lp":
        return (F.lp_pool1d, F.lp_pool2d, F.lp_pool3d)[n - 1](
            x.abs(), r.choice([1.0, 2.0, 3.0]), k, stride, ceil
        )
    name = f"adaptive_{kind}_pool{n}d"
    return getattr(F, name)(x, tuple(r.randint(1, 4) for _ in range(n)))


def _interpolate(r):
    mode = r.choice(["nearest", "linear", "bilinear", "bicubic", "area", "nearest-exact", "trilinear"])
    n = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}.get(mode, r.randint(1, 3))
    x = r.x(1, 2, *(r.randint(2, 5) for _ in range(n)))
    align = r.choice([True, False]) if mode in ("linear", "bilinear", "bicubic", "trilinear") else None
    antialias = mode in ("bilinear", "bicubic") and r.flag()
    if r.flag():
        return F.interpolate(
            x, tuple(r.randint(1, 7) for _ in range(n)), mode=mode, align_corners=align, antialias=antialias
        )
    scale = r.choice([0.5, 1.5, 2.0, 2.3])
    return F.interpolate(
        x,
        scale_factor=scale,
        mode=mode,
        align_corners=align,
        antialias=antialias,
        recompute_scale_factor=r.choice([None, True]),
    )


def _grid_sample(r):
    n = r.choice([2, 2, 3])
    x = r.x(1, 2, *(r.randint(2, 4) for _ in range(n)))
    g = r.x(1, *(r.randint(2, 3) for _ in range(n)), n, low=-1.3, high=1.3)
    modes = ["bilinear", "nearest"] + (["bicubic"] if n == 2 else [])
    return F.grid_sample(x, g, r.choice(modes), r.choice(["zeros", "border", "reflection"]), r.flag())


def _pad(r):
    mode = r.choice(["constant", "reflect", "replicate", "circular"])
    n = r.randint(1, 3)
    x = r.x(1, 2, *(r.randint(3, 5) for _ in range(n)))
    amounts = [r.randint(-1 if mode == "constant" else 0, 2) for _ in range(2 * n)]
    return F.pad(x, amounts, mode, *((r.choice([0.0, 1.5]),) if mode == "constant" else ()))


def _cross_entropy(r):
    n, c = r.randint(2, 4), r.randint(2, 5)
    extra = (3,) if r.flag() else ()
    x = r.x(n, c, *extra)
    weight = r.c(c) if r.flag() else None
    if r.random() < 0.3:
        target = r.x(n, c, *extra).softmax(1)
        return F.cross_entropy(
            x, target, weight, reduction=r.reduction(), label_smoothing=r.choice([0.0, 0.2])
        )
    target = r.i(c, n, *extra)
    ignore = r.choice([-100, 0])
    return F.cross_entropy(
        x, target, weight, ignore_index=ignore, reduction=r.reduction(), label_smoothing=r.choice([0.0, 0.3])
    )


def _embedding_bag(r):
    w = r.x(5, 3)
    mode = r.choice(["sum", "mean", "max"])
    per = r.x(6) if mode == "sum" and r.flag() else None
    last = r.flag()
    offsets = torch.tensor([0, 2, 2, 6] if last else [0, 2, 2])
    return F.embedding_bag(
        r.i(5, 6),
        w,
        offsets,
        mode=mode,
        per_sample_weights=per,
        include_last_offset=last,
        padding_idx=r.choice([None, 1]),
    )


def _ctc(r):
    t, n, c = 6, 2, 4
    x = r.x(t, n, c).log_softmax(2)
    targets = torch.tensor([[1, 2, 2], [3, 1, 0]])
    return F.ctc_loss(
        x,
        targets,
        torch.tensor([6, 5]),
        torch.tensor([3, r.randint(1, 2)]),
        blank=0,
        reduction=r.reduction(),
        zero_infinity=r.flag(),
    )


def _binary_loss(r):
    x, t = r.x(3, 4, low=0.1, high=0.9), r.x(3, 4, low=0.1, high=0.9)
    w = r.c(4) if r.flag() else None
    if r.flag():
        return F.binary_cross_entropy(x, t, w, reduction=r.reduction())
    return F.binary_cross_entropy_with_logits(
        x, t, w, pos_weight=r.c(4) if r.flag() else None, reduction=r.reduction()
    )


def _regression(r):
    x, t = r.x(3, 4), r.x(3, 4)
    f = r.choice(
        [
            F.mse_loss,
            F.l1_loss,
            F.smooth_l1_loss,
            F.huber_loss,
            F.soft_margin_loss,
            F.gaussian_nll_loss,
            F.poisson_nll_loss,
            F.kl_div,
        ]
    )
    if f is F.gaussian_nll_loss:
        return f(x, t, r.x(3, 4, low=0.3), full=r.flag(), reduction=r.reduction())
    if f is F.poisson_nll_loss:
        return f(x, t.abs() + 1.5, log_input=r.flag() or True, full=r.flag(), reduction=r.reduction())
    if f is F.kl_div:
        return f(
            x.log_softmax(1), t.softmax(1), reduction=r.choice(["batchmean", "sum", "none"]), log_target=False
        )
    if f in (F.smooth_l1_loss, F.huber_loss):
        return f(
            x, t, reduction=r.reduction(), **({"beta": 0.5} if f is F.smooth_l1_loss else {"delta": 0.7})
        )
    return f(x, t.detach().sign() if f is F.soft_margin_loss else t, reduction=r.reduction())


def _margins(r):
    k = r.randrange(7)
    a, b, c = r.x(3, 4), r.x(3, 4), r.x(3, 4)
    sign = torch.tensor([1.0, -1.0, 1.0])
    if k == 0:
        return F.triplet_margin_loss(
            a, b, c, margin=0.7, p=r.choice([1.0, 2.0, 3.0]), swap=r.flag(), reduction=r.reduction()
        )
    if k == 1:
        return F.cosine_embedding_loss(a, b, sign, margin=0.2, reduction=r.reduction())
    if k == 2:
        return F.multi_margin_loss(
            a,
            r.i(4, 3),
            p=r.choice([1, 2]),
            margin=0.6,
            weight=r.c(4) if r.flag() else None,
            reduction=r.reduction(),
        )
    if k == 3:
        return F.multilabel_soft_margin_loss(a, (b > 0).double(), reduction=r.reduction())
    if k == 4:
        return F.margin_ranking_loss(a[:, 0], b[:, 0], sign, margin=0.3, reduction=r.reduction())
    if k == 5:
        return F.hinge_embedding_loss(a[:, 0], sign, margin=0.9, reduction=r.reduction())
    return F.multilabel_margin_loss(
        a, torch.tensor([[0, 2, -1, 1], [3, -1, 0, 0], [1, 2, 3, -1]]), reduction=r.reduction()
    )


def _norms(r):
    x = r.x(*r.choice([(4,), (3, 4), (2, 3, 4)]))
    p = r.choice([1, 2, 3, 0.5, float("inf"), -float("inf"), 2.5, -1])
    return torch.linalg.vector_norm(x, p, r.dims(x.dim()), r.flag())


def _matrix_norm(r):
    x = r.x(2, 3, 4)
    return torch.linalg.matrix_norm(
        x, r.choice(["fro", "nuc", 1, -1, 2, -2, float("inf")]), (-2, -1), r.flag()
    )


def _reduce(r):
    x = r.x(2, 3, 4)
    dims, keep = r.dims(3), r.flag()
    f = r.choice(
        [
            "sum",
            "mean",
            "var",
            "std",
            "amax",
            "amin",
            "logsumexp",
            "nansum",
            "prod",
            "max",
            "median",
            "cumsum",
            "cumprod",
            "logcumsumexp",
            "softmax",
            "var_mean",
            "std_mean",
            "cummax",
        ]
    )
    if f in ("prod", "max", "median"):
        found = getattr(x, f)(r.dim(3), keep)
        return found if f == "prod" else found[0]
    if f in ("cumsum", "cumprod", "logcumsumexp", "softmax"):
        return getattr(x, f)(r.dim(3))
    if f == "cummax":
        return x.cummax(r.dim(3))[0]
    if f in ("var", "std", "var_mean", "std_mean"):
        return getattr(torch, f)(x, dims, correction=r.choice([0, 1, 0.5]), keepdim=keep)
    return getattr(torch, f)(x, dims, keep)


def _scatter(r):
    x, s = r.x(4, 3), r.x(2, 3)
    d = r.choice([0, 1])
    index = r.i(3, 2, 3)
    k = r.randrange(6)
    if k == 0:
        return x.scatter_reduce(
            d, index, s, r.choice(["sum", "prod", "mean", "amax", "amin"]), include_self=r.flag()
        )
    if k == 1:
        return x.index_add(0, r.i(4, 2), s, alpha=1.5)
    if k == 2:
        return x.index_reduce(
            0, r.i(4, 2), s, r.choice(["prod", "mean", "amax", "amin"]), include_self=r.flag()
        )
    if k == 3:
        return x.index_put((r.i(4, 2), r.i(3, 2)), s[:, 0], accumulate=True)
    if k == 4:
        return x.scatter_add(d, index, s)
    return x.gather(d, index)


def _einsum(r):
    text, shapes = r.choice(
        [
            ("ij,jk->ik", ((2, 3), (3, 2))),
            ("bij,bjk->bik", ((2, 2, 3), (2, 3, 2))),
            ("ii->i", ((3, 3),)),
            ("ij,ij->", ((2, 3), (2, 3))),
            ("i,j,k->kji", ((2,), (3,), (2,))),
        ]
        + [
            ("...ij,...jk->...ik", ((2, 1, 2, 3), (3, 3, 2))),
            ("bhqd,bhkd->bhqk", ((1, 2, 2, 3), (1, 2, 3, 3))),
            ("ij->ji", ((2, 3),)),
            ("ijk->j", ((2, 3, 2),)),
            ("ij,kj", ((2, 3), (4, 3))),
        ]
    )
    return torch.einsum(text, *[r.x(*s) for s in shapes])


def _linalg(r):
    a = r.x(3, 3)
    good = a @ a.mT + 2 * torch.eye(3)
    b = r.x(3, r.randint(1, 2))
    k = r.randrange(17)
    if k == 0:
        return torch.linalg.solve(good, b)
    if k == 1:
        return torch.linalg.solve_triangular(good.tril(), b, upper=False, unitriangular=r.flag())
    if k == 2:
        return torch.linalg.cholesky(good, upper=r.flag())
    if k == 3:
        return torch.linalg.slogdet(good)[1]
    if k == 4:
        return torch.linalg.pinv(r.x(4, 3))
    if k == 5:
        return torch.linalg.lstsq(r.x(4, 3), r.x(4, 2)).solution
    if k == 6:
        return torch.linalg.matrix_exp(a * 0.3)
    if k == 7:
        return torch.linalg.matrix_power(a, r.choice([0, 1, 2, 3, -1]))
    if k == 8:
        q, rr = torch.linalg.qr(r.x(4, 3))
        return q.abs(), rr.abs()
    if k == 9:
        return torch.linalg.eigvalsh(good, r.choice(["L", "U"]))
    if k == 10:
        return torch.linalg.multi_dot([r.x(2, 3), a, r.x(3, 2)])
    if k == 11:
        return torch.cholesky_solve(b, torch.linalg.cholesky(good))
    if k == 12:
        return torch.linalg.ldl_factor(good).LD if r.flag() else torch.linalg.inv(good)
    if k == 13:
        return torch.linalg.cond(good)
    if k == 14:
        return torch.linalg.cross(r.x(2, 3), r.x(2, 3), dim=-1), torch.linalg.vander(r.x(3))
    if k == 15:
        return torch.linalg.householder_product(r.x(4, 2), r.x(2))
    return torch.logdet(good), torch.linalg.svdvals(r.x(3, 4)), torch.linalg.eigh(good)[1].abs()


def _fft(r):
    x = r.x(2, 3, 4)
    norm = r.choice(["forward", "backward", "ortho"])
    k = r.randrange(7)
    if k == 0:
        return torch.fft.rfft(x, r.choice([None, 3, 6]), r.dim(3), norm)
    if k == 1:
        return torch.fft.irfft(torch.fft.rfft(x), r.choice([3, 4, 6]), -1, norm)
    if k == 2:
        return torch.fft.fft2(x, norm=norm)
    if k == 3:
        return torch.fft.rfftn(x, dim=(0, 2), norm=norm)
    if k == 4:
        return torch.fft.hfft(torch.fft.rfft(x), norm=norm)
    if k == 5:
        return torch.fft.ihfft(x, norm=norm)
    return torch.fft.fftshift(torch.fft.ifftn(x, norm=norm))


def _normalization(r):
    x = r.x(3, 4, 2)
    w, b = r.x(4), r.x(4)
    k = r.randrange(6)
    if k == 0:
        return F.batch_norm(
            x, r.c(4), r.c(4), w, b, training=r.flag(), momentum=r.choice([0.1, 1.0]), eps=1e-3
        )
    if k == 1:
        return F.group_norm(
            x, r.choice([1, 2, 4]), w if r.flag() else None, b if r.flag() else None, eps=1e-3
        )
    if k == 2:
        return F.instance_norm(x, weight=w, bias=b, eps=1e-2)
    if k == 3:
        return F.layer_norm(x, r.choice([(2,), (4, 2)]), eps=1e-2)
    if k == 4:
        return F.rms_norm(x, (4, 2), eps=r.choice([None, 1e-3]))
    return F.local_response_norm(x, r.randint(1, 4), 0.5, 0.6, 1.1), F.normalize(
        x, r.choice([1.0, 2.0, 3.0]), r.dim(3)
    )


def _attention(r):
    q, k, v = r.x(1, 2, 3, 4), r.x(1, 2, 5, 4), r.x(1, 2, 5, 3)
    mask = r.choice([None, "bool", "float"])
    given = {"bool": torch.ones(3, 5, dtype=torch.bool).tril(1), "float": r.c(3, 5), None: None}[mask]
    return F.scaled_dot_product_attention(
        q, k, v, given, scale=r.choice([None, 0.7]), is_causal=mask is None and r.flag()
    )


def _views(r):
    x = r.x(2, 3, 4)
    k = r.randrange(12)
    choices = [
        lambda: x.unfold(2, r.randint(1, 3), r.randint(1, 2)),
        lambda: x.diagonal(r.randint(-1, 1), 0, 2),
        lambda: torch.diag_embed(x, r.randint(-1, 1)),
        lambda: x.roll((1, -1), (0, 2)),
        lambda: x.rot90(r.randint(-2, 3), (0, 1)),
        lambda: x.repeat_interleave(torch.tensor([1, 0, 2]), 1),
        lambda: x.tile(2, 1),
        lambda: torch.block_diag(x[0], x[1]),
        lambda: torch.cartesian_prod(x[0, 0], x[1, 1]),
        lambda: torch.combinations(x[0, 0], 2, r.flag()),
        lambda: x.triu(r.randint(-1, 2)),
        lambda: torch.trapezoid(x, dx=0.5, dim=r.dim(3)),
    ]
    return choices[k]()


def _folding(r):
    x = r.x(1, 2, 5, 5)
    k, stride, padding, dilation = r.randint(1, 3), r.randint(1, 2), r.randint(0, 1), r.randint(1, 2)
    cut = F.unfold(x, k, dilation, padding, stride)
    return F.fold(cut, (5, 5), k, dilation, padding, stride)


def _distances(r):
    a, b = r.x(3, 4), r.x(2, 4)
    p = r.choice([1.0, 2.0, 3.0, 0.5, float("inf")])
    k = r.randrange(4)
    if k == 0:
        return F.pairwise_distance(a[:2], b, p, keepdim=r.flag())
    if k == 1:
        return torch.dist(a[:2], b, p)
    if k == 2:
        return F.cosine_similarity(a[:, None], b[None], dim=-1)
    return torch.renorm(a, p if p != float("inf") else 2.0, r.choice([0, 1]), 0.8)


def _special(r):
    x, y = r.x(6, low=0.3, high=3.0), r.x(6, low=0.4, high=2.0)
    names = (
        "lgamma digamma erf erfc erfinv i0 i0e i1 i1e ndtri log_ndtr entr sinc logit xlogy xlog1py "
        "zeta polygamma multigammaln expit bessel_j0 bessel_j1 erfcx gammainc gammaincc logsumexp softmax log_softmax round psi exp2 expm1 "
        "log1p"
    )
    name = r.choice(names.split())
    f = getattr(torch.special, name)
    if name in ("erfinv", "ndtri", "logit"):
        return f(x / 4)
    if name in ("xlogy", "xlog1py"):
        return f(x, y)
    if name == "zeta":
        return f(x.detach() + 1.5, y)
    if name in ("gammainc", "gammaincc"):
        return f(x.detach(), y)
    if name == "polygamma":
        return f(r.randint(0, 3), x)
    if name == "multigammaln":
        return f(x + 2, 3)
    if name in ("logsumexp", "softmax", "log_softmax"):
        return f(x, 0)
    return f(x)


def _activations(r):
    x = r.x(3, 4)
    k = r.randrange(14)
    choices = [
        lambda: F.elu(x, r.uniform(0.5, 2)),
        lambda: F.celu(x, r.uniform(0.5, 2)),
        lambda: F.leaky_relu(x, r.uniform(-0.5, 0.5)),
        lambda: F.softplus(x, r.uniform(0.5, 3), r.uniform(0.5, 3)),
        lambda: F.hardtanh(x, -r.random(), r.random()),
        lambda: F.threshold(x, r.random(), 3.0),
        lambda: F.softshrink(x, r.random()),
        lambda: F.hardshrink(x, r.random()),
        lambda: F.prelu(x, r.x(4)),
        lambda: F.glu(x, r.choice([1, -1])),
        lambda: F.gelu(x, approximate=r.choice(["none", "tanh"])),
        lambda: F.softmin(x, r.dim(2)),
        lambda: F.logsigmoid(x) * F.mish(x) + F.tanhshrink(x),
        lambda: F.selu(x) + F.softsign(x) + F.silu(x),
    ]
    return choices[k]()


def _matrix_products(r):
    k = r.randrange(8)
    shapes = [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3, 4)),
        ((2, 2, 3), (3, 2)),
        ((3, 4), (2, 4, 2)),
        ((2, 1, 2, 3), (3, 3, 2)),
        ((1, 3), (2, 3, 1)),
    ]
    a, b = shapes[k]
    x, y = r.x(*a), r.x(*b)
    z = x @ y
    extra = torch.addmm(r.x(2, 1), r.x(2, 3), r.x(3, 4), beta=0.5, alpha=r.choice([1, 2.5]))
    return (
        z,
        extra,
        torch.baddbmm(r.x(2, 2, 2), r.x(2, 2, 3), r.x(2, 3, 2), beta=r.choice([0, 1, 2]), alpha=0.5),
        F.bilinear(r.x(2, 3), r.x(2, 2), r.x(4, 3, 2), r.x(4)),
    )


def _signal(r):
    x = r.x(40)
    w = r.x(8)
    s = torch.stft(
        x,
        8,
        hop_length=r.choice([None, 3, 4]),
        window=w,
        center=r.flag(),
        normalized=r.flag(),
        onesided=r.choice([None, False]),
        return_complex=True,
    )
    if r.flag():
        return s
    spec = torch.stft(x, 8, hop_length=2, window=torch.hann_window(8).double(), return_complex=True)
    return torch.istft(spec, 8, hop_length=2, window=torch.hann_window(8).double())


def _sorting(r):
    x = r.x(3, 4)
    d = r.dim(2)
    k = r.randrange(7)
    if k == 0:
        return x.sort(d, r.flag())[0]
    if k == 1:
        return x.topk(2, d, r.flag(), r.flag())[0].sort(d)[0]
    if k == 2:
        return x.kthvalue(2, d, r.flag())[0]
    if k == 3:
        return x.quantile(
            torch.tensor([0.2, 0.7]).double(),
            d,
            r.flag(),
            interpolation=r.choice(["linear", "lower", "higher", "midpoint", "nearest"]),
        )
    if k == 4:
        return x.msort()
    if k == 5:
        return torch.take_along_dim(x, x.argsort(d), d)
    return x.nanquantile(0.4, d)


def _elementwise(r):
    a, b, c = (
        r.x(*r.choice([(3, 4), (1, 4), (4,), ()])),
        r.x(3, r.choice([1, 4]), low=0.3),
        r.x(1, 4, low=0.5),
    )
    k = r.randrange(16)
    choices = [
        lambda: torch.addcmul(a, b, c, value=r.uniform(-2, 2)),
        lambda: torch.addcdiv(a, b, c, value=r.uniform(-2, 2)),
        lambda: torch.lerp(a, b, c),
        lambda: torch.clamp(a, b - 1, c),
        lambda: torch.fmod(a, c),
        lambda: torch.remainder(a, c),
        lambda: b**a,
        lambda: torch.float_power(b, c),
        lambda: torch.atan2(a, b),
        lambda: torch.hypot(a, b),
        lambda: torch.logaddexp(a, b),
        lambda: torch.logaddexp2(a, b),
        lambda: torch.where(a > 0, b, c),
        lambda: torch.copysign(a, b - 1),
        lambda: torch.xlogy(a, c),
        lambda: torch.sub(a, b, alpha=1.5) * torch.rsub(a, c, alpha=2),
    ]
    return choices[k]()


def _recurrent(r):
    kind = r.choice([torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN])
    net = kind(
        3, 2, num_layers=r.randint(1, 2), bidirectional=r.flag(), batch_first=r.flag(), bias=r.flag()
    ).double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(r.c(*p.shape) - 0.5)
    out, state = net(r.x(2, 4, 3))
    return (out, *(state if isinstance(state, tuple) else (state,)))


def _transformer(r):
    net = torch.nn.TransformerEncoderLayer(
        4, 2, 6, dropout=0.0, activation=r.choice(["relu", "gelu"]), batch_first=r.flag(), norm_first=r.flag()
    ).double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(r.c(*p.shape) - 0.5)
    return net(r.x(2, 3, 4))


DRAWN = {
    "conv1d": lambda r: _conv(r, 1),
    "conv2d": lambda r: _conv(r, 2),
    "conv3d": lambda r: _conv(r, 3),
    "conv_transpose1d": lambda r: _conv_transpose(r, 1),
    "conv_transpose2d": lambda r: _conv_transpose(r, 2),
    "conv_transpose3d": lambda r: _conv_transpose(r, 3),
    **{
        f"{kind}_pool{n}d": (lambda r, n=n, kind=kind: _pool(r, n, kind))
        for kind in ("max", "avg", "lp")
        for n in (1, 2, 3)
    },
    **{
        f"adaptive_{kind}_pool{n}d": (lambda r, n=n, kind=kind: _pool(r, n, kind))
        for kind in ("adaptive_avg"[9:], "adaptive_max"[9:])
        for n in (1, 2, 3)
    },
    "interpolate": _interpolate,
    "grid_sample": _grid_sample,
    "affine_grid": lambda r: F.affine_grid(r.x(2, 2, 3), [2, 1, 3, 4], r.flag()),
    "pad": _pad,
    "cross_entropy": _cross_entropy,
    "embedding": lambda r: F.embedding(
        r.i(5, 2, 3), r.x(5, 3), padding_idx=r.choice([None, 1, -1]), scale_grad_by_freq=r.flag()
    ),
    "embedding_bag": _embedding_bag,
    "ctc": _ctc,
    "binary": _binary_loss,
    "regression": _regression,
    "margins": _margins,
    "vector_norm": _norms,
    "matrix_norm": _matrix_norm,
    "reduce": _reduce,
    "scatter": _scatter,
    "einsum": _einsum,
    "linalg": _linalg,
    "fft": _fft,
    "normalization": _normalization,
    "attention": _attention,
    "views": _views,
    "folding": _folding,
    "distances": _distances,
    "special": _special,
    "activations": _activations,
    "products": _matrix_products,
    "signal": _signal,
    "sorting": _sorting,
    "elementwise": _elementwise,
    "recurrent": _recurrent,
    "transformer": _transformer,
    "pixel_shuffle": lambda r: (
        F.pixel_shuffle(r.x(1, 8, 2, 3), 2) if r.flag() else F.pixel_unshuffle(r.x(1, 2, 4, 6), 2)
    ),
    "gather_nd": lambda r: r.x(3, 4)[r.i(3, 2, 2), :, None][..., r.i(1, 1)],
    "masked": lambda r: r.x(3, 4).masked_scatter(r.c(3, 4) > 0.5, r.x(12)),
    "nll": lambda r: F.nll_loss(r.x(3, 4).log_softmax(1), r.i(4, 3), r.c(4), reduction=r.reduction()),
    "cumulative_trapezoid": lambda r: torch.cumulative_trapezoid(r.x(3, 4), r.x(3, 4), dim=r.dim(2)),
    "diff": lambda r: torch.diff(r.x(4, 5), r.randint(1, 2), r.dim(2)),
    "gradient": lambda r: torch.gradient(r.x(4, 5), spacing=r.choice([1.0, 0.5]), edge_order=r.randint(1, 2)),
    "cov": lambda r: torch.cov(r.x(3, 5), correction=r.randint(0, 1)),
    "corrcoef": lambda r: torch.corrcoef(r.x(3, 5)),
    "tensordot": lambda r: torch.tensordot(r.x(2, 3, 4), r.x(4, 3, 2), r.choice([1, ([1, 2], [1, 0])])),
    "index_select": lambda r: r.x(3, 4).index_select(r.dim(2), r.i(3, 4)),
    "rrelu": lambda r: F.rrelu(r.x(3, 4), 0.1, 0.3, training=False),
    "bmm": lambda r: torch.bmm(r.x(2, 3, 4), r.x(2, 4, 2)),
    "chain_matmul": lambda r: torch.addbmm(r.x(3, 2), r.x(2, 3, 4), r.x(2, 4, 2), beta=0.5),
    "addr": lambda r: torch.addr(r.x(3, 4), r.x(3), r.x(4), beta=2, alpha=0.5),
    "histogram": lambda r: torch.histc(r.x(5).detach()).sum() + r.x(3).sum(),
    "logsoftmax2": lambda r: F.log_softmax(r.x(2, 3, 4), r.dim(3)),
    "nan_to_num": lambda r: torch.nan_to_num(r.x(3, 4), 1.0, 2.0, -2.0),
    "segment": lambda r: torch.segment_reduce(
        r.x(5, 2),
        r.choice(["sum", "mean", "max", "min", "prod"]),
        lengths=torch.tensor([2, 0, 3]),
        axis=0,
        initial=1.0,
    ),
}


def drawn_arguments():
    return {
        (name, n): attempt(lambda f=f, n=n: _run(f, n)) for name, f in DRAWN.items() for n in range(TIMES)
    }
