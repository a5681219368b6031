"""Views, writes in place, indexing, grad modes, and backward passes that must raise."""

from __future__ import annotations

import torch
from torch.autograd import grad

from autograd_cases.helpers import attempt, name_of, ramp, randn

VIEWS = {
    "select": lambda x: x.select(1, 2),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "slice": lambda x: x[1:, ::2],
    "transpose": lambda x: x.transpose(0, 1),
    "permute": lambda x: x.permute(1, 0),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "view": lambda x: x.view(2, 6),
    "reshape": lambda x: x.reshape(12),
    "flatten": lambda x: x.flatten(),
    "unflatten": lambda x: x.unflatten(1, (2, 2)),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "squeeze": lambda x: x.unsqueeze(1).squeeze(1),
    "diagonal": lambda x: x.diagonal(1),
    "as_strided": lambda x: x.as_strided((2, 3), (5, 1), 1),
    "unfold": lambda x: x.unfold(1, 2, 2),
    "movedim": lambda x: x.movedim(0, 1),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "ellipsis": lambda x: x[..., 1],
    "newaxis": lambda x: x[:, None, 1:3],
    "view_as": lambda x: x.view_as(torch.zeros(6, 2)),
    "ravel": lambda x: x.ravel(),
    "alias": lambda x: x[:],
    "view_dtype": lambda x: x.view(torch.float64),
    "expand": lambda x: x[:1].expand(3, 4)[0],
    "real": lambda x: torch.view_as_complex(x.view(3, 2, 2)).real,
    "adjoint": lambda x: x.adjoint(),
    "atleast_3d": lambda x: torch.atleast_3d(x),
    "broadcast_to": lambda x: torch.broadcast_to(x, (1, 3, 4)),
    "expand_as": lambda x: x.expand_as(torch.zeros(1, 3, 4)),
    "split_one": lambda x: x.split(2, 1)[0],
    "chunk_one": lambda x: x.chunk(2, 0)[1],
    "unbind_one": lambda x: x.unbind(0)[1],
    "detach": lambda x: x.detach(),
    "contiguous": lambda x: x.contiguous(),
    "positive": lambda x: x.__pos__(),
    "hsplit": lambda x: x.hsplit(2)[0],
    "tensor_split": lambda x: x.tensor_split(2)[0],
    "split_with_sizes": lambda x: x.split_with_sizes([1, 2])[0],
    "conj_physical": lambda x: x.conj(),
    "data": lambda x: x.data,
    "squeeze_dims": lambda x: x[None, :, :, None].squeeze((0, 3)),
    "linalg_diagonal": lambda x: torch.linalg.diagonal(x),
    "moveaxis": lambda x: torch.moveaxis(x, 0, -1),
    "to_same": lambda x: x.to(torch.float64),
    "type_as": lambda x: x.type_as(x),
    "view_real": lambda x: torch.view_as_real(torch.view_as_complex(x.view(6, 2))),
}

WRITES = {
    "mul_number": lambda v: v.mul_(2),
    "mul_self": lambda v: v.mul_(v),
    "exp": lambda v: v.exp_(),
    "zero": lambda v: v.zero_(),
    "fill": lambda v: v.fill_(3),
    "copy": lambda v: v.copy_(torch.full_like(v, 2.0)),
    "setitem": lambda v: v.__setitem__(Ellipsis, 5.0),
    "setitem_first": lambda v: v.__setitem__(0, 7.0),
    "add_": lambda v: v.add_(1, alpha=2),
    "masked_fill": lambda v: v.masked_fill_(v > 0, 1.5),
    "clamp": lambda v: v.clamp_(-0.5, 0.5),
    "sigmoid": lambda v: v.sigmoid_(),
    "index_fill": lambda v: v.index_fill_(0, torch.tensor([0]), 4.0),
    "iadd": lambda v: v.__iadd__(v * 2),
    "sub_grad": lambda v: v.sub_(v.detach() * 0.5),
    "relu": lambda v: torch.relu_(v),
    "detach_": lambda v: v.detach_(),
    "requires_grad_": lambda v: v.requires_grad_(),
    "squeeze_": lambda v: v.squeeze_(),
    "t_": lambda v: v.t_(),
    "unsqueeze_": lambda v: v.unsqueeze_(0),
    "transpose_": lambda v: v.transpose_(0, -1),
}


def _summary(*tensors):
    return [[t, t.is_leaf, t._is_view(), name_of(t.grad_fn), t._version] for t in tensors]


def view_then_write_into_view():
    results = {}
    for view_name, view in VIEWS.items():
        for write_name, write in WRITES.items():
            results[view_name, write_name] = attempt(lambda view=view, write=write: _view_write(view, write))
    return results


def _view_write(view, write):
    x = randn(3, 4)
    base = x * 1.5
    shown = view(base)
    write(shown)
    loss = (base * base).sum() + (shown * 3).sin().sum()
    facts = [base.requires_grad, shown.requires_grad, shown.is_leaf, shown._is_view(), base._version]
    return [base, shown, facts, attempt(lambda: grad(loss, x, retain_graph=True))]


def view_then_write_into_base():
    results = {}
    for view_name, view in VIEWS.items():
        for write_name, write in WRITES.items():
            results[view_name, write_name] = attempt(lambda view=view, write=write: _base_write(view, write))
    return results


def _base_write(view, write):
    x = randn(3, 4)
    base = x * 1.5
    shown = view(base)
    before = shown.exp().sum()
    write(base)
    loss = (shown * 3).sin().sum() + (base * 2).cos().sum()
    return [
        base,
        shown,
        name_of(shown.grad_fn),
        attempt(lambda: grad(loss, x, retain_graph=True)),
        attempt(lambda: grad(before, x)),
    ]


def base_without_grad_then_write_with_grad():
    results = {}
    for view_name, view in VIEWS.items():
        results[view_name] = attempt(lambda view=view: _join_graph(view))
    return results


def _join_graph(view):
    w = randn(1, seed=3)
    base = torch.ones(3, 4, dtype=torch.float64)
    shown = view(base)
    other = base[0]
    shown.mul_(w)
    facts = [base.requires_grad, shown.requires_grad, other.requires_grad, name_of(other.grad_fn)]
    return [
        facts,
        base,
        shown,
        other,
        attempt(lambda: grad((base**2).sum() + other.sum() + (shown**3).sum(), w)),
    ]


def leaf_views_and_writes():
    def view_write():
        x = randn(3)
        x[1:].mul_(2)

    def leaf_write():
        randn(3).add_(1)

    def no_grad_write():
        x = randn(3)
        with torch.no_grad():
            x.add_(1)
            x[0] = 5
        return x, x.is_leaf, x._version, grad((x * x).sum(), x)

    def detach_write():
        x = randn(3)
        y = x * x
        x.detach().add_(1)
        return attempt(lambda: grad(y.sum(), x))

    def data_write():
        x = randn(3)
        y = x * x
        x.data.add_(1)
        return attempt(lambda: grad(y.sum(), x)), x._version

    def write_after_use():
        x = randn(3)
        y = x * 1
        z = y.exp()
        z.add_(1)
        return attempt(lambda: grad(z.sum(), x))

    def set_leaf_by_index():
        x = randn(3)
        x[0] = 1

    def setitem_of_intermediate():
        x = randn(3)
        y = x.clone()
        y[1] = x[0] * 2
        y[0] = y[1]
        return y, grad((y**2).sum(), x)

    def leaf_fill_from_graph():
        x = torch.zeros(3, dtype=torch.float64)
        w = randn(2)
        x[1:] = w * 2
        return x, x.is_leaf, grad((x**2).sum(), w)

    def detach_of_view():
        x = randn(4)
        y = x * 2
        y[:2].detach_()

    def requires_grad_of_intermediate():
        y = randn(3) * 2
        y.requires_grad_(False)

    def requires_grad_of_int():
        torch.arange(3).requires_grad_()

    def swap_data():
        x = randn(3)
        x.data = torch.ones(4, dtype=torch.float64)
        return x, grad(x.sum(), x)

    def swap_data_dtype():
        x = randn(3)
        x.data = torch.ones(3)
        return x

    def set_requires_grad_inside_no_grad():
        with torch.no_grad():
            x = torch.ones(3)
            x.requires_grad = True
            y = x * 2
        return y.requires_grad, (x * 2).requires_grad

    return {name: attempt(f) for name, f in list(locals().items())}


def multi_views():
    makers = {
        "unbind": lambda y: y.unbind(0),
        "split": lambda y: y.split(2),
        "chunk": lambda y: y.chunk(2),
        "tensor_split": lambda y: y.tensor_split(2),
        "iter": lambda y: list(y),
        "hsplit": lambda y: y.hsplit(2),
        "meshgrid": lambda y: torch.meshgrid(y[0], y[1], indexing="ij"),
        "broadcast_tensors": lambda y: torch.broadcast_tensors(y, torch.ones(4, 4)),
        "unsafe_split": lambda y: y.unsafe_split(2),
        "unsafe_chunk": lambda y: y.unsafe_chunk(2),
        "dsplit": lambda y: y[:, :, None].expand(4, 4, 2).dsplit(2),
        "vsplit": lambda y: y.vsplit(2),
        "split_with_sizes": lambda y: torch.split_with_sizes(y, [1, 3]),
        "nested": lambda y: [p[0] for p in y.split(2)],
        "atleast_2d": lambda y: torch.atleast_2d(y, y),
        "view_of_part": lambda y: [p.t() for p in y.chunk(2)],
    }
    results = {}
    for name, make in makers.items():

        def written(make=make):
            x = randn(4, 4)
            y = x * 1
            parts = make(y)
            parts[0].mul_(2)
            return y, grad(y.pow(2).sum(), x)

        def base_written(make=make):
            x = randn(4, 4)
            y = x * 1
            parts = make(y)
            y.mul_(2)
            return attempt(lambda: parts[0].sum()), attempt(lambda: grad(parts[0].pow(2).sum(), x))

        def read(make=make):
            x = randn(4, 4)
            parts = make(x * 1)
            return [name_of(p.grad_fn) for p in parts], grad(
                sum((p**2).sum() * i for i, p in enumerate(parts, 1)), x
            )

        def no_grad(make=make):
            x = randn(4, 4)
            with torch.no_grad():
                parts = make(x)
            parts[0].mul_(2)

        def plain(make=make):
            y = torch.ones(4, 4)
            parts = make(y)
            parts[0].mul_(2)
            return y

        results[name] = [attempt(f) for f in (written, base_written, read, no_grad, plain)]
    return results


def no_grad_views():
    results = {}
    for name, view in VIEWS.items():

        def write(view=view):
            x = randn(3, 4)
            base = x * 1
            with torch.no_grad():
                shown = view(base)
            facts = [shown.requires_grad, name_of(shown.grad_fn)]
            first = attempt(lambda: shown.mul_(2))
            return facts, first, grad((base**2).sum(), x)

        def of_leaf(view=view):
            x = randn(3, 4)
            with torch.no_grad():
                shown = view(x)
                shown.mul_(2)
            return x, shown, name_of(shown.grad_fn)

        def base_changes(view=view):
            x = randn(3, 4)
            base = x * 1
            with torch.no_grad():
                shown = view(base)
            base.mul_(2)
            return shown.requires_grad, attempt(lambda: name_of(shown.grad_fn)), attempt(lambda: shown * 2)

        results[name] = [attempt(f) for f in (write, of_leaf, base_changes)]
    return results


def inference_tensors():
    def made():
        with torch.inference_mode():
            return torch.ones(3) * 2

    def facts():
        t = made()
        return t.is_inference(), t.requires_grad, t.is_leaf

    def use_in_graph():
        return randn(3) * made()

    def save_nothing():
        x = randn(3)
        return grad((x + made()).sum(), x)

    def write():
        made().add_(1)

    def version():
        return made()._version

    def requires():
        made().requires_grad_()

    def clone():
        x = made().clone().requires_grad_()
        return grad((x * x).sum(), x)

    def view():
        return made()[1:].is_inference()

    def write_inside():
        x = torch.ones(3)
        with torch.inference_mode():
            x.add_(1)
            return x, x.is_inference(), (x + 1).is_inference(), x[1:].is_inference()

    def view_of_normal_written_outside():
        x = torch.ones(3)
        with torch.inference_mode():
            v = x[1:]
        v.add_(1)
        return x

    def view_of_leaf_written_outside():
        x = randn(3) * 1
        with torch.inference_mode():
            v = x[1:]
        v.add_(1)

    def enable_grad_inside():
        with torch.inference_mode(), torch.enable_grad():
            x = torch.ones(3)
            return (x * 2).requires_grad, torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    def off():
        with torch.inference_mode(), torch.inference_mode(False):
            x = torch.ones(3, requires_grad=True)
            return (x * 2).requires_grad, x.is_inference()

    def decorated():
        @torch.inference_mode()
        def f(x):
            return x * 2, torch.is_inference_mode_enabled()

        return f(randn(3))

    def decorated_bare():
        @torch.inference_mode
        def f(x):
            return x * 2, torch.is_inference_mode_enabled()

        return f(randn(3))

    def backward_inside():
        x = randn(3)
        y = (x * x).sum()
        with torch.inference_mode():
            y.backward()
        return x.grad, x.grad.is_inference()

    def requires_grad_inside():
        with torch.inference_mode():
            x = torch.ones(3, requires_grad=True)
            y = x * x
            return x.requires_grad, y.requires_grad, x.is_inference(), attempt(lambda: y.sum().backward())

    def out_argument():
        out = made()
        torch.add(torch.ones(3), 1, out=out)

    def copy_from():
        x = torch.zeros(3)
        x.copy_(made())
        return x

    def into_parameter():
        layer = torch.nn.Linear(3, 2)
        with torch.inference_mode():
            y = layer(torch.ones(1, 3))
        return y.requires_grad, attempt(lambda: y.sum().backward())

    def set_data():
        x = torch.ones(3)
        x.data = made()
        return x.is_inference()

    return {name: attempt(f) for name, f in list(locals().items()) if name != "made"}


def indexing_reads():
    indices = {
        "int": 1,
        "negative": -1,
        "slice": slice(0, 2),
        "step": slice(None, None, 2),
        "tensor": torch.tensor([0, 2, 0]),
        "bool": torch.tensor([True, False, True]),
        "bool2": torch.tensor([[True, False, True, False]] * 3),
        "list": [0, 2],
        "pair": (torch.tensor([0, 1]), torch.tensor([1, 1])),
        "outer": (torch.tensor([[0], [2]]), torch.tensor([1, 3])),
        "mixed": (torch.tensor([0, 2]), slice(1, 3)),
        "mixed2": (slice(None), torch.tensor([3, 3, 0])),
        "none": (None, torch.tensor([1, 1])),
        "ellipsis": (..., torch.tensor([1])),
        "int_tensor": torch.tensor(1),
        "bool_scalar": True,
        "bool_false": False,
        "uint8": torch.tensor([1, 0, 1], dtype=torch.uint8),
        "int32": torch.tensor([1, 0], dtype=torch.int32),
        "empty_list": [],
        "empty_tensor": torch.tensor([], dtype=torch.int64),
        "numpy": torch.tensor([1, 0]).numpy(),
        "range": range(2),
        "nested_list": [[0, 1], [1, 2]],
        "int_and_tensor": (1, torch.tensor([0, 0])),
        "tensor_none_tensor": (torch.tensor([0, 1]), None, torch.tensor([0, 1])),
        "bool_int": (torch.tensor([True, False, True]), 1),
        "list_bool": [True, False, True],
        "out_of_range": 5,
        "out_of_range_tensor": torch.tensor([0, 7]),
        "float": 1.5,
        "float_tensor": torch.tensor([1.0]),
        "too_many": (0, 0, 0),
        "bad_mask": torch.tensor([True, False]),
        "scalar_bool_tensor": torch.tensor(True),
        "string": "a",
        "tuple_of_lists": ([0, 1], [1, 2]),
    }
    results = {}
    for name, index in indices.items():

        def read(index=index):
            x = randn(3, 4)
            y = (x * 1)[index]
            (g,) = grad(y.pow(3).sum(), x, create_graph=True)
            return y, y._is_view(), g, grad(g.pow(2).sum(), x)

        def write_number(index=index):
            x = randn(3, 4)
            y = x * 1
            y[index] = 2.5
            return y, grad(y.pow(2).sum(), x)

        def write_tensor(index=index):
            x, w = randn(3, 4), randn(1, seed=5)
            y = x * 1
            y[index] = w * 2
            return y, grad(y.pow(2).sum(), (x, w))

        def write_itself(index=index):
            x = randn(3, 4)
            y = x * 1
            y[index] = y[index] * 3
            return y, grad(y.pow(2).sum(), x)

        def augmented(index=index):
            x = randn(3, 4)
            y = x * 1
            y[index] += 1
            y[index] *= 2
            return y, grad(y.pow(2).sum(), x)

        def write_wrong_shape(index=index):
            y = randn(3, 4) * 1
            y[index] = torch.ones(7, dtype=torch.float64)

        def write_float32(index=index):
            y = randn(3, 4) * 1
            y[index] = torch.ones((), dtype=torch.float32)
            return y

        def plain_joins_graph(index=index):
            w = randn(1, seed=5)
            y = torch.zeros(3, 4, dtype=torch.float64)
            y[index] = w
            return y, grad(y.pow(2).sum(), w)

        tests = (
            read,
            write_number,
            write_tensor,
            write_itself,
            augmented,
            write_wrong_shape,
            write_float32,
            plain_joins_graph,
        )
        results[name] = [attempt(f) for f in tests]
    return results


def index_writing_functions():
    index = torch.tensor([0, 2])

    def twice(y, *leaves):
        first = grad(y.pow(2).sum(), leaves, create_graph=True, allow_unused=True)
        total = sum(g.pow(2).sum() for g in first if g is not None)
        return y, first, grad(total, leaves, allow_unused=True)

    def run(f):
        x, w = randn(3, 4), randn(2, 4, seed=5)
        return twice(f(x * 1, w * 1), x, w)

    mask = torch.tensor([[True, False, True, False]] * 3)
    full = torch.tensor([[0, 1, 2, 0], [2, 1, 0, 0]])
    # as_strided_scatter is left out: PyTorch's gradient of its input is that of the elements which were replaced.
    cases = {
        "index_put": lambda y, w: y.index_put((index,), w),
        "index_put_accumulate": lambda y, w: y.index_put((torch.tensor([0, 0]),), w, accumulate=True),
        "index_put_": lambda y, w: y.index_put_((index, index), w[0, :2]),
        "index_add": lambda y, w: y.index_add(0, index, w, alpha=2),
        "index_add_": lambda y, w: y.index_add_(0, torch.tensor([1, 1]), w),
        "index_copy": lambda y, w: y.index_copy(0, index, w),
        "index_fill": lambda y, w: y.index_fill(0, index, w.sum()),
        "scatter": lambda y, w: y.scatter(0, full, w),
        "scatter_add": lambda y, w: y.scatter_add(0, full, w),
        "scatter_reduce_prod": lambda y, w: y.scatter_reduce(0, full, w, "prod"),
        "scatter_reduce_mean": lambda y, w: y.scatter_reduce(0, full, w, "mean", include_self=False),
        "scatter_reduce_amax": lambda y, w: y.scatter_reduce(0, full, w, "amax"),
        "index_reduce": lambda y, w: y.index_reduce(0, index, w, "prod"),
        "masked_scatter": lambda y, w: y.masked_scatter(mask, w),
        "masked_fill": lambda y, w: y.masked_fill(mask, w.sum()),
        "masked_select": lambda y, w: y.masked_select(mask),
        "take": lambda y, w: y.take(torch.tensor([0, 5, 5])),
        "take_along_dim": lambda y, w: y.take_along_dim(full, 0),
        "put": lambda y, w: y.put(torch.tensor([0, 5]), w[0, :2]),
        "put_accumulate": lambda y, w: y.put_(torch.tensor([5, 5]), w[0, :2], accumulate=True),
        "select_scatter": lambda y, w: y.select_scatter(w[0], 0, 1),
        "slice_scatter": lambda y, w: y.slice_scatter(w, 0, 1),
        "diagonal_scatter": lambda y, w: y.diagonal_scatter(w[0, :3]),
        "where": lambda y, w: torch.where(mask, y, w[:1]),
        "gather": lambda y, w: y.gather(0, full),
        "fill_diagonal": lambda y, w: y.fill_diagonal_(2.0),
        "tril_": lambda y, w: y.tril_(),
        "copysign": lambda y, w: y.copysign_(w[:1]),
        "lerp": lambda y, w: y.lerp_(w[:1], 0.3),
        "addcmul": lambda y, w: y.addcmul_(w[:1], w[:1], value=2),
        "addmm_": lambda y, w: y.addmm_(w.new_ones(3, 2), w),
        "baddbmm": lambda y, w: torch.baddbmm(y[None], w.new_ones(1, 3, 2), w[None])[0],
        "renorm": lambda y, w: y.renorm(2, 0, 1.0),
        "cumsum_": lambda y, w: y.cumsum_(1),
        "cumprod_": lambda y, w: y.cumprod_(1),
    }
    return {name: attempt(lambda f=f: run(f)) for name, f in cases.items()}


def versions_and_saved_values():
    operators = {
        "exp": lambda a: (a.exp(), None),
        "mul": lambda a: (a * a, None),
        "sigmoid": lambda a: (a.sigmoid(), None),
        "sum": lambda a: (a.sum(0), None),
        "softmax": lambda a: (a.softmax(0), None),
        "max": lambda a: (a.max(0)[0], None),
        "matmul": lambda a: (a @ a.T, None),
        "relu": lambda a: (a.relu(), None),
        "sin": lambda a: (a.sin(), None),
        "sqrt": lambda a: (a.abs().sqrt(), None),
        "pow": lambda a: (a**3, None),
        "div": lambda a: (1 / a, None),
        "norm": lambda a: (a.norm(dim=0), None),
        "layer_norm": lambda a: (torch.nn.functional.layer_norm(a, (4,)), None),
        "cat": lambda a: (torch.cat([a, a]), None),
        "index": lambda a: (a[torch.tensor([0, 1])], None),
        "clamp": lambda a: (a.clamp(min=0), None),
        "tanh": lambda a: (a.tanh(), None),
        "var": lambda a: (a.var(0), None),
        "prod": lambda a: (a.prod(0), None),
        "cumsum": lambda a: (a.cumsum(0), None),
        "linear": lambda a: (torch.nn.functional.linear(a, a), None),
        "gelu": lambda a: (torch.nn.functional.gelu(a), None),
        "log_softmax": lambda a: (a.log_softmax(-1), None),
        "where": lambda a: (torch.where(a > 0, a, 2 * a), None),
        "dropout": lambda a: (torch.nn.functional.dropout(a, 0.0), None),
        "leaky_relu": lambda a: (torch.nn.functional.leaky_relu(a), None),
        "atan2": lambda a: (torch.atan2(a, a + 1), None),
        "logsumexp": lambda a: (a.logsumexp(0), None),
        "std": lambda a: (a.std(), None),
        "abs": lambda a: (a.abs(), None),
        "mse": lambda a: (torch.nn.functional.mse_loss(a, a * 2), None),
        "addmm": lambda a: (torch.addmm(a[:, :3], a, a.T), None),
        "sort": lambda a: (a.sort()[0], None),
    }
    results = {}
    for name, operator in operators.items():

        def input_changed(operator=operator):
            x = randn(3, 4)
            a = x * 1
            y = operator(a)[0]
            a.add_(1)
            return grad(y.sum(), x)

        def output_changed(operator=operator):
            x = randn(3, 4)
            y = operator(x * 1)[0]
            y.add_(1)
            return grad(y.sum(), x)

        def view_of_input_changed(operator=operator):
            x = randn(3, 4)
            a = x * 1
            y = operator(a)[0]
            a[0].zero_()
            return grad(y.sum(), x)

        def freed(operator=operator):
            x = randn(3, 4)
            y = operator(x * 1)[0].sum()
            y.backward()
            return attempt(lambda: y.backward())

        def retained(operator=operator):
            x = randn(3, 4)
            y = operator(x * 1)[0].sum()
            y.backward(retain_graph=True)
            y.backward()
            return x.grad

        tests = (input_changed, output_changed, view_of_input_changed, freed, retained)
        results[name] = [attempt(f) for f in tests]
    return results


def accumulation_into_leaves():
    def views_of_leaf():
        x = randn(4)
        (x[:2].sum() + x.view(2, 2)[1].prod()).backward()
        x[1:].pow(2).sum().backward()
        return x.grad

    def grad_identity():
        x = randn(4)
        (x * 2).sum().backward()
        first = x.grad
        (x * 3).sum().backward()
        return first is x.grad, first

    def grad_identity_create_graph():
        x = randn(4)
        (x * x).sum().backward(create_graph=True)
        first = x.grad
        (x * x * x).sum().backward(create_graph=True)
        return first is x.grad, first, x.grad, x.grad.requires_grad

    def grad_assignment():
        x = randn(4)
        x.grad = torch.ones(4, dtype=torch.float64)
        (x * 2).sum().backward()
        return x.grad

    def grad_wrong_shape():
        randn(4).grad = torch.ones(3, dtype=torch.float64)

    def grad_wrong_dtype():
        randn(4).grad = torch.ones(4)

    def grad_wrong_type():
        randn(4).grad = 3

    def grad_itself():
        x = randn(4)
        x.grad = x

    def grad_of_intermediate():
        y = randn(4) * 2
        return y.grad

    def retained():
        x = randn(4)
        y = x * 2
        y.retain_grad()
        z = y * 3
        z.retain_grad()
        z.sum().backward()
        return y.grad, z.grad, y.retains_grad, x.retains_grad

    def retained_twice():
        x = randn(4)
        y = x * 2
        y.retain_grad()
        y.sum().backward(retain_graph=True)
        y.sum().backward()
        return y.grad

    def retained_then_written():
        x = randn(4)
        y = x * 2
        y.retain_grad()
        y.mul_(3)
        y.sum().backward()
        return y.grad, x.grad

    def retain_on_leaf():
        x = randn(4)
        x.retain_grad()
        return x.retains_grad

    def retain_without_grad():
        torch.ones(3).retain_grad()

    def grad_layout():
        x = randn(3, 4)
        (x.t() * torch.arange(12.0).reshape(4, 3)).sum().backward()
        return x.grad, x.grad.stride()

    def expanded_gradient():
        x = randn(3, 4)
        x.sum().backward()
        x.grad.add_(1)
        return x.grad, x.grad.stride()

    def noncontiguous_leaf():
        x = randn(4, 3, grad=False).t().requires_grad_()
        x.exp().sum().backward()
        return x.grad, x.grad.stride()

    def grad_zeroing():
        x = randn(3)
        x.sum().backward()
        x.grad.zero_()
        x.sum().backward()
        x.grad = None
        x.sum().backward()
        return x.grad

    def same_tensor_twice():
        x = randn(3)
        torch.autograd.backward([x.sum(), (x * x).sum()])
        return x.grad

    def aliasing():
        x, y = randn(3), randn(3, seed=1)
        g = torch.ones(3, dtype=torch.float64)
        (x + y).backward(g)
        x.grad.add_(1)
        return x.grad, y.grad, g

    def root_is_leaf():
        x = randn()
        x.backward()
        return x.grad

    def root_is_leaf_with_gradient():
        x = randn(3)
        g = torch.ones(3, dtype=torch.float64)
        x.backward(g)
        g.add_(5)
        return x.grad, x.grad is g

    def gradient_requires_grad():
        x, g = randn(3), randn(3, seed=2)
        (x * x).backward(g, create_graph=True)
        return x.grad, grad(x.grad.sum(), (x, g))

    def del_grad():
        x = randn(3)
        x.sum().backward()
        del x.grad
        return x.grad

    def grad_of_parameter_and_view():
        x = randn(4)
        y = x.view(2, 2)
        y.sum().backward()
        return x.grad, y.grad

    return {name: attempt(f) for name, f in list(locals().items())}


def backward_arguments():
    def vector_without_gradient():
        randn(3).mul(2).backward()

    def wrong_shape():
        randn(3).mul(2).backward(torch.ones(4, dtype=torch.float64))

    def broadcastable_shape():
        randn(3).mul(2).backward(torch.ones(1, dtype=torch.float64))

    def wrong_dtype():
        x = randn(3)
        x.mul(2).backward(torch.ones(3))
        return x.grad

    def complex_gradient_of_real():
        x = randn(3)
        x.mul(2).backward(torch.ones(3, dtype=torch.complex128))

    def no_graph():
        torch.ones(3).sum().backward()

    def int_root():
        randn(3).argmax().backward()

    def inputs_leaf():
        x, w = randn(3), randn(3, seed=1)
        (x * w).sum().backward(inputs=[x])
        return x.grad, w.grad

    def inputs_single():
        x, w = randn(3), randn(3, seed=1)
        (x * w).sum().backward(inputs=x)
        return x.grad, w.grad

    def inputs_intermediate():
        x = randn(3)
        y = x * 2
        (y * y).sum().backward(inputs=[y])
        return x.grad, y.grad

    def inputs_mixed():
        x = randn(3)
        y = x * 2
        (y * y).sum().backward(inputs=[y, x])
        return x.grad, y.grad

    def inputs_empty():
        x = randn(3)
        x.sum().backward(inputs=[])

    def inputs_unused():
        x, w = randn(3), randn(3)
        x.sum().backward(inputs=[w])
        return x.grad, w.grad

    def inputs_without_grad():
        x, w = randn(3), torch.ones(3)
        x.sum().backward(inputs=[w])

    def grad_unused():
        x, w = randn(3), randn(3)
        return grad(x.sum(), w)

    def grad_allow_unused():
        x, w = randn(3), randn(3)
        return grad(x.sum(), [x, w], allow_unused=True)

    def grad_materialize():
        x, w = randn(3), randn(2)
        return grad(x.sum(), [x, w], materialize_grads=True)

    def grad_materialize_not_unused():
        x, w = randn(3), randn(2)
        return grad(x.sum(), [x, w], materialize_grads=True, allow_unused=False)

    def grad_input_without_grad():
        x = randn(3)
        return grad(x.sum(), torch.ones(3))

    def grad_same_input_twice():
        x = randn(3)
        return grad((x * x).sum(), [x, x])

    def grad_root_as_input():
        x = randn(3)
        y = (x * x).sum()
        return grad(y, [y, x])

    def grad_several_outputs():
        x = randn(3)
        return grad([x.sum(), x * x], x, [None, torch.ones(3, dtype=torch.float64)])

    def grad_too_few_outputs():
        x = randn(3)
        return grad([x.sum(), x.prod()], x, [None])

    def grad_batched():
        x = randn(3)
        return grad(x * x, x, torch.eye(3, dtype=torch.float64), is_grads_batched=True)

    def grad_batched_twice():
        x = randn(3)
        (g,) = grad(x**3, x, torch.eye(3, dtype=torch.float64), is_grads_batched=True, create_graph=True)
        return g, grad(g.pow(2).sum(), x)

    def grad_batched_several():
        x, w = randn(3), randn(3, seed=1)
        y = (x * w, (x @ w))
        return grad(
            y,
            (x, w),
            (torch.eye(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)),
            is_grads_batched=True,
        )

    def grad_batched_wrong():
        x = randn(3)
        return grad(x * x, x, torch.ones(2, 4, dtype=torch.float64), is_grads_batched=True)

    def grad_batched_unused():
        x, w = randn(3), randn(3)
        return grad(
            x * x, (x, w), torch.eye(3, dtype=torch.float64), is_grads_batched=True, allow_unused=True
        )

    def grad_freed():
        x = randn(3)
        y = (x * x).sum()
        grad(y, x)
        return grad(y, x)

    def grad_kept_by_create_graph():
        x = randn(3)
        y = (x * x).sum()
        grad(y, x, create_graph=True)
        return grad(y, x)

    def grad_create_not_retain():
        x = randn(3)
        y = (x * x).sum()
        grad(y, x, create_graph=True, retain_graph=False)
        return grad(y, x)

    def no_inputs():
        x = randn(3)
        return grad(x.sum(), [])

    def backward_of_tuple():
        x = randn(3)
        torch.autograd.backward((x.sum(), (x * x).sum()), (None, torch.tensor(2.0, dtype=torch.float64)))
        return x.grad

    def backward_grad_variables():
        x = randn(3)
        torch.autograd.backward(x * 2, grad_variables=torch.ones(3, dtype=torch.float64))
        return x.grad

    def grad_none_of_vector():
        x = randn(3)
        return grad(x * 2, x)

    def bool_gradient():
        x = randn(3)
        return grad(x * 2, x, torch.ones(3, dtype=torch.bool))

    def int_gradient():
        x = randn(3)
        return grad(x * 2, x, torch.ones(3, dtype=torch.int64))

    def string():
        return grad(randn(3).sum(), "x")

    def gradient_number():
        x = randn()
        (x * 2).backward(2.0)
        return x.grad

    def zero_dim_gradient_for_one_element():
        x = randn(1)
        (x * 2).backward(torch.tensor(1.0, dtype=torch.float64))
        return x.grad

    def one_element_root():
        x = randn(1, 1)
        (x * 2).backward()
        return x.grad

    def inside_no_grad():
        x = randn(3)
        y = (x * x).sum()
        with torch.no_grad():
            (g,) = grad(y, x, create_graph=True)
        return g

    def dict_inputs():
        x = randn(3)
        return grad(x.sum(), {"x": x}.values())

    def tuple_gradient_of_single():
        x = randn(3)
        return grad(x * 2, x, (torch.ones(3, dtype=torch.float64),))

    def not_tensor_output():
        return grad(3.0, randn(3))

    return {name: attempt(f) for name, f in list(locals().items())}


def higher_derivatives():
    # Not in the list: third derivatives of layer_norm and batch_norm, which PyTorch has wrong (finite differences tell).
    functions = {
        "exp": lambda x: x.exp().sum(),
        "sin_prod": lambda x: x.sin().prod(),
        "tanh_matmul": lambda x: (x.view(2, 2) @ x.view(2, 2)).tanh().sum(),
        "softmax": lambda x: x.softmax(0)[0],
        "norm": lambda x: x.norm(),
        "div": lambda x: (x[0] / x[1:]).sum(),
        "pow": lambda x: (x.abs() ** x[0].abs()).sum(),
        "view_write": lambda x: _written(x),
        "logsumexp": lambda x: x.logsumexp(0),
        "cumprod": lambda x: x.cumprod(0).sum(),
        "gelu": lambda x: torch.nn.functional.gelu(x).sum(),
        "inverse": lambda x: torch.linalg.inv(x.view(2, 2) + 3 * torch.eye(2)).sum(),
        "det": lambda x: torch.linalg.det(x.view(2, 2)).pow(2),
        "sigmoid": lambda x: x.sigmoid().log().sum(),
        "var": lambda x: x.var() ** 2,
        "cosine": lambda x: torch.nn.functional.cosine_similarity(x[:2], x[2:], dim=0),
        "cross_entropy": lambda x: torch.nn.functional.cross_entropy(x.view(1, 4), torch.tensor([2])),
        "atan2": lambda x: torch.atan2(x[:2], x[2:]).sum() ** 2,
        "erf": lambda x: torch.erf(x).prod(),
        "lgamma": lambda x: torch.lgamma(x.abs() + 1).sum(),
        "conv": lambda x: torch.nn.functional.conv1d(x.view(1, 1, 4), x[:2].view(1, 1, 2)).pow(3).sum(),
        "einsum": lambda x: torch.einsum("i,j,k->", x, x, x.sin()),
        "silu": lambda x: torch.nn.functional.silu(x).prod(),
        "softplus": lambda x: torch.nn.functional.softplus(x).prod(),
        "cholesky": lambda x: (
            torch.linalg.cholesky(x.view(2, 2) @ x.view(2, 2).T + torch.eye(2)).pow(2).prod()
        ),
        "eigvalsh": lambda x: torch.linalg.eigvalsh(x.view(2, 2) + x.view(2, 2).T)[0],
        "solve": lambda x: torch.linalg.solve(x.view(2, 2) + 3 * torch.eye(2), x[:2]).sum(),
        "index": lambda x: (x[torch.tensor([0, 0, 1])] * x[1]).prod(),
        "mse": lambda x: torch.nn.functional.mse_loss(x.sin(), x.exp()),
        "huber": lambda x: torch.nn.functional.huber_loss(x**3, x),
        "bce": lambda x: torch.nn.functional.binary_cross_entropy_with_logits(x**2, x.sigmoid()),
        "attention": lambda x: torch.nn.functional.scaled_dot_product_attention(
            *[x.view(1, 2, 2)] * 3
        ).prod(),
    }
    return {name: attempt(lambda f=f: _three_times(f)) for name, f in functions.items()}


def _written(x):
    y = x * 1
    y[1:].mul_(y[:-1].clone())
    return y.pow(2).sum()


def _three_times(function):
    x = randn(4)
    results = []
    value = function(x)
    for _ in range(3):
        (g,) = grad(value, x, create_graph=True)
        results.append(g)
        value = (g * torch.arange(1.0, 5.0)).sin().sum()
    return results


def writes_with_gradients_of_both():
    def run(write):
        x, w = randn(3, 4), randn(4, seed=3)
        y = x * 1
        shown = y.t()[1:3]
        write(y, shown, w * 1)
        loss = y.sin().sum() + shown.pow(2).sum()
        first = grad(loss, (x, w), create_graph=True, allow_unused=True)
        total = sum(g.pow(2).sum() for g in first if g is not None)
        return first, attempt(lambda: grad(total, (x, w), allow_unused=True))

    writes = {
        "row": lambda y, v, w: y[0].mul_(w),
        "column": lambda y, v, w: v[0].copy_(w[:3]),
        "diag": lambda y, v, w: y.diagonal().copy_(w[:3]),
        "two_views": lambda y, v, w: (v.mul_(w[0]), y[1].add_(w)),
        "swap": lambda y, v, w: y[0].copy_(y[1].clone() * w),
        "chain": lambda y, v, w: y.view(-1)[2:].view(5, 2)[1].mul_(w[:2]),
        "add_of_view": lambda y, v, w: y.add_(y[:1] * w),
        "masked": lambda y, v, w: y.masked_fill_(y > 0, w[0]),
        "set_mask": lambda y, v, w: y.__setitem__(y > 0, w[0]),
        "set_index": lambda y, v, w: y.__setitem__((torch.tensor([0, 2]), torch.tensor([1, 1])), w[:2]),
        "set_view_index": lambda y, v, w: v.__setitem__((slice(None), torch.tensor([0, 2])), w[:2]),
        "expand_copy": lambda y, v, w: y.copy_(w),
        "copy_then_mul": lambda y, v, w: y.copy_(w).mul_(w),
        "self_add": lambda y, v, w: y.add_(y),
        "squares": lambda y, v, w: y.mul_(y),
        "view_by_view": lambda y, v, w: v[0].mul_(v[1]),
        "div_": lambda y, v, w: v.div_(w[:3]),
        "pow_": lambda y, v, w: v.abs_().pow_(w[:3].abs()),
        "as_strided": lambda y, v, w: y.as_strided((2, 4), (4, 1), 2).mul_(w),
        "clamp_tensor": lambda y, v, w: y.clamp_(max=w),
        "exp_out_chain": lambda y, v, w: y.exp_().mul_(2).log_().add_(w),
        "flip": lambda y, v, w: y.copy_(y.flip(0) * w),
    }
    return {name: attempt(lambda f=f: run(f)) for name, f in writes.items()}


def complex_views():
    def run(f):
        x = randn(3, 2)
        z = torch.view_as_complex(x * 1)
        result = f(z)
        loss = (
            z.abs().pow(2).sum() + (result * result.conj()).real.sum()
            if torch.is_tensor(result)
            else z.abs().sum()
        )
        return z, result, attempt(lambda: grad(loss, x))

    cases = {
        "real_": lambda z: z.real.mul_(2),
        "imag_": lambda z: z.imag.zero_(),
        "view_as_real_": lambda z: torch.view_as_real(z)[0].mul_(3),
        "conj_": lambda z: z.conj().mul_(2j),
        "conj_view": lambda z: z.conj()[1:].add_(1j),
        "conj_physical_": lambda z: z.conj_physical_(),
        "real_set": lambda z: setattr(z, "real", torch.ones(3, dtype=torch.float64)),
        "imag_set": lambda z: setattr(z, "imag", z.real * 2),
        "imag_of_conj": lambda z: z.conj().imag.mul_(3),
        "mul_real": lambda z: z.mul_(torch.ones(3, dtype=torch.float64) * 2),
        "add_complex": lambda z: z.add_(1 + 2j),
        "index": lambda z: z[torch.tensor([0, 0])],
        "set_index": lambda z: z.__setitem__(0, 3j),
        "angle": lambda z: z.angle(),
        "neg_view": lambda z: z.conj().imag,
        "resolve": lambda z: z.conj().resolve_conj(),
        "mH": lambda z: z[None].mH,
        "polar": lambda z: torch.polar(z.abs(), z.angle()),
        "sgn": lambda z: z.sgn(),
        "sqrt": lambda z: z.sqrt(),
        "exp": lambda z: z.exp(),
        "log": lambda z: z.log(),
        "pow": lambda z: z**2.5,
        "pow_complex": lambda z: z ** (1 + 2j),
        "abs": lambda z: z.abs(),
        "prod": lambda z: z.prod(),
        "matmul": lambda z: z @ z.conj(),
        "vdot": lambda z: torch.vdot(z, z * 2j),
        "fft": lambda z: torch.fft.fft(z),
        "norm": lambda z: z.norm(),
        "var": lambda z: z.var(),
        "mean": lambda z: z.mean(),
        "inv": lambda z: torch.linalg.inv(z[:1, None]),
        "cumprod": lambda z: z.cumprod(0),
        "tanh": lambda z: z.tanh(),
        "reciprocal": lambda z: z.reciprocal(),
        "where": lambda z: torch.where(z.real > 0, z, z.conj()),
        "to_real": lambda z: z.to(torch.float64),
        "complex": lambda z: torch.complex(z.imag, z.real),
    }
    return {name: attempt(lambda f=f: run(f)) for name, f in cases.items()}


def detached_regions():
    x = randn(4)
    y = x * 2
    with torch.no_grad():
        z = y * 3
    u = y.detach()
    u_shares = u.data_ptr() == y.data_ptr()
    y.mul_(2)
    results = [z.requires_grad, u.requires_grad, u_shares, u, u._version == y._version]
    with torch.no_grad():
        y.add_(1)
    loss = (y * z + u).sum()
    results.append(attempt(lambda: grad(loss, x)))
    v = y.clone().detach().requires_grad_()
    results.append(grad((v * v).sum(), v))
    return results


def deletion_of_graph_by_reassignment():
    x = randn(4)
    h = x
    for i in range(5):
        h = h * (i + 1)
        if i == 2:
            h = h.detach().requires_grad_()
            middle = h
    return grad(h.sum(), middle), attempt(lambda: grad(h.sum(), x))


def ramp_through_reshapes():
    x = ramp(2, 3, 4)
    y = x.permute(2, 0, 1).reshape(4, 6).t().contiguous().view(3, 8)
    y[1].zero_()
    return y, grad((y * ramp(3, 8, grad=False)).sum(), x)


def bases_of_every_layout():
    bases = {
        "transposed": lambda x: x.t() * 1,
        "permuted": lambda x: x.view(3, 2, 2).permute(2, 0, 1) * 1,
        "cloned_transposed": lambda x: x.t().clone(),
        "channels_last": lambda x: x.view(1, 2, 3, 2).contiguous(memory_format=torch.channels_last) * 1,
        "strided_leaf_detached": lambda x: x.detach()[:, ::2].requires_grad_() * x[:, ::2],
        "expanded": lambda x: x[:, :1].expand(3, 4) * 1,
        "matmul_of_t": lambda x: (x.t() @ x).t() * 1,
    }
    writes = {
        "row": lambda b: b[0].mul_(3),
        "exp_last": lambda b: b[..., 0].exp_(),
        "sin": lambda b: b.sin_(),
        "mask": lambda b: b.masked_fill_(b > 0, 2.0),
        "transposed": lambda b: b.transpose(0, 1)[0].mul_(b.transpose(0, 1)[1].clone()),
        "diagonal": lambda b: b.diagonal(0, 0, 1).mul_(2),
        "set": lambda b: b.__setitem__((..., 0), 1.5),
    }
    results = {}
    for base_name, base in bases.items():
        for write_name, write in writes.items():
            results[base_name, write_name] = attempt(lambda base=base, write=write: _layout(base, write))
    return results


def _layout(make, write):
    x = randn(3, 4)
    base = make(x)
    shown = base[1:]
    write(base)
    loss = (base * torch.arange(1.0, base.numel() + 1).view(base.shape)).sin().sum() + shown.pow(2).sum()
    (g,) = grad(loss, x, create_graph=True)
    return base, g, grad(g.pow(2).sum(), x)


def dtypes_mixed_in_place():
    def run(first, second, write):
        x, w = randn(3, dtype=first), randn(3, seed=1, dtype=second)
        y = x * 1
        write(y, w)
        return y, grad(y.abs().sum(), (x, w))

    kinds = {
        "32_64": (torch.float32, torch.float64),
        "16_32": (torch.float16, torch.float32),
        "b_32": (torch.bfloat16, torch.float32),
    }
    kinds |= {
        "c_r": (torch.complex128, torch.float64),
        "64_32": (torch.float64, torch.float32),
        "r_c": (torch.float64, torch.complex128),
    }
    writes = {
        "mul": lambda y, w: y.mul_(w),
        "div": lambda y, w: y.div_(w),
        "copy": lambda y, w: y.copy_(w),
        "set": lambda y, w: y.__setitem__(slice(1, 3), w[1:]),
        "pow": lambda y, w: y.abs().pow_(w),
        "exp_mul": lambda y, w: y.exp_().mul_(w),
        "index_put": lambda y, w: y.index_put_((torch.tensor([0, 1]),), w[:2].to(y.dtype)),
        "add_view": lambda y, w: y[1:].add_(w[:2]),
        "atan2": lambda y, w: y.atan2_(w),
    }
    return {
        (k, n): attempt(lambda a=a, b=b, f=f: run(a, b, f))
        for k, (a, b) in kinds.items()
        for n, f in writes.items()
    }
