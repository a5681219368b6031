"""Corners of autograd: empty tensors, zero dimensions, meta tensors, copies, parameters and modules that change under way."""

from __future__ import annotations

import copy
import io

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import grad

from autograd_cases.helpers import attempt, name_of, randn


def empty_and_zero_dim():
    e, s = randn(0, 3), randn()
    functions = {
        "sum": lambda x: x.sum(),
        "mean": lambda x: x.mean(),
        "prod": lambda x: x.prod(),
        "exp": lambda x: x.exp().sum(),
        "norm": lambda x: x.norm(),
        "var": lambda x: x.var(),
        "std": lambda x: x.std(),
        "softmax": lambda x: x.softmax(0).sum(),
        "logsumexp": lambda x: x.logsumexp(0).sum(),
        "cat": lambda x: torch.cat([x.reshape(-1), x.reshape(-1)]).sum(),
        "index": lambda x: x[x > 0].sum(),
        "view": lambda x: x.view(-1).sum(),
        "cumsum": lambda x: x.cumsum(0).sum(),
        "sort": lambda x: x.sort(0)[0].sum(),
        "max": lambda x: x.max(),
        "amax": lambda x: x.amax(),
        "matmul": lambda x: (x @ torch.ones(3, 2).double()).sum(),
        "linear": lambda x: F.linear(x, torch.ones(2, 3).double()).sum(),
        "layer_norm": lambda x: F.layer_norm(x, x.shape[-1:]).sum(),
        "mse": lambda x: F.mse_loss(x, x * 2),
        "cross_entropy": lambda x: F.cross_entropy(x, torch.zeros(x.shape[:1], dtype=torch.int64)),
        "nanmean": lambda x: x.nanmean(),
        "median": lambda x: x.median(),
        "stack": lambda x: torch.stack([x, x]).sum(),
        "expand": lambda x: x.expand(2, *x.shape).sum(),
        "transpose": lambda x: x.transpose(0, -1).sum(),
        "squeeze": lambda x: x.squeeze().unsqueeze(0).sum(),
        "unbind": lambda x: sum(t.sum() for t in x.unbind(0)),
        "split": lambda x: sum(t.sum() for t in x.split(1)),
        "where": lambda x: torch.where(x > 0, x, 0.0).sum(),
        "clamp": lambda x: x.clamp(0, 1).sum(),
        "dropout": lambda x: F.dropout(x, 0.5).sum(),
        "einsum": lambda x: torch.einsum("...,...->", x, x),
        "dist": lambda x: torch.dist(x, x * 2),
        "pow": lambda x: (x**2).sum(),
        "zero": lambda x: (x * 0).sum(),
        "flip": lambda x: x.flip(0).sum(),
        "gather": lambda x: x.gather(0, torch.zeros(x.shape, dtype=torch.int64)).sum(),
        "bmm": lambda x: torch.bmm(x[None], x[None].mT).sum(),
        "conv": lambda x: F.conv1d(x[:, None], torch.ones(1, 1, 2).double()).sum(),
        "pool": lambda x: F.max_pool1d(x[:, None], 2).sum(),
        "batch_norm": lambda x: F.batch_norm(x, None, None, training=True).sum(),
        "embedding": lambda x: F.embedding(
            torch.zeros(0, dtype=torch.int64), torch.ones(2, 3).double() * x.sum()
        ).sum(),
        "tril": lambda x: x.tril().sum(),
        "diag": lambda x: x.diagonal().sum(),
        "take": lambda x: x.take(torch.tensor([], dtype=torch.int64)).sum(),
        "aminmax": lambda x: x.aminmax()[0],
        "histogram": lambda x: x.numel() * x.sum(),
    }
    out = {}
    for name, f in functions.items():
        for kind, x in (("empty", e), ("scalar", s)):
            out[name, kind] = attempt(
                lambda f=f, x=x: [y := f(x), name_of(y.grad_fn) is not None, grad(y, x, create_graph=True)]
            )
    return out


def copies_and_pickles():
    x = randn(3)
    x.sum().backward()
    p = nn.Parameter(randn(2, grad=False))
    p.grad = torch.ones(2, dtype=torch.float64)
    p.note = "kept"

    def saved(t):
        file = io.BytesIO()
        torch.save(t, file)
        file.seek(0)
        return torch.load(file, weights_only=False)

    return {
        "deepcopy": attempt(lambda: (c := copy.deepcopy(x), c.grad, c.requires_grad, c.is_leaf)),
        "deepcopy_parameter": attempt(
            lambda: (c := copy.deepcopy(p), c.grad, type(c).__name__, getattr(c, "note", None))
        ),
        "deepcopy_graph": attempt(lambda: copy.deepcopy(x * 2)),
        "copy": attempt(lambda: (c := copy.copy(x), c.grad, c.data_ptr() == x.data_ptr())),
        "copy_graph": attempt(lambda: (c := copy.copy(x * 2), c.requires_grad, c.is_leaf)),
        "saved": attempt(lambda: (c := saved(x), c.grad, c.requires_grad)),
        "saved_parameter": attempt(lambda: (c := saved(p), c.grad, type(c).__name__)),
        "saved_graph": attempt(lambda: (c := saved(x * 2), c.requires_grad, c.is_leaf)),
        "clone": attempt(lambda: (c := x.clone(), c.is_leaf, grad(c.sum(), x))),
        "new_tensor": attempt(lambda: (c := x.new_tensor(x), c.requires_grad)),
        "tensor_of": attempt(lambda: torch.tensor(x).requires_grad),
        "as_tensor": attempt(lambda: torch.as_tensor(x) is x),
        "numpy": attempt(lambda: x.numpy()),
        "numpy_force": attempt(lambda: x.numpy(force=True).tolist()),
        "array": attempt(lambda: __import__("numpy").asarray(x * 2)),
        "tolist": attempt(lambda: (x * 2).tolist()),
        "float": attempt(lambda: float((x * 2).sum())),
        "item": attempt(lambda: (x * 2).sum().item()),
        "contains": attempt(lambda: float(x[0].detach()) in x),
        "iterate": attempt(lambda: [t.requires_grad for t in x]),
        "format": attempt(lambda: f"{x.sum() * 0:.2f}"),
        "type": attempt(lambda: (x.float().requires_grad, x.float().is_leaf, x.to(torch.float64) is x)),
        "half": attempt(lambda: grad(x.half().float().sum(), x)),
        "int": attempt(lambda: (x.int().requires_grad, name_of(x.int().grad_fn))),
        "to_complex": attempt(lambda: grad(torch.view_as_real(x.to(torch.complex128)).sum(), x)),
        "meta": attempt(lambda: (x.to("meta").requires_grad, x.to("meta").grad_fn is not None)),
        "pin": attempt(lambda: x.cpu() is x),
        "like": attempt(
            lambda: (torch.ones_like(x).requires_grad, torch.ones_like(x, requires_grad=True).is_leaf)
        ),
        "empty_like": attempt(lambda: torch.zeros_like(x * 2).requires_grad),
        "result_out": attempt(lambda: torch.mul(x, 2, out=torch.empty(3, dtype=torch.float64))),
        "result_out_no_grad": attempt(lambda: _out(x)),
        "set_": attempt(lambda: _set(x)),
        "resize_": attempt(lambda: (x * 1).resize_(2)),
        "bool": attempt(lambda: bool((x > 5).any())),
        "sum_of_list": attempt(lambda: grad(sum([x, x]).sum(), x)),
        "max_of_list": attempt(lambda: grad(max(x), x)),
        "sorted": attempt(lambda: grad(sorted(x, key=float)[0], x)),
        "python_pow": attempt(lambda: grad(pow(x, 2).sum(), x)),
        "divmod": attempt(lambda: grad((x // 0.3).sum(), x)),
        "round": attempt(lambda: grad(round(x * 3).sum() if hasattr(x, "__round__") else x.round().sum(), x)),
        "abs": attempt(lambda: grad(abs(x).sum(), x)),
        "matmul_operator": attempt(lambda: grad(x @ x, x)),
        "rpow": attempt(lambda: grad((2**x).sum(), x)),
        "rmod": attempt(lambda: grad((5 % x).sum(), x)),
        "compare": attempt(lambda: ((x == x).requires_grad, (x < 1).grad_fn)),
        "invert": attempt(lambda: ~x),
        "and": attempt(lambda: x & x),
    }


def _out(x):
    with torch.no_grad():
        return torch.mul(x, 2, out=torch.empty(3, dtype=torch.float64)).requires_grad


def _set(x):
    y = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        y.set_(x.detach())
    return y, grad(y.pow(2).sum(), y)


def meta_tensors():
    x = torch.ones(2, 3, device="meta", requires_grad=True)
    layer = nn.Linear(3, 2, device="meta")
    y = layer(x).relu().sum()
    y.backward()
    return [
        x.grad.is_meta,
        list(x.grad.shape),
        layer.weight.grad.is_meta,
        y.requires_grad,
        name_of(y.grad_fn),
    ]


def modules_that_change():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)).double()
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_(randn(*p.shape, seed=i))
    x = randn(3, 2)
    results = [grad(net(x).sum(), list(net.parameters()))]
    net[0].weight = nn.Parameter(net[0].weight.detach() * 2)
    results.append(grad(net(x).sum(), list(net.parameters())))
    net[1].weight.requires_grad = False
    results.append([p.requires_grad for p in net.parameters()])
    net(x).sum().backward()
    results.append([p.grad for p in net.parameters()])
    net.zero_grad()
    results.append([p.grad for p in net.parameters()])
    net.requires_grad_(False)
    results.append(net(x.detach()).requires_grad)
    net.requires_grad_(True).eval()
    shared = nn.Linear(2, 2).double()
    shared.weight = net[0].weight
    (shared(net[0](x)).sum()).backward()
    results.append(net[0].weight.grad)
    half = copy.deepcopy(net).float()
    results.append([p.dtype is torch.float32 and p.is_leaf for p in half.parameters()])
    net[0].register_buffer("scale", torch.ones(1).double() * 2)
    net[0].weight.data = net[0].weight.data * net[0].scale
    results.append(grad(net(x).sum(), net[0].weight))
    del net[1].bias
    net[1].bias = None
    results.append(grad(net(x).sum(), x))
    return results


def large_graphs():
    x = randn(3)
    y = x
    for _ in range(3000):
        y = y * 1.0001 + 0.0001
    wide = [x * (i + 1) for i in range(500)]
    deep = torch.stack(wide).sum(0) + sum(wide)
    z = x.clone()
    for i in range(200):
        z[i % 3] = z[(i + 1) % 3] * 0.99 + 0.01
    return grad(y.sum(), x), grad(deep.sum(), x), grad(z.sum(), x)


def shared_subgraphs():
    x = randn(3)
    h = x.sin()
    a, b = h * 2, h * 3
    for _ in range(20):
        a, b = a + b * 0.5, a * 0.5 - b
    (ga,) = grad(a.sum(), h, retain_graph=True)
    return ga, grad((a * b).sum(), (x, h)), grad(x.sum() + x.sum(), x)


def partial_graphs():
    x, w = randn(3), randn(3, seed=1)
    h = x * w
    y, z = h.sin(), h.cos()
    first = grad(y.sum(), h, retain_graph=True)
    y.sum().backward(retain_graph=True)
    kept = x.grad.clone()
    second = attempt(lambda: z.sum().backward())
    third = attempt(lambda: y.sum().backward())
    h2 = (x * w).detach().requires_grad_()
    out = h2.exp()
    out.sum().backward()
    (x * w).backward(h2.grad)
    return first, kept, second, third, x.grad, w.grad


def grad_modes_and_leaves():
    out = []
    for mode in (torch.no_grad, torch.enable_grad, torch.inference_mode):
        with mode():
            p = nn.Parameter(torch.ones(2))
            q = torch.ones(2, requires_grad=True)
            r = q * 2
            s = q.view(1, 2)
            out.append(
                [
                    p.requires_grad,
                    q.requires_grad,
                    r.requires_grad,
                    s.requires_grad,
                    s.is_leaf,
                    q.is_leaf,
                    p.is_inference(),
                ]
            )
    return out


def type_promotion_of_gradients():
    x32, x64, x16 = randn(3, dtype=torch.float32), randn(3, seed=1), randn(3, seed=2, dtype=torch.bfloat16)
    total = (x32 * x64 + x16).sum()
    gs = grad(total, (x32, x64, x16))
    y = torch.zeros(3, dtype=torch.float64)
    y[0] = x64[0]
    y[1:] += x32[1:]
    return gs, grad(y.sum(), (x32, x64)), grad((x32.sum() * torch.tensor([1.0, 2.0])).sum(), x32)
