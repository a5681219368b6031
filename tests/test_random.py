"""Random operators: the same seed gives PyTorch's values, whatever the dtype and the memory order."""

from __future__ import annotations

import pickle

import pytest

import flambeau

torch = pytest.importorskip("torch")

CASES = {
    "rand": lambda m: m.rand(3, 5),
    "rand of sizes in a tuple": lambda m: m.rand((2, 2), dtype=m.float64),
    "randn": lambda m: m.randn(20),
    "a few normals": lambda m: m.randn(3, dtype=m.float64),
    "bfloat16": lambda m: m.randn(20, dtype=m.bfloat16),
    "complex": lambda m: m.view_as_real(m.randn(5, dtype=m.complex64)),
    "randint": lambda m: m.randint(10, (4, 4)),
    "randint of int8": lambda m: m.randint(-3, 10, (4,), dtype=m.int8),
    "randperm": lambda m: m.randperm(11),
    "rand_like": lambda m: m.rand_like(m.zeros(3, 4)),
    "randn_like, transposed": lambda m: m.randn_like(m.zeros(6, 5).t()),
    "randint_like": lambda m: m.randint_like(m.zeros(4), 9),
    "uniform_, transposed": lambda m: m.zeros(6, 5).t().uniform_(2, 3),
    "uniform_ by keyword": lambda m: m.zeros(3).uniform_(to=5, **{"from": 2}),
    "normal_ with steps": lambda m: m.zeros(10, 4)[::2].normal_(1, 3),
    "random_": lambda m: m.zeros(5).random_(),
    "random_ to": lambda m: m.zeros(5).random_(7),
    "random_ of a range": lambda m: m.zeros(5, dtype=m.int64).random_(3, 9),
    "bernoulli": lambda m: m.bernoulli(m.full((3, 4), 0.3)),
    "bernoulli of a number": lambda m: m.bernoulli(m.zeros(8), 0.5),
    "bernoulli_ of a tensor, transposed": lambda m: m.zeros(3, 4).t().bernoulli_(m.linspace(0, 1, 12).reshape(4, 3)),
    "exponential_": lambda m: m.zeros(4).exponential_(2.0),
    "geometric_": lambda m: m.zeros(4).geometric_(0.3),
    "cauchy_": lambda m: m.zeros(3).cauchy_(),
    "log_normal_": lambda m: m.zeros(3).log_normal_(),
    "multinomial": lambda m: m.multinomial(m.tensor([0.1, 0.2, 0.7]), 5, True),
    "multinomial without replacement": lambda m: m.multinomial(m.ones(2, 5), 3),
    "normal of tensors": lambda m: m.normal(m.arange(4.0), m.ones(4)),
    "normal of sizes": lambda m: m.normal(0, 2.0, (3,)),
    "normal of means": lambda m: m.normal(m.zeros(4), 2.0),
    "poisson": lambda m: m.poisson(m.linspace(0, 9, 40)),
    "poisson of large rates": lambda m: m.poisson(m.linspace(10, 3000, 200).reshape(10, 20).t()),
    "poisson in float64": lambda m: m.poisson(m.full((50,), 12.5, dtype=m.float64)),
    "binomial": lambda m: m.binomial(m.full((6, 20), 15.0), m.linspace(0, 1, 20)),
    "binomial of large counts": lambda m: m.binomial(m.linspace(20, 900, 300), m.tensor(0.4)),
    "binomial of likely successes": lambda m: m.binomial(m.linspace(1, 900, 300), m.tensor(0.8)),
    "into out": lambda m: m.rand(3, out=m.empty(3)),
    "nothing": lambda m: m.randn(0, 3),
}


FILLS = ["normal_", "uniform_", "exponential_", "bernoulli_", "random_", "cauchy_", "log_normal_", "geometric_"]


@pytest.mark.parametrize("lib", [flambeau, torch], ids=["flambeau", "torch"])
@pytest.mark.parametrize("name", FILLS)
def test_filling_ends_the_history(lib, name):
    arguments = (0.5,) if name == "geometric_" else ()
    x = lib.ones(4, requires_grad=True)
    y = x * 3
    getattr(y, name)(*arguments)
    assert y.requires_grad and lib.autograd.grad((y * 2).sum(), x)[0].tolist() == [0, 0, 0, 0]
    whole = x * 3
    getattr(whole[1:3], name)(*arguments)
    assert lib.autograd.grad(whole.sum(), x)[0].tolist() == [3, 0, 0, 3]
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        getattr(x, name)(*arguments)
    with lib.no_grad():
        getattr(x, name)(*arguments)
    assert x.is_leaf and x.requires_grad


@pytest.mark.parametrize("lib", [flambeau, torch], ids=["flambeau", "torch"])
def test_counts_feel_no_change_of_their_parameters(lib):
    rate, chance = lib.full((3,), 4.0, requires_grad=True), lib.full((), 0.5, requires_grad=True)
    assert lib.autograd.grad(lib.poisson(rate).sum(), rate)[0].tolist() == [0, 0, 0]
    assert lib.binomial(lib.ones(3), chance).requires_grad
    with pytest.raises(RuntimeError, match="rate"):
        lib.poisson(-rate)
    with pytest.raises(NotImplementedError):
        lib.poisson(lib.ones(3, dtype=lib.int64))


@pytest.mark.parametrize("name", CASES)
def test_same_values_for_the_same_seed(name):
    found = []
    for m in (flambeau, torch):
        m.manual_seed(3)
        result = CASES[name](m)
        after = m.rand(2)  # as many numbers were drawn
        found.append((str(result.dtype), tuple(result.shape), result.stride(), result.tolist(), after.tolist()))
    assert found[0] == found[1]


def test_an_in_place_draw_waits_for_pending_work():
    flambeau.manual_seed(0)
    x = flambeau.ones(4) * 2
    y = x + 1
    x.uniform_()
    assert y.tolist() == [3.0] * 4
    flambeau.manual_seed(0)
    assert x.tolist() == flambeau.rand(4).tolist()


def test_generators():
    ours, theirs = flambeau.Generator(), torch.Generator()
    assert ours.initial_seed() == theirs.initial_seed()
    ours.manual_seed(5), theirs.manual_seed(5)
    assert flambeau.randn(7, generator=ours).tolist() == torch.randn(7, generator=theirs).tolist()
    assert ours.get_state().tolist() == theirs.get_state().tolist()
    state = ours.get_state()
    first = flambeau.rand(3, generator=ours)
    copied = pickle.loads(pickle.dumps(ours))
    assert ours.set_state(state) is ours
    assert flambeau.rand(3, generator=ours).tolist() == first.tolist()
    assert flambeau.rand(3, generator=ours).tolist() == flambeau.rand(3, generator=copied).tolist()
    assert ours.device == flambeau.device("cpu")


def test_the_default_generator():
    assert flambeau.manual_seed(4) is flambeau.default_generator
    assert flambeau.initial_seed() == 4
    state = flambeau.get_rng_state()
    first = flambeau.rand(2).tolist()
    flambeau.set_rng_state(state)
    assert flambeau.rand(2).tolist() == first
    with flambeau.random.fork_rng():
        flambeau.rand(100)
    flambeau.set_rng_state(state)
    with flambeau.random.fork_rng():
        flambeau.seed()
    assert flambeau.rand(2).tolist() == first


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.rand(2, dtype=m.int64),
        lambda m: m.randn(2, dtype=m.int64),
        lambda m: m.randint(5, 2, (3,)),
        lambda m: m.randint(0, 300, (3,), dtype=m.uint8),
        lambda m: m.randperm(-1),
        lambda m: m.bernoulli(m.tensor([2.0])),
        lambda m: m.bernoulli(m.tensor([1])),
        lambda m: m.multinomial(m.zeros(2), 1),
        lambda m: m.multinomial(m.ones(2), 3),
        lambda m: m.normal(m.zeros(2), -m.ones(2)),
        lambda m: m.normal(0, 1),
        lambda m: m.zeros(2).uniform_(3, 2),
        lambda m: m.zeros(2).normal_(0, -1),
        lambda m: m.zeros(2).exponential_(0),
        lambda m: m.zeros(2).geometric_(2),
        lambda m: m.ones(2, requires_grad=True).normal_(),
        lambda m: m.ones(1).expand(3).normal_(),
        lambda m: m.manual_seed(2**70),
        lambda m: m.rand(2, generator=3),
        lambda m: m.set_rng_state(m.ones(3)),
        lambda m: m.set_rng_state(m.ones(3, dtype=m.uint8)),
        lambda m: m.rand(-1),
    ],
)
def test_same_kind_of_error(call):
    errors = []
    for m in (flambeau, torch):
        with pytest.raises(Exception) as caught:
            call(m)
        errors.append(caught.type)
    assert errors[0] is errors[1]


def test_meta_draws_nothing():
    state = flambeau.get_rng_state().tolist()
    assert flambeau.rand(3, device="meta").is_meta
    assert flambeau.get_rng_state().tolist() == state


@pytest.mark.parametrize(
    "draw",
    [
        lambda m, p: m.bernoulli(p),
        lambda m, p: p.bernoulli(),
        lambda m, p: m.normal(p, 1.0),
        lambda m, p: m.normal(0.0, p),
        lambda m, p: m.normal(p, p),
        lambda m, p: m.poisson(p),
    ],
)
def test_parameters_of_random_numbers_get_zeros_for_gradients(draw):
    for m in (flambeau, torch):
        p = m.tensor([0.5, 0.25], requires_grad=True)
        x = draw(m, p)
        assert x.requires_grad and m.autograd.grad(x.sum(), p)[0].tolist() == [0.0, 0.0]
