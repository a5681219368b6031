"""Operators written by users: every documented feature of ``torch.autograd.Function``."""

from __future__ import annotations

import torch
from torch.autograd import Function, grad
from torch.autograd.function import once_differentiable

from autograd_cases.helpers import attempt, name_of, randn


class _Square(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * g


class _SetupCube(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x * x * g

    @staticmethod
    def jvp(ctx, t):
        (x,) = ctx.saved_tensors
        return 3 * x * x * t


class _WithVmap(Function):
    @staticmethod
    def forward(x, y):
        return x * y

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * y, g * x

    @staticmethod
    def vmap(info, in_dims, x, y):
        x = x.movedim(in_dims[0], 0) if in_dims[0] is not None else x
        y = y.movedim(in_dims[1], 0) if in_dims[1] is not None else y
        return _WithVmap.apply(x, y) * 1, 0


def save_and_differentiate():
    x = randn(3)
    y = _Square.apply(x)
    facts = [name_of(y.grad_fn), type(y.grad_fn).__name__, y.requires_grad, y.is_leaf]
    (g,) = grad(y.sum(), x, create_graph=True)
    return facts, g, grad(g.pow(2).sum(), x)


def setup_context_everything():
    from torch.func import grad as fgrad
    from torch.func import hessian, jacfwd, jacrev, jvp, vmap

    x = randn(3)
    f = _SetupCube.apply
    plain = x.detach()
    return {
        "grad": attempt(lambda: grad(f(x).sum(), x)),
        "fgrad": attempt(lambda: fgrad(lambda t: f(t).sum())(plain)),
        "vmap": attempt(lambda: vmap(f)(plain)),
        "vmap_grad": attempt(lambda: vmap(fgrad(f))(plain)),
        "jvp": attempt(lambda: jvp(f, (plain,), (torch.ones_like(plain),))),
        "jacrev": attempt(lambda: jacrev(f)(plain)),
        "jacfwd": attempt(lambda: jacfwd(f)(plain)),
        "hessian": attempt(lambda: hessian(lambda t: f(t).sum())(plain)),
        "grad_of_vmap": attempt(lambda: grad(vmap(f)(x).sum(), x)),
        "batched": attempt(lambda: grad(f(x), x, torch.eye(3, dtype=torch.float64), is_grads_batched=True)),
        "functional": attempt(lambda: torch.autograd.functional.jacobian(f, plain, vectorize=True)),
    }


def own_vmap():
    from torch.func import grad as fgrad
    from torch.func import vmap

    x, y = randn(3, 2, grad=False), randn(2, seed=1, grad=False)
    f = _WithVmap.apply
    return {
        "both": attempt(lambda: vmap(f)(x, x)),
        "one": attempt(lambda: vmap(f, (0, None))(x, y)),
        "out": attempt(lambda: vmap(f, (1, 0), 1)(x, y[:2])),
        "nested": attempt(lambda: vmap(vmap(f, (0, 0)), (0, None))(x, y)),
        "per_sample": attempt(lambda: vmap(fgrad(lambda a, b: f(a, b).sum()), (0, None))(x, y)),
        "old_style": attempt(lambda: vmap(_Square.apply)(x)),
        "old_style_grad": attempt(lambda: fgrad(lambda t: _Square.apply(t).sum())(y)),
    }


def needs_input_grad():
    class F(Function):
        @staticmethod
        def forward(ctx, x, y, n, z=None):
            seen.append(ctx.needs_input_grad)
            ctx.n = n
            return x * y * n

        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.needs_input_grad)
            return g * ctx.n, None, None, None

    seen = []
    x = randn(3)
    F.apply(x, torch.ones(3), 2.0).sum().backward()
    F.apply(torch.ones(3), x, 2.0, x).sum().backward()
    return seen, x.grad


def gradients_counted():
    def with_results(results, inputs=2):
        class F(Function):
            @staticmethod
            def forward(ctx, *inputs):
                return inputs[0] * 2

            @staticmethod
            def backward(ctx, g):
                return results(g)

        x, y = randn(3), randn(3, seed=1)
        return attempt(lambda: grad(F.apply(*(x, y)[:inputs]).sum(), (x, y)[:inputs], allow_unused=True))

    return {
        "too_few": with_results(lambda g: g),
        "too_many": with_results(lambda g: (g, g, g)),
        "trailing_none": with_results(lambda g: (g, g, None, None)),
        "none": with_results(lambda g: (None, g)),
        "all_none": with_results(lambda g: (None, None)),
        "wrong_shape": with_results(lambda g: (torch.ones(2), g)),
        "broadcast_shape": with_results(lambda g: (torch.ones(5, 3, dtype=torch.float64), g)),
        "scalar": with_results(lambda g: (torch.tensor(2.0), g)),
        "wrong_dtype": with_results(lambda g: (g.float(), g)),
        "number": with_results(lambda g: (1.0, g)),
        "complex": with_results(lambda g: (g * 1j, g)),
        "list": with_results(lambda g: [g, g]),
        "single": with_results(lambda g: g, 1),
        "expanded": with_results(lambda g: g.sum().expand(3), 1),
        "alias": with_results(lambda g: (g, g)),
    }


def gradient_for_non_tensor():
    class F(Function):
        @staticmethod
        def forward(ctx, x, n):
            return x * n

        @staticmethod
        def backward(ctx, g):
            return g, g

    x = randn(3)
    return grad(F.apply(x, 3).sum(), x)


def gradient_for_one_that_needs_none():
    class F(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return g, g

    x = randn(3)
    return grad(F.apply(x, torch.ones(3, dtype=torch.float64)).sum(), x)


def several_outputs():
    class F(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2, x.exp(), 3, None, "text", x > 0

        @staticmethod
        def backward(ctx, *gs):
            seen.append([None if g is None else g.clone() for g in gs])
            return gs[0] * 2 + gs[1] * ctx.saved_tensors[0].exp()

    seen = []
    x = randn(3)
    a, b, n, none, text, mask = F.apply(x)
    (g,) = grad(b.sum(), x)
    return a, b, n, none, text, mask, mask.requires_grad, g, seen, name_of(mask.grad_fn)


def without_materialized():
    class F(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            seen.append([a is None, b is None])
            return None if a is None else a * 2

    seen = []
    x = randn(3)
    u, v = F.apply(x)
    return grad(u.sum(), x), seen, attempt(lambda: grad(F.apply(x)[1].sum(), x, allow_unused=True)), seen


def non_differentiable():
    class F(Function):
        @staticmethod
        def forward(ctx, x):
            values, indices = x.sort()
            ctx.mark_non_differentiable(indices, values2 := values * 2)
            ctx.save_for_backward(indices)
            return values, indices, values2

        @staticmethod
        def backward(ctx, g, gi, g2):
            (indices,) = ctx.saved_tensors
            return torch.zeros_like(g).index_add(0, indices, g)

    x = randn(4)
    v, i, w = F.apply(x)
    return v, i, w, grad((v * torch.arange(4.0)).sum(), x)


def dirty():
    class Double(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            x.mul_(2)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    class DirtyNotReturned(Double):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x * 2

    class Unmarked(Double):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            return x

    def intermediate():
        x = randn(3)
        y = x * 1
        z = Double.apply(y)
        return y is z, y, name_of(y.grad_fn), y._version, grad((y * y).sum(), x)

    def leaf():
        x = randn(3)
        return Double.apply(x)

    def view():
        x = randn(4)
        y = x * 1
        Double.apply(y[1:3])
        return y, name_of(y.grad_fn), grad((y * y).sum(), x)

    def no_grad():
        x = torch.ones(3)
        y = Double.apply(x)
        return y is x, x, x._version

    def unmarked():
        x = randn(3)
        y = x * 1
        z = Unmarked.apply(y)
        return y is z, y, z, grad(z.sum(), x)

    def not_returned():
        x = randn(3)
        return DirtyNotReturned.apply(x * 1)

    def saved_before():
        x = randn(3)
        y = x * 1
        w = y * y
        Double.apply(y)
        return grad(w.sum(), x)

    return {name: attempt(f) for name, f in [*locals().items()] if not isinstance(f, type)}


def returned_inputs_and_views():
    class Identity(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 3

    class ViewAs(Identity):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

    class Row(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.shape = x.shape
            return x[0]

        @staticmethod
        def backward(ctx, g):
            out = g.new_zeros(ctx.shape)
            out[0] = g * 5
            return out

    class Two(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x, x * y

        @staticmethod
        def backward(ctx, a, b):
            return a + b, b

    def identity():
        x = randn(3)
        y = Identity.apply(x)
        return y is x, y, name_of(y.grad_fn), y.is_leaf, grad(y.sum(), x), y.data_ptr() == x.data_ptr()

    def view_as():
        x = randn(3)
        y = ViewAs.apply(x)
        return y._is_view(), name_of(y.grad_fn), grad(y.sum(), x)

    def row():
        x = randn(2, 3)
        y = Row.apply(x)
        return y, y._is_view(), grad(y.sum(), x)

    def row_written():
        x = randn(2, 3)
        b = x * 1
        y = Row.apply(b)
        y.mul_(2)
        return b, grad(b.sum(), x)

    def identity_written():
        x = randn(3)
        y = Identity.apply(x * 1)
        y.mul_(2)
        return y, grad(y.sum(), x)

    def base_of_row_written():
        x = randn(2, 3)
        b = x * 1
        y = Row.apply(b)
        b.mul_(2)
        return grad(y.sum(), x)

    def two():
        x, y = randn(3), randn(3, seed=1)
        a, b = Two.apply(x, y)
        return a is x, grad((a + b).sum(), (x, y))

    def same_twice():
        class Same(Function):
            @staticmethod
            def forward(ctx, x):
                y = x * 2
                return y, y

            @staticmethod
            def backward(ctx, a, b):
                return a + b

        x = randn(3)
        a, b = Same.apply(x)
        return a is b, grad(a.sum(), x), grad(b.sum(), x), attempt(lambda: grad((a + b).sum(), x))

    def detached():
        class Detached(Identity):
            @staticmethod
            def forward(ctx, x):
                return x.detach()

        x = randn(3)
        y = Detached.apply(x)
        return y.requires_grad, attempt(lambda: grad(y.sum(), x))

    return {name: attempt(f) for name, f in [*locals().items()] if not isinstance(f, type)}


def once():
    class F(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.exp()

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            flags.append(torch.is_grad_enabled())
            return g * ctx.saved_tensors[0].exp()

    flags = []
    x = randn(3)
    (g,) = grad(F.apply(x).sum(), x, create_graph=True)
    return flags, g.requires_grad, name_of(g.grad_fn), attempt(lambda: grad(g.sum(), x))


def saving():
    def run(forward, backward=lambda ctx, g: g * ctx.saved_tensors[0], second=False):
        class F(Function):
            @staticmethod
            def forward(ctx, x):
                return forward(ctx, x)

            @staticmethod
            def backward(ctx, g):
                return backward(ctx, g)

        x = randn(3)
        y = F.apply(x)
        if second:
            (g,) = grad(y.sum(), x, create_graph=True)
            return grad(g.sum(), x, allow_unused=True)
        return grad(y.sum(), x)

    def save_output(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    def save_output_in_ctx(ctx, x):
        ctx.y = x.exp()
        return ctx.y

    def save_intermediate(ctx, x):
        ctx.save_for_backward(x * 2)
        return x**2

    def save_none(ctx, x):
        ctx.save_for_backward(x, None)
        return x * 2

    def save_number(ctx, x):
        ctx.save_for_backward(3)
        return x * 2

    def save_twice(ctx, x):
        ctx.save_for_backward(x)
        ctx.save_for_backward(x * 2)
        return x * 2

    def attribute(ctx, x):
        ctx.factor, ctx.text = x.detach() * 2, "text"
        return x**2

    def modified():
        class F(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * 2

            @staticmethod
            def backward(ctx, g):
                return g * ctx.saved_tensors[0]

        x = randn(3)
        y = x * 1
        z = F.apply(y)
        y.add_(1)
        return grad(z.sum(), x)

    def freed():
        x = randn(3)
        y = _Square.apply(x)
        grad(y.sum(), x)
        return attempt(lambda: grad(y.sum(), x)), attempt(lambda: y.grad_fn.saved_tensors)

    def outside():
        x = randn(3)
        y = _Square.apply(x)
        return y.grad_fn.saved_tensors[0] is x, y.grad_fn.needs_input_grad, y.grad_fn.saved_tensors

    def hooks():
        x = randn(3)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t * 2, lambda t: t * 3):
            y = _Square.apply(x)
        return grad(y.sum(), x)

    two = lambda ctx, g: g * (len(ctx.saved_tensors) + (ctx.saved_tensors[1] is None))  # noqa: E731
    by_attribute = lambda ctx, g: g * ctx.factor  # noqa: E731
    return {
        "output": attempt(lambda: run(save_output)),
        "output_twice": attempt(lambda: run(save_output, second=True)),
        "output_ctx": attempt(lambda: run(save_output_in_ctx, lambda ctx, g: g * ctx.y)),
        "output_ctx_twice": attempt(lambda: run(save_output_in_ctx, lambda ctx, g: g * ctx.y, True)),
        "intermediate": attempt(lambda: run(save_intermediate)),
        "intermediate_twice": attempt(lambda: run(save_intermediate, second=True)),
        "none": attempt(lambda: run(save_none, two)),
        "number": attempt(lambda: run(save_number)),
        "twice": attempt(lambda: run(save_twice)),
        "attribute": attempt(lambda: run(attribute, by_attribute)),
        "modified": attempt(modified),
        "freed": attempt(freed),
        "outside": attempt(outside),
        "hooks": attempt(hooks),
        "no_save": attempt(lambda: run(lambda ctx, x: x * 2, lambda ctx, g: g * len(ctx.saved_tensors))),
    }


def modes():
    flags = []

    class F(Function):
        @staticmethod
        def forward(ctx, x):
            flags.append(["forward", torch.is_grad_enabled(), x.requires_grad, (x * 2).requires_grad])
            return x * 2

        @staticmethod
        def backward(ctx, g):
            flags.append(["backward", torch.is_grad_enabled(), g.requires_grad])
            return g * 2

    x = randn(3)
    y = F.apply(x)
    grad(y.sum(), x, retain_graph=True)
    grad(y.sum(), x, create_graph=True)
    with torch.no_grad():
        flags.append(F.apply(x).requires_grad)
    with torch.inference_mode():
        flags.append(F.apply(x.detach()).is_inference())
    with torch.enable_grad():
        flags.append(F.apply(torch.ones(3)).requires_grad)
    return flags


def grad_inside_forward_and_backward():
    class F(Function):
        @staticmethod
        def forward(ctx, x):
            with torch.enable_grad():
                inner = x.detach().requires_grad_()
                y = inner.sin().sum()
            ctx.inner, ctx.y = inner, y
            return y.detach()

        @staticmethod
        def backward(ctx, g):
            with torch.enable_grad():
                ctx.y.backward(g)
            return ctx.inner.grad

    x = randn(3)
    F.apply(x * 2).backward()
    return x.grad


def checkpoint_like():
    class Checkpoint(Function):
        @staticmethod
        def forward(ctx, run, *inputs):
            ctx.run = run
            ctx.save_for_backward(*inputs)
            with torch.no_grad():
                return run(*inputs)

        @staticmethod
        def backward(ctx, *gs):
            inputs = [t.detach().requires_grad_(t.requires_grad) for t in ctx.saved_tensors]
            with torch.enable_grad():
                outputs = ctx.run(*inputs)
            torch.autograd.backward(outputs, gs)
            return (None, *[t.grad for t in inputs])

    x, w = randn(3), randn(3, seed=1)
    y = Checkpoint.apply(lambda a, b: a * b.sin(), x, w)
    y.sum().backward()
    return x.grad, w.grad


def straight_through_and_reversal():
    class Round(Function):
        @staticmethod
        def forward(ctx, x):
            return x.round()

        @staticmethod
        def backward(ctx, g):
            return g

    class Reverse(Function):
        @staticmethod
        def forward(ctx, x, alpha):
            ctx.alpha = alpha
            return x.view_as(x)

        @staticmethod
        def backward(ctx, g):
            return g.neg() * ctx.alpha, None

    layer = torch.nn.Linear(3, 2).double()
    with torch.no_grad():
        layer.weight.copy_(randn(2, 3))
        layer.bias.zero_()
    x = randn(4, 3)
    loss = (Reverse.apply(Round.apply(layer(x) * 3), 0.5) ** 2).sum()
    loss.backward()
    return loss, layer.weight.grad, x.grad


def misuse():
    class NoBackward(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    class NoForward(Function):
        pass

    class Instance(Function):
        def forward(self, x):
            return x * 2

        def backward(self, g):
            return g

    class BackwardRaises(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise ValueError("in backward")

    class NotTensor(Function):
        @staticmethod
        def forward(ctx, x):
            return 3

        @staticmethod
        def backward(ctx, g):
            return g

    class Vjp(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def vjp(ctx, g):
            return g * 2

    x = randn(3)
    return {
        "no_backward": attempt(lambda: NoBackward.apply(x).sum().backward()),
        "no_backward_unused": attempt(lambda: NoBackward.apply(torch.ones(3))),
        "no_forward": attempt(lambda: NoForward.apply(x)),
        "instance_call": attempt(lambda: _Square()(x)),
        "instance_methods": attempt(lambda: Instance.apply(x)),
        "raises": attempt(lambda: BackwardRaises.apply(x).sum().backward()),
        "not_tensor": attempt(lambda: NotTensor.apply(x)),
        "keyword": attempt(lambda: _Square.apply(x=x)),
        "vjp": attempt(lambda: grad(Vjp.apply(x).sum(), x)),
        "missing": attempt(lambda: _Square.apply()),
        "extra": attempt(lambda: _Square.apply(x, x)),
        "jvp_missing": attempt(lambda: torch.func.jvp(_Square.apply, (x.detach(),), (x.detach(),))),
        "vmap_missing": attempt(lambda: torch.func.vmap(NoBackward.apply)(x.detach())),
    }


def forward_mode():
    import torch.autograd.forward_ad as fw

    class F(Function):
        @staticmethod
        def forward(ctx, x, y, n):
            ctx.save_for_forward(x, y)
            ctx.n = n
            return x * y * n, x + y

        @staticmethod
        def jvp(ctx, tx, ty, tn):
            x, y = ctx.saved_tensors
            seen.append([tx is None, ty is None, tn])
            tx = torch.zeros_like(x) if tx is None else tx
            ty = torch.zeros_like(y) if ty is None else ty
            return (tx * y + x * ty) * ctx.n, tx + ty

        @staticmethod
        def backward(ctx, a, b):
            return a, b, None

    seen = []
    x, y, t = randn(3, grad=False), randn(3, seed=1, grad=False), randn(3, seed=2, grad=False)
    results = []
    with fw.dual_level():
        for pair in [
            (fw.make_dual(x, t), y),
            (x, fw.make_dual(y, t)),
            (fw.make_dual(x, t), fw.make_dual(y, t)),
        ]:
            results.append(attempt(lambda pair=pair: [tuple(fw.unpack_dual(o)) for o in F.apply(*pair, 2.0)]))
    return results, seen


def forward_mode_in_place():
    import torch.autograd.forward_ad as fw

    class F(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def jvp(ctx, t):
            return t.mul_(2)

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x, t = randn(3, grad=False), randn(3, seed=2, grad=False)
    with fw.dual_level():
        dual = fw.make_dual(x.clone(), t.clone())
        out = F.apply(dual)
        return tuple(fw.unpack_dual(out)), tuple(fw.unpack_dual(dual)), out is dual


def context_attributes():
    kept = {}

    class F(Function):
        @staticmethod
        def forward(ctx, x):
            kept["ctx"] = type(ctx).__name__
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            kept["name"] = ctx.name()
            kept["edges"] = len(ctx.next_functions)
            kept["meta"] = dict(ctx.metadata)
            return g * 2

    x = randn(3)
    y = F.apply(x * 1)
    y.grad_fn.metadata["a"] = 1
    y.sum().backward()
    return kept, [name_of(f) for f, _ in y.grad_fn.next_functions], isinstance(y.grad_fn, F)


def in_modules_and_lists():
    class Stack(Function):
        @staticmethod
        def forward(ctx, *parts):
            ctx.n = len(parts)
            return torch.stack(parts)

        @staticmethod
        def backward(ctx, g):
            return tuple(g.unbind(0))

    class Nested(Function):
        @staticmethod
        def forward(ctx, parts, scale):
            ctx.scale = scale
            return parts[0] * scale + parts[1]

        @staticmethod
        def backward(ctx, g):
            return None, (g * ctx.scale).sum()

    xs = [randn(2, seed=i) for i in range(3)]
    s = randn()
    return [
        attempt(lambda: grad((Stack.apply(*xs) ** 2).sum(), xs)),
        attempt(lambda: grad(Nested.apply(xs[:2], s).sum(), [s, xs[0]], allow_unused=True)),
        attempt(lambda: Nested.apply(xs[:2], 2.0).requires_grad),
    ]


def gradient_checked():
    x = randn(3)
    return [
        attempt(lambda: torch.autograd.gradcheck(_Square.apply, (x,))),
        attempt(lambda: torch.autograd.gradgradcheck(_Square.apply, (x,))),
        attempt(
            lambda: torch.autograd.gradcheck(
                _SetupCube.apply, (x,), check_forward_ad=True, check_batched_grad=True
            )
        ),
        attempt(lambda: torch.autograd.gradcheck(lambda t: t.detach() * t, (x,))),
        attempt(lambda: torch.autograd.gradcheck(lambda t: t.detach() * t, (x,), raise_exception=False)),
        attempt(lambda: torch.autograd.gradcheck(lambda t: t.float(), (x,))),
        attempt(lambda: torch.autograd.gradcheck(lambda t: t * 2, (x.detach(),))),
        attempt(lambda: torch.autograd.gradcheck(lambda t: t * 2, (x.detach().float().requires_grad_(),))),
        attempt(lambda: torch.autograd.gradcheck(lambda t: t * 2, (x,), fast_mode=True)),
        attempt(lambda: torch.autograd.gradcheck(lambda t: (t * 1j).abs(), (x,))),
        attempt(lambda: torch.autograd.gradcheck(lambda t: t * 1j, (x,))),
        attempt(
            lambda: torch.autograd.gradcheck(
                lambda t: t.sum() * 3j, (torch.view_as_complex(randn(3, 2)).detach().requires_grad_(),)
            )
        ),
        attempt(lambda: torch.autograd.gradcheck(lambda t: (t, 3), (x,))),
        attempt(lambda: torch.autograd.gradcheck(lambda t: t > 0, (x,))),
        attempt(lambda: torch.autograd.gradcheck(lambda t: torch.nn.functional.dropout(t, 0.5), (x,))),
        attempt(
            lambda: torch.autograd.gradcheck(
                lambda t: t.expand(2, 3), (x[:1].detach().expand(3).requires_grad_(),)
            )
        ),
        attempt(lambda: torch.autograd.gradgradcheck(lambda t: t.relu(), (x,), check_fwd_over_rev=True)),
        attempt(
            lambda: torch.autograd.gradgradcheck(
                lambda t: t**2, (x,), (randn(3, seed=3),), gen_non_contig_grad_outputs=True
            )
        ),
        attempt(lambda: torch.autograd.gradcheck(lambda t: t**2, x, eps=1e-4, atol=1e-3)),
        attempt(
            lambda: torch.autograd.gradcheck(
                lambda t: t**2, (x,), check_undefined_grad=False, nondet_tol=1e-9
            )
        ),
    ]


def nested_apply():
    class Outer(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return _Square.apply(x) * 2

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 4 * _Square.apply(x).sqrt() * x.sign() * g

    x = randn(3)
    (g,) = grad(Outer.apply(x).sum(), x, create_graph=True)
    return g, grad(g.sum(), x)
