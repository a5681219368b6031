"""PyTorch's database of optimizers, run by both libraries."""

from __future__ import annotations

import copy
import importlib
import inspect
from typing import Any

import torch
from torch.testing._internal.common_optimizers import optim_db

from modules_cases.comparing import Report, attempt, translated

SHAPES = ((3, 4), (5, 2))
NEEDS_CLOSURE = ("LBFGS",)
FLAGS = ({}, {"foreach": True}, {"fused": True}, {"differentiable": True}, {"capturable": True}, {"maximize": True})


def run(report: Report) -> None:
    for info in optim_db:
        name = info.optim_cls.__name__
        if not report.wants(name):
            continue
        known = inspect.signature(info.optim_cls).parameters
        for given in info.optim_inputs_func(device="cpu"):
            for flags in FLAGS:
                if all(flag in known for flag in flags):
                    options = {**given.kwargs, **flags}
                    label = f"{name}[{given.desc} {' '.join(flags)}]"
                    report.compare(label, lambda m: ten_steps(m, name, options))
        for dtype in ("float64", "bfloat16", "float16", "complex64"):
            report.compare(f"{name}[{dtype}]", lambda m: ten_steps(m, name, {}, dtype), loose=3)
        for program in (
            groups,
            closures,
            hooks,
            sparse,
            tensor_rates,
            copies,
            states_across,
            amended_states,
            later_groups,
            texts,
            shapes,
        ):
            report.compare(f"{name}[{program.__name__}]", lambda m: program(m, name))
        for index, wrong in enumerate(info.optim_error_inputs_func(device="cpu", dtype=torch.float32)):
            report.compare(
                f"{name}[error {index}: {wrong.optimizer_error_input.desc}]", lambda m: error(m, name, wrong)
            )


def parameters(m: Any, dtype: str = "float32", shapes: tuple = SHAPES) -> list:
    made = []
    for index, shape in enumerate(shapes):
        values = torch.randn(shape, generator=torch.Generator().manual_seed(index), dtype=torch.float64).to(
            getattr(torch, dtype)
        )
        made.append(m.nn.Parameter(translated(values, m)))
    return made


def gradients(m: Any, params: list, step: int) -> None:
    """Give every parameter the gradient of step number ``step``; the last has none at first."""
    for index, param in enumerate(params):
        if index and index == len(params) - 1 and step < 2:
            continue
        generator = torch.Generator().manual_seed(100 * step + index)
        values = torch.randn(tuple(param.shape), generator=generator, dtype=torch.float64)
        param.grad = translated(values.to(getattr(torch, str(param.dtype).split(".")[-1])), m)


def make(m: Any, name: str, params: Any, options: dict) -> Any:
    return getattr(m.optim, name)(params, **{key: translated(value, m) for key, value in options.items()})


def advance(m: Any, optimizer: Any, params: list, steps: range) -> None:
    for step in steps:
        if type(optimizer).__name__ in NEEDS_CLOSURE:
            optimizer.step(lambda: bowl(optimizer, params))
            continue
        gradients(m, params, step)
        optimizer.step()


def bowl(optimizer: Any, params: list) -> Any:
    optimizer.zero_grad()
    loss = sum(((p.abs() - 0.5) ** 2).sum() for p in params)
    loss.backward()
    return loss


def state_of(optimizer: Any) -> dict:
    state = optimizer.state_dict()
    if type(optimizer).__name__ in NEEDS_CLOSURE:  # its history is made of differences of numbers that are nearly equal
        state = {
            "state": {key: list(entry) for key, entry in state["state"].items()},
            "param_groups": state["param_groups"],
        }
    return {"params": [p.detach() for g in optimizer.param_groups for p in g["params"]], "state": state}


def ten_steps(m: Any, name: str, options: dict, dtype: str = "float32") -> dict:
    params = parameters(m, dtype)
    optimizer = make(m, name, params, options)
    found = {"text": repr(optimizer)}
    if options.get("differentiable"):
        return found | differentiable(m, optimizer, params)
    advance(m, optimizer, params, range(10))
    return found | state_of(optimizer)


def differentiable(m: Any, optimizer: Any, params: list) -> dict:
    """Gradients through two steps with respect to the gradients of the first."""
    rate = m.ones((), requires_grad=True)
    for p in params:
        p.requires_grad_(False)
    moved = [p.clone().requires_grad_() * 1 for p in params]
    optimizer.param_groups[0]["params"] = moved
    for step in range(2):
        for index, p in enumerate(moved):
            values = torch.randn(tuple(p.shape), generator=torch.Generator().manual_seed(step * 10 + index))
            p.grad = translated(values, m) * rate
        optimizer.step()
    total = sum(p.sum() for p in moved)
    total.backward()
    return {"total": total.detach(), "rate": rate.grad}


def groups(m: Any, name: str) -> dict:
    params = parameters(m)
    optimizer = make(m, name, [{"params": [params[0]], "lr": 0.05}, {"params": params[1]}], {})
    optimizer.param_groups[1]["lr"] = 0.01
    advance(m, optimizer, params, range(5))
    return state_of(optimizer) | {"text": repr(optimizer)}


def later_groups(m: Any, name: str) -> dict:
    params = parameters(m)
    optimizer = make(m, name, params[:1], {})
    advance(m, optimizer, params[:1], range(3))
    found = {"again": attempt(lambda: optimizer.add_param_group({"params": params[:1]}))}
    found["wrong"] = attempt(lambda: optimizer.add_param_group([params[1]]))
    found["set"] = attempt(lambda: optimizer.add_param_group({"params": set(params[1:])}))
    found["computed"] = attempt(lambda: optimizer.add_param_group({"params": [params[1] * 2]}))
    found["number"] = attempt(lambda: optimizer.add_param_group({"params": [1.0]}))
    found["added"] = attempt(lambda: optimizer.add_param_group({"params": params[1:], "lr": 0.5}))
    advance(m, optimizer, params, range(3, 6))
    return found | state_of(optimizer) | {"text": repr(optimizer)}


def closures(m: Any, name: str) -> dict:
    params = parameters(m)
    optimizer = make(m, name, params, {})
    losses = [optimizer.step(lambda: bowl(optimizer, params)) for _ in range(4)]
    return state_of(optimizer) | {"losses": losses, "enabled": m.is_grad_enabled()}


def hooks(m: Any, name: str) -> dict:
    params = parameters(m)
    optimizer = make(m, name, params, {})
    told: list = []
    handles = [
        optimizer.register_step_pre_hook(
            lambda o, args, kwargs: told.append(["before", o is optimizer, len(args), sorted(kwargs)])
        ),
        optimizer.register_step_post_hook(lambda o, args, kwargs: told.append(["after", len(args), sorted(kwargs)])),
        optimizer.register_state_dict_pre_hook(lambda o: told.append("saving")),
        optimizer.register_state_dict_post_hook(lambda o, state: {**state, "extra": 1}),
        optimizer.register_load_state_dict_pre_hook(lambda o, state: told.append(["loading", sorted(state)])),
        optimizer.register_load_state_dict_post_hook(lambda o: told.append("loaded")),
        importlib.import_module(f"{m.__name__}.optim.optimizer").register_optimizer_step_pre_hook(
            lambda o, args, kwargs: told.append("anywhere")
        ),
    ]
    if name in NEEDS_CLOSURE:
        optimizer.step(lambda: bowl(optimizer, params))
        optimizer.step(closure=lambda: bowl(optimizer, params))
    else:
        gradients(m, params, 3)
        optimizer.step()
        optimizer.step(closure=None)
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    for handle in handles:
        handle.remove()
    before = len(told)
    optimizer.zero_grad(set_to_none=False)
    kept = [p.grad for p in params]
    optimizer.zero_grad()
    return {
        "told": told,
        "keys": sorted(state),
        "quiet": len(told) == before,
        "zeros": kept,
        "none": [p.grad for p in params],
    }


def sparse(m: Any, name: str) -> Any:
    """Gradients that are COO tensors, with repeated places."""
    params = parameters(m, shapes=((6, 2),))
    optimizer = make(m, name, params, {})
    for step in range(4):
        places = m.tensor([[0, 3, 3, step]])
        params[0].grad = m.sparse_coo_tensor(places, m.ones(4, 2) * (step + 1), (6, 2))
        optimizer.step()
    return state_of(optimizer)


def tensor_rates(m: Any, name: str) -> Any:
    params = parameters(m)
    optimizer = make(m, name, params, {"lr": torch.tensor(0.01)})
    schedule = m.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    for step in range(5):
        advance(m, optimizer, params, range(step, step + 1))
        schedule.step()
    return state_of(optimizer) | {"last": schedule.get_last_lr()}


def copies(m: Any, name: str) -> Any:
    params = parameters(m)
    optimizer = make(m, name, params, {})
    advance(m, optimizer, params, range(3))
    again = copy.deepcopy(optimizer)
    theirs = again.param_groups[0]["params"]
    advance(m, optimizer, params, range(3, 5))
    advance(m, again, theirs, range(3, 5))
    return {"one": state_of(optimizer), "other": state_of(again), "text": repr(again)}


def states_across(m: Any, name: str) -> Any:
    """PyTorch's own state after three steps, loaded by the library, and four steps more."""
    known = parameters(torch)
    first = make(torch, name, known, {})
    advance(torch, first, known, range(3))
    state = copy.deepcopy(first.state_dict())
    params = [m.nn.Parameter(translated(p.detach(), m)) for p in known]
    optimizer = make(m, name, params, {})
    optimizer.load_state_dict(translated(state, m))
    advance(m, optimizer, params, range(3, 7))
    return state_of(optimizer)


def amended_states(m: Any, name: str) -> Any:
    """State dicts that do not fit, have numbers for steps, or other dtypes."""
    params = parameters(m)
    optimizer = make(m, name, params, {})
    advance(m, optimizer, params, range(3))
    state = copy.deepcopy(optimizer.state_dict())
    found = {"groups": attempt(lambda: optimizer.load_state_dict({**state, "param_groups": state["param_groups"] * 2}))}
    group = state["param_groups"][0]
    found["sizes"] = attempt(lambda: optimizer.load_state_dict({**state, "param_groups": [{**group, "params": [0]}]}))
    old = copy.deepcopy(state)
    for entry in old["state"].values():
        if "step" in entry and isinstance(entry["step"], m.Tensor):
            entry["step"] = int(entry["step"])
    for key in ("foreach", "maximize", "capturable", "differentiable", "fused"):
        old["param_groups"][0].pop(key, None)
    old["param_groups"] = [dict(sorted(old["param_groups"][0].items()))]
    other = parameters(m, "float64")
    later = make(m, name, other, {})
    later.load_state_dict(old)
    advance(m, later, other, range(3, 5))
    later.param_groups[0] = dict(sorted(later.param_groups[0].items()))
    return found | state_of(later)


def texts(m: Any, name: str) -> Any:
    params = parameters(m)
    optimizer = make(m, name, [("first", params[0]), ("second", params[1])], {})
    return {
        "text": repr(optimizer),
        "state": optimizer.state_dict(),
        "defaults": optimizer.defaults,
        "again": repr(optimizer),
    }


def shapes(m: Any, name: str) -> Any:
    """Parameters without elements, without dimensions, transposed, and ones that share memory with a view."""
    if name == "Muon":
        params = parameters(m, shapes=((1, 1), (2, 6), (6, 2)))
    else:
        params = [*parameters(m, shapes=((), (1,), (1, 3) if name == "Adafactor" else (0, 3), (2, 3, 4)))]
    params.append(m.nn.Parameter(translated(torch.arange(6.0).reshape(2, 3), m).t()))
    base = translated(torch.arange(12.0).reshape(3, 4), m)
    params.append(m.nn.Parameter(base[:, ::2]))
    optimizer = make(m, name, params, {})
    advance(m, optimizer, params, range(4))
    return state_of(optimizer) | {"base": base}


def error(m: Any, name: str, wrong: Any) -> Any:
    given = wrong.optimizer_error_input
    params = parameters(m) if given.params is None else translated(given.params, m)
    made: dict = {}

    def construct() -> None:
        made["optimizer"] = make(m, name, params, given.kwargs)

    failure = attempt(construct)
    if failure is not None:
        return {"error": failure}
    for p in (p for g in made["optimizer"].param_groups for p in g["params"]):
        p.grad = m.ones_like(p)
    return {"error": attempt(lambda: made["optimizer"].step(lambda: m.ones(())) and None)}
