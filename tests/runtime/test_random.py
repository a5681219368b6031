"""The CPU random streams: a seed gives PyTorch's own numbers, and leaves the generator in its state."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

import flambeau
from flambeau.runtime import random
from flambeau.runtime.random import Generator
from flambeau.runtime.random.rounding import cast, fma32, fma64, to_bfloat16

torch = pytest.importorskip("torch")

FLOATS = ["float16", "bfloat16", "float32", "float64"]
INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]
# Around the block of 16 of the normal fill, and around the 624 words of the engine.
SIZES = [0, 1, 2, 3, 15, 16, 17, 32, 47, 311, 312, 624, 1000]


def torch_dtype(name):
    return getattr(torch, name)


def as_array(tensor):
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def assert_same_stream(ours, theirs, seed=2147483647):
    """Twice the same draw, from the same seed: equal values, dtypes, shapes, and equal states after."""
    generator = Generator().manual_seed(seed)
    torch.manual_seed(seed)
    for _ in range(2):
        mine, reference = ours(generator), as_array(theirs())
        assert mine.dtype == reference.dtype
        np.testing.assert_array_equal(mine, reference)
    np.testing.assert_array_equal(generator.get_state_array(), torch.get_rng_state().numpy())


# The generator ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 42, 2**32 - 1, 2**32 + 7, 2**64 - 1, -1, -(2**63)])
def test_a_seed_gives_the_reference_state(seed):
    generator, reference = Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
    assert generator.initial_seed() == reference.initial_seed()
    np.testing.assert_array_equal(generator.get_state_array(), reference.get_state().numpy())


def test_a_new_generator_has_the_reference_seed_and_device():
    assert Generator().initial_seed() == torch.Generator().initial_seed() == 67280421310721
    assert Generator().device == "cpu"


def test_manual_seed_returns_the_generator():
    generator = Generator()
    assert generator.manual_seed(3) is generator


def test_seed_comes_from_the_system_and_restarts_the_stream():
    generator = Generator()
    first, second = generator.seed(), generator.seed()
    assert first != second
    assert generator.initial_seed() == second
    np.testing.assert_array_equal(
        generator.get_state_array(), Generator().manual_seed(second).get_state_array()
    )


@pytest.mark.parametrize("seed, error", [(1.5, RuntimeError), (True, RuntimeError), ("a", RuntimeError),
                                         (2**64, ValueError), (-(2**63) - 1, ValueError)])
def test_manual_seed_refuses_what_the_reference_refuses(seed, error):
    with pytest.raises(error):
        torch.Generator().manual_seed(seed)
    with pytest.raises(error):
        Generator().manual_seed(seed)


def test_only_the_cpu_is_served():
    with pytest.raises(RuntimeError, match="cuda"):
        Generator("cuda")


@pytest.mark.parametrize("drawn", [0, 1, 623, 624, 625, 1248])
def test_states_travel_both_ways(drawn):
    reference = torch.Generator().manual_seed(9)
    torch.empty(drawn).uniform_(generator=reference)
    generator = Generator().set_state_array(reference.get_state().numpy())
    np.testing.assert_array_equal(generator.get_state_array(), reference.get_state().numpy())
    np.testing.assert_array_equal(
        random.uniform(generator, 700), torch.rand(700, generator=reference).numpy()
    )
    reference.set_state(torch.from_numpy(generator.get_state_array()))
    np.testing.assert_array_equal(random.uniform(generator, 9), torch.rand(9, generator=reference).numpy())


def test_the_state_carries_the_second_normal_of_a_pair():
    generator = Generator().manual_seed(1)
    random.normal(generator, 3)
    restored = Generator().set_state_array(generator.get_state_array())
    assert restored.next_normal == generator.next_normal is not None
    np.testing.assert_array_equal(random.normal(restored, 2), random.normal(generator, 2))


def test_the_state_carries_the_float32_normal_of_older_programs():
    state = torch.Generator().get_state()
    state[5048:5053] = torch.tensor([0, 0, 128, 63, 1], dtype=torch.uint8)
    np.testing.assert_array_equal(Generator().set_state_array(state.numpy()).get_state_array(), state.numpy())


@pytest.mark.parametrize(
    "copied", [Generator.clone_state, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))]
)
def test_a_copy_goes_on_alone(copied):
    generator = Generator().manual_seed(8)
    random.normal(generator, 5)
    twin = copied(generator)
    expected = random.normal(twin, 40)
    np.testing.assert_array_equal(random.normal(generator, 40), expected)


@pytest.mark.parametrize("state, error", [
    (np.zeros(5, np.uint8), RuntimeError),
    (np.zeros(5056, np.uint8), RuntimeError),
    (np.zeros(5056, np.float32), TypeError),
    (3, TypeError),
])
def test_a_state_that_is_none_is_refused(state, error):
    with pytest.raises(error):
        Generator().set_state_array(state)


# Uniform ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("low, high", [(0, 1), (-0.3, 0.8), (0, 0.7), (2, 2), (-1000, 3)])
def test_uniform(size, low, high, dtype):
    assert_same_stream(
        lambda g: random.uniform(g, size, low, high, dtype),
        lambda: torch.empty(size, dtype=torch_dtype(dtype)).uniform_(low, high),
    )


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform_never_reaches_its_upper_bound(dtype):
    assert_same_stream(
        lambda g: random.uniform(g, 20000, 1, 1.01, dtype),
        lambda: torch.empty(20000, dtype=torch_dtype(dtype)).uniform_(1, 1.01),
    )


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("shape", [(), (3,), (4, 5)])
def test_uniform_and_normal_of_complex_numbers(shape, dtype):
    kind = torch_dtype(dtype)
    assert_same_stream(
        lambda g: random.uniform(g, shape, dtype=dtype), lambda: torch.rand(shape, dtype=kind)
    )
    assert_same_stream(
        lambda g: random.normal(g, shape, dtype=dtype), lambda: torch.randn(shape, dtype=kind)
    )


@pytest.mark.parametrize("low, high", [(1, 0), (-3e38, 3e38), (0, 1e39), (math.nan, 1)])
def test_uniform_refuses_bounds_out_of_order_or_of_range(low, high):
    with pytest.raises(RuntimeError):
        torch.empty(3).uniform_(low, high)
    with pytest.raises(RuntimeError, match="uniform_"):
        random.uniform(Generator(), 3, low, high)


def test_uniform_refuses_integers():
    with pytest.raises(NotImplementedError, match="'Int'"):
        random.uniform(Generator(), 3, dtype="int32")


# Normal -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mean, std", [(0, 1), (0.3, 1.7), (-5, 0)])
def test_normal(size, mean, std, dtype):
    assert_same_stream(
        lambda g: random.normal(g, size, mean, std, dtype),
        lambda: torch.empty(size, dtype=torch_dtype(dtype)).normal_(mean, std),
    )


def test_normal_of_many_elements():
    assert_same_stream(lambda g: random.normal(g, (784, 128)), lambda: torch.randn(784, 128))


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal_into_a_tensor_that_is_not_contiguous(dtype):
    assert_same_stream(
        lambda g: random.normal(g, 41, 1, 2, dtype, contiguous=False),
        lambda: torch.empty(82, dtype=torch_dtype(dtype))[::2].normal_(1, 2),
    )


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal_with_a_mean_and_a_deviation_for_each_element(dtype):
    mean, std = torch.arange(20).to(torch_dtype(dtype)) / 3, torch.arange(20).to(torch_dtype(dtype)) / 7
    mean_array, std_array = as_array(mean), as_array(std)
    assert_same_stream(
        lambda g: random.normal_like(g, mean_array, std_array, dtype), lambda: torch.normal(mean, std)
    )
    assert_same_stream(
        lambda g: random.normal_like(g, mean_array, 1.5, dtype), lambda: torch.normal(mean, 1.5)
    )
    assert_same_stream(lambda g: random.normal_like(g, 0.7, std_array, dtype), lambda: torch.normal(0.7, std))


def test_normal_refuses_a_negative_deviation():
    for std in (-1.0, math.nan):
        with pytest.raises(RuntimeError, match="normal expects std >= 0.0"):
            random.normal(Generator(), 3, 0, std)
    with pytest.raises(RuntimeError, match="all elements of std"):
        random.normal_like(Generator(), 0.0, np.float32([1, -1]))


# Other continuous distributions -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [0, 1, 17, 1000])
def test_exponential_cauchy_and_log_normal(size, dtype):
    def empty():
        return torch.empty(size, dtype=torch_dtype(dtype))

    assert_same_stream(lambda g: random.exponential(g, size, 1.3, dtype), lambda: empty().exponential_(1.3))
    assert_same_stream(lambda g: random.cauchy(g, size, 0.3, 1.7, dtype), lambda: empty().cauchy_(0.3, 1.7))
    assert_same_stream(lambda g: random.log_normal(g, size, dtype=dtype), lambda: empty().log_normal_())


def test_a_log_normal_deviate_may_be_infinite():
    assert_same_stream(
        lambda g: random.log_normal(g, 50, 0, 2000, "float64"),
        lambda: torch.empty(50, dtype=torch.float64).log_normal_(0, 2000),
    )


@pytest.mark.parametrize("draw", [
    lambda g: random.exponential(g, 3, 0),
    lambda g: random.exponential(g, 3, math.nan),
    lambda g: random.exponential(g, 3, 1, "int32"),
    lambda g: random.cauchy(g, 3, 0, -1),
    lambda g: random.cauchy(g, 3, 0, 1, "int32"),
    lambda g: random.log_normal(g, 3, 0, 0),
    lambda g: random.geometric(g, 3, 0),
    lambda g: random.geometric(g, 3, 1),
])
def test_parameters_out_of_range_are_refused(draw):
    with pytest.raises(RuntimeError):
        draw(Generator())


# Integers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bool", *INTEGERS, *FLOATS])
@pytest.mark.parametrize("size", [0, 1, 1000])
def test_random_over_the_whole_range_of_a_dtype(size, dtype):
    def empty():
        return torch.empty(size, dtype=torch_dtype(dtype))

    assert_same_stream(lambda g: random.random(g, size, dtype), lambda: empty().random_())
    assert_same_stream(lambda g: random.random(g, size, dtype, 1), lambda: empty().random_(1, None))


@pytest.mark.parametrize("dtype", ["int64", "float64", "float32", "bfloat16"])
def test_random_over_all_of_int64(dtype):
    assert_same_stream(
        lambda g: random.random(g, 100, dtype, -(2**63)),
        lambda: torch.empty(100, dtype=torch_dtype(dtype)).random_(-(2**63), None),
    )


@pytest.mark.parametrize("dtype", [*INTEGERS, "uint16", "uint32", "uint64", *FLOATS])
def test_randint_of_a_small_range(dtype):
    assert_same_stream(
        lambda g: random.randint(g, (7, 100), 3, 100, dtype),
        lambda: torch.randint(3, 100, (7, 100), dtype=torch_dtype(dtype)),
    )


@pytest.mark.filterwarnings("ignore:.*out of bounds")
@pytest.mark.parametrize("dtype", ["int64", "float64", "float32", "bfloat16"])
@pytest.mark.parametrize("low, high", [
    (0, 2**28 - 1), (0, 2**28), (-5, 2**32), (0, 2**62 + 1), (-(2**63), 2**63 - 1), (-(2**24) - 3, 2**24 + 7),
])
def test_randint_of_a_wide_range(low, high, dtype):
    assert_same_stream(
        lambda g: random.randint(g, 1000, low, high, dtype),
        lambda: torch.randint(low, high, (1000,), dtype=torch_dtype(dtype)),
    )


@pytest.mark.filterwarnings("ignore:.*out of bounds")
@pytest.mark.parametrize("low, high, dtype", [
    (3, 3, "int64"), (0, 300, "uint8"), (-1, 3, "uint8"), (0, 3, "bool"), (0, 10, "complex64"),
    (0, 10**6, "float16"), (2**24 + 1, 2**24 + 100, "bfloat16"),
])
def test_randint_refuses_ranges_that_do_not_fit(low, high, dtype):
    with pytest.raises(RuntimeError):
        torch.randint(low, high, (3,), dtype=torch_dtype(dtype))
    with pytest.raises(RuntimeError):
        random.randint(Generator(), 3, low, high, dtype)


def test_randint_warns_of_integers_that_a_float_cannot_hold():
    with pytest.warns(UserWarning, match="float16"):
        random.randint(Generator(), 3, 0, 4000, "float16")


def test_a_data_loaders_base_seed_and_shuffle():
    generator = Generator().manual_seed(0)
    torch.manual_seed(0)
    seed = random.random_int64(generator)
    assert seed == torch.empty((), dtype=torch.int64).random_().item()
    np.testing.assert_array_equal(
        random.randperm(Generator().manual_seed(seed), 60000),
        torch.randperm(60000, generator=torch.Generator().manual_seed(seed)).numpy(),
    )


@pytest.mark.parametrize("n", [0, 1, 2, 3, 100, 2000])
@pytest.mark.parametrize("dtype", ["int16", "int64", "float16", "bfloat16", "float64"])
def test_randperm(n, dtype):
    assert_same_stream(
        lambda g: random.randperm(g, n, dtype), lambda: torch.randperm(n, dtype=torch_dtype(dtype))
    )


def test_randperm_may_fill_the_whole_range_of_a_dtype():
    assert_same_stream(
        lambda g: random.randperm(g, 256, "uint8"), lambda: torch.randperm(256, dtype=torch.uint8)
    )


@pytest.mark.parametrize("n, dtype, error", [
    (-1, "int64", RuntimeError), (257, "uint8", RuntimeError), (3000, "float16", RuntimeError),
    (3, "bool", NotImplementedError), (3, "uint16", NotImplementedError),
    (3, "complex64", NotImplementedError),
])
def test_randperm_refuses_what_does_not_fit(n, dtype, error):
    with pytest.raises(error):
        torch.randperm(n, dtype=torch_dtype(dtype))
    with pytest.raises(error):
        random.randperm(Generator(), n, dtype)


def test_the_permutations_of_hundreds_of_millions_are_refused_by_name():
    with pytest.raises(NotImplementedError, match="randperm: argument n"):
        random.randperm(Generator(), 214748364)


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS])
def test_geometric(dtype):
    assert_same_stream(
        lambda g: random.geometric(g, 1000, 0.37, dtype),
        lambda: torch.empty(1000, dtype=torch_dtype(dtype)).geometric_(0.37),
    )


# Bernoulli and dropout ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bool", *INTEGERS, *FLOATS])
@pytest.mark.parametrize("p", [0, 0.3, 0.5, 1])
@pytest.mark.parametrize("shape", [(), (0,), (7, 300)])
def test_bernoulli_of_a_number(shape, p, dtype):
    assert_same_stream(
        lambda g: random.bernoulli(g, shape, p, dtype),
        lambda: torch.empty(shape, dtype=torch_dtype(dtype)).bernoulli_(p),
    )


@pytest.mark.parametrize("dtype", FLOATS)
def test_bernoulli_of_an_array(dtype):
    p = torch.linspace(0, 1, 300, dtype=torch.float64).to(torch_dtype(dtype))
    assert_same_stream(
        lambda g: random.bernoulli(g, (5, 300), as_array(p), "float32"),
        lambda: torch.empty(5, 300).bernoulli_(p),
    )


@pytest.mark.parametrize("p", [-0.1, 1.5, math.nan, np.float32([0.5, 1.5]), np.array([math.nan])])
def test_bernoulli_refuses_what_is_no_probability(p):
    with pytest.raises(RuntimeError, match="bernoulli"):
        random.bernoulli(Generator(), 2, p)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("p", [0.0, 0.1, 0.3, 0.5, 0.8, 1.0])
def test_dropout(p, dtype):
    ones = torch.ones(6, 50, dtype=torch_dtype(dtype))
    assert_same_stream(
        lambda g: random.dropout_noise(g, (6, 50), p, dtype), lambda: torch.nn.functional.dropout(ones, p)
    )


def test_dropout_of_whole_channels():
    assert_same_stream(
        lambda g: np.broadcast_to(random.dropout_noise(g, (4, 6, 3, 3), 0.3, feature=True), (4, 6, 3, 3)),
        lambda: torch.nn.functional.dropout2d(torch.ones(4, 6, 3, 3), 0.3),
    )


@pytest.mark.parametrize("p", [0.0, 0.4, 1.0])
def test_native_dropout_is_a_bernoulli_mask(p):
    assert_same_stream(
        lambda g: random.bernoulli(g, (9, 9), 1 - p, "bool"),
        lambda: torch.native_dropout(torch.ones(9, 9), p, True)[1],
    )


def test_dropout_refuses_what_is_no_probability():
    with pytest.raises(RuntimeError, match="between 0 and 1, but got 1.5"):
        random.dropout_noise(Generator(), (3,), 1.5)
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        random.dropout_noise(Generator(), (3,), 0.5, feature=True)


# Multinomial --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(1,), (10,), (3, 10), (0, 10), (20, 1), (31, 37)])
def test_multinomial_with_replacement(shape, dtype):
    weights = torch.linspace(0.1, 2, math.prod(shape)).reshape(shape).to(torch_dtype(dtype))
    assert_same_stream(
        lambda g: random.multinomial(g, as_array(weights), 50, True, dtype),
        lambda: torch.multinomial(weights, 50, replacement=True),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("samples", [1, 2, 10])
def test_multinomial_without_replacement(samples, dtype):
    weights = torch.linspace(0.1, 2, 30, dtype=torch_dtype(dtype)).reshape(3, 10)
    assert_same_stream(
        lambda g: random.multinomial(g, weights.numpy(), samples), lambda: torch.multinomial(weights, samples)
    )


@pytest.mark.parametrize("weights, samples, replacement", [
    (torch.ones(3), 4, False), (torch.ones(3), 0, False), (torch.tensor([-1.0, 2]), 1, False),
    (torch.tensor([0.0, 0]), 1, False), (torch.tensor([0.0, 0]), 1, True),
    (torch.tensor([math.inf, 2]), 1, True), (torch.tensor([math.nan, 2]), 1, False),
    (torch.ones(3).long(), 1, False), (torch.ones(2, 2, 2), 1, False),
])
def test_multinomial_refuses_what_is_no_distribution(weights, samples, replacement):
    with pytest.raises(RuntimeError):
        torch.multinomial(weights, samples, replacement)
    with pytest.raises(RuntimeError):
        random.multinomial(Generator(), weights.numpy(), samples, replacement)


# Roundings ----------------------------------------------------------------------------------------------


def test_fused_multiply_add_rounds_once():
    """Against exact rational arithmetic."""
    from fractions import Fraction

    rng = np.random.default_rng(0)
    a = rng.standard_normal(2000)
    for b, c in [(1.1, -0.3), (0.7, 1e-17), (-3.0, 3.0), (1e10, -1e10)]:
        exact = [float(Fraction(x) * Fraction(b) + Fraction(c)) for x in a.tolist()]
        np.testing.assert_array_equal(fma64(a, b, c), exact)


def test_fused_multiply_add_of_float32_steps_off_a_tie():
    # The product lies halfway between two float32 values, and float64 cannot hold the 2**-60 above it.
    a, b, c = np.float32([1 + 2.0**-12]), 1 + 2.0**-12, 2.0**-60
    assert fma32(a, b, 0.0)[0] == np.float32(1 + 2.0**-11)  # the tie goes to even
    assert fma32(a, b, c)[0] == np.nextafter(np.float32(1 + 2.0**-11), np.float32(2))


def test_bfloat16_and_half_round_as_the_reference():
    values = np.float32([0, -0.0, 1 / 3, 1e-40, 3.4e38, np.inf, -np.inf, np.nan, 1 + 2.0**-8])
    np.testing.assert_array_equal(to_bfloat16(values), torch.from_numpy(values).bfloat16().float().numpy())
    doubles = np.array([1 / 3, 1 + 2.0**-11 + 2.0**-40, 1e300])
    np.testing.assert_array_equal(cast(doubles, "float16"), torch.from_numpy(doubles).half().numpy())


@pytest.mark.parametrize("n", [1, 2, 17, 1000])
def test_the_compiled_loops_and_numpys_agree(n, monkeypatch):
    """Machine code and, where there is no LLVM, NumPy draw the same numbers."""
    from flambeau.runtime.random import native

    def draws():
        generator = Generator().manual_seed(n)
        return [draw(generator, n) for draw in (random.randperm, random.normal, random.exponential)]

    compiled = draws()
    monkeypatch.setattr(native, "available", False)
    for ours, plain in zip(compiled, draws()):
        np.testing.assert_array_equal(ours, plain)


def test_poisson_and_binomial_counts_few_and_many():
    """Runs of small rates are drawn ahead: the stream goes on as if they had not been."""
    rates = torch.tensor([0.0, 0.5, 3.0, 9.9, 40.0, 0.1, 0.0, 200.0, 12.0, 7.0] * 50)
    chances = torch.tensor([0.1, 0.9, 0.5, 0.0, 1.0] * 100)
    trials = torch.tensor([5.0, 60.0, 0.0, 300.0] * 125)
    torch.manual_seed(11)
    expected = [torch.poisson(rates), torch.binomial(trials, chances), torch.rand(3)]
    flambeau.manual_seed(11)
    ours = [flambeau.poisson(flambeau.tensor(rates.numpy())),
            flambeau.binomial(flambeau.tensor(trials.numpy()), flambeau.tensor(chances.numpy())), flambeau.rand(3)]
    for found, wanted in zip(ours, expected):
        np.testing.assert_array_equal(found.numpy(), wanted.numpy())
