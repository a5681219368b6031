"""Nested tensors against PyTorch: what each operator gives or raises for both layouts, and gradients."""

from __future__ import annotations

import re

import pytest

import flambeau as fl

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")
LAYOUTS = ["strided", "jagged"]


def components(module):
    return [module.arange(6.0).reshape(2, 3) - 2, module.arange(12.0).reshape(4, 3) / 8 + 0.5]


def nested(module, layout, **options):
    return module.nested.nested_tensor(components(module), layout=getattr(module, layout), **options)


def described(value):
    """Plain data to compare: dtypes, shapes (with ragged sizes as ``j``) and elements."""
    if hasattr(value, "is_nested"):
        if value.is_nested:
            shape = re.sub(r"j\d+", "j", str(value.shape)) if "jagged" in str(value.layout) else None
            return "nested", shape, [described(c) for c in value.unbind()]
        return str(value.dtype), tuple(value.shape), value.reshape(-1).tolist()
    if isinstance(value, (tuple, list)):
        return [described(v) for v in value]
    return re.sub(r"j\d+", "j", str(value))


def outcome(function, module):
    try:
        return described(function(module))
    except Exception as error:
        return type(error).__name__


def close(a, b) -> bool:
    """Whether two descriptions agree up to rounding."""
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(close, a, b))
    return a == pytest.approx(b, rel=1e-5, abs=1e-6, nan_ok=True) if isinstance(a, float) and isinstance(b, float) else a == b


def agree(function):
    ours, theirs = outcome(function, fl), outcome(function, torch)
    assert close(ours, theirs), f"\n{ours}\n{theirs}"


# -- construction ------------------------------------------------------------------------------------------------------------

CONSTRUCTIONS = {
    "tensors": lambda m, o: m.nested.nested_tensor(components(m), layout=o),
    "lists": lambda m, o: m.nested.nested_tensor([[1.0, 2.0], [3.0]], layout=o),
    "another dtype": lambda m, o: m.nested.nested_tensor([m.ones(2), m.ones(3)], layout=o, dtype=m.float64),
    "vectors": lambda m, o: m.nested.nested_tensor([m.ones(2), m.ones(0), m.ones(3)], layout=o),
    "numbers of dimensions differ": lambda m, o: m.nested.nested_tensor([m.ones(2), m.ones(2, 3)], layout=o),
    "ragged in the last dimension": lambda m, o: m.nested.nested_tensor([m.ones(2, 4), m.ones(2, 3)], layout=o),
    "ragged in two dimensions": lambda m, o: m.nested.nested_tensor([m.ones(2, 4), m.ones(3, 3)], layout=o),
    "none": lambda m, o: m.nested.nested_tensor([], layout=o),
    "no list": lambda m, o: m.nested.nested_tensor(3, layout=o),
    "numbers": lambda m, o: m.nested.nested_tensor([m.tensor(1.0)], layout=o),
    "another layout": lambda m, o: m.nested.nested_tensor([m.ones(2)], layout=m.sparse_coo),
    "as nested, of tensors": lambda m, o: m.nested.as_nested_tensor(components(m), layout=o),
    "as nested, of a dense tensor": lambda m, o: m.nested.as_nested_tensor(m.arange(6.0).reshape(2, 3), layout=o),
    "as nested, of lists": lambda m, o: m.nested.as_nested_tensor([m.ones(2), [1.0]], layout=o),
    "as nested, of a nested tensor": lambda m, o: m.nested.as_nested_tensor(m.nested.nested_tensor(components(m), layout=o), layout=o),
    "narrow": lambda m, o: m.nested.narrow(m.arange(8.0).reshape(2, 4), 1, m.tensor([0, 1]), m.tensor([2, 3]), layout=o),
    "narrow, all alike": lambda m, o: m.nested.narrow(m.arange(8.0).reshape(2, 4), 1, 1, 2, layout=o),
    "narrow of the batch": lambda m, o: m.nested.narrow(m.arange(8.0).reshape(4, 2), 0, 1, 2, layout=o),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_construction(name, layout):
    agree(lambda m: CONSTRUCTIONS[name](m, getattr(m, layout)))


@pytest.mark.parametrize("options", [{"offsets": [0, 2, 6]}, {"lengths": [2, 4]}, {"offsets": [0, 2, 6], "lengths": [1, 2]}, {}], ids=str)
def test_from_jagged(options):
    def run(m):
        x = m.nested.nested_tensor_from_jagged(m.arange(6.0), **{k: m.tensor(v) for k, v in options.items()})
        return x, x.values(), x.offsets(), x.is_contiguous(), x + 1, x.contiguous(), x.contiguous().values()

    agree(run)


def test_holes_are_refused_by_what_would_read_them():
    for read in (lambda x: x.sum(1), lambda x: x.to_padded_tensor(0.0)):
        agree(lambda m: read(m.nested.nested_tensor_from_jagged(  # noqa: B023
            m.arange(6.0), offsets=m.tensor([0, 2, 6]), lengths=m.tensor([1, 2]))))


def test_the_components_are_copied():
    parts = components(fl)
    x = fl.nested.nested_tensor(parts)
    parts[0].zero_()
    assert x[0].tolist() == components(fl)[0].tolist()


# -- attributes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["shape", "dtype", "layout", "is_nested", "is_leaf", "requires_grad", "grad_fn", "ndim", "device"])
def test_attributes(name, layout):
    agree(lambda m: getattr(nested(m, layout), name))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("call", ["size()", "size(0)", "size(1)", "size(2)", "size(-1)", "size(3)", "dim()", "numel()", "stride()",
                                  "values()", "tolist()", "numpy()", "item()", "__len__()",
                                  "is_contiguous()", "element_size()", "storage_offset()"])
def test_methods_that_describe(call, layout):
    agree(lambda m: eval("x." + call, {"x": nested(m, layout)}))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_text(layout):
    texts = [re.sub(r"j\d+", "j", repr(nested(m, layout, requires_grad=g))) for m in (fl, torch) for g in (False, True)]
    assert texts[:2] == texts[2:]


# -- operators -----------------------------------------------------------------------------------------------------------------

OPERATORS = {
    "add a number": lambda m, x: x + 1,
    "add": lambda m, x: x + x,
    "mul": lambda m, x: x * x,
    "sub": lambda m, x: x - x,
    "div": lambda m, x: x / x,
    "div by a number": lambda m, x: x / 2,
    "subtract from a number": lambda m, x: 1 - x,
    "mul by a 0-dim tensor": lambda m, x: x * m.tensor(2.0),
    "add a row": lambda m, x: x + m.arange(3.0),
    "add a row for each component": lambda m, x: x + m.arange(6.0).reshape(2, 1, 3),
    "mul by a number for each component": lambda m, x: x * m.tensor([1.0, 2.0]).reshape(2, 1, 1),
    "mul by a padded tensor": lambda m, x: x * m.arange(24.0).reshape(2, 4, 3),
    "add other sizes": lambda m, x: x + m.nested.nested_tensor([m.ones(1, 3), m.ones(2, 3)], layout=x.layout),
    "relu": lambda m, x: m.nn.functional.relu(x),
    "gelu": lambda m, x: m.nn.functional.gelu(x),
    "silu": lambda m, x: m.nn.functional.silu(x),
    "tanh": lambda m, x: x.tanh(),
    "sin": lambda m, x: m.sin(x),
    "abs": lambda m, x: x.abs(),
    "neg": lambda m, x: -x,
    "exp": lambda m, x: x.exp(),
    "pow": lambda m, x: x**2,
    "clamp": lambda m, x: x.clamp(0, 1),
    "logical_not": lambda m, x: x.logical_not(),
    "isnan": lambda m, x: x.isnan(),
    "ge": lambda m, x: x >= 1.0,
    "eq": lambda m, x: x == 1.0,
    "masked_fill": lambda m, x: x.masked_fill(x >= 1.0, 0.0),
    "add_": lambda m, x: x.clone().add_(x),
    "mul_": lambda m, x: x.clone().mul_(2),
    "zero_": lambda m, x: x.clone().zero_(),
    "fill_": lambda m, x: x.clone().fill_(2),
    "linear": lambda m, x: m.nn.functional.linear(x, m.arange(6.0).reshape(2, 3), m.ones(2)),
    "matmul by a matrix": lambda m, x: x @ m.arange(15.0).reshape(3, 5),
    "matmul of two": lambda m, x: m.matmul(x, x.transpose(1, 2)),
    "bmm of two": lambda m, x: m.bmm(x, x.transpose(1, 2)),
    "softmax of rows": lambda m, x: x.softmax(-1),
    "softmax along the ragged dimension": lambda m, x: m.softmax(x, 1),
    "softmax of the batch": lambda m, x: m.softmax(x, 0),
    "log_softmax": lambda m, x: m.log_softmax(x, -1),
    "layer_norm": lambda m, x: m.nn.functional.layer_norm(x, (3,), m.arange(3.0), m.ones(3)),
    "layer_norm, no weight": lambda m, x: m.nn.functional.layer_norm(x, (3,)),
    "LayerNorm": lambda m, x: m.nn.LayerNorm(3)(x),
    "dropout": lambda m, x: m.nn.functional.dropout(x, 0.0),
    "embedding": lambda m, x: m.nn.functional.embedding(
        m.nested.nested_tensor([m.tensor([0, 1]), m.tensor([1])], layout=x.layout), m.arange(6.0).reshape(2, 3)),
    "sum": lambda m, x: x.sum(),
    "sum of rows": lambda m, x: x.sum(-1),
    "sum of rows, kept": lambda m, x: x.sum(2, keepdim=True),
    "sum along the ragged dimension": lambda m, x: x.sum(1),
    "sum along the ragged dimension, kept": lambda m, x: x.sum(1, keepdim=True),
    "sum of the batch": lambda m, x: x.sum(0),
    "sum of ragged and last": lambda m, x: x.sum((1, 2)),
    "sum of batch and ragged": lambda m, x: x.sum((0, 1)),
    "mean": lambda m, x: x.mean(),
    "mean of rows": lambda m, x: x.mean(-1),
    "mean along the ragged dimension": lambda m, x: x.mean(1, keepdim=True),
    "amax": lambda m, x: x.amax(1),
    "max": lambda m, x: x.max(1),
    "argmax": lambda m, x: x.argmax(1),
    "prod": lambda m, x: x.prod(1),
    "any": lambda m, x: (x > 1.0).any(),
    "var": lambda m, x: x.var(-1),
    "sort": lambda m, x: x.sort(),
    "cumsum": lambda m, x: x.cumsum(-1),
    "flip": lambda m, x: x.flip(1),
    "tril": lambda m, x: x.tril(),
    "unbind": lambda m, x: x.unbind(),
    "unbind another dimension": lambda m, x: x.unbind(1),
    "first": lambda m, x: x[0],
    "last": lambda m, x: x[-1],
    "outside": lambda m, x: x[2],
    "a row": lambda m, x: x[0, 1],
    "a column": lambda m, x: x[..., 0],
    "a slice of the batch": lambda m, x: x[0:1],
    "select": lambda m, x: x.select(0, 1),
    "padded": lambda m, x: m.nested.to_padded_tensor(x, -1.0),
    "padded to a size": lambda m, x: x.to_padded_tensor(0.0, (2, 5, 3)),
    "padded to less": lambda m, x: x.to_padded_tensor(0.0, (2, 3, 3)),
    "transpose": lambda m, x: x.transpose(1, 2),
    "transpose of the batch": lambda m, x: x.transpose(0, 1),
    "permute": lambda m, x: x.permute(0, 2, 1),
    "view": lambda m, x: x.view(2, -1, 3, 1),
    "unsqueeze": lambda m, x: x.unsqueeze(1),
    "unsqueeze at the end": lambda m, x: x.unsqueeze(-1),
    "unflatten": lambda m, x: x.unflatten(-1, [3, 1]),
    "flatten": lambda m, x: x.flatten(1, 2),
    "chunk": lambda m, x: x.chunk(3, -1),
    "split": lambda m, x: x.split(1, -1),
    "cat": lambda m, x: m.cat([x, x], -1),
    "cat of batches": lambda m, x: m.cat([x, x], 0),
    "narrow of the batch": lambda m, x: x.narrow(0, 0, 1),
    "narrow of a row": lambda m, x: x.narrow(2, 0, 1),
    "clone": lambda m, x: x.clone(),
    "detach": lambda m, x: x.detach(),
    "double": lambda m, x: x.double(),
    "to": lambda m, x: x.to(m.float64),
    "zeros_like": lambda m, x: m.zeros_like(x),
    "ones_like": lambda m, x: m.ones_like(x),
    "full_like": lambda m, x: m.full_like(x, 2),
    "allclose": lambda m, x: m.allclose(x, x),
    "bool": lambda m, x: bool(x),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name, layout):
    agree(lambda m: OPERATORS[name](m, nested(m, layout)))


def test_where_of_jagged_tensors():
    agree(lambda m: m.where(nested(m, "jagged") >= 1.0, *[m.nested.nested_tensor_from_jagged(m.ones(6, 3), m.tensor([0, 2, 6]))] * 2))
    def run(m):
        x = nested(m, "jagged")
        return m.where(x >= 1.0, x, -x)

    agree(run)


def test_attention_of_jagged_tensors():
    def run(m):
        x = nested(m, "jagged").unflatten(-1, [1, 3]).transpose(1, 2)
        return m.nn.functional.scaled_dot_product_attention(x, x * 2, x + 1).transpose(1, 2)

    agree(run)


# -- gradients -------------------------------------------------------------------------------------------------------------------

DIFFERENTIABLE = ["add", "mul", "div by a number", "relu", "gelu", "linear", "layer_norm", "LayerNorm", "softmax of rows", "dropout",
                  "transpose", "select", "neg"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_reach_the_components(name, layout):
    def run(m):
        parts = [c.requires_grad_() for c in components(m)]
        result = OPERATORS[name](m, m.nested.as_nested_tensor(parts, layout=getattr(m, layout)))
        result = result[1] if isinstance(result, tuple) else result
        dense = result if not result.is_nested else m.cat([c.reshape(-1) for c in result.unbind()])
        (dense * dense.detach().cos()).sum().backward()
        return [p.grad for p in parts]

    agree(run)


@pytest.mark.parametrize("name", ["sum", "mean", "mean of rows", "amax", "matmul by a matrix", "add a row", "mul by a padded tensor",
                                  "padded", "exp"])
def test_gradients_of_a_jagged_leaf(name):
    def run(m):
        x = nested(m, "jagged", requires_grad=True)
        result = OPERATORS[name](m, x)
        dense = result.values() if result.is_nested else result
        (dense * dense.detach().cos()).sum().backward()
        return x.grad, x.is_leaf

    agree(run)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name, on_component", [
    ("tanh", lambda c: c.tanh()),
    ("cat", lambda c: torch.cat([c, c], -1)),
    ("chunk", lambda c: c.chunk(3, -1)[1]),
    ("softmax along the ragged dimension", lambda c: c.softmax(0)),
    ("sum of rows, kept", lambda c: c.sum(1, keepdim=True)),
])  # fmt: skip
def test_gradients_that_pytorch_lacks(name, on_component, layout):
    """PyTorch raises for these (its gradient of the ragged softmax is wrong): compared component by component."""
    parts, dense = [[c.requires_grad_() for c in components(m)] for m in (fl, torch)]
    result = OPERATORS[name](fl, fl.nested.as_nested_tensor(parts, layout=getattr(fl, layout)))
    result = result[1] if isinstance(result, tuple) else result
    sum((c * c.detach().cos()).sum() for c in result.unbind()).backward()
    sum((r * r.detach().cos()).sum() for r in map(on_component, dense)).backward()
    assert close([described(p.grad) for p in parts], [described(d.grad) for d in dense])


def test_gradients_of_a_strided_leaf():
    def run(m):
        x = nested(m, "strided", requires_grad=True)
        (x * x).to_padded_tensor(0.0).sum().backward()
        return x.grad, x.is_leaf, (x * x).is_leaf

    agree(run)


def test_a_gradient_may_be_nested():
    def run(m):
        x = nested(m, "strided", requires_grad=True)
        (x * x).backward(m.ones_like(x))
        return x.grad

    agree(run)


def test_autograd_functions_and_hooks_see_nested_gradients():
    def run(m):
        x, seen = nested(m, "jagged", requires_grad=True), []
        x.register_hook(lambda g: seen.append(g * 2))
        m.autograd.backward([x * x], [m.ones_like(x)])
        return m.autograd.grad((x * x * x).sum(), x), x.grad, seen[:1]

    agree(run)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_copies_and_files(layout):
    import copy
    import io
    import pickle

    x = nested(fl, layout)
    file = io.BytesIO()
    fl.save({"x": x}, file)
    file.seek(0)
    for copied in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x)), fl.load(file, weights_only=False)["x"]):
        assert described(copied) == described(x)
        assert copied.layout is x.layout


def test_a_layer_is_trained_on_ragged_batches():
    def run(m):
        layer = m.nn.Linear(3, 2)
        with m.no_grad():
            layer.weight.copy_(m.arange(6.0).reshape(2, 3) / 6)
            layer.bias.fill_(0.5)
        for _ in range(3):
            loss = m.nn.functional.gelu(layer(nested(m, "jagged"))).mean()
            grads = m.autograd.grad(loss, list(layer.parameters()))
            with m.no_grad():
                for p, g in zip(layer.parameters(), grads):
                    p -= 0.1 * g
        return [loss, *layer.parameters()]

    agree(run)
