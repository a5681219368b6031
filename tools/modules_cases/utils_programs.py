"""``nn.utils`` and ``nn.init``."""

from __future__ import annotations

import copy
import pickle
from importlib import import_module
from typing import Any

from modules_cases.comparing import attempt


def tried(*calls: Any) -> list:
    return [attempt(call) for call in calls]


def net(m: Any) -> Any:
    m.manual_seed(0)
    made = m.nn.Sequential(m.nn.Linear(3, 4), m.nn.Tanh(), m.nn.Linear(4, 2))
    made(m.ones(5, 3)).pow(2).sum().backward()
    return made


def clipped_norms(m: Any) -> list:
    seen = []
    for options in (
        {},
        {"norm_type": 1},
        {"norm_type": float("inf")},
        {"norm_type": 3.0, "foreach": False},
        {"norm_type": 0},
        {"foreach": True},
        {"norm_type": "inf"},
        {"norm_type": -1},
    ):
        made = net(m)
        total = attempt(lambda: m.nn.utils.clip_grad_norm_(made.parameters(), 0.1, **options))
        seen.append([total, [p.grad for p in made.parameters()]])
    made = net(m)
    made[0].weight.grad[0, 0] = float("nan")
    seen += tried(
        lambda: m.nn.utils.clip_grad_norm_(made.parameters(), 1.0, error_if_nonfinite=True),
        lambda: m.nn.utils.clip_grad_norm_(made.parameters(), 1.0),
        lambda: m.nn.utils.clip_grad_norm_([], 1.0),
        lambda: m.nn.utils.clip_grad_norm_(m.nn.Parameter(m.ones(2)), 1.0),
        lambda: m.nn.utils.clip_grad_norm_(net(m)[0].weight, 0.5),
        lambda: m.nn.utils.clip_grad_norm_(net(m).parameters(), m.tensor(0.3)),
        lambda: m.nn.utils.get_total_norm([m.ones(2), m.ones(3)], 2.0),
        lambda: m.nn.utils.get_total_norm([]),
    )
    made = net(m)
    generator = made.parameters()
    next(generator)
    list(generator)
    seen.append(attempt(lambda: m.nn.utils.clip_grad_norm_(generator, 1.0)))
    seen.append(attempt(lambda: m.nn.utils.clip_grads_with_norm_(made.parameters(), 0.5, m.tensor(2.0))))
    return [*seen, [p.grad for p in made.parameters()]]


def clipped_values(m: Any) -> list:
    made = net(m)
    result = [
        attempt(lambda: m.nn.utils.clip_grad_value_(made.parameters(), 0.05)),
        attempt(lambda: m.nn.utils.clip_grad_value_(made[0].weight, 0.01, foreach=False)),
    ]
    return [
        *result,
        [p.grad for p in made.parameters()],
        attempt(lambda: m.nn.utils.clip_grad_norm(made.parameters(), 1.0)),
    ]


def vectors(m: Any) -> list:
    made = net(m)
    u = m.nn.utils
    vector = u.parameters_to_vector(made.parameters())
    u.vector_to_parameters(m.arange(26.0), made.parameters())
    return [
        vector,
        list(made.parameters()),
        *tried(
            lambda: u.vector_to_parameters([1.0], made.parameters()),
            lambda: u.parameters_to_vector([]),
            lambda: u.vector_to_parameters(m.ones(3), made.parameters()),
        ),
    ]


def padding(m: Any) -> list:
    r = m.nn.utils.rnn
    parts = [m.arange(3.0), m.arange(1.0), m.arange(2.0)]
    rows = [m.ones(3, 2), m.ones(1, 2) * 2]
    padded = r.pad_sequence(rows, batch_first=True)
    return tried(
        lambda: r.pad_sequence(parts),
        lambda: r.pad_sequence(parts, True, -1.0),
        lambda: r.pad_sequence(parts, True, 0.0, "left"),
        lambda: r.pad_sequence(parts, padding_side="up"),
        lambda: r.pad_sequence(rows),
        lambda: r.pad_sequence(m.ones(2, 3)),
        lambda: r.pad_sequence(3),
        lambda: r.pad_sequence([]),
        lambda: r.unpad_sequence(padded, m.tensor([3, 1]), batch_first=True),
        lambda: r.unpad_sequence(r.pad_sequence(parts), m.tensor([3, 1, 2])),
        lambda: r.invert_permutation(m.tensor([2, 0, 1])),
        lambda: r.invert_permutation(None),
    )


def packing(m: Any) -> list:
    r = m.nn.utils.rnn
    x = m.arange(12.0).reshape(3, 2, 2).requires_grad_()

    def fields(packed: Any) -> list:
        return [packed.data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices, type(packed).__name__]

    packed = r.pack_padded_sequence(x, [3, 2])
    shuffled = r.pack_padded_sequence(x, m.tensor([1, 3]), enforce_sorted=False)
    out, lengths = r.pad_packed_sequence(shuffled, batch_first=True, padding_value=-1.0, total_length=4)
    out.sum().backward()
    return [
        fields(packed),
        fields(shuffled),
        out,
        lengths,
        x.grad,
        *tried(
            lambda: fields(r.pack_padded_sequence(x, [1, 3])),
            lambda: fields(r.pack_padded_sequence(x, [3, 0])),
            lambda: fields(r.pack_padded_sequence(x, [3])),
            lambda: fields(r.pack_padded_sequence(x, [4, 1])),
            lambda: fields(r.pack_padded_sequence(x, m.tensor([3.0, 1.0]))),
            lambda: fields(r.pack_sequence([m.ones(3), m.ones(1)])),
            lambda: fields(r.pack_sequence([m.ones(1), m.ones(3)])),
            lambda: fields(r.pack_sequence([m.ones(1), m.ones(3)], enforce_sorted=False)),
            lambda: [list(t.shape) for t in r.unpack_sequence(shuffled)],
            lambda: r.pad_packed_sequence(packed, total_length=2),
            lambda: fields(packed.to(m.float64)),
            lambda: fields(packed.double()),
            lambda: fields(packed.half().int()),
            lambda: [packed.is_cuda, packed.is_pinned()],
            lambda: fields(packed.cpu()),
            lambda: repr(packed)[:40],
            lambda: fields(pickle.loads(pickle.dumps(packed))),
            lambda: fields(copy.deepcopy(r.PackedSequence(m.ones(2), m.tensor([1, 1])))),
            lambda: fields(r.PackedSequence(m.ones(2), m.tensor([1, 1]), m.tensor([0]))),
            lambda: fields(r.PackedSequence(m.ones(3))),
        ),
    ]


def weight_norms(m: Any) -> list:
    found = []
    for dim in (0, 1, None, -1):
        m.manual_seed(0)
        layer = m.nn.utils.weight_norm(m.nn.Linear(3, 2), dim=dim)
        out = layer(m.ones(1, 3))
        out.sum().backward()
        found.append([list(layer.state_dict()), out, layer.weight_g.grad, layer.weight_v.grad, repr(layer)])
        found.append(attempt(lambda: m.nn.utils.weight_norm(layer)))
        m.nn.utils.remove_weight_norm(layer)
        found.append(
            [list(layer.state_dict()), layer(m.ones(1, 3)), attempt(lambda: m.nn.utils.remove_weight_norm(layer))]
        )
    return found


def parametrized_norms(m: Any) -> list:
    p = m.nn.utils.parametrizations
    found = []
    for make in (
        lambda: p.weight_norm(m.nn.Conv1d(2, 3, 2), dim=1),
        lambda: p.spectral_norm(m.nn.Linear(3, 2)),
        lambda: p.spectral_norm(m.nn.Conv2d(2, 3, 2), n_power_iterations=2, eps=1e-6),
        lambda: p.orthogonal(m.nn.Linear(3, 3)),
        lambda: p.orthogonal(m.nn.Linear(2, 4), orthogonal_map="cayley"),
        lambda: p.orthogonal(m.nn.Linear(4, 2), orthogonal_map="householder"),
        lambda: p.orthogonal(m.nn.Linear(4, 2), use_trivialization=False),
        lambda: p.orthogonal(m.nn.Linear(4, 2), orthogonal_map="other"),
        lambda: p.orthogonal(m.nn.Linear(4, 2), "bias"),
        lambda: p.spectral_norm(m.nn.Linear(3, 2), "missing"),
        lambda: m.nn.utils.spectral_norm(m.nn.Linear(3, 2)),
    ):
        m.manual_seed(3)
        layer = attempt(make)
        if isinstance(layer, Exception):
            found.append(layer)
            continue
        weight = layer.weight
        weight.pow(2).sum().backward()
        found.append([list(layer.state_dict()), weight.detach(), [p.grad for p in layer.parameters()], repr(layer)])
    return found


def parametrizations(m: Any) -> list:
    P = m.nn.utils.parametrize

    class Symmetric(m.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).mT

        def right_inverse(self, x: Any) -> Any:
            return x.triu()

    class Scaled(m.nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 2

    class Wrong(m.nn.Module):
        def forward(self, x: Any) -> Any:
            return x[:1]

    m.manual_seed(0)
    layer = m.nn.Linear(2, 2)
    P.register_parametrization(layer, "weight", Symmetric())
    found = [repr(layer), list(layer.state_dict()), layer.weight, type(layer).__name__, isinstance(layer, m.nn.Linear)]
    P.register_parametrization(layer, "weight", Scaled())
    found += [layer.weight, P.is_parametrized(layer), P.is_parametrized(layer, "bias"), repr(layer.parametrizations)]
    layer.weight.sum().backward()
    found.append(layer.parametrizations.weight.original.grad)
    found += tried(
        lambda: setattr(layer, "weight", m.ones(2, 2)),
        lambda: P.register_parametrization(layer, "missing", Scaled()),
        lambda: P.register_parametrization(layer, "bias", Wrong()),
        lambda: P.register_parametrization(layer, "bias", Wrong(), unsafe=True),
        lambda: P.remove_parametrizations(layer, "weight", leave_parametrized=False),
        lambda: pickle.dumps(layer) and 0,
        lambda: repr(copy.deepcopy(layer)),
        lambda: P.type_before_parametrizations(layer).__name__,
    )
    with P.cached():
        found.append(layer.weight is layer.weight)
    found += tried(
        lambda: repr(P.remove_parametrizations(layer, "weight")),
        lambda: repr(layer),
        lambda: list(layer.state_dict()),
        lambda: layer.weight,
    )
    return found


def pruning(m: Any) -> list:
    prune = import_module(f"{m.__name__}.nn.utils.prune")
    found = []
    for how in (
        lambda layer: prune.l1_unstructured(layer, "weight", 0.4),
        lambda layer: prune.l1_unstructured(layer, "weight", 3),
        lambda layer: prune.random_unstructured(layer, "weight", 0.5),
        lambda layer: prune.ln_structured(layer, "weight", 0.5, n=2, dim=0),
        lambda layer: prune.random_structured(layer, "weight", 1, dim=1),
        lambda layer: prune.identity(layer, "bias"),
        lambda layer: prune.custom_from_mask(layer, "weight", m.tensor([[1, 0, 1], [0, 1, 0]])),
        lambda layer: prune.l1_unstructured(layer, "weight", 1.5),
        lambda layer: prune.l1_unstructured(layer, "weight", 100),
        lambda layer: prune.l1_unstructured(layer, "weight", -1),
        lambda layer: prune.ln_structured(layer, "weight", 0.5, n=1, dim=7),
        lambda layer: prune.remove(layer, "weight"),
        lambda layer: prune.l1_unstructured(layer, "nothing", 0.4),
    ):
        m.manual_seed(1)
        layer = m.nn.Linear(3, 2)
        failure = attempt(lambda: how(layer) and None)
        found.append(
            [
                failure,
                list(layer.state_dict()),
                dict(layer.named_buffers()),
                layer.weight,
                layer(m.ones(1, 3)),
                prune.is_pruned(layer),
            ]
        )
    layer = m.nn.Linear(3, 2)
    prune.l1_unstructured(prune.l1_unstructured(layer, "weight", 2), "weight", 0.5)
    found.append([layer.weight_mask, repr(layer._forward_pre_hooks[next(iter(layer._forward_pre_hooks))])[:9]])
    prune.remove(layer, "weight")
    made = net(m)
    prune.global_unstructured([(made[0], "weight"), (made[2], "weight")], prune.L1Unstructured, amount=0.5)
    return [*found, list(layer.state_dict()), layer.weight, dict(made.named_buffers())]


def stateless(m: Any) -> list:
    made = net(m)
    values = {n: m.full_like(p, 0.5) for n, p in made.named_parameters()}
    call = m.func.functional_call
    return tried(
        lambda: call(made, values, (m.ones(1, 3),)),
        lambda: call(made, {"0.weight": m.zeros(4, 3)}, m.ones(1, 3)),
        lambda: call(made, {"0.weight": m.zeros(4, 3)}, (m.ones(1, 3),), strict=True),
        lambda: call(made, {"x.y": m.zeros(1)}, m.ones(1, 3)),
        lambda: call(made, ({"0.bias": m.zeros(4)}, {"2.bias": m.zeros(2)}), m.ones(1, 3)),
        lambda: call(made, {}, (), {"input": m.ones(1, 3)}),
        lambda: made[0].weight.grad,
        lambda: m.nn.utils.stateless.functional_call(made, values, m.ones(1, 3)),
    )


def fusion(m: Any) -> list:
    m.manual_seed(0)
    conv, bn = m.nn.Conv2d(1, 2, 2), m.nn.BatchNorm2d(2)
    bn.running_mean.add_(0.5)
    conv.eval(), bn.eval()
    fused = m.nn.utils.fuse_conv_bn_eval(conv, bn)
    linear, bn1 = m.nn.Linear(2, 3).eval(), m.nn.BatchNorm1d(3).eval()
    return [
        fused.weight,
        fused.bias,
        m.nn.utils.fuse_linear_bn_eval(linear, bn1).weight,
        m.nn.utils.skip_init(m.nn.Linear, 2, 3).weight.shape == (3, 2),
        *tried(lambda: m.nn.utils.skip_init(m.nn.ReLU), lambda: m.nn.utils.skip_init(3)),
    ]


def initializers(m: Any) -> list:
    init = m.nn.init
    found = []
    for fill in (
        lambda t: init.uniform_(t, -1, 2),
        lambda t: init.normal_(t, 1.0, 0.5),
        lambda t: init.trunc_normal_(t, 0.0, 1.0, -0.5, 0.5),
        lambda t: init.constant_(t, 3),
        init.ones_,
        init.zeros_,
        init.eye_,
        init.xavier_uniform_,
        lambda t: init.xavier_normal_(t, 2.0),
        init.kaiming_uniform_,
        lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"),
        lambda t: init.kaiming_uniform_(t, a=1, nonlinearity="tanh"),
        init.orthogonal_,
        lambda t: init.orthogonal_(t, 3),
        lambda t: init.sparse_(t, 0.4),
        init.dirac_,
        lambda t: init.dirac_(t, 2),
        lambda t: init.kaiming_uniform_(t, mode="other"),
        lambda t: init.kaiming_uniform_(t, nonlinearity="other"),
        lambda t: init.trunc_normal_(t, 9.0),
        lambda t: init.uniform_(t, 0, 1, generator=m.Generator().manual_seed(5)),
    ):
        for shape in ((4, 6), (4, 2, 3), (5,), (0, 3), (4, 2, 3, 3)):
            m.manual_seed(11)
            tensor = m.empty(shape)
            result = attempt(lambda: fill(tensor))
            found.append(result if isinstance(result, Exception) else [result, result is tensor])
    for name in ("linear", "relu", "leaky_relu", "tanh", "sigmoid", "selu", "conv2d", "nothing"):
        found += tried(
            lambda: init.calculate_gain(name),
            lambda: init.calculate_gain(name, 0.3),
            lambda: init.calculate_gain(name, "x"),
        )
    found += tried(
        lambda: init.uniform(m.empty(2)),
        lambda: init._calculate_fan_in_and_fan_out(m.empty(3)),
        lambda: init._calculate_correct_fan(m.empty(3, 4), "fan_out"),
    )
    p = m.nn.Parameter(m.empty(2, 3))
    init.xavier_uniform_(p)
    return [*found, p.requires_grad, p.grad_fn is None]
