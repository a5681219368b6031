"""The actions of random programs that look at values and ask for gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.random_machine import (
    MOST_DIMS,
    Machine,
    Skip,
    Step,
    action,
    can_be_asked,
    is_leaf,
    value,
)

# -- looking ---------------------------------------------------------------------------------------------------------


@action
def look(m: Machine, s: Step) -> None:
    m.see("value", value(m.pick(s.a)))


@action
def look_item(m: Machine, s: Step) -> None:
    x = m.pick(s.a)
    m.see("value", np.array(x.sum().item() if s.b % 4 else x.item()))


@action
def look_bool(m: Machine, s: Step) -> None:
    m.see("value", np.array(bool((m.pick(s.a) > 1).any())))


@action
def show(m: Machine, s: Step) -> None:
    """A NumPy array that shares memory and is looked at when the program ends."""
    x = m.pick(s.a)
    m.arrays.append(x.numpy() if s.b % 8 == 7 else x.detach().numpy())


@action
def share(m: Machine, s: Step) -> Any:
    """A tensor over NumPy's memory, to which the program then writes."""
    array = np.arange(6.0, dtype=np.float32).reshape(2, 3) * (1 + m.nudge)
    made = m.lib.from_numpy(array)
    doubled = made * 2
    array += 1
    m.arrays.append(array)
    return [made, doubled]


@action
def forget(m: Machine, s: Step) -> None:
    if m.tensors:
        del m.tensors[s.a % len(m.tensors)]


# -- gradients -------------------------------------------------------------------------------------------------------


@action
def require(m: Machine, s: Step) -> Any:
    # Whether views of a leaf follow its ``requires_grad_`` is left open.
    viewed = {id(t._base) for t in m.tensors}
    return m.pick(s.a, lambda t: id(t) not in viewed and t._base is None).requires_grad_(bool(s.b % 4))


@action
def detach(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    return x.detach_() if s.b % 4 == 3 else x.detach()


@action
def backward(m: Machine, s: Step) -> None:
    x = m.pick(s.a, can_be_asked)
    loss = (x * x).sum() if s.b % 2 else x.sum()
    loss.backward(retain_graph=bool(s.c % 4))


@action
def backward_with(m: Machine, s: Step) -> None:
    x = m.pick(s.a, can_be_asked)
    x.backward(m.lib.ones_like(x).detach(), retain_graph=True)


@action
def grad(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, can_be_asked)
    # A view of written memory is another place in PyTorch's graph than before, and the same one in flambeau's.
    y = m.pick(s.b, lambda t: can_be_asked(t) and t.numel() > 0 and not t._is_view())
    found = m.lib.autograd.grad((x * x).sum(), [y], retain_graph=True, allow_unused=bool(s.c % 8))
    m.see("grad", None if found[0] is None else value(found[0]))


@action
def grad_of_grad(m: Machine, s: Step) -> Any:
    x = m.floating(s.a)
    if not can_be_asked(x):
        raise Skip
    # A view of written memory is another place in PyTorch's graph than before, and the same one in flambeau's.
    y = m.pick(s.b, lambda t: can_be_asked(t) and t.numel() > 0 and not t._is_view())
    first = m.lib.autograd.grad((x * x * x).sum(), [y], create_graph=True, allow_unused=True)[0]
    return None if first is None else first * 1


@action
def look_at_grad(m: Machine, s: Step) -> None:
    x = m.pick(s.a, lambda t: t.requires_grad and is_leaf(t))
    m.see("grad", None if x.grad is None else value(x.grad))


@action
def clear_grad(m: Machine, s: Step) -> None:
    x = m.pick(s.a, lambda t: t.requires_grad and is_leaf(t))
    if s.b % 2 and x.grad is not None:
        x.grad.zero_()
    else:
        x.grad = None


@action
def retain(m: Machine, s: Step) -> None:
    x = m.pick(s.a, can_be_asked)
    x.retain_grad()
    (x * 3).sum().backward(retain_graph=True)
    m.see("grad", value(x.grad))


@action
def update(m: Machine, s: Step) -> Any:
    """A step of gradient descent on a leaf."""
    x = m.pick(s.a, lambda t: t.requires_grad and is_leaf(t))
    with m.lib.no_grad():
        x -= 0.5 * (x if x.grad is None else x.grad)
    return x


@action
def without_grad(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    with m.lib.no_grad():
        return [x * 2, x.unsqueeze(0)] if x.dim() < MOST_DIMS else x * 2


@action
def write_without_grad(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    with m.lib.no_grad():
        x.mul_(0.5)
    return x
