"""What programs do around optimizers: subclasses, scalers, copies, frozen parameters, own schedules."""

from __future__ import annotations

import copy
import importlib
import io
import pickle
from typing import Any

from modules_cases.comparing import attempt


def tried(*calls: Any) -> list:
    return [attempt(call) for call in calls]


def model(m: Any) -> Any:
    m.manual_seed(0)
    return m.nn.Sequential(m.nn.Linear(3, 4), m.nn.ReLU(), m.nn.Linear(4, 1))


def trained(m: Any, net: Any, optimizer: Any, steps: int = 3, schedule: Any = None) -> list:
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = net(m.ones(2, 3)).pow(2).sum()
        loss.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        losses.append(loss.item())
    return [losses, list(net.parameters())]


def own_optimizer(m: Any) -> list:
    class Descent(m.optim.Optimizer):
        def __init__(self, params: Any, lr: float = 0.1) -> None:
            super().__init__(params, {"lr": lr})

        @m.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        state = self.state[p]
                        state.setdefault("count", 0)
                        state["count"] += 1
                        p.add_(p.grad, alpha=-group["lr"])

    net = model(m)
    optimizer = Descent(net.parameters())
    found = trained(m, net, optimizer)
    return [
        found,
        optimizer.state_dict(),
        repr(optimizer),
        attempt(lambda: Descent([])),
        attempt(lambda: m.optim.Optimizer(net.parameters(), {}).step()),
    ]


def frozen_parameters(m: Any) -> list:
    net = model(m)
    net[0].weight.requires_grad_(False)
    optimizer = m.optim.Adam(net.parameters(), lr=0.1)
    found = trained(m, net, optimizer)
    net[0].weight.requires_grad_(True)
    optimizer.param_groups[0]["lr"] = 0.01
    optimizer.param_groups[0]["betas"] = (0.5, 0.6)
    return [found, trained(m, net, optimizer), list(optimizer.state_dict()["state"])]


def only_trainable(m: Any) -> list:
    net = model(m)
    net[0].bias.requires_grad_(False)
    optimizer = m.optim.AdamW(filter(lambda p: p.requires_grad, net.parameters()), lr=0.1)
    return [trained(m, net, optimizer), len(optimizer.param_groups[0]["params"])]


def scaled_gradients(m: Any) -> list:
    net = model(m)
    optimizer = m.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    scaler = m.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    scales = []
    for step in range(5):
        optimizer.zero_grad()
        loss = net(m.ones(2, 3)).pow(2).sum()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        if step == 2:
            net[0].weight.grad[0, 0] = float("inf")
        m.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    return [
        scales,
        list(net.parameters()),
        scaler.state_dict(),
        attempt(lambda: scaler.unscale_(optimizer)),
        attempt(lambda: scaler.step(optimizer)),
    ]


def saved_and_loaded(m: Any) -> list:
    net = model(m)
    optimizer = m.optim.Adam(net.parameters(), lr=0.1, amsgrad=True)
    schedule = m.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
    trained(m, net, optimizer, 3, schedule)
    file = io.BytesIO()
    m.save({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}, file)
    file.seek(0)
    state = m.load(file)
    again = model(m)
    again.load_state_dict(state["net"])
    resumed = m.optim.Adam(again.parameters(), lr=0.5)
    later = m.optim.lr_scheduler.CosineAnnealingLR(resumed, 5)
    resumed.load_state_dict(state["optimizer"])
    later.load_state_dict(state["schedule"])
    return [
        trained(m, net, optimizer, 3, schedule),
        trained(m, again, resumed, 3, later),
        schedule.get_last_lr(),
        later.get_last_lr(),
    ]


def pickled(m: Any) -> list:
    net = model(m)
    optimizer = m.optim.RMSprop(net.parameters(), lr=0.1, momentum=0.5)
    trained(m, net, optimizer)
    both = pickle.loads(pickle.dumps((net, optimizer)))
    same = both[1].param_groups[0]["params"][0] is next(both[0].parameters())
    pair = copy.deepcopy([net, optimizer])
    return [same, trained(m, *both), trained(m, *pair), trained(m, net, optimizer)]


def own_schedules(m: Any) -> list:
    class Warmup(m.optim.lr_scheduler.LRScheduler):
        def __init__(self, optimizer: Any, steps: int) -> None:
            self.steps = steps
            super().__init__(optimizer)

        def get_lr(self) -> list:
            return [base * min(1.0, (self.last_epoch + 1) / self.steps) for base in self.base_lrs]

    class Old(m.optim.lr_scheduler._LRScheduler):
        def get_lr(self) -> list:
            return [g["lr"] * 0.5 for g in self.optimizer.param_groups]

    found = []
    for make in (lambda o: Warmup(o, 4), Old, lambda o: m.optim.lr_scheduler.LRScheduler(o)):
        net = model(m)
        optimizer = m.optim.SGD(net.parameters(), lr=0.1)
        schedule = attempt(lambda: make(optimizer))
        if isinstance(schedule, Exception):
            found.append(schedule)
            continue
        found.append(
            [trained(m, net, optimizer, 3, schedule)[0], schedule.get_last_lr(), sorted(schedule.state_dict())]
        )
    return found


def added_groups(m: Any) -> list:
    net = model(m)
    optimizer = m.optim.SGD(net[0].parameters(), lr=0.1)
    schedule = m.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    trained(m, net, optimizer, 1, schedule)
    optimizer.add_param_group({"params": net[2].parameters(), "lr": 0.3})
    return [
        attempt(lambda: trained(m, net, optimizer, 2, schedule)),
        [g["lr"] for g in optimizer.param_groups],
        [sorted(g) for g in optimizer.param_groups],
    ]


def gradients_after_steps(m: Any) -> list:
    """Graphs through parameters that a step has changed."""
    net = model(m)
    optimizer = m.optim.SGD(net.parameters(), lr=0.1)
    loss = net(m.ones(2, 3)).pow(2).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    return tried(
        loss.backward,
        lambda: optimizer.step(),
        lambda: net[0].weight.grad,
        lambda: [p._version > 0 for p in net.parameters()],
    )


def accumulated(m: Any) -> list:
    net = model(m)
    optimizer = m.optim.Adam(net.parameters(), lr=0.05)
    for step in range(6):
        (net(m.ones(2, 3) * step).sum() / 3).backward()
        if step % 3 == 2:
            optimizer.step()
            optimizer.zero_grad(set_to_none=step == 2)
    return [list(net.parameters()), [p.grad for p in net.parameters()], optimizer.state_dict()]


def tied_and_shared(m: Any) -> list:
    net = m.nn.Sequential(m.nn.Linear(2, 2), m.nn.Linear(2, 2))
    net[1].weight = net[0].weight
    m.nn.init.constant_(net[0].weight, 0.3)
    m.nn.init.zeros_(net[0].bias)
    m.nn.init.zeros_(net[1].bias)
    optimizer = m.optim.Adam(net.parameters(), lr=0.1)
    net(m.ones(1, 2)).sum().backward()
    optimizer.step()
    return [list(net.parameters()), len(optimizer.param_groups[0]["params"])]


def functional_forms(m: Any) -> list:
    names = ("sgd", "adam", "adamw", "adagrad", "rmsprop")
    return [
        [hasattr(importlib.import_module(f"{m.__name__}.optim.{name}"), name) for name in names],
        hasattr(m.optim, "lr_scheduler"),
        hasattr(m.optim, "swa_utils"),
    ]


def named_groups(m: Any) -> list:
    net = model(m)
    optimizer = m.optim.SGD(net.named_parameters(), lr=0.1)
    found = [optimizer.state_dict()["param_groups"], repr(optimizer)]
    other = m.optim.SGD(net.parameters(), lr=0.2)
    other.load_state_dict(optimizer.state_dict())
    found.append([sorted(g) for g in other.param_groups])
    return found + tried(
        lambda: m.optim.SGD(
            [{"params": [("a", p) for p in net[0].parameters()]}, {"params": list(net[2].named_parameters())}], lr=0.1
        ).param_groups[1]["param_names"],
        lambda: m.optim.SGD([("a", net[0].weight), ("a", net[0].bias)], lr=0.1).param_groups[0]["param_names"],
    )


def post_accumulate_steps(m: Any) -> list:
    """An optimizer for each parameter, stepped within backward."""
    net = model(m)
    optimizers = {p: m.optim.SGD([p], lr=0.1) for p in net.parameters()}

    def step(p: Any) -> None:
        optimizers[p].step()
        optimizers[p].zero_grad()

    for p in net.parameters():
        p.register_post_accumulate_grad_hook(step)
    net(m.ones(2, 3)).sum().backward()
    return [list(net.parameters()), [p.grad for p in net.parameters()]]
