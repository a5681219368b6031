"""Hooks of tensors, nodes and saved values; the graph as programs see it; grad modes; anomaly mode."""

from __future__ import annotations

import warnings

import torch
from torch.autograd import grad

from autograd_cases.helpers import attempt, name_of, randn


def order_of_hooks():
    log = []
    x = randn(3)
    y = x * 2
    z = y * 3
    y.register_hook(lambda g: log.append("y tensor"))
    y.retain_grad()
    y.grad_fn.register_prehook(lambda gs: log.append("y prehook"))
    y.grad_fn.register_hook(lambda gi, go: log.append(("y node", len(gi), len(go), gi[0] is None)))
    z.grad_fn.register_hook(lambda gi, go: log.append("z node"))
    z.register_hook(lambda g: log.append("z tensor"))
    x.register_hook(lambda g: log.append("x tensor"))
    x.register_post_accumulate_grad_hook(lambda p: log.append(("x post", p.grad.clone())))
    accumulator = y.grad_fn.next_functions[0][0]
    accumulator.register_prehook(lambda gs: log.append("acc prehook"))
    accumulator.register_hook(lambda gi, go: log.append(("acc node", len(gi), len(go))))
    z.sum().backward()
    return log, x.grad, y.grad


def hooks_change_gradients():
    def tensor_hook():
        x = randn(3)
        y = x * 2
        y.register_hook(lambda g: g * 10)
        y.register_hook(lambda g: g + 1)
        return grad(y.sum(), x)

    def leaf_hook():
        x = randn(3)
        x.register_hook(lambda g: g * 10)
        x.sum().backward()
        return x.grad

    def leaf_hook_in_grad():
        x = randn(3)
        x.register_hook(lambda g: g * 10)
        return grad(x.sum(), x)

    def hook_after_retain():
        x = randn(3)
        y = x * 2
        y.retain_grad()
        y.register_hook(lambda g: g * 10)
        y.sum().backward()
        return y.grad, x.grad

    def hook_on_captured():
        x = randn(3)
        y = x * 2
        y.register_hook(lambda g: g * 10)
        return grad((y * 3).sum(), y)

    def hook_on_root():
        x = randn(3)
        y = (x * 2).sum()
        y.register_hook(lambda g: g * 10)
        y.backward()
        return x.grad

    def node_hook():
        x = randn(3)
        y = x * 2
        y.grad_fn.register_hook(lambda gi, go: (gi[0] * 10, *gi[1:]))
        return grad(y.sum(), x)

    def node_hook_wrong_count():
        x = randn(3)
        y = x * 2
        y.grad_fn.register_hook(lambda gi, go: (gi[0], gi[0], gi[0]))
        return grad(y.sum(), x)

    def node_hook_not_tuple():
        x = randn(3)
        y = x * 2
        y.grad_fn.register_hook(lambda gi, go: gi[0])
        return grad(y.sum(), x)

    def prehook():
        x = randn(3)
        y = x * 2
        y.grad_fn.register_prehook(lambda gs: (gs[0] * 10,))
        return grad(y.sum(), x)

    def prehook_accumulate():
        x = randn(3)
        y = x * 2
        y.grad_fn.next_functions[0][0].register_prehook(lambda gs: (gs[0] * 10,))
        y.sum().backward()
        return x.grad, grad((x * 2).sum(), x)

    def wrong_shape():
        x = randn(3)
        y = x * 2
        y.register_hook(lambda g: g.sum())
        return grad(y.sum(), x)

    def wrong_type():
        x = randn(3)
        y = x * 2
        y.register_hook(lambda g: 3)
        return grad(y.sum(), x)

    def wrong_dtype():
        x = randn(3)
        y = x * 2
        y.register_hook(lambda g: g.float())
        return grad(y.sum(), x)

    def raises():
        x = randn(3)
        y = x * 2
        y.register_hook(lambda g: 1 / 0)
        return grad(y.sum(), x)

    def without_grad():
        torch.ones(3).register_hook(lambda g: g)

    def not_callable():
        randn(3).register_hook(3)

    def post_accumulate_on_intermediate():
        (randn(3) * 2).register_post_accumulate_grad_hook(lambda p: None)

    def post_accumulate_returns():
        x = randn(3)
        x.register_post_accumulate_grad_hook(lambda p: 3)
        x.sum().backward()

    def post_accumulate_steps():
        x = randn(3)

        def step(p):
            with torch.no_grad():
                p.sub_(p.grad * 0.1)
            p.grad = None

        x.register_post_accumulate_grad_hook(step)
        (x * x).sum().backward()
        return x, x.grad

    def post_accumulate_not_in_grad():
        log = []
        x = randn(3)
        x.register_post_accumulate_grad_hook(lambda p: log.append(1))
        grad(x.sum(), x)
        return log

    def in_place_in_hook():
        x = randn(3)
        y = x * 2
        y.register_hook(lambda g: g.mul_(5))
        return grad(y.sum(), x)

    def in_place_in_hook_none():
        x = randn(3)
        y = x * 2

        def hook(g):
            g.mul_(5)

        y.register_hook(hook)
        return attempt(lambda: grad((y * 2).sum(), x))

    return {name: attempt(f) for name, f in list(locals().items())}


def removal():
    log = []
    x = randn(3)
    y = x * 2
    first = y.register_hook(lambda g: log.append("first"))
    y.register_hook(lambda g: log.append("second"))
    third = y.grad_fn.register_hook(lambda gi, go: log.append("third"))
    y.sum().backward(retain_graph=True)
    first.remove()
    third.remove()
    y.sum().backward(retain_graph=True)
    first.remove()
    with y.register_hook(lambda g: log.append("with")):
        y.sum().backward(retain_graph=True)
    y.sum().backward()

    def removing(g):
        log.append("removing")
        handle.remove()

    z = x * 2
    handle = z.register_hook(removing)
    z.register_hook(lambda g: log.append("after"))
    z.sum().backward(retain_graph=True)
    z.sum().backward()
    return log


def hooks_and_in_place():
    log = []
    x = randn(3)
    y = x * 2
    y.register_hook(lambda g: log.append(("before", g.clone())))
    y.mul_(5)
    y.register_hook(lambda g: log.append(("after", g.clone())))
    y.sum().backward()
    leaf = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    leaf.register_hook(lambda g: log.append(("leaf", g.clone())))
    with torch.no_grad():
        leaf.add_(1)
    (leaf * 2).sum().backward()
    return log


def hooks_with_create_graph():
    log = []
    x = randn(3)
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = grad(y.sum(), x, create_graph=True)
    log.append(g)
    return log, grad(g.sum(), x)


def multi_grad_hooks():
    def run(mode, use):
        log = []
        xs = [randn(3, seed=i) for i in range(3)]
        ys = [x * (i + 1) for i, x in enumerate(xs)]
        show = (
            (lambda gs: [g if g is None else g.clone() for g in gs])
            if mode == "all"
            else (lambda g: g.clone())
        )
        handle = torch.autograd.graph.register_multi_grad_hook(ys, lambda gs: log.append(show(gs)), mode=mode)
        use(ys).backward(retain_graph=True)
        use(ys).backward(retain_graph=True)
        handle.remove()
        use(ys).backward()
        return log

    return {
        "all": attempt(lambda: run("all", lambda ys: sum(y.sum() for y in ys))),
        "all_some": attempt(lambda: run("all", lambda ys: ys[0].sum() + ys[2].sum())),
        "any": attempt(lambda: run("any", lambda ys: ys[1].sum())),
        "wrong": attempt(lambda: run("some", lambda ys: ys[1].sum())),
    }


def saved_tensors_hooks():
    from torch.autograd.graph import disable_saved_tensors_hooks, save_on_cpu
    from torch.autograd.graph import saved_tensors_hooks as hooks

    def counting():
        packed, unpacked = [], []

        def pack(t):
            packed.append(list(t.shape))
            return t

        def unpack(t):
            unpacked.append(list(t.shape))
            return t

        x, w = randn(3), randn(3, seed=1)
        with hooks(pack, unpack):
            y = (x * w).exp().sum()
        (g,) = grad(y, x)
        return packed, unpacked, g

    def packed_to_number():
        x = randn(3)
        with hooks(lambda t: t.tolist(), lambda v: torch.tensor(v, dtype=torch.float64)):
            y = x.exp().sin()
        return grad(y.sum(), x)

    def nested():
        x = randn(3)
        with hooks(lambda t: t * 2, lambda t: t), hooks(lambda t: t * 3, lambda t: t):
            y = x * x
        return grad(y.sum(), x)

    def unpack_wrong():
        x = randn(3)
        with hooks(lambda t: t, lambda t: 3):
            y = x * x
        return grad(y.sum(), x)

    def pack_in_place():
        x = randn(3)

        def pack(t):
            t.mul_(2)

        with hooks(pack, lambda t: t):
            return x.exp() * 1

    def unpack_twice():
        log = []
        x = randn(3)

        def unpack(t):
            log.append(1)
            return t

        with hooks(lambda t: t, unpack):
            y = (x.exp()).sum()
        y.backward(retain_graph=True)
        y.backward()
        return log

    def double():
        x = randn(3)
        with hooks(lambda t: t.clone(), lambda t: t):
            y = x**3
            (g,) = grad(y.sum(), x, create_graph=True)
        return attempt(lambda: grad(g.sum(), x))

    def on_cpu():
        x = randn(3)
        with save_on_cpu():
            y = (x * x).exp()
        return grad(y.sum(), x)

    def disabled():
        x = randn(3)
        with disable_saved_tensors_hooks("not now"), hooks(lambda t: t, lambda t: t):
            return x * x

    def disabled_function():
        with disable_saved_tensors_hooks("not now"):
            return (randn(3) ** 2).sum()

    def raw_saved():
        x = randn(3)
        y = x * x
        raw = y.grad_fn._raw_saved_self
        raw.register_hooks(lambda t: t * 5, lambda t: t)
        return grad(y.sum(), x)

    def exception_leaves():
        x = randn(3)
        try:
            with hooks(lambda t: t * 2, lambda t: t):
                raise ValueError
        except ValueError:
            pass
        return grad((x * x).sum(), x)

    def modified_after():
        x = randn(3)
        a = x * 1
        with hooks(lambda t: t, lambda t: t):
            y = a * a
        a.add_(1)
        return grad(y.sum(), x)

    def into_files():
        store = {}

        def pack(t):
            store[len(store)] = t.detach().clone()
            return len(store) - 1

        net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1)).double()
        with torch.no_grad():
            for i, p in enumerate(net.parameters()):
                p.copy_(randn(*p.shape, seed=i))
        x = randn(5, 3)
        with hooks(pack, lambda i: store[i]):
            loss = net(x).pow(2).mean()
        loss.backward()
        return x.grad, [p.grad for p in net.parameters()]

    return {
        n: attempt(f)
        for n, f in list(locals().items())
        if n not in ("disable_saved_tensors_hooks", "save_on_cpu", "hooks")
    }


def allowed_mutation():
    from torch.autograd.graph import allow_mutation_on_saved_tensors

    def simple():
        with allow_mutation_on_saved_tensors():
            x = randn(3)
            a = x * 1
            y = a * a
            a.add_(5)
            return grad(y.sum(), x)

    def outside():
        x = randn(3)
        a = x * 1
        with allow_mutation_on_saved_tensors():
            y = a.exp()
            y.add_(1)
            y.sum().backward()
        return x.grad

    def sine_chain():
        with allow_mutation_on_saved_tensors():
            x = randn(3)
            a = x.clone()
            total = 0
            for _ in range(3):
                total = total + a.sin().sum()
                a.mul_(2)
            return grad(total, x)

    def view():
        with allow_mutation_on_saved_tensors():
            x = randn(3, 2)
            a = x * 1
            y = (a[0] * a[1]).sum()
            a[0].zero_()
            return grad(y, x)

    return {
        name: attempt(f) for name, f in list(locals().items()) if name != "allow_mutation_on_saved_tensors"
    }


def edges():
    from torch.autograd.graph import GradientEdge, get_gradient_edge

    def input_edge():
        x = randn(3)
        y = x * 2
        edge = get_gradient_edge(y)
        return name_of(edge.node), edge.output_nr, grad((y * y).sum(), edge)

    def leaf_edge():
        x = randn(3)
        edge = get_gradient_edge(x)
        return type(edge.node).__name__, edge.output_nr, grad((x * x).sum(), edge)

    def root_edge():
        x = randn(3)
        y = x.exp()
        edge = get_gradient_edge(y)
        return grad(edge, x, torch.ones(3, dtype=torch.float64))

    def root_edge_backward():
        x = randn(3)
        y = x.exp()
        torch.autograd.backward(get_gradient_edge(y), torch.ones(3, dtype=torch.float64))
        return x.grad

    def root_edge_without_gradient():
        x = randn()
        torch.autograd.backward(get_gradient_edge(x.exp()))
        return x.grad

    def old_node():
        x = randn(3)
        y = x * 2
        edge = GradientEdge(y.grad_fn, 0)
        y.mul_(3)
        return grad(y.sum(), edge)

    def no_grad():
        return get_gradient_edge(torch.ones(3))

    def second_output():
        x = randn(3)
        a, b = x.sort()[0].chunk(2)
        edge = get_gradient_edge(b)
        return edge.output_nr, grad((b * b).sum(), edge)

    def backward_inputs():
        x = randn(3)
        y = x * 2
        (y * y).sum().backward(inputs=[get_gradient_edge(x)])
        return x.grad

    return {
        n: attempt(f) for n, f in list(locals().items()) if n not in ("GradientEdge", "get_gradient_edge")
    }


def nodes():
    x, w = randn(3), randn(3, seed=1)

    def tree(node, depth=0):
        if node is None or depth > 5:
            return None
        return [node.name().split("::")[-1], [tree(n, depth + 1) for n, _ in node.next_functions]]

    programs = {
        "arithmetic": lambda: (x * w + x / w - 3 * x).sum(),
        "functions": lambda: x.exp().sin().log1p().sqrt().tanh().sigmoid().mean(),
        "views": lambda: x.view(3, 1).t().expand(2, 3)[0].unsqueeze(0).squeeze().reshape(3).sum(),
        "matmul": lambda: (torch.ones(2, 3, dtype=torch.float64) @ x + torch.outer(x, w)[0, :2]).sum(),
        "linear": lambda: torch.nn.functional.linear(x[None], w[None], x[:1]),
        "losses": lambda: (
            torch.nn.functional.cross_entropy(x[None], torch.tensor([1])) + torch.nn.functional.mse_loss(x, w)
        ),
        "cat": lambda: torch.cat([x, w]).sum() + torch.stack([x, w]).prod(),
        "write": lambda: _write(x, w),
        "activation": lambda: torch.nn.functional.gelu(torch.relu(x)).softmax(0).max(),
        "norm": lambda: torch.nn.functional.layer_norm(x, (3,)).norm() + torch.linalg.norm(w),
        "conv": lambda: torch.nn.functional.conv1d(x[None, None], w[None, None, :2]).sum(),
        "index": lambda: x[torch.tensor([0, 1])].sum() + x[x > 0].sum() + x[1] + x[1:].sum(),
        "where": lambda: torch.where(x > 0, x, w).clamp(0, 1).abs().neg().pow(2).var(),
        "cast": lambda: x.float().double().sum() + x.clone().sum() + x.contiguous().sum(),
        "rsub": lambda: (1 - x).reciprocal().rsqrt().pow(w).sum(),
        "max": lambda: (
            x.max() + x.max(0)[0] + torch.maximum(x, w).sum() + x.amax() + x.cumsum(0)[0] + x.logsumexp(0)
        ),
        "einsum": lambda: torch.einsum("i,i->", x, w) + torch.dot(x, w) + x @ w,
        "embedding": lambda: torch.nn.functional.embedding(torch.tensor([0, 1]), x.view(3, 1)).sum(),
        "dropout": lambda: torch.nn.functional.dropout(x, 0.5).sum() + torch.nn.functional.softplus(x).sum(),
        "batch_norm": lambda: torch.nn.functional.batch_norm(x.view(3, 1), None, None, training=True).sum(),
        "pool": lambda: (
            torch.nn.functional.max_pool1d(x[None, None], 2).sum()
            + torch.nn.functional.avg_pool1d(w[None, None], 2).sum()
        ),
        "attention": lambda: torch.nn.functional.scaled_dot_product_attention(*[x.view(1, 3, 1)] * 3).sum(),
        "bce": lambda: torch.nn.functional.binary_cross_entropy_with_logits(x, w.sigmoid()),
        "log_softmax": lambda: torch.nn.functional.nll_loss(x[None].log_softmax(1), torch.tensor([0])),
        "split": lambda: (
            sum(p.sum() for p in x.split(2)) + sum(p.sum() for p in x.unbind()) + x.flip(0).roll(1).sum()
        ),
        "permute": lambda: (
            x.view(1, 3, 1).permute(1, 0, 2).transpose(0, 1).flatten().tril().sum()
            if False
            else x.view(1, 3).mT.sum()
        ),
        "baddbmm": lambda: (
            torch.bmm(x.view(1, 3, 1), w.view(1, 1, 3)).sum()
            + torch.addmm(x, w.view(1, 3).t(), x.view(1, 3)).sum()
        ),
    }
    return {name: attempt(lambda f=f: tree(f().grad_fn)) for name, f in programs.items()}


def _write(x, w):
    y = x * 1
    y[0] = 3
    y[1:] *= w[1:]
    y.add_(1)
    return y.sum()


def node_attributes():
    x, w = randn(3), randn(3, seed=1)
    y = (x * w).pow(2).sum()
    results = {
        "saved": attempt(lambda: (x * w).grad_fn._saved_self),
        "saved_other": attempt(lambda: (x * w).grad_fn._saved_other),
        "saved_result": attempt(lambda: x.exp().grad_fn._saved_result),
        "saved_exponent": attempt(lambda: x.pow(2).grad_fn._saved_exponent),
        "saved_dim": attempt(lambda: x.view(3, 1).sum(1).grad_fn._saved_dim),
        "saved_sizes": attempt(lambda: list(x.sum().grad_fn._saved_self_sym_sizes)),
        "saved_missing": attempt(lambda: x.exp().grad_fn._saved_nothing),
        "saved_freed": attempt(_freed_attribute),
        "metadata": attempt(lambda: (y.grad_fn.metadata.update(a=1), y.grad_fn.metadata)),
        "same_node": y.grad_fn is y.grad_fn,
        "nr": [t.output_nr for t in (y, *x.split(1))],
        "leaf": attempt(lambda: x.grad_fn),
        "accumulate": attempt(lambda: (x * 1).grad_fn.next_functions[0][0].variable is x),
        "accumulate_name": attempt(lambda: (x * 1).grad_fn.next_functions[0][0].name()),
        "accumulate_class": attempt(lambda: type((x * 1).grad_fn.next_functions[0][0]).__name__),
        "accumulate_same": attempt(
            lambda: (x * 1).grad_fn.next_functions[0][0] is (x * 2).grad_fn.next_functions[0][0]
        ),
        "next": [[name_of(n), i] for n, i in (x * w).grad_fn.next_functions],
        "none": [[name_of(n), i] for n, i in (x * 3).grad_fn.next_functions],
        "none_tensor": [[name_of(n), i] for n, i in (x * w.detach()).grad_fn.next_functions],
        "is_node": isinstance(y.grad_fn, torch.autograd.graph.Node),
        "class": [type(t.grad_fn).__name__ for t in (y, x * w, x.exp(), x[0], x.view(3, 1))],
        "module": type(y.grad_fn).__module__,
        "sequence": attempt(lambda: x.exp().grad_fn._sequence_nr() > y.grad_fn._sequence_nr()),
        "repr": repr(y.grad_fn).split(" object")[0],
        "print": repr(x.detach().requires_grad_()[:1] * 0),
        "print_leaf": repr(torch.zeros(2, requires_grad=True)),
        "call": attempt(lambda: x.exp().grad_fn(torch.ones(3, dtype=torch.float64))),
        "call_mul": attempt(lambda: (x * w).grad_fn(torch.ones(3, dtype=torch.float64))),
        "set": attempt(lambda: setattr(y, "grad_fn", None)),
        "is_leaf_set": attempt(lambda: setattr(y, "is_leaf", True)),
        "requires": attempt(lambda: setattr(y, "requires_grad", False)),
        "weak": attempt(lambda: __import__("weakref").ref(y.grad_fn)() is not None),
        "hash": len({y.grad_fn, y.grad_fn}),
    }
    return results


def _freed_attribute():
    x = randn(3)
    y = x.exp()
    y.sum().backward()
    return y.grad_fn._saved_result


def grad_modes():
    log = []

    @torch.no_grad()
    def decorated(x):
        """Text."""
        log.append(torch.is_grad_enabled())
        return x * 2

    @torch.no_grad
    def bare(x):
        return x * 2

    @torch.enable_grad()
    def enabled(x):
        return x * 2

    @torch.set_grad_enabled(False)
    def switched(x):
        return x * 2

    @torch.no_grad()
    def generator(n):
        for _ in range(n):
            log.append(("inside", torch.is_grad_enabled()))
            got = yield torch.is_grad_enabled()
            log.append(("got", got))

    @torch.no_grad()
    class Decorated:
        def __init__(self):
            self.flag = torch.is_grad_enabled()

    x = randn(3)
    log.append([decorated(x).requires_grad, decorated.__name__, decorated.__doc__, bare(x).requires_grad])
    with torch.no_grad():
        log.append([enabled(x).requires_grad, torch.is_grad_enabled()])
    log.append([switched(x).requires_grad, torch.is_grad_enabled()])
    g = generator(2)
    log.append([next(g), torch.is_grad_enabled(), attempt(lambda: g.send("value")), torch.is_grad_enabled()])
    g.close()
    log.append(torch.is_grad_enabled())
    log.append(attempt(lambda: Decorated().flag))
    torch.set_grad_enabled(False)
    log.append((x * 2).requires_grad)
    torch.set_grad_enabled(True)
    with torch.set_grad_enabled(False):
        with torch.set_grad_enabled(True):
            log.append((x * 2).requires_grad)
        log.append((x * 2).requires_grad)
    try:
        with torch.no_grad():
            raise ValueError
    except ValueError:
        log.append(torch.is_grad_enabled())
    mode = torch.no_grad()
    with mode, mode:
        log.append(torch.is_grad_enabled())
    log.append(torch.is_grad_enabled())
    with torch.no_grad():
        log.append(
            [torch.nn.Parameter(torch.ones(2)).requires_grad, torch.ones(2, requires_grad=True).requires_grad]
        )
        log.append(torch.zeros(2).requires_grad_().requires_grad)
        log.append((x[0].requires_grad, x.view(3, 1).requires_grad, x.detach().requires_grad))
    log.append([repr(torch.no_grad()).split(" object")[0], torch.autograd.no_grad is torch.no_grad])
    log.append(
        torch.set_grad_enabled(True).prev if hasattr(torch.set_grad_enabled(True), "prev") else "no prev"
    )

    async def coroutine():
        return torch.is_grad_enabled()

    import asyncio

    log.append(asyncio.run(coroutine()))
    with torch.autograd.set_grad_enabled(False), torch.autograd.inference_mode(mode=False):
        log.append(torch.is_grad_enabled())
    return log


def threads_have_their_own_mode():
    import threading

    log = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: log.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    return log


def anomaly():
    def nan_gradient():
        x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        with torch.autograd.detect_anomaly():
            y = x.sqrt() * 0
            return grad(y.sum(), x)

    def no_check():
        x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        with torch.autograd.detect_anomaly(check_nan=False):
            y = x.sqrt() * 0
            return grad(y.sum(), x)

    def enabled():
        with torch.autograd.set_detect_anomaly(True):
            inside = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()
        return inside, torch.is_anomaly_enabled()

    def message():
        x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        with torch.autograd.detect_anomaly():
            try:
                (x.sqrt() * 0).sum().backward()
            except RuntimeError as error:
                return str(error)

    def forward_trace():
        x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                with torch.autograd.detect_anomaly():
                    (x.sqrt() * 0).sum().backward()
            except RuntimeError:
                pass
        return [
            "forward_trace" in str(w.message) or "Traceback of forward call" in str(w.message) for w in caught
        ]

    def function_name():
        class Bad(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

            @staticmethod
            def backward(ctx, g):
                return g * float("nan")

        x = randn(2)
        with torch.autograd.detect_anomaly():
            try:
                Bad.apply(x).sum().backward()
            except RuntimeError as error:
                return str(error)

    def infinite_is_fine():
        x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        with torch.autograd.detect_anomaly():
            return grad(x.sqrt().sum(), x)

    return {name: attempt(f) for name, f in list(locals().items())}


def reentrant_backward():
    log = []
    x = randn(3)
    y = x * 2

    def hook(g):
        z = (g.detach().requires_grad_() ** 2).sum()
        z.backward()
        log.append(z)

    y.register_hook(hook)
    y.sum().backward()
    return log, x.grad


def module_hooks():
    log = []
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1)).double()
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_(randn(*p.shape, seed=i).abs())
    for i, layer in enumerate(net):
        layer.register_full_backward_hook(lambda m, gi, go, i=i: log.append([i, gi, go]))
        layer.register_full_backward_pre_hook(lambda m, go, i=i: log.append(["pre", i, go]))
        layer.register_forward_hook(lambda m, a, o, i=i: log.append(["forward", i, o.detach()]))
    net[2].register_full_backward_hook(lambda m, gi, go: tuple(g * 2 for g in gi))
    x = randn(4, 3)
    net(x).sum().backward()
    return log, x.grad


def logging_of_the_graph():
    from torch.autograd.graph import Node, increment_version

    x = torch.ones(3)
    increment_version(x)
    return (
        x._version,
        isinstance((randn(2) * 1).grad_fn, Node),
        attempt(lambda: increment_version([x, x])),
        x._version,
    )


def no_grad_in_hooks():
    log = []
    x = randn(3)
    y = x * x
    y.register_hook(lambda g: log.append(torch.is_grad_enabled()))
    grad(y.sum(), x, retain_graph=True)
    grad(y.sum(), x, create_graph=True)
    return log


def profile_of_memory_leaks():
    import gc
    import weakref

    class Big:
        pass

    x = randn(3)
    y = x.exp()
    big = Big()
    y.register_hook(lambda g, big=big: None)
    ref = weakref.ref(big)
    del big, y
    gc.collect()
    return ref() is None
