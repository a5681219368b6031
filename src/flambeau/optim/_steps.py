"""The arithmetic of one optimizer step, as functions over lists of tensors.

Each function updates ``params`` and the state lists in place, one entry a parameter. The order of the
floating-point operations is that of PyTorch's single-tensor implementations, so that results agree to
the last bits. ``steps`` holds the number of this step (1 for the first) as Python floats; every
hyper-parameter is a Python number.
"""

from __future__ import annotations

from .. import ops
from ..ops.recorded import recorded
from ..tensor import Tensor

Tensors = list[Tensor]


def _together(numbers: list[tuple], *lists: Tensors):
    """Parameters that share their numbers, nearly always all of them: the numbers, and the parameters' part of each list.

    A list that an option leaves empty stays so.
    """
    kinds = dict.fromkeys(numbers)
    if len(kinds) == 1:
        yield numbers[0], lists
        return
    for kind in kinds:
        chosen = [i for i, own in enumerate(numbers) if own == kind]
        yield kind, [tensors and [tensors[i] for i in chosen] for tensors in lists]


def _decay(weight_decay: float, lr: float, decoupled: bool) -> tuple[float, int]:
    """The number that decays weights, and how: 0 not at all, 1 as an L2 penalty's gradient, 2 apart from the gradient (Loshchilov
    and Hutter, arXiv 1711.05101)."""
    if weight_decay == 0:
        return 0.0, 0
    return (1 - lr * weight_decay, 2) if decoupled else (weight_decay, 1)


def _directions(params: Tensors, grads: Tensors, weight_decay, decays: int, maximize: bool) -> Tensors:
    """As ``_descent``, with the weight decay as ``_decay`` says."""
    if decays == 2:
        for param in params:
            param.mul_(weight_decay)
    return _descent(params, grads, weight_decay, decays == 1, maximize)


def sgd(
    params: Tensors,
    grads: Tensors,
    momentum_buffers: list[Tensor | None],
    *,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> list[int]:
    """Gradient descent with momentum. An entry of ``momentum_buffers`` that is ``None`` is filled in; gives the places of
    those."""
    if momentum == 0:
        _sgd_plain(params, grads, -lr, weight_decay, weight_decay != 0, maximize)
        return []
    fresh = [i for i, buffer in enumerate(momentum_buffers) if buffer is None]
    if fresh:
        # A first step takes the gradient itself; memory for it first, so that parameters stay one instruction.
        for i in fresh:
            momentum_buffers[i] = ops.zeros_like(params[i])
        kept = [i for i in range(len(params)) if i not in fresh]
        for indices, first in ((fresh, True), (kept, False)):
            if indices:
                _sgd_momentum(
                    *_pick(indices, params, grads, momentum_buffers),
                    -lr,
                    momentum,
                    1 - dampening,
                    weight_decay,
                    weight_decay != 0,
                    nesterov,
                    maximize,
                    first,
                )
        return fresh
    _sgd_momentum(
        params,
        grads,
        momentum_buffers,
        -lr,
        momentum,
        1 - dampening,
        weight_decay,
        weight_decay != 0,
        nesterov,
        maximize,
        False,
    )
    return []


def _pick(indices: list[int], *lists: list) -> list[list]:
    return [[tensors[i] for i in indices] for tensors in lists]


@recorded("sgd(Tensor[] params, Tensor[] grads, Scalar step, Scalar weight_decay, bool decay, bool maximize)")
def _sgd_plain(params, grads, step, weight_decay, decay, maximize):
    for param, grad in zip(params, _descent(params, grads, weight_decay, decay, maximize)):
        param.add_(grad, alpha=step)


@recorded(
    "sgd_momentum(Tensor[] params, Tensor[] grads, Tensor[] buffers, Scalar step, Scalar momentum, Scalar share, "
    "Scalar weight_decay, bool decay, bool nesterov, bool maximize, bool first)"
)
def _sgd_momentum(
    params, grads, buffers, step, momentum, share, weight_decay, decay, nesterov, maximize, first
):
    grads = _descent(params, grads, weight_decay, decay, maximize)
    for param, grad, buffer in zip(params, grads, buffers):
        if first:
            buffer.copy_(grad)
        else:
            buffer.mul_(momentum).add_(grad, alpha=share)
        direction = grad.add(buffer, alpha=momentum) if nesterov else buffer
        param.add_(direction, alpha=step)


def _descent(params, grads, weight_decay, decay: bool, maximize: bool):
    """The gradients of what is minimised: negated under ``maximize``, with the L2 penalty's gradient if ``decay``."""
    if maximize:
        grads = [grad.neg() for grad in grads]
    if decay:
        grads = [grad.add(param, alpha=weight_decay) for param, grad in zip(params, grads)]
    return grads


def adam(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    max_exp_avg_sqs: Tensors,
    steps: list[float],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    amsgrad: bool,
    maximize: bool,
    decoupled_weight_decay: bool,
) -> None:
    """Adam (arXiv 1412.6980), AMSGrad, and AdamW under ``decoupled_weight_decay``.

    ``max_exp_avg_sqs`` is read and written under ``amsgrad`` only.
    """
    weight_decay, decays = _decay(weight_decay, lr, decoupled_weight_decay)
    numbers = [(-lr / (1 - beta1**step), (1 - beta2**step) ** 0.5) for step in steps]
    lists = (params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs if amsgrad else [])
    for own, chosen in _together(numbers, *lists):
        _adam(*chosen, 1 - beta1, beta2, 1 - beta2, *own, eps, weight_decay, decays, amsgrad, maximize)


@recorded(
    "adam(Tensor[] params, Tensor[] grads, Tensor[] means, Tensor[] squares, Tensor[] maxima, Scalar share, Scalar beta2, "
    "Scalar square_share, Scalar step, Scalar correction, Scalar eps, Scalar weight_decay, int decays, bool amsgrad, bool maximize)"
)
def _adam(
    params, grads, means, squares, maxima, share, beta2, square_share, step, correction, eps, weight_decay, decays, amsgrad, maximize
):  # fmt: skip
    grads = _directions(params, grads, weight_decay, decays, maximize)
    for i, (param, grad, mean, square) in enumerate(zip(params, grads, means, squares)):
        mean.lerp_(grad, share)
        square.mul_(beta2).addcmul_(grad, grad, value=square_share)
        second_moment = square
        if amsgrad:
            second_moment = maxima[i]
            second_moment.copy_(ops.maximum(second_moment, square))
        denominator = (second_moment.sqrt() / correction).add_(eps)
        param.addcdiv_(mean, denominator, value=step)


def adagrad(
    params: Tensors,
    grads: Tensors,
    sums: Tensors,
    steps: list[float],
    *,
    lr: float,
    lr_decay: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Adagrad (Duchi, Hazan and Singer, JMLR 12, 2011)."""
    numbers = [(-lr / (1 + (step - 1) * lr_decay),) for step in steps]
    for own, chosen in _together(numbers, params, grads, sums):
        _adagrad(*chosen, *own, eps, weight_decay, weight_decay != 0, maximize)


@recorded(
    "adagrad(Tensor[] params, Tensor[] grads, Tensor[] sums, Scalar step, Scalar eps, Scalar weight_decay, bool decay, bool maximize)"
)
def _adagrad(params, grads, sums, step, eps, weight_decay, decay, maximize):
    for param, grad, total in zip(params, _descent(params, grads, weight_decay, decay, maximize), sums):
        total.addcmul_(grad, grad, value=1)
        param.addcdiv_(grad, total.sqrt().add_(eps), value=step)


def rmsprop(
    params: Tensors,
    grads: Tensors,
    square_avgs: Tensors,
    grad_avgs: Tensors,
    momentum_buffers: Tensors,
    *,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    centered: bool,
    maximize: bool,
) -> None:
    """RMSprop; ``grad_avgs`` is used when ``centered``, ``momentum_buffers`` when ``momentum > 0``."""
    flags = (weight_decay != 0, centered, momentum > 0, maximize)
    _rmsprop(params, grads, square_avgs, grad_avgs, momentum_buffers, -lr, alpha, 1 - alpha, eps, momentum, weight_decay, *flags)


@recorded(
    "rmsprop(Tensor[] params, Tensor[] grads, Tensor[] squares, Tensor[] means, Tensor[] buffers, Scalar step, Scalar alpha, "
    "Scalar share, Scalar eps, Scalar momentum, Scalar weight_decay, bool decay, bool centered, bool buffered, bool maximize)"
)
def _rmsprop(
    params, grads, squares, means, buffers, step, alpha, share, eps, momentum, weight_decay, decay, centered, buffered, maximize
):  # fmt: skip
    grads = _descent(params, grads, weight_decay, decay, maximize)
    for i, (param, grad, square) in enumerate(zip(params, grads, squares)):
        square.mul_(alpha).addcmul_(grad, grad, value=share)
        deviation = square
        if centered:
            means[i].lerp_(grad, share)
            deviation = square.addcmul(means[i], means[i], value=-1)
        deviation = deviation.sqrt().add_(eps)
        if buffered:
            buffers[i].mul_(momentum).addcdiv_(grad, deviation)
            param.add_(buffers[i], alpha=step)
        else:
            param.addcdiv_(grad, deviation, value=step)


def adadelta(
    params: Tensors,
    grads: Tensors,
    square_avgs: Tensors,
    acc_deltas: Tensors,
    *,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Adadelta (Zeiler, arXiv 1212.5701)."""
    _adadelta(params, grads, square_avgs, acc_deltas, -lr, rho, 1 - rho, eps, weight_decay, weight_decay != 0, maximize)


@recorded(
    "adadelta(Tensor[] params, Tensor[] grads, Tensor[] squares, Tensor[] deltas, Scalar step, Scalar rho, Scalar share, Scalar eps, "
    "Scalar weight_decay, bool decay, bool maximize)"
)
def _adadelta(params, grads, squares, deltas, step, rho, share, eps, weight_decay, decay, maximize):
    grads = _descent(params, grads, weight_decay, decay, maximize)
    for param, grad, square, change in zip(params, grads, squares, deltas):
        square.mul_(rho).addcmul_(grad, grad, value=share)
        delta = change.add(eps).sqrt_()
        delta.div_(square.add(eps).sqrt_()).mul_(grad)
        change.mul_(rho).addcmul_(delta, delta, value=share)
        param.add_(delta, alpha=step)


def adamax(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_infs: Tensors,
    steps: list[float],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Adamax: Adam with the infinity norm (arXiv 1412.6980, section 7)."""
    numbers = [(-lr / (1 - beta1**step),) for step in steps]
    for own, chosen in _together(numbers, params, grads, exp_avgs, exp_infs):
        _adamax(*chosen, *own, 1 - beta1, beta2, eps, weight_decay, weight_decay != 0, maximize)


@recorded(
    "adamax(Tensor[] params, Tensor[] grads, Tensor[] means, Tensor[] norms, Scalar step, Scalar share, Scalar beta2, Scalar eps, "
    "Scalar weight_decay, bool decay, bool maximize)"
)
def _adamax(params, grads, means, norms, step, share, beta2, eps, weight_decay, decay, maximize):
    grads = _descent(params, grads, weight_decay, decay, maximize)
    for param, grad, mean, norm in zip(params, grads, means, norms):
        mean.lerp_(grad, share)
        norm.copy_(ops.maximum(norm.mul(beta2), grad.abs().add_(eps)))
        param.addcdiv_(mean, norm, value=step)


def nadam(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    mus: list[tuple[float, float, float]],
    steps: list[float],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled_weight_decay: bool,
    maximize: bool,
) -> None:
    """NAdam (Dozat, 2016). ``mus`` holds this step's momentum, the next one's, and their product so far."""
    weight_decay, decays = _decay(weight_decay, lr, decoupled_weight_decay)
    numbers = [
        (1 - beta2**step, -lr * (1.0 - mu) / (1.0 - product), (-lr * mu_next) / (1.0 - product * mu_next))
        for step, (mu, mu_next, product) in zip(steps, mus, strict=True)
    ]
    for own, chosen in _together(numbers, params, grads, exp_avgs, exp_avg_sqs):
        _nadam(*chosen, *own, 1 - beta1, beta2, 1 - beta2, eps, weight_decay, decays, maximize)


@recorded(
    "nadam(Tensor[] params, Tensor[] grads, Tensor[] means, Tensor[] squares, Scalar correction, Scalar step, Scalar mean_step, "
    "Scalar share, Scalar beta2, Scalar square_share, Scalar eps, Scalar weight_decay, int decays, bool maximize)"
)
def _nadam(
    params, grads, means, squares, correction, step, mean_step, share, beta2, square_share, eps, weight_decay, decays, maximize
):  # fmt: skip
    grads = _directions(params, grads, weight_decay, decays, maximize)
    for param, grad, mean, square in zip(params, grads, means, squares):
        mean.lerp_(grad, share)
        square.mul_(beta2).addcmul_(grad, grad, value=square_share)
        denominator = square.div(correction).sqrt().add_(eps)
        param.addcdiv_(grad, denominator, value=step)
        param.addcdiv_(mean, denominator, value=mean_step)


def radam(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    steps: list[float],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled_weight_decay: bool,
    maximize: bool,
) -> None:
    """RAdam (Liu et al., arXiv 1908.03265): without adaptation while its variance is intractable."""
    weight_decay, decays = _decay(weight_decay, lr, decoupled_weight_decay)
    numbers = [(1 - beta1**step, *_rectification(beta2, step)) for step in steps]
    for own, chosen in _together(numbers, params, grads, exp_avgs, exp_avg_sqs):
        _radam(*chosen, *own, lr, 1 - beta1, beta2, 1 - beta2, eps, weight_decay, decays, maximize)


def _rectification(beta2: float, step: float) -> tuple[float, float, bool]:
    """The root of the second moment's correction, the rectification, and whether the variance is tractable."""
    rho_inf = 2 / (1 - beta2) - 1
    correction = 1 - beta2**step
    rho = rho_inf - 2 * step * (beta2**step) / correction
    if rho <= 5.0:
        return 0.0, 0.0, False
    return correction**0.5, ((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)) ** 0.5, True


@recorded(
    "radam(Tensor[] params, Tensor[] grads, Tensor[] means, Tensor[] squares, Scalar mean_correction, Scalar correction, "
    "Scalar rectification, bool adapts, Scalar lr, Scalar share, Scalar beta2, Scalar square_share, Scalar eps, Scalar weight_decay, "
    "int decays, bool maximize)"
)
def _radam(
    params, grads, means, squares, mean_correction, correction, rectification, adapts, lr, share, beta2, square_share, eps,
    weight_decay, decays, maximize,
):  # fmt: skip
    grads = _directions(params, grads, weight_decay, decays, maximize)
    for param, grad, mean, square in zip(params, grads, means, squares):
        mean.lerp_(grad, share)
        square.mul_(beta2).addcmul_(grad, grad, value=square_share)
        update = mean / mean_correction * lr
        if adapts:
            update = update * (square.sqrt().add_(eps).reciprocal() * correction) * rectification
        param.add_(update, alpha=-1.0)


def rprop(
    params: Tensors,
    grads: Tensors,
    prevs: Tensors,
    step_sizes: Tensors,
    *,
    step_size_min: float,
    step_size_max: float,
    etaminus: float,
    etaplus: float,
    maximize: bool,
) -> None:
    """Rprop (Riedmiller and Braun, 1993): the step size grows while the gradient keeps its sign."""
    _rprop(params, grads, prevs, step_sizes, step_size_min, step_size_max, etaminus, etaplus, maximize)


@recorded(
    "rprop(Tensor[] params, Tensor[] grads, Tensor[] prevs, Tensor[] step_sizes, Scalar least, Scalar most, Scalar etaminus, "
    "Scalar etaplus, bool maximize)"
)
def _rprop(params, grads, prevs, step_sizes, least, most, etaminus, etaplus, maximize):
    grads = _descent(params, grads, 0, False, maximize)
    for param, grad, prev, step_size in zip(params, grads, prevs, step_sizes):
        sign = grad.mul(prev).sign()
        factor = sign.masked_fill(sign > 0, etaplus)
        factor = factor.masked_fill(sign < 0, etaminus).masked_fill(sign == 0, 1)
        step_size.mul_(factor).clamp_(least, most)

        # Where the sign has changed, this step waits.
        grad = grad.masked_fill(sign < 0, 0)
        param.addcmul_(grad.sign(), step_size, value=-1)
        prev.copy_(grad)


def asgd(
    params: Tensors,
    grads: Tensors,
    averages: Tensors,
    etas: list[float],
    mus: list[float],
    *,
    lambd: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Averaged SGD (Polyak and Juditsky, 1992); ``averages`` follow the parameters with weights ``mus``."""
    numbers = [(1 - lambd * eta, -eta, mu, mu == 1) for eta, mu in zip(etas, mus, strict=True)]
    for own, chosen in _together(numbers, params, grads, averages):
        _asgd(*chosen, *own, weight_decay, weight_decay != 0, maximize)


@recorded(
    "asgd(Tensor[] params, Tensor[] grads, Tensor[] averages, Scalar shrink, Scalar step, Scalar mu, bool first, Scalar weight_decay, "
    "bool decay, bool maximize)"
)
def _asgd(params, grads, averages, shrink, step, mu, first, weight_decay, decay, maximize):
    grads = _descent(params, grads, weight_decay, decay, maximize)
    for param, grad, average in zip(params, grads, averages):
        param.mul_(shrink)
        param.add_(grad, alpha=step)
        if first:
            average.copy_(param)
        else:
            average.add_(param.sub(average).mul_(mu))
