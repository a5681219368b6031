"""Every optimizer against PyTorch: the same parameters, gradients and options give the same numbers."""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import flambeau as fl  # noqa: E402
from flambeau import optim  # noqa: E402
from flambeau.optim import _steps  # noqa: E402

SHAPES = [(4, 3), (5,), (), (0, 2)]
MATRICES = [(4, 3), (2, 6), (3, 3)]

CASES = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("SGD", {"weight_decay": 0.1, "foreach": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "amsgrad": True, "weight_decay": 0}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.2}),
    ("RMSprop", {"lr": 0.1, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9, "centered": True, "alpha": 0.5}),
    ("Adadelta", {"weight_decay": 0.1}),
    ("Adadelta", {"lr": 0.5, "rho": 0.5, "maximize": True}),
    ("Adamax", {"lr": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.1, "betas": (0.9, 0.99), "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 2.0), "step_sizes": (1e-3, 0.5), "maximize": True}),
    ("ASGD", {"lr": 0.1, "lambd": 0.01, "weight_decay": 0.1}),
    ("ASGD", {"lr": 0.1, "t0": 2}),
    ("Adafactor", {}),
    ("Adafactor", {"lr": 0.1, "weight_decay": 0.1, "d": 1.5, "beta2_decay": -1.0, "eps": (1e-3, 1e-2), "maximize": True}),
]
NAMES = sorted({name for name, _ in CASES})


def arrays(seed: int, shapes=SHAPES) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape), dtype=np.float32) for shape in shapes]


def parameters(library, shapes=SHAPES) -> list:
    return [library.tensor(array, requires_grad=True) for array in arrays(0, shapes)]


def give_gradients(library, params: list, seed: int) -> None:
    for param, array in zip(params, arrays(seed)):
        param.grad = library.tensor(array)


def plain(value):
    """Tensors as arrays, so that states of the two libraries can be compared."""
    if isinstance(value, (torch.Tensor, fl.Tensor)):
        return value.detach().numpy()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item) for item in value)
    return value


def assert_same(ours, theirs) -> None:
    assert type(ours) is type(theirs)
    if isinstance(ours, dict):
        assert list(ours) == list(theirs)
        for key in ours:
            assert_same(ours[key], theirs[key])
    elif isinstance(ours, list):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs):
            assert_same(mine, other)
    elif isinstance(ours, np.ndarray):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=1e-6)
    else:
        assert ours == theirs


@pytest.mark.parametrize(("name", "options"), CASES)
def test_steps_and_state_dict(name, options):
    shapes = SHAPES if name != "Adafactor" else SHAPES[:-1]  # PyTorch divides by zero
    mine, theirs = parameters(fl, shapes), parameters(torch, shapes)
    ours, reference = getattr(optim, name)(mine, **options), getattr(torch.optim, name)(theirs, **options)
    for seed in range(1, 9):
        give_gradients(fl, mine, seed)
        give_gradients(torch, theirs, seed)
        ours.step()
        reference.step()
        assert_same(plain(mine), plain(theirs))
    assert_same(plain(ours.state_dict()), plain(reference.state_dict()))


@pytest.mark.parametrize("name", NAMES)
def test_signature_and_text(name):
    ours, reference = getattr(optim, name), getattr(torch.optim, name)
    mine, theirs = inspect.signature(ours).parameters, inspect.signature(reference).parameters
    assert [(p.name, p.kind, p.default) for p in mine.values()] == [
        (p.name, p.kind, p.default) for p in theirs.values()
    ]
    assert repr(ours(parameters(fl))) == repr(reference(parameters(torch)))


@pytest.mark.parametrize("name", NAMES)
def test_resuming_from_a_state_dict_goes_on_as_before(name):
    params = parameters(fl)
    optimizer = getattr(optim, name)(params, lr=0.1)
    give_gradients(fl, params, 1)
    optimizer.step()

    resumed_params = [param.detach().clone().requires_grad_() for param in params]
    resumed = getattr(optim, name)(resumed_params, lr=0.7)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for seed in (2, 3):
        give_gradients(fl, params, seed)
        give_gradients(fl, resumed_params, seed)
        optimizer.step()
        resumed.step()
    for param, again in zip(params, resumed_params):
        np.testing.assert_array_equal(plain(param), plain(again))


def test_step_count_is_a_float32_tensor_that_the_user_may_set():
    params = parameters(fl)
    optimizer = optim.Adam(params)
    give_gradients(fl, params, 1)
    optimizer.step()
    state = optimizer.state[params[0]]
    assert state["step"].dtype is fl.float32 and state["step"].shape == ()
    state["step"].fill_(7)
    optimizer.step()
    assert state["step"].item() == 8


def test_parameters_without_gradient_are_left_alone():
    params = parameters(fl)
    optimizer = optim.Adam(params)
    params[1].grad = fl.ones(5)
    optimizer.step()
    assert list(optimizer.state_dict()["state"]) == [1]
    np.testing.assert_array_equal(plain(params[0]), arrays(0)[0])


def test_nan_and_inf_gradients_spread_as_in_torch():
    gradient = [float("nan"), float("inf"), -1.0]
    results = []
    for library, cls in ((fl, optim.Adam), (torch, torch.optim.Adam)):
        param = library.zeros(3, requires_grad=True)
        param.grad = library.tensor(gradient)
        cls([param], lr=0.1).step()
        results.append(plain(param))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6)


def test_closure_runs_with_gradients_and_its_loss_is_returned():
    param = fl.tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.SGD([param], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (param * param).sum()
        loss.backward()
        return loss

    with fl.no_grad():
        assert optimizer.step(closure).item() == 5.0
    np.testing.assert_allclose(plain(param), [0.8, 1.6], rtol=1e-6)


def test_learning_rate_as_a_tensor():
    params, expected = parameters(fl), parameters(fl)
    optimizers = optim.SGD(params, lr=fl.tensor(0.5)), optim.SGD(expected, lr=0.5)
    for param_list, optimizer in zip((params, expected), optimizers):
        give_gradients(fl, param_list, 1)
        optimizer.step()
    for param, other in zip(params, expected):
        np.testing.assert_array_equal(plain(param), plain(other))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"lr": -1.0}),
        ("SGD", {"momentum": -0.1}),
        ("SGD", {"weight_decay": -0.1}),
        ("SGD", {"nesterov": True}),
        ("Adam", {"betas": (1.0, 0.9)}),
        ("Adam", {"betas": (0.9, -0.1)}),
        ("AdamW", {"eps": -1.0}),
        ("Adagrad", {"lr_decay": -1.0}),
        ("Adadelta", {"rho": 1.5}),
        ("RMSprop", {"alpha": -1.0}),
        ("Rprop", {"etas": (1.5, 2.0)}),
        ("NAdam", {"momentum_decay": -1.0}),
        ("SGD", {"foreach": True, "fused": True}),
    ],
)
def test_options_out_of_range(name, options):
    with pytest.raises((ValueError, RuntimeError)) as expected:
        getattr(torch.optim, name)(parameters(torch), **options)
    with pytest.raises(expected.type) as received:
        getattr(optim, name)(parameters(fl), **options)
    assert str(received.value) == str(expected.value)


def test_capturable_steps_need_another_device():
    for library in (fl, torch):
        param = library.ones(1)
        optimizer = library.optim.Adam([param], capturable=True)
        optimizer.step()
        param.grad = library.ones(1)
        with pytest.raises(AssertionError, match="must be on supported devices"):
            optimizer.step()


def test_pickled_optimizer_goes_on():
    params = parameters(fl)
    optimizer = optim.Adam(params, lr=0.1)
    give_gradients(fl, params, 1)
    optimizer.step()
    copied = pickle.loads(pickle.dumps(optimizer))
    copied_params = copied.param_groups[0]["params"]
    give_gradients(fl, params, 2)
    give_gradients(fl, copied_params, 2)
    optimizer.step()
    copied.step()
    for param, again in zip(params, copied_params):
        np.testing.assert_array_equal(plain(param), plain(again))


STEPS = [name for name in vars(_steps) if hasattr(getattr(_steps, name), "__globals__") and "codes" in getattr(_steps, name).__globals__]


@pytest.mark.parametrize("name, options", CASES)
def test_a_step_is_one_instruction(name, options):
    """No step falls back to running its body operator by operator."""
    step_once(name, options)
    known = [direct for step in STEPS for *_, direct in getattr(_steps, step).__globals__["codes"].values()]
    assert known and not any(known)


def step_once(name, options):
    params = [fl.nn.Parameter(fl.rand(n)) for n in (2, 3)]
    optimizer = getattr(optim, name)(params, **options)
    for param in params:
        param.grad = fl.rand_like(param)
    optimizer.step()


@pytest.mark.parametrize("options", [{}, {"nesterov": False, "weight_decay": 0.0}, {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 6}])
def test_muon_steps(options):
    seen = []
    for library in (fl, torch):
        params = parameters(library, MATRICES)
        optimizer = library.optim.Muon(params, lr=0.1, **options)
        for seed in range(1, 6):
            for param, array in zip(params, arrays(seed, MATRICES)):
                param.grad = library.tensor(array)
            optimizer.step()
        seen.append((repr(optimizer), [plain(p) for p in params], plain(optimizer.state_dict())))
    (text, params, state), (expected_text, expected, expected_state) = seen
    assert text == expected_text and state.keys() == expected_state.keys()
    for mine, theirs in zip(params, expected):
        np.testing.assert_allclose(mine, theirs, atol=5e-3)  # the iteration runs in bfloat16
    for library in (fl, torch):
        with pytest.raises(ValueError, match="only supports 2D parameters"):
            library.optim.Muon([library.ones(2)])


@pytest.mark.parametrize("name", sorted({*NAMES, "LBFGS"} - {"Adafactor"}))
def test_complex_parameters_are_pairs_of_real_ones(name):
    results = []
    for library in (fl, torch):
        param = library.nn.Parameter(library.tensor([0.5 + 1j, -0.3, 2j]))
        optimizer = getattr(library.optim, name)([param], lr=0.1)

        def closure(library=library, param=param, optimizer=optimizer):
            optimizer.zero_grad()
            loss = ((param - (1 - 0.5j)).abs() ** 2 * library.tensor([1.0, 2.0, 3.0])).sum()
            loss.backward()
            return loss

        for _ in range(4):
            optimizer.step(closure)
        results.append(plain(param))
    np.testing.assert_allclose(*results, rtol=1e-5)


def test_betas_and_rates_that_are_tensors():
    wrong = [
        {"lr": 0.1, "foreach": True},
        {"betas": (0.9, "0.99")},
        {"betas": ("0.9", 0.99)},
        {"betas": ("0.9", "0.99"), "foreach": True},
    ]
    for options in wrong:
        messages = []
        for library in (fl, torch):
            given = {key: tensors(library, value) for key, value in options.items()}
            given["lr"] = library.tensor(0.1) if "lr" in options else 0.1
            with pytest.raises(ValueError) as raised:
                library.optim.Adam([library.ones(1)], **given)
            messages.append(str(raised.value))
        assert messages[0] == messages[1]
    betas = optim.Adam([fl.ones(1)], betas=(fl.tensor(0.5), fl.tensor(0.25))).param_groups[0]["betas"]
    assert betas == (0.5, 0.25)


def tensors(library, value):
    """Texts in a tuple as tensors of their numbers."""
    if not isinstance(value, tuple):
        return value
    return tuple(library.tensor(float(v)) if isinstance(v, str) else v for v in value)


@pytest.mark.parametrize("name", sorted({*NAMES} - {"Adafactor"}))
def test_one_step_can_be_differentiated(name):
    results = []
    for library in (fl, torch):
        scale = library.tensor(0.7, requires_grad=True)
        param = library.tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True) * 1
        optimizer = getattr(library.optim, name)([param.detach()], lr=0.1, differentiable=True)
        optimizer.param_groups[0]["params"] = [param]
        param.grad = library.tensor([[0.1, 0.2], [-0.3, 0.4]]) * scale
        optimizer.step()
        (param**2).sum().backward()
        results.append((plain(param), plain(scale.grad)))
    for mine, theirs in zip(*results):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["RMSprop", "Adam", "Adamax", "NAdam"])
def test_gradients_through_several_steps_are_those_of_finite_differences(name):
    def after_steps(scale):
        param = fl.tensor([1.0, -2.0, 0.5], dtype=fl.float64).requires_grad_() * 1
        optimizer = getattr(optim, name)([param.detach()], lr=0.1, differentiable=True)
        optimizer.param_groups[0]["params"] = [param]
        for step in range(3):
            param.grad = fl.tensor([0.1, -0.2, 0.3], dtype=fl.float64) * scale**step + 0.1
            optimizer.step()
        return (param**2).sum()

    scale = fl.tensor(0.7, dtype=fl.float64, requires_grad=True)
    after_steps(scale).backward()
    slope = (after_steps(fl.tensor(0.7 + 1e-5).double()) - after_steps(fl.tensor(0.7 - 1e-5).double())) / 2e-5
    assert scale.grad.item() == pytest.approx(slope.item(), rel=2e-2)


def test_what_a_differentiable_step_refuses():
    leaf = fl.ones(2, requires_grad=True)
    leaf.grad = fl.ones(2)
    for wrong in ({"foreach": True}, {"lr": fl.tensor(0.1, requires_grad=True)}, {}):
        optimizer = optim.Adam([leaf], differentiable=True, **wrong)
        with pytest.raises((AssertionError, NotImplementedError, RuntimeError)):
            optimizer.step()
    with pytest.raises(RuntimeError, match="does not support `differentiable`"):
        optim.Adam([leaf], differentiable=True, fused=True)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_steps_on_the_meta_device(name):
    param = fl.ones(2, 3, device="meta", requires_grad=True)
    optimizer = getattr(optim, name)([param], lr=0.1)
    for _ in range(4):  # a graph of a form that was seen goes back by another way
        (param * 2).sum().backward()
        optimizer.step()
    assert str(param.device) == "meta" and param.shape == (2, 3)
