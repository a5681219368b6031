"""``torch.func``, ``torch.autograd.functional`` and forward mode."""

from __future__ import annotations

import torch
import torch.autograd.forward_ad as fw
import torch.nn.functional as F
from torch.autograd import functional
from torch.func import (
    functional_call,
    functionalize,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    stack_module_state,
    vjp,
    vmap,
)

from autograd_cases.helpers import attempt, randn


def _x(*shape, seed=0):
    return randn(*shape, seed=seed, grad=False)


def grad_of_functions():
    x, w = _x(3), _x(3, seed=1)
    f = lambda x, w: (x.sin() * w).sum()  # noqa: E731
    return {
        "one": attempt(lambda: grad(f)(x, w)),
        "second": attempt(lambda: grad(f, 1)(x, w)),
        "both": attempt(lambda: grad(f, (0, 1))(x, w)),
        "negative": attempt(lambda: grad(f, -1)(x, w)),
        "single_tuple": attempt(lambda: grad(f, (0,))(x, w)),
        "keywords": attempt(lambda: grad(f)(x, w=w)),
        "aux": attempt(lambda: grad(lambda x: (x.sum(), {"y": x * 2, "n": 3}), has_aux=True)(x)),
        "value": attempt(lambda: grad_and_value(f)(x, w)),
        "value_aux": attempt(lambda: grad_and_value(lambda x: (x.prod(), x * 2), has_aux=True)(x)),
        "tree": attempt(lambda: grad(lambda p: (p["a"] * p["b"][0]).sum())({"a": x, "b": [w]})),
        "twice": attempt(lambda: grad(grad(lambda t: t.sin()))(torch.tensor(0.5, dtype=torch.float64))),
        "three": attempt(lambda: grad(grad(grad(lambda t: t**5)))(torch.tensor(0.5, dtype=torch.float64))),
        "not_scalar": attempt(lambda: grad(lambda t: t * 2)(x)),
        "not_tensor": attempt(lambda: grad(lambda t: 3)(x)),
        "none": attempt(lambda: grad(lambda t: None)(x)),
        "independent": attempt(lambda: grad(lambda t: w.sum())(x)),
        "independent_number": attempt(lambda: grad(lambda t: torch.tensor(3.0))(x)),
        "int_input": attempt(lambda: grad(lambda t: t.sum())(torch.arange(3))),
        "not_tensor_input": attempt(lambda: grad(lambda t: torch.tensor(t) * 1.0)(3.0)),
        "one_element": attempt(lambda: grad(lambda t: t.sum().view(1))(x)),
        "complex_out": attempt(lambda: grad(lambda t: (t * 1j).sum())(x)),
        "requires_grad_inside": attempt(
            lambda: grad(lambda t: torch.autograd.grad((t**3).sum(), t, create_graph=True)[0].sum())(x)
        ),
        "backward_inside": attempt(lambda: grad(lambda t: (t * 1).sum().backward())(x)),
        "no_grad_inside": attempt(lambda: grad(lambda t: _no_grad(t))(x)),
        "no_grad_outside": attempt(lambda: _outside(lambda: grad(lambda t: (t**2).sum())(x))),
        "leaf": attempt(lambda: grad(lambda t: (t**2).sum())(randn(3))),
        "through": attempt(lambda: _through(lambda t: grad(lambda u: (u**3).sum())(t))),
        "closed_over": attempt(lambda: _through(lambda t: grad(lambda u: (u * t).sum())(w))),
        "detach": attempt(lambda: grad(lambda t: (t.detach() * t).sum())(x)),
        "in_place": attempt(lambda: grad(lambda t: _write(t).sum())(x)),
        "in_place_argument": attempt(lambda: grad(lambda t: t.mul_(2).sum())(x.clone())),
        "item": attempt(lambda: grad(lambda t: (t * t[0].item()).sum())(x)),
        "branch": attempt(lambda: grad(lambda t: (t * 2).sum() if t.sum() > 0 else t.prod())(x)),
        "same_argument": attempt(lambda: grad(lambda a, b: (a * b).sum(), (0, 1))(x, x)),
        "argnums_out": attempt(lambda: grad(f, 5)(x, w)),
        "argnums_twice": attempt(lambda: grad(f, (0, 0))(x, w)),
        "argnums_text": attempt(lambda: grad(f, "a")(x, w)),
        "empty_argnums": attempt(lambda: grad(f, ())(x, w)),
    }


def _no_grad(t):
    with torch.no_grad():
        c = t**2
    return (t - c).sum()


def _outside(f):
    with torch.no_grad():
        return f()


def _through(f):
    x = randn(3)
    y = f(x)
    return y, y.requires_grad, attempt(lambda: torch.autograd.grad(y.sum(), x))


def _write(t):
    y = t.clone()
    y[0] = t[1] * 2
    y.mul_(t)
    return y


def vjp_and_jvp():
    x, w, t = _x(3), _x(3, seed=1), _x(3, seed=2)
    out = {}

    def pull(f, *args, cotangents, **kwargs):
        value, *rest = vjp(f, *args, **kwargs)
        return value, rest[0](*cotangents), rest[1:]

    out["vjp"] = attempt(lambda: pull(lambda a: a.sin(), x, cotangents=(t,)))
    out["vjp_two"] = attempt(lambda: pull(lambda a, b: a * b, x, w, cotangents=(t,)))
    out["vjp_tree"] = attempt(
        lambda: pull(lambda a: {"s": a.sin(), "c": (a.cos(),)}, x, cotangents=({"s": t, "c": (w,)},))
    )
    out["vjp_aux"] = attempt(lambda: pull(lambda a: (a.sin(), a * 2), x, cotangents=(t,), has_aux=True))
    out["vjp_several"] = attempt(lambda: pull(lambda a: (a.sin(), a.cos()), x, cotangents=((t, w),)))
    out["vjp_wrong"] = attempt(lambda: pull(lambda a: a.sin(), x, cotangents=(t[:2],)))
    out["vjp_wrong_tree"] = attempt(lambda: pull(lambda a: (a.sin(), a), x, cotangents=(t,)))
    out["vjp_twice"] = attempt(lambda: _twice(x, t))
    out["vjp_vmap"] = attempt(lambda: vmap(vjp(torch.sin, x)[1])(torch.eye(3, dtype=torch.float64)))
    out["vjp_after"] = attempt(lambda: vjp(lambda a: a @ w, x)[1](torch.tensor(2.0, dtype=torch.float64)))
    out["jvp"] = attempt(lambda: jvp(torch.sin, (x,), (t,)))
    out["jvp_two"] = attempt(lambda: jvp(lambda a, b: a * b, (x, w), (t, t)))
    out["jvp_aux"] = attempt(lambda: jvp(lambda a: (a.sin(), a * 2), (x,), (t,), has_aux=True))
    out["jvp_tree"] = attempt(lambda: jvp(lambda a: {"s": a.sin(), "n": a.cos()}, (x,), (t,)))
    out["jvp_input_tree"] = attempt(
        lambda: jvp(lambda a: a["u"] * a["v"], ({"u": x, "v": w},), ({"u": t, "v": t},))
    )
    out["jvp_wrong_shape"] = attempt(lambda: jvp(torch.sin, (x,), (t[:2],)))
    out["jvp_not_tuple"] = attempt(lambda: jvp(torch.sin, x, t))
    out["jvp_number"] = attempt(lambda: jvp(lambda a: a.sum().item(), (x,), (t,)))
    out["jvp_independent"] = attempt(lambda: jvp(lambda a: w, (x,), (t,)))
    out["jvp_strict"] = attempt(lambda: jvp(lambda a: w, (x,), (t,), strict=True))
    out["jvp_of_jvp"] = attempt(lambda: jvp(lambda a: jvp(torch.sin, (a,), (t,))[1], (x,), (w,)))
    out["jvp_of_grad"] = attempt(lambda: jvp(grad(lambda a: a.sin().prod()), (x,), (t,)))
    out["grad_of_jvp"] = attempt(lambda: grad(lambda a: jvp(torch.sin, (a,), (t,))[1].sum())(x))
    out["jvp_wrong_dtype"] = attempt(lambda: jvp(torch.sin, (x,), (t.float(),)))
    out["jvp_empty"] = attempt(lambda: jvp(torch.sin, (), ()))
    out["linearize"] = attempt(lambda: _linear(x, t))
    out["linearize_two"] = attempt(lambda: _linear_two(x, w, t))
    out["jvp_in_place"] = attempt(lambda: jvp(_write, (x,), (t,)))
    out["jvp_inference"] = attempt(lambda: _inference(x, t))
    return out


def _inference(x, t):
    with torch.inference_mode():
        return jvp(torch.sin, (x,), (t,))


def _twice(x, t):
    _, pull = vjp(lambda a: a.sin(), x)
    return pull(t), pull(t * 2)


def _linear(x, t):
    value, push = linearize(lambda a: a.sin().cumsum(0), x)
    return value, push(t), push(t * 2)


def _linear_two(x, w, t):
    value, push = linearize(lambda a, b: {"p": a * b}, x, w)
    return value, push(t, t)


def jacobians():
    x, w = _x(3), _x(2, seed=1)
    out = {}
    for name, jac in (("rev", jacrev), ("fwd", jacfwd)):
        out[name, "one"] = attempt(lambda jac=jac: jac(lambda a: a.sin().view(3, 1) * w)(x))
        out[name, "both"] = attempt(lambda jac=jac: jac(lambda a, b: a.outer(b), (0, 1))(x, w))
        out[name, "second"] = attempt(lambda jac=jac: jac(lambda a, b: a.outer(b), 1)(x, w))
        out[name, "aux"] = attempt(lambda jac=jac: jac(lambda a: (a.sin(), a * 2), has_aux=True)(x))
        out[name, "tree"] = attempt(
            lambda jac=jac: jac(lambda p: {"y": p["a"].sin(), "z": p["a"].sum() * p["b"]})({"a": x, "b": w})
        )
        out[name, "several"] = attempt(lambda jac=jac: jac(lambda a: (a.sin(), a.prod()))(x))
        out[name, "scalar"] = attempt(lambda jac=jac: jac(lambda a: a.prod())(x))
        out[name, "scalar_input"] = attempt(lambda jac=jac: jac(lambda a: a * w)(x[0]))
        out[name, "independent"] = attempt(lambda jac=jac: jac(lambda a: w)(x))
        out[name, "empty"] = attempt(lambda jac=jac: jac(lambda a: a[:0])(x))
        out[name, "twice"] = attempt(lambda jac=jac: jac(jac(lambda a: a.sin().cumsum(0)))(x))
        out[name, "keywords"] = attempt(lambda jac=jac: jac(lambda a, k=None: a * k)(x, k=2.0))
        out[name, "vmap"] = attempt(lambda jac=jac: vmap(jac(lambda a: a.sin() * a.sum()))(_x(4, 3)))
        out[name, "not_tensor"] = attempt(lambda jac=jac: jac(lambda a: 3)(x))
        out[name, "int"] = attempt(lambda jac=jac: jac(lambda a: a * 2)(torch.arange(3)))
        out[name, "complex"] = attempt(lambda jac=jac: jac(lambda a: a * 2j)(x))
        out[name, "through"] = attempt(lambda jac=jac: _through(lambda t: jac(lambda a: a.sin() * a[0])(t)))
        out[name, "chunk"] = attempt(
            lambda jac=jac: (
                jac(lambda a: a.sin(), chunk_size=2)
                if jac is jacrev
                else jac(lambda a: a.sin(), randomness="same")
            )(x)
        )
        out[name, "write"] = attempt(lambda jac=jac: jac(_write)(x))
        out[name, "matmul"] = attempt(
            lambda jac=jac: jac(lambda a: torch.linalg.inv(a.outer(a) + torch.eye(3)))(x)
        )
    out["chunk_none"] = attempt(lambda: jacrev(lambda a: a.sin(), chunk_size=None)(x))
    out["chunk_bad"] = attempt(lambda: jacrev(lambda a: a.sin(), chunk_size=0)(x))
    out["hessian"] = attempt(lambda: hessian(lambda a: a.sin().prod())(x))
    out["hessian_both"] = attempt(lambda: hessian(lambda a, b: (a.outer(b) ** 2).sum(), (0, 1))(x, w))
    out["hessian_tree"] = attempt(lambda: hessian(lambda p: p["a"].sum() * p["b"].prod())({"a": x, "b": w}))
    out["rev_fwd"] = attempt(lambda: jacrev(jacfwd(lambda a: a.sin().prod()))(x))
    out["three"] = attempt(lambda: jacfwd(jacrev(jacfwd(lambda a: a.sin().prod())))(x))
    out["hessian_vmap"] = attempt(lambda: vmap(hessian(lambda a: (a.sin() ** 2).prod()))(_x(2, 3)))
    out["hessian_net"] = attempt(lambda: hessian(lambda a: F.softplus(a.view(1, 3) @ a.view(3, 1)).sum())(x))
    return out


def vmap_dims():
    x, w = _x(4, 3), _x(4, 3, seed=1)
    f = lambda a, b: a * b.sum()  # noqa: E731
    return {
        "default": attempt(lambda: vmap(f)(x, w)),
        "none": attempt(lambda: vmap(f, (0, None))(x, w)),
        "one": attempt(lambda: vmap(f, (1, 1))(x, w)),
        "negative": attempt(lambda: vmap(f, (-1, -1))(x, w)),
        "out": attempt(lambda: vmap(f, (0, 0), 1)(x, w)),
        "out_negative": attempt(lambda: vmap(f, (0, 0), -1)(x, w)),
        "out_none": attempt(lambda: vmap(lambda a: torch.ones(2), out_dims=None)(x)),
        "out_none_batched": attempt(lambda: vmap(lambda a: a, out_dims=None)(x)),
        "tree_in": attempt(
            lambda: vmap(lambda p, s: p["a"] * p["b"][0] * s, ({"a": 0, "b": [None]}, None))(
                {"a": x, "b": [w[0]]}, 2.0
            )
        ),
        "tree_in_all": attempt(lambda: vmap(lambda p: p["a"] * p["b"][0], (0,))({"a": x, "b": [w]})),
        "tree_out": attempt(lambda: vmap(lambda a: {"u": a, "v": (a * 2, a.sum())})(x)),
        "tree_out_dims": attempt(lambda: vmap(lambda a: (a, {"b": a * 2}), out_dims=(1, {"b": 0}))(x)),
        "out_dims_short": attempt(lambda: vmap(lambda a: (a, a * 2), out_dims=1)(x)),
        "out_dims_wrong": attempt(lambda: vmap(lambda a: (a, a * 2), out_dims=(0, 1, 0))(x)),
        "sizes_differ": attempt(lambda: vmap(f)(x, w[:3])),
        "no_batch": attempt(lambda: vmap(f, (None, None))(x, w)),
        "dim_out": attempt(lambda: vmap(f, (5, 0))(x, w)),
        "not_tensor": attempt(lambda: vmap(lambda a, n: a * n)(x, 3.0)),
        "not_tensor_none": attempt(lambda: vmap(lambda a, n: a * n, (0, None))(x, 3.0)),
        "zero_dim": attempt(lambda: vmap(torch.sin)(x[0, 0])),
        "in_dims_list": attempt(lambda: vmap(f, [0, None])(x, w)),
        "in_dims_type": attempt(lambda: vmap(f, "0")(x, w)),
        "in_dims_wrong": attempt(lambda: vmap(f, (0,))(x, w)),
        "no_args": attempt(lambda: vmap(lambda: torch.ones(3))()),
        "returns_number": attempt(lambda: vmap(lambda a: 3)(x)),
        "returns_none": attempt(lambda: vmap(lambda a: None)(x)),
        "returns_unbatched": attempt(lambda: vmap(lambda a: torch.arange(2))(x)),
        "keywords": attempt(lambda: vmap(lambda a, b=None: a + b)(x, b=w)),
        "nested": attempt(lambda: vmap(vmap(lambda a, b: a * b, (0, None)), (None, 0))(x[0], w[:, 0])),
        "outer": attempt(lambda: vmap(lambda a: vmap(lambda b: torch.dot(a, b))(w))(x)),
        "chunk": attempt(lambda: vmap(f, chunk_size=3)(x, w)),
        "chunk_out": attempt(lambda: vmap(f, out_dims=1, chunk_size=2)(x, w)),
        "chunk_big": attempt(lambda: vmap(f, chunk_size=100)(x, w)),
        "chunk_tree": attempt(lambda: vmap(lambda a: {"u": a, "v": a.sum()}, chunk_size=3)(x)),
        "chunk_zero": attempt(lambda: vmap(f, chunk_size=0)(x, w)),
        "empty": attempt(lambda: vmap(torch.sin)(x[:0])),
        "randomness_bad": attempt(lambda: vmap(torch.sin, randomness="none")(x)),
        "decorator": attempt(lambda: vmap(torch.dot, in_dims=(0, None))(x, w[0])),
        "method": attempt(lambda: vmap(torch.Tensor.sum)(x)),
        "shape_inside": attempt(lambda: vmap(lambda a: a.view(a.shape[0], 1).expand(-1, a.dim() + 1))(x)),
        "size_inside": attempt(lambda: vmap(lambda a: a * a.size(0) + a.numel() + len(a))(x)),
        "through": attempt(lambda: _through(lambda t: vmap(lambda s: s.sin() * t)(t))),
    }


def vmap_over_operators():
    x, w, i = _x(4, 3), _x(3, 3, seed=1), torch.tensor([2, 0, 1, 1])
    j = torch.tensor([[0, 2], [1, 1], [2, 0], [0, 0]])
    img, k = _x(4, 2, 5, 5), _x(3, 2, 3, 3, seed=4)
    cases = {
        "matmul": lambda: vmap(lambda a: w @ a)(x),
        "linear": lambda: vmap(lambda a: F.linear(a, w))(x),
        "index": lambda: vmap(lambda a, n: a[n])(x, i % 3),
        "index_many": lambda: vmap(lambda a, n: a[n])(x, j),
        "index_shared": lambda: vmap(lambda n: w[n])(i % 3),
        "index_slice": lambda: vmap(lambda n: w[:, n])(j),
        "index_mixed": lambda: vmap(lambda a, n: a[None, n, ...])(x, j),
        "index_pair": lambda: vmap(lambda n, m: w[n, m], (0, None))(j, torch.tensor([0, 1])),
        "gather": lambda: vmap(lambda a, n: a.gather(0, n))(x, j),
        "take": lambda: vmap(lambda a, n: a.take(n))(x, j),
        "index_select": lambda: vmap(lambda a, n: a.index_select(0, n))(x, j),
        "take_along": lambda: vmap(lambda a, n: torch.take_along_dim(a, n, 0))(x, j),
        "embedding": lambda: vmap(lambda n: F.embedding(n, w))(j),
        "embedding_batched": lambda: vmap(lambda n, t: F.embedding(n, t.view(3, 1)))(j, x),
        "one_hot": lambda: vmap(lambda n: F.one_hot(n, 3))(i % 3),
        "scatter": lambda: vmap(lambda a, n: torch.zeros(3, dtype=a.dtype).scatter(0, n, a[:2]))(x, j),
        "index_put": lambda: vmap(lambda a, n: a.index_put((n,), a[:2] * 10))(x, j),
        "set_index": lambda: vmap(lambda a, n: _set(a, n))(x, j),
        "set_slice": lambda: vmap(lambda a: _set(a, slice(0, 2)))(x),
        "set_shared": lambda: vmap(lambda a: _set_shared(w.clone(), a))(x),
        "index_add": lambda: vmap(lambda a, n: a.index_add(0, n, a[:2]))(x, j),
        "masked_fill": lambda: vmap(lambda a: a.masked_fill(a > 0, 0.0))(x),
        "masked_select": lambda: vmap(lambda a: a.masked_select(a > 0))(x),
        "bool_index": lambda: vmap(lambda a: a[a > 0])(x),
        "nonzero": lambda: vmap(torch.nonzero)(x),
        "where": lambda: vmap(lambda a: torch.where(a > 0, a, -a))(x),
        "item": lambda: vmap(lambda a: a.sum().item())(x),
        "branch": lambda: vmap(lambda a: a if a.sum() > 0 else -a)(x),
        "float": lambda: vmap(lambda a: float(a[0]))(x),
        "tolist": lambda: vmap(lambda a: a.tolist())(x),
        "numpy": lambda: vmap(lambda a: a.numpy())(x),
        "len_loop": lambda: vmap(lambda a: sum(v * n for n, v in enumerate(a)))(x),
        "unbind": lambda: vmap(lambda a: a.unbind(0))(x),
        "split": lambda: vmap(lambda a: a.split(2))(x),
        "cat": lambda: vmap(lambda a: torch.cat([a, w[0], a * 2]))(x),
        "stack": lambda: vmap(lambda a: torch.stack([a, w[0]]))(x),
        "sum_all": lambda: vmap(lambda a: a.sum())(x),
        "max": lambda: vmap(lambda a: a.max(0))(x),
        "argmax": lambda: vmap(lambda a: a.argmax())(x),
        "sort": lambda: vmap(lambda a: a.sort())(x),
        "topk": lambda: vmap(lambda a: a.topk(2))(x),
        "cumsum": lambda: vmap(lambda a: a.cumsum(0))(x),
        "softmax": lambda: vmap(lambda a: a.softmax(-1))(x),
        "layer_norm": lambda: vmap(lambda a: F.layer_norm(a, (3,)))(x),
        "conv": lambda: vmap(lambda a: F.conv2d(a, k, padding=1))(img),
        "conv_weight": lambda: vmap(lambda a: F.conv2d(img, a * k), 0)(_x(2)),
        "conv_both": lambda: vmap(lambda a, b: F.conv2d(a, b * k))(img, _x(4)),
        "conv_groups": lambda: vmap(lambda a: F.conv2d(a, k[:2, :1], groups=2))(img),
        "conv_transpose": lambda: vmap(lambda a: F.conv_transpose2d(a, k.transpose(0, 1)))(img),
        "max_pool": lambda: vmap(lambda a: F.max_pool2d(a, 2))(img),
        "avg_pool": lambda: vmap(lambda a: F.avg_pool2d(a, 2))(img),
        "adaptive": lambda: vmap(lambda a: F.adaptive_avg_pool2d(a, 2))(img),
        "interpolate": lambda: vmap(lambda a: F.interpolate(a[None], scale_factor=2)[0])(img),
        "pad": lambda: vmap(lambda a: F.pad(a, (1, 1), mode="reflect"))(img),
        "batch_norm_eval": lambda: vmap(
            lambda a: F.batch_norm(a[None], torch.zeros(2).double(), torch.ones(2).double())[0]
        )(img),
        "batch_norm_train": lambda: vmap(lambda a: F.batch_norm(a[None], None, None, training=True)[0])(img),
        "batch_norm_stats": lambda: vmap(
            lambda a: F.batch_norm(a[None], torch.zeros(2).double(), torch.ones(2).double(), training=True)[0]
        )(img),
        "group_norm": lambda: vmap(lambda a: F.group_norm(a[None], 2)[0])(img),
        "instance_norm": lambda: vmap(lambda a: F.instance_norm(a[None])[0])(img),
        "cross_entropy": lambda: vmap(lambda a, n: F.cross_entropy(a, n))(x, i % 3),
        "nll": lambda: vmap(lambda a, n: F.nll_loss(a[None], n[None]))(x, i % 3),
        "mse": lambda: vmap(lambda a: F.mse_loss(a, w[0]))(x),
        "einsum": lambda: vmap(lambda a: torch.einsum("i,ij->j", a, w))(x),
        "bmm": lambda: vmap(lambda a: torch.bmm(a, a.mT))(img),
        "inv": lambda: vmap(torch.linalg.inv)(x[:, :, None] * x[:, None] + torch.eye(3)),
        "svd": lambda: vmap(torch.linalg.svdvals)(img[:, 0]),
        "eigh": lambda: vmap(torch.linalg.eigvalsh)(x[:, :, None] * x[:, None]),
        "det": lambda: vmap(torch.linalg.det)(img[:, 0]),
        "solve": lambda: vmap(lambda a: torch.linalg.solve(w, a))(x),
        "cholesky": lambda: vmap(torch.linalg.cholesky)(x[:, :, None] * x[:, None] + torch.eye(3)),
        "norm": lambda: vmap(torch.linalg.norm)(x),
        "in_place": lambda: vmap(lambda a: a.clone().mul_(2).add_(a))(x),
        "in_place_argument": lambda: _in_place_argument(x.clone()),
        "in_place_unbatched": lambda: vmap(lambda a: torch.zeros(3, dtype=a.dtype).add_(a))(x),
        "zeros_like": lambda: vmap(lambda a: torch.zeros_like(a).add_(a))(x),
        "new_zeros": lambda: vmap(lambda a: a.new_zeros(3).copy_(a))(x),
        "copy": lambda: vmap(lambda a: torch.empty(3, dtype=a.dtype).copy_(a))(x),
        "to": lambda: vmap(lambda a: a.to(torch.float32))(x),
        "clone": lambda: vmap(lambda a: a.clone().detach())(x),
        "repeat": lambda: vmap(lambda a: a.repeat(2, 1))(x),
        "roll_flip": lambda: vmap(lambda a: a.roll(1).flip(0))(x),
        "tril": lambda: vmap(torch.tril)(img),
        "diag": lambda: vmap(torch.diag)(x),
        "trace": lambda: vmap(torch.trace)(img[:, 0]),
        "fft": lambda: vmap(torch.fft.fft)(x),
        "kron": lambda: vmap(lambda a: torch.kron(a, w[0]))(x),
        "searchsorted": lambda: vmap(lambda a: torch.searchsorted(torch.arange(3.0).double(), a))(x),
        "bucketize": lambda: vmap(lambda a: torch.bucketize(a, torch.arange(3.0).double()))(x),
        "unique": lambda: vmap(torch.unique)(x),
        "histc": lambda: vmap(lambda a: torch.histc(a, 3))(x),
        "allclose": lambda: vmap(lambda a: torch.allclose(a, a))(x),
        "equal": lambda: vmap(lambda a: torch.equal(a, w[0]))(x),
        "meshgrid": lambda: vmap(lambda a: torch.meshgrid(a, a, indexing="ij"))(x),
        "as_strided": lambda: vmap(lambda a: a.as_strided((2,), (1,)))(x),
        "unfold": lambda: vmap(lambda a: a.unfold(0, 2, 1))(x),
        "im2col": lambda: vmap(lambda a: F.unfold(a[None], 2)[0])(img),
        "attention": lambda: vmap(lambda a: F.scaled_dot_product_attention(a, a, a))(img),
        "attention_causal": lambda: vmap(lambda a: F.scaled_dot_product_attention(a, a, a, is_causal=True))(
            img
        ),
        "lerp": lambda: vmap(lambda a: torch.lerp(a, w[0], 0.5))(x),
        "var": lambda: vmap(lambda a: torch.var_mean(a))(x),
        "std": lambda: vmap(lambda a: a.std(0, keepdim=True))(x),
        "logsumexp": lambda: vmap(lambda a: a.logsumexp(0))(x),
        "median": lambda: vmap(lambda a: a.median())(x),
        "quantile": lambda: vmap(lambda a: a.quantile(0.5))(x),
        "cdist": lambda: vmap(lambda a: torch.cdist(a, a))(img),
        "cross": lambda: vmap(lambda a: torch.linalg.cross(a, w[0]))(x),
        "outer": lambda: vmap(lambda a: torch.outer(a, a))(x),
        "addmm": lambda: vmap(lambda a: torch.addmm(a, w, w))(x),
        "baddbmm": lambda: vmap(lambda a: torch.baddbmm(a, a, a))(img),
        "prod": lambda: vmap(lambda a: a.prod())(x),
        "any": lambda: vmap(lambda a: (a > 0).any())(x),
        "squeeze": lambda: vmap(lambda a: a[None].squeeze().unsqueeze(-1))(x),
        "flatten": lambda: vmap(lambda a: a.flatten(1))(img),
        "movedim": lambda: vmap(lambda a: a.movedim(0, -1).permute(2, 0, 1))(img),
        "T": lambda: vmap(lambda a: a[0].T @ a[1].mT)(img),
        "pow": lambda: vmap(lambda a: a.abs() ** a)(x),
        "clamp": lambda: vmap(lambda a: a.clamp(a.min(), a.mean()))(x),
        "heaviside": lambda: vmap(lambda a: torch.heaviside(a, a))(x),
        "polygamma": lambda: vmap(lambda a: torch.polygamma(1, a.abs() + 1))(x),
        "isin": lambda: vmap(lambda n: torch.isin(n, torch.tensor([0, 2])))(j),
        "bincount": lambda: vmap(lambda n: torch.bincount(n, minlength=3))(j),
        "complex": lambda: vmap(lambda a: torch.complex(a, a).abs())(x),
        "view_as_complex": lambda: vmap(lambda a: torch.view_as_complex(a[:2].clone()))(x),
        "rnn": lambda: vmap(_cell)(x),
        "contiguous": lambda: vmap(lambda a: a.t().contiguous().view(-1), 0)(img[:, 0]),
        "stride": lambda: vmap(lambda a: torch.ones(a.stride()))(x),
        "print": lambda: vmap(lambda a: (repr(a) and None) or a)(x),
    }
    return {name: attempt(f) for name, f in cases.items()}


def _set(a, n):
    b = a.clone()
    b[n] = a[:2] * 10
    return b


def _set_shared(table, a):
    table[0] = a
    return table


def _in_place_argument(x):
    vmap(lambda a: a.mul_(2))(x)
    return x


def _cell(a):
    h = torch.zeros(3, dtype=a.dtype)
    for _ in range(3):
        h = torch.tanh(h + a)
    return h


def vmap_randomness():
    x = _x(4, 100)

    def facts(f, mode):
        y = vmap(f, randomness=mode)(x)
        return list(y.shape), bool((y[0] == y[1]).all())

    functions = {
        "dropout": lambda a: F.dropout(torch.ones_like(a)),
        "randn": lambda a: torch.randn(100) + 0 * a,
        "rand_like": lambda a: torch.rand_like(a),
        "randperm": lambda a: torch.randperm(100) + 0 * a,
        "bernoulli": lambda a: torch.bernoulli(torch.full((100,), 0.5) + 0 * a),
        "normal_": lambda a: torch.empty_like(a).normal_(),
        "uniform_": lambda a: torch.empty(100).uniform_(),
        "randint": lambda a: torch.randint(0, 100, (100,)) + 0 * a,
        "multinomial": lambda a: torch.multinomial(torch.ones(100) + 0 * a.float(), 10),
        "dropout2d": lambda a: F.dropout2d(torch.ones(1, 100, 1)).flatten() + 0 * a,
        "dropout_eval": lambda a: F.dropout(a, training=False),
        "unbatched": lambda a: torch.rand(100),
    }
    return {
        (n, m): attempt(lambda f=f, m=m: facts(f, m))
        for n, f in functions.items()
        for m in ("error", "same", "different")
    }


def _net(seed=0):
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_(_x(*p.shape, seed=seed + i))
    return net


def functional_calls():
    net = _net()
    params = {k: v.detach() for k, v in net.named_parameters()}
    x, y = _x(5, 3), torch.tensor([0, 1, 1, 0, 1])
    loss = lambda p, a, b: F.cross_entropy(functional_call(net, p, (a[None],)), b[None])  # noqa: E731
    bn = torch.nn.BatchNorm1d(3).double()
    out = {
        "call": attempt(lambda: functional_call(net, params, (x,))),
        "single": attempt(lambda: functional_call(net, params, x)),
        "partial": attempt(lambda: functional_call(net, {"0.bias": params["0.bias"] * 0}, x)),
        "wrong": attempt(lambda: functional_call(net, {"nothing": x}, x)),
        "strict": attempt(lambda: functional_call(net, {"0.bias": params["0.bias"]}, x, strict=True)),
        "several": attempt(
            lambda: functional_call(bn, (dict(bn.named_parameters()), dict(bn.named_buffers())), x)
        ),
        "unchanged": attempt(
            lambda: (functional_call(net, {k: v * 2 for k, v in params.items()}, x), net(x))
        ),
        "buffers": attempt(lambda: _buffers(bn, x)),
        "grad": attempt(lambda: grad(lambda p: loss(p, x[0], y[0]))(params)),
        "per_sample": attempt(lambda: vmap(grad(loss), (None, 0, 0))(params, x, y)),
        "per_sample_chunk": attempt(lambda: vmap(grad(loss), (None, 0, 0), chunk_size=2)(params, x, y)),
        "jacobian": attempt(lambda: jacrev(lambda p: functional_call(net, p, x))(params)),
        "jacobian_fwd": attempt(lambda: jacfwd(lambda p: functional_call(net, p, x))(params)),
        "ntk": attempt(lambda: _ntk(net, params, x)),
        "hessian": attempt(lambda: hessian(lambda p: loss(p, x[0], y[0]))(params)["0.weight"]["2.bias"]),
        "jvp": attempt(
            lambda: jvp(
                lambda p: functional_call(net, p, x),
                (params,),
                ({k: torch.ones_like(v) for k, v in params.items()},),
            )
        ),
        "ensemble": attempt(lambda: _ensemble(x)),
        "ensemble_grad": attempt(lambda: _ensemble_grad(x)),
        "tied": attempt(lambda: _tied(x)),
        "tied_off": attempt(lambda: _tied(x, tie_weights=False)),
        "kwargs": attempt(lambda: functional_call(torch.nn.Identity(), {}, (x,), {})),
        "stateless": attempt(lambda: torch.nn.utils.stateless.functional_call(net, params, (x,))),
        "functionalize": attempt(lambda: functionalize(lambda a: a.clone().add_(1))(x)),
        "replace_bn": attempt(
            lambda: vmap(
                lambda a: torch.func.replace_all_batch_norm_modules_(torch.nn.BatchNorm1d(3).double())(
                    a[None]
                )
            )(x)
        ),
        "debug_unwrap": attempt(lambda: grad(lambda a: torch.func.debug_unwrap(a).sum() * 0 + a.sum())(x)),
    }
    return out


def _buffers(bn, x):
    state = {**dict(bn.named_parameters()), **{k: v.clone() for k, v in bn.named_buffers()}}
    y = functional_call(bn, state, x)
    return y, state["running_mean"], bn.running_mean


def _ntk(net, params, x):
    f = lambda p, a: functional_call(net, p, (a[None],))[0]  # noqa: E731
    jac = vmap(jacrev(f), (None, 0))(params, x)
    return sum(torch.einsum("naf,mbf->nmab", j.flatten(2), j.flatten(2)) for j in jac.values())


def _ensemble(x):
    import copy

    nets = [_net(seed) for seed in range(3)]
    params, buffers = stack_module_state(nets)
    base = copy.deepcopy(nets[0]).to("meta")
    run = lambda p, b, a: functional_call(base, (p, b), (a,))  # noqa: E731
    return (
        list(params),
        vmap(run, (0, 0, None))(params, buffers, x),
        [p.requires_grad for p in params.values()],
    )


def _ensemble_grad(x):
    nets = [_net(seed) for seed in range(3)]
    params, buffers = stack_module_state(nets)
    vmap(lambda p, b: functional_call(nets[0], (p, b), (x,)).pow(2).mean())(params, buffers).sum().backward()
    return {k: v.grad for k, v in params.items()}


def _tied(x, **options):
    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = torch.nn.Linear(3, 3, bias=False).double()
            self.b = torch.nn.Linear(3, 3, bias=False).double()
            self.b.weight = self.a.weight
            with torch.no_grad():
                self.a.weight.copy_(torch.eye(3))

        def forward(self, x):
            return self.b(self.a(x))

    return functional_call(Tied(), {"a.weight": torch.eye(3, dtype=torch.float64) * 2}, (x,), **options)


def per_sample_gradients_of_layers():
    def run(layer, shape, *, dtype=torch.float64, integers=None, pick=lambda o: o):
        layer = layer.double()
        with torch.no_grad():
            for i, p in enumerate(layer.parameters()):
                p.copy_(_x(*p.shape, seed=i) * 0.5)
        params = dict(layer.named_parameters())
        buffers = dict(layer.named_buffers())
        x = _x(4, *shape) if integers is None else torch.arange(4 * integers).reshape(4, integers) % 3
        loss = lambda p, a: pick(functional_call(layer, (p, buffers), (a[None],))).pow(2).sum()  # noqa: E731
        return vmap(grad(loss), (None, 0))({k: v.detach() for k, v in params.items()}, x)

    nn = torch.nn
    first = lambda o: o[0]  # noqa: E731
    cases = {
        "linear": lambda: run(nn.Linear(3, 2), (3,)),
        "conv1d": lambda: run(nn.Conv1d(2, 3, 3, padding=1), (2, 5)),
        "conv2d": lambda: run(nn.Conv2d(2, 4, 3, stride=2, groups=2), (2, 6, 6)),
        "conv3d": lambda: run(nn.Conv3d(1, 2, 2), (1, 3, 3, 3)),
        "conv_transpose": lambda: run(nn.ConvTranspose2d(2, 3, 3, stride=2), (2, 3, 3)),
        "layer_norm": lambda: run(nn.LayerNorm(3), (2, 3)),
        "group_norm": lambda: run(nn.GroupNorm(2, 4), (4, 3)),
        "instance_norm": lambda: run(nn.InstanceNorm2d(2, affine=True), (2, 3, 3)),
        "batch_norm_eval": lambda: run(nn.BatchNorm1d(3).eval(), (3,)),
        "rms_norm": lambda: run(nn.RMSNorm(3), (2, 3)),
        "embedding": lambda: run(nn.Embedding(3, 2), None, integers=5),
        "embedding_bag": lambda: run(nn.EmbeddingBag(3, 2, mode="sum"), None, integers=5),
        "attention": lambda: run(_SelfAttention(), (3, 4)),
        "encoder": lambda: run(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True), (3, 4)),
        "lstm": lambda: run(nn.LSTM(3, 2, batch_first=True), (4, 3), pick=first),
        "gru": lambda: run(nn.GRU(3, 2, batch_first=True, bidirectional=True), (4, 3), pick=first),
        "rnn": lambda: run(nn.RNN(3, 2, num_layers=2, batch_first=True), (4, 3), pick=first),
        "lstm_cell": lambda: run(nn.LSTMCell(3, 2), (3,), pick=first),
        "bilinear": lambda: run(_Twice(nn.Bilinear(3, 3, 2)), (3,)),
        "prelu": lambda: run(nn.PReLU(), (3,)),
        "pool_net": lambda: run(
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2)),
            (1, 6, 6),
        ),
        "dropout": lambda: run(nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.0)), (3,)),
        "adaptive": lambda: run(
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Softmax(-1)),
            (1, 6, 6),
        ),
        "upsample": lambda: run(
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.Upsample(scale_factor=2, mode="bilinear")), (1, 5, 5)
        ),
    }
    return {name: attempt(f) for name, f in cases.items()}


class _SelfAttention(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        return self.inner(x, x, x, need_weights=False)[0]


class _Twice(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x, x)


def compositions_of_three():
    x, t = _x(2, 3), _x(2, 3, seed=1)
    f = lambda a: (a.sin() * a.sum()).prod()  # noqa: E731
    g = lambda a: a.sin() * a.flip(0)  # noqa: E731
    return {
        "vmap_grad_grad": attempt(lambda: vmap(grad(lambda a: grad(f)(a).pow(2).sum()))(x)),
        "grad_vmap_grad": attempt(lambda: grad(lambda a: vmap(grad(f))(a).pow(2).sum())(x)),
        "vmap_vmap_grad": attempt(lambda: vmap(vmap(grad(lambda a: a.sin())))(x)),
        "vmap_jvp_grad": attempt(lambda: vmap(lambda a, b: jvp(grad(f), (a,), (b,)))(x, t)),
        "jvp_vmap_grad": attempt(lambda: jvp(vmap(grad(f)), (x,), (t,))),
        "grad_jvp_vmap": attempt(lambda: grad(lambda a: jvp(vmap(g), (a,), (t,))[1].pow(2).sum())(x)),
        "vmap_jacrev_jacfwd": attempt(lambda: vmap(jacrev(jacfwd(g)))(x)),
        "jacfwd_vmap_jacrev": attempt(lambda: jacfwd(lambda a: vmap(jacrev(g))(a))(x[:1])),
        "jacrev_vmap_vjp": attempt(lambda: jacrev(lambda a: vmap(lambda s: vjp(g, s)[1](s)[0])(a))(x[:1])),
        "vmap_vjp_vmap": attempt(lambda: vmap(lambda a: vjp(vmap(torch.sin), a)[1](a))(x)),
        "jvp_jvp_jvp": attempt(
            lambda: jvp(lambda a: jvp(lambda b: jvp(g, (b,), (t[0],))[1], (a,), (t[0],))[1], (x[0],), (t[0],))
        ),
        "grad_jvp_grad": attempt(lambda: grad(lambda a: jvp(grad(f), (a,), (t[0],))[1].sum())(x[0])),
        "hvp_rev": attempt(lambda: vjp(grad(f), x[0])[1](t[0])),
        "hvp_fwd": attempt(lambda: jvp(grad(f), (x[0],), (t[0],))[1]),
        "hessian_of_vmap": attempt(lambda: hessian(lambda a: vmap(f)(a).sum())(x)),
        "functional_inside": attempt(
            lambda: grad(lambda a: functional.jacobian(g, a, create_graph=True).pow(2).sum())(x[0])
        ),
        "backward_after": attempt(lambda: _through(lambda a: vmap(grad(lambda s: s.sin() * s))(a))),
        "jacfwd_under_requires_grad": attempt(lambda: _through(lambda a: jacfwd(g)(a))),
        "hessian_requires_grad": attempt(lambda: _through(lambda a: hessian(f)(a))),
        "jvp_requires_grad": attempt(lambda: _through(lambda a: jvp(g, (a,), (t[0],))[1])),
        "vjp_requires_grad": attempt(lambda: _through(lambda a: vjp(g, a)[1](t[0])[0])),
        "linearize_vmap": attempt(lambda: vmap(linearize(g, x[0])[1])(torch.eye(3, dtype=torch.float64))),
    }


def functional_module():
    x, w, v = _x(3), _x(2, seed=1), _x(3, seed=2)
    f = lambda a: a.exp() * a.sum()  # noqa: E731
    s = lambda a: (a.exp() * a.sum()).sum()  # noqa: E731
    two = lambda a, b: (a.outer(b), a.sum() * b)  # noqa: E731
    z = randn(3)
    fa = functional
    return {
        "jacobian": attempt(lambda: fa.jacobian(f, x)),
        "jacobian_two": attempt(lambda: fa.jacobian(two, (x, w))),
        "jacobian_tuple": attempt(lambda: fa.jacobian(lambda a: (a, a * 2), x)),
        "jacobian_vectorize": attempt(lambda: fa.jacobian(two, (x, w), vectorize=True)),
        "jacobian_forward": attempt(
            lambda: fa.jacobian(two, (x, w), vectorize=True, strategy="forward-mode")
        ),
        "jacobian_forward_plain": attempt(lambda: fa.jacobian(f, x, strategy="forward-mode")),
        "jacobian_graph": attempt(lambda: torch.autograd.grad(fa.jacobian(f, z, create_graph=True).sum(), z)),
        "jacobian_no_graph": attempt(lambda: fa.jacobian(f, z)),
        "jacobian_strict": attempt(lambda: fa.jacobian(lambda a: w, x, strict=True)),
        "jacobian_independent": attempt(lambda: fa.jacobian(lambda a: w, x)),
        "jacobian_strict_vectorize": attempt(lambda: fa.jacobian(f, x, strict=True, vectorize=True)),
        "jacobian_strict_unused": attempt(lambda: fa.jacobian(lambda a, b: a, (x, w), strict=True)),
        "jacobian_not_tensor": attempt(lambda: fa.jacobian(lambda a: 3, x)),
        "jacobian_input": attempt(lambda: fa.jacobian(f, [x])),
        "jacobian_input_number": attempt(lambda: fa.jacobian(f, 3.0)),
        "jacobian_strategy": attempt(lambda: fa.jacobian(f, x, strategy="sideways")),
        "hessian": attempt(lambda: fa.hessian(s, x)),
        "hessian_two": attempt(lambda: fa.hessian(lambda a, b: (a.outer(b) ** 2).sum(), (x, w))),
        "hessian_vectorize": attempt(lambda: fa.hessian(s, x, vectorize=True)),
        "hessian_outer_fwd": attempt(
            lambda: fa.hessian(s, x, vectorize=True, outer_jacobian_strategy="forward-mode")
        ),
        "hessian_not_scalar": attempt(lambda: fa.hessian(f, x)),
        "hessian_tuple": attempt(lambda: fa.hessian(lambda a: (a.sum(), a.sum()), x)),
        "hessian_graph": attempt(lambda: torch.autograd.grad(fa.hessian(s, z, create_graph=True).sum(), z)),
        "hessian_linear": attempt(lambda: fa.hessian(lambda a: a.sum(), x)),
        "hessian_linear_strict": attempt(lambda: fa.hessian(lambda a: a.sum(), x, strict=True)),
        "hessian_one_element": attempt(lambda: fa.hessian(lambda a: s(a).view(1), x)),
        "vjp": attempt(lambda: fa.vjp(f, x, v)),
        "vjp_scalar": attempt(lambda: fa.vjp(s, x)),
        "vjp_missing": attempt(lambda: fa.vjp(f, x)),
        "vjp_two": attempt(lambda: fa.vjp(two, (x, w), (torch.ones(3, 2).double(), w))),
        "vjp_wrong": attempt(lambda: fa.vjp(f, x, w)),
        "vjp_graph": attempt(lambda: torch.autograd.grad(fa.vjp(f, z, v, create_graph=True)[1].sum(), z)),
        "vjp_strict": attempt(lambda: fa.vjp(lambda a: w, x, w, strict=True)),
        "vjp_independent": attempt(lambda: fa.vjp(lambda a: w, x, w)),
        "jvp": attempt(lambda: fa.jvp(f, x, v)),
        "jvp_two": attempt(lambda: fa.jvp(two, (x, w), (v, w))),
        "jvp_missing": attempt(lambda: fa.jvp(f, x)),
        "jvp_scalar_input": attempt(lambda: fa.jvp(lambda a: a * w, x[0])),
        "jvp_graph": attempt(lambda: torch.autograd.grad(fa.jvp(f, z, v, create_graph=True)[1].sum(), z)),
        "jvp_strict": attempt(lambda: fa.jvp(lambda a: w, x, v, strict=True)),
        "jvp_linear_strict": attempt(lambda: fa.jvp(lambda a: a * 2, z, v, create_graph=True, strict=True)),
        "vhp": attempt(lambda: fa.vhp(s, x, v)),
        "vhp_two": attempt(lambda: fa.vhp(lambda a, b: (a.outer(b) ** 2).sum(), (x, w), (v, w))),
        "vhp_strict": attempt(lambda: fa.vhp(lambda a: a.sum(), x, v, strict=True)),
        "vhp_not_scalar": attempt(lambda: fa.vhp(f, x, v)),
        "hvp": attempt(lambda: fa.hvp(s, x, v)),
        "hvp_graph": attempt(lambda: torch.autograd.grad(fa.hvp(s, z, v, create_graph=True)[1].sum(), z)),
        "hvp_missing": attempt(lambda: fa.hvp(s, x)),
        "hvp_linear": attempt(lambda: fa.hvp(lambda a: a.sum(), x, v)),
        "float32": attempt(lambda: fa.jacobian(f, x.float())),
        "complex": attempt(lambda: fa.jacobian(lambda a: a * (1 + 2j), torch.complex(x, x))),
    }


def forward_levels():
    x, t = _x(3), _x(3, seed=1)

    def basic():
        with fw.dual_level():
            d = fw.make_dual(x, t)
            y = d.sin() * 2
            return tuple(fw.unpack_dual(y)), tuple(fw.unpack_dual(x)), type(fw.unpack_dual(y)).__name__

    def outside():
        with fw.dual_level():
            y = fw.make_dual(x, t) * 2
        return y, fw.unpack_dual(y)

    def no_level():
        return fw.make_dual(x, t)

    def unpack_no_level():
        return tuple(fw.unpack_dual(x))

    def after_exit():
        with fw.dual_level():
            d = fw.make_dual(x, t)
        with fw.dual_level():
            return tuple(fw.unpack_dual(d))

    def nested():
        with fw.dual_level(), fw.dual_level():
            return 1

    def enter_exit():
        fw.enter_dual_level()
        r = tuple(fw.unpack_dual(fw.make_dual(x, t) ** 2))
        fw.exit_dual_level()
        return r

    def exit_alone():
        fw.exit_dual_level()

    def wrong_shape():
        with fw.dual_level():
            return fw.make_dual(x, t[:2])

    def wrong_dtype():
        with fw.dual_level():
            return fw.make_dual(x, t.float())

    def int_primal():
        with fw.dual_level():
            return fw.make_dual(torch.arange(3), torch.arange(3))

    def int_tangent():
        with fw.dual_level():
            return fw.make_dual(x, torch.arange(3))

    def number():
        with fw.dual_level():
            return fw.make_dual(3.0, t)

    def twice():
        with fw.dual_level():
            d = fw.make_dual(fw.make_dual(x, t), t)
            return tuple(fw.unpack_dual(d))

    def views():
        with fw.dual_level():
            d = fw.make_dual(x.clone(), t.clone())
            v = d[1:]
            v.mul_(3)
            d[0] = 5.0
            w = d.view(3, 1).expand(3, 2)
            return tuple(fw.unpack_dual(d)), tuple(fw.unpack_dual(v)), tuple(fw.unpack_dual(w))

    def write_into_plain():
        with fw.dual_level():
            base = torch.zeros(3, dtype=torch.float64)
            view = base[1:]
            view.copy_(fw.make_dual(x[:2], t[:2]))
            return tuple(fw.unpack_dual(base)), tuple(fw.unpack_dual(view))

    def write_plain_into_dual():
        with fw.dual_level():
            d = fw.make_dual(x.clone(), t.clone())
            d.copy_(torch.ones(3))
            return tuple(fw.unpack_dual(d))

    def in_place_chain():
        with fw.dual_level():
            d = fw.make_dual(x.clone(), t.clone())
            d.exp_().mul_(x).add_(1)
            return tuple(fw.unpack_dual(d))

    def detach():
        with fw.dual_level():
            d = fw.make_dual(x, t)
            return (
                tuple(fw.unpack_dual(d.detach())),
                tuple(fw.unpack_dual(d.clone())),
                d.is_leaf,
                d.requires_grad,
            )

    def no_grad():
        with fw.dual_level(), torch.no_grad():
            return tuple(fw.unpack_dual(fw.make_dual(x, t).sin()))

    def with_backward():
        a = randn(3)
        with fw.dual_level():
            y = fw.make_dual(a, t).sin()
            p, d = fw.unpack_dual(y)
            return torch.autograd.grad(d.sum(), a, retain_graph=True), torch.autograd.grad(p.sum(), a)

    def tangent_requires_grad():
        s = randn(3, seed=4)
        with fw.dual_level():
            d = fw.unpack_dual(fw.make_dual(x, s).sin()).tangent
            return torch.autograd.grad(d.sum(), s)

    def comparison():
        with fw.dual_level():
            d = fw.make_dual(x, t)
            return d > 0, d.argmax(), tuple(fw.unpack_dual(torch.where(d > 0, d, -d)))

    def set_enabled():
        with fw.dual_level(), fw._set_fwd_grad_enabled(False):
            return tuple(fw.unpack_dual(fw.make_dual(x, t) * 2))

    def net():
        layer = _net()
        with fw.dual_level():
            return tuple(fw.unpack_dual(layer(fw.make_dual(x[None], t[None]))))

    def parameters():
        layer = torch.nn.Linear(3, 2).double()
        with torch.no_grad():
            layer.weight.copy_(_x(2, 3))
            layer.bias.zero_()
        with fw.dual_level():
            w = layer.weight
            del layer.weight
            layer.weight = fw.make_dual(w, torch.ones_like(w))
            return tuple(fw.unpack_dual(layer(x)))

    def print_dual():
        with fw.dual_level():
            return repr(fw.make_dual(torch.ones(2), torch.zeros(2)))

    def complex_dual():
        z = torch.complex(x, t)
        with fw.dual_level():
            d = fw.make_dual(z, z * 1j)
            return [
                tuple(fw.unpack_dual(o)) for o in (d.abs(), d.real, d.conj(), d * d, torch.view_as_real(d))
            ]

    def non_contiguous():
        a, b = _x(3, 4).t(), _x(4, 3, seed=1)
        with fw.dual_level():
            d = fw.make_dual(a, b)
            y = fw.unpack_dual(d.view_as(d).sum(0) * d[0])
            return tuple(y), fw.unpack_dual(d).tangent.stride()

    def level_property():
        with fw.dual_level():
            d = fw.make_dual(x, t)
            return fw.unpack_dual(d).tangent is not None, fw.unpack_dual(d, level=0).tangent

    def non_differentiable():
        with fw.dual_level():
            d = fw.make_dual(x, t)
            return [
                tuple(fw.unpack_dual(o))
                for o in (d.round(), d.sign(), d.floor(), torch.zeros_like(d), d.new_ones(2))
            ]

    names = [n for n in list(locals()) if n not in ("x", "t")]
    return {name: attempt(locals_[name]) for locals_ in [dict(locals())] for name in names}


def forward_over_many_operators():
    x, t = _x(2, 3), _x(2, 3, seed=1)
    pos = x.abs() + 0.5
    functions = {
        "softmax": lambda d: d.softmax(1),
        "log_softmax": lambda d: d.log_softmax(0),
        "norm": lambda d: d.norm(dim=1),
        "matmul": lambda d: d @ d.t(),
        "cat": lambda d: torch.cat([d, torch.ones(2, 3)]),
        "stack": lambda d: torch.stack([d, x]),
        "layer_norm": lambda d: F.layer_norm(d, (3,)),
        "gelu": lambda d: F.gelu(d),
        "index": lambda d: d[torch.tensor([0, 0])],
        "max": lambda d: d.max(1)[0],
        "sort": lambda d: d.sort(1)[0],
        "cumsum": lambda d: d.cumsum(1),
        "prod": lambda d: d.prod(1),
        "var": lambda d: d.var(1),
        "std": lambda d: d.std(),
        "mean": lambda d: d.mean(0),
        "logsumexp": lambda d: d.logsumexp(1),
        "clamp": lambda d: d.clamp(-0.5, 0.5),
        "where": lambda d: torch.where(x > 0, d, x),
        "pow": lambda d: d**3,
        "einsum": lambda d: torch.einsum("ij,kj->ik", d, x),
        "solve": lambda d: torch.linalg.solve(d @ d.t() + torch.eye(2), d),
        "det": lambda d: torch.linalg.det(d @ d.t()),
        "inv": lambda d: torch.linalg.inv(d @ d.t() + torch.eye(2)),
        "cross_entropy": lambda d: F.cross_entropy(d, torch.tensor([0, 2])),
        "mse": lambda d: F.mse_loss(d, x * 2),
        "bce": lambda d: F.binary_cross_entropy_with_logits(d, x.sigmoid()),
        "conv": lambda d: F.conv1d(d[None], x[None, :, :2]),
        "batch_norm": lambda d: F.batch_norm(d, None, None, training=True),
        "dropout": lambda d: F.dropout(d, 0.0),
        "embedding": lambda d: F.embedding(torch.tensor([0, 1]), d),
        "gather": lambda d: d.gather(1, torch.tensor([[0], [2]])),
        "scatter_add": lambda d: (
            torch.zeros(2, 3).double().scatter_add(0, torch.zeros(2, 3, dtype=torch.int64), d)
        ),
        "max_pool": lambda d: F.max_pool1d(d[None], 2),
        "avg_pool": lambda d: F.avg_pool1d(d[None], 2),
        "unfold": lambda d: d.unfold(1, 2, 1),
        "pad": lambda d: F.pad(d, (1, 1)),
        "roll": lambda d: d.roll(1, 1).flip(0),
        "tril": lambda d: d.tril(),
        "kron": lambda d: torch.kron(d, d),
        "attention": lambda d: F.scaled_dot_product_attention(d[None], d[None], d[None]),
        "eigvalsh": lambda d: torch.linalg.eigvalsh(d @ d.t()),
        "cdist": lambda d: torch.cdist(d, x),
        "cosine": lambda d: F.cosine_similarity(d, x),
        "lgamma": lambda d: torch.lgamma(d.abs() + 1),
        "atan2": lambda d: torch.atan2(d, x),
        "fft": lambda d: torch.fft.rfft(d),
        "masked_fill": lambda d: d.masked_fill(x > 0, 0.0),
        "repeat": lambda d: d.repeat(2, 1),
        "expand": lambda d: d[:1].expand(2, 3) * x,
        "diag": lambda d: d.diagonal(),
        "trace": lambda d: d[:, :2].trace(),
        "lstm_cell": lambda d: torch.ops is not None and d.tanh() * d.sigmoid(),
        "huber": lambda d: F.huber_loss(d, x * 3),
        "svd": lambda d: torch.linalg.svdvals(d),
        "cholesky": lambda d: torch.linalg.cholesky(d @ d.t() + torch.eye(2)),
        "qr": lambda d: torch.linalg.qr(d.t())[1],
        "interpolate": lambda d: F.interpolate(d[None], scale_factor=2.0, mode="linear"),
        "group_norm": lambda d: F.group_norm(d, 3),
        "prelu": lambda d: F.prelu(d, torch.tensor([0.1]).double()),
        "elu": lambda d: F.elu(d),
        "kl": lambda d: F.kl_div(d.log_softmax(1), x.softmax(1)),
        "median": lambda d: d.median(1)[0],
        "quantile": lambda d: d.quantile(0.3, 1),
        "topk": lambda d: d.topk(2, 1)[0],
        "amax": lambda d: d.amax(1),
        "minimum": lambda d: torch.minimum(d, x * 2),
        "renorm": lambda d: d.renorm(2, 0, 1.0),
        "logcumsumexp": lambda d: d.logcumsumexp(1),
        "cummax": lambda d: d.cummax(1)[0],
        "lerp": lambda d: torch.lerp(d, x, 0.3),
        "addmm": lambda d: torch.addmm(d[:, :2], d, d.t()),
    }
    out = {}
    for name, f in functions.items():
        for kind, given in (("x", x), ("pos", pos)):
            out[name, kind] = attempt(lambda f=f, given=given: jvp(f, (given,), (t,)))
    return out
