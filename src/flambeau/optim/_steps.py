"""The arithmetic of one optimizer step, as functions over lists of tensors.

Each function updates ``params`` and the state lists in place, one entry a parameter. The order of the
floating-point operations is that of PyTorch's single-tensor implementations, so that results agree to
the last bits. ``steps`` holds the number of this step (1 for the first) as Python floats; every
hyper-parameter is a Python number.
"""

from __future__ import annotations

from .. import ops
from ..tensor import Tensor

Tensors = list[Tensor]


def _descent_grads(params: Tensors, grads: Tensors, weight_decay: float, maximize: bool) -> Tensors:
    """The gradients of what is minimised: negated under ``maximize``, with the L2 penalty's gradient."""
    if maximize:
        grads = [grad.neg() for grad in grads]
    if weight_decay != 0:
        grads = [grad.add(param, alpha=weight_decay) for param, grad in zip(params, grads, strict=True)]
    return grads


def _decay_params(params: Tensors, lr: float, weight_decay: float) -> None:
    """Weight decay apart from the gradient (Loshchilov and Hutter, arXiv 1711.05101)."""
    if weight_decay == 0:
        return
    for param in params:
        param.mul_(1 - lr * weight_decay)


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
) -> None:
    """Gradient descent with momentum. An entry of ``momentum_buffers`` that is ``None`` is filled in."""
    grads = _descent_grads(params, grads, weight_decay, maximize)
    if momentum == 0:
        for param, grad in zip(params, grads, strict=True):
            param.add_(grad, alpha=-lr)
        return

    for index, (param, grad) in enumerate(zip(params, grads, strict=True)):
        buffer = momentum_buffers[index]
        if buffer is None:
            buffer = momentum_buffers[index] = grad.detach().clone()
        else:
            buffer.mul_(momentum).add_(grad, alpha=1 - dampening)
        direction = grad.add(buffer, alpha=momentum) if nesterov else buffer
        param.add_(direction, alpha=-lr)


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
    if decoupled_weight_decay:
        _decay_params(params, lr, weight_decay)
        weight_decay = 0
    grads = _descent_grads(params, grads, weight_decay, maximize)

    for index, (param, grad) in enumerate(zip(params, grads, strict=True)):
        exp_avg, exp_avg_sq = exp_avgs[index], exp_avg_sqs[index]
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)

        step_size = lr / (1 - beta1 ** steps[index])
        correction_sqrt = (1 - beta2 ** steps[index]) ** 0.5
        second_moment = exp_avg_sq
        if amsgrad:
            second_moment = max_exp_avg_sqs[index]
            second_moment.copy_(ops.maximum(second_moment, exp_avg_sq))
        denominator = (second_moment.sqrt() / correction_sqrt).add_(eps)
        param.addcdiv_(exp_avg, denominator, value=-step_size)


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
    grads = _descent_grads(params, grads, weight_decay, maximize)
    for param, grad, total, step in zip(params, grads, sums, steps, strict=True):
        total.addcmul_(grad, grad, value=1)
        deviation = total.sqrt().add_(eps)
        param.addcdiv_(grad, deviation, value=-lr / (1 + (step - 1) * lr_decay))


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
    grads = _descent_grads(params, grads, weight_decay, maximize)
    for index, (param, grad) in enumerate(zip(params, grads, strict=True)):
        square_avg = square_avgs[index]
        square_avg.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if centered:
            grad_avg = grad_avgs[index]
            grad_avg.lerp_(grad, 1 - alpha)
            deviation = square_avg.addcmul(grad_avg, grad_avg, value=-1).sqrt_()
        else:
            deviation = square_avg.sqrt()
        deviation.add_(eps)

        if momentum > 0:
            buffer = momentum_buffers[index]
            buffer.mul_(momentum).addcdiv_(grad, deviation)
            param.add_(buffer, alpha=-lr)
        else:
            param.addcdiv_(grad, deviation, value=-lr)


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
    grads = _descent_grads(params, grads, weight_decay, maximize)
    for param, grad, square_avg, acc_delta in zip(params, grads, square_avgs, acc_deltas, strict=True):
        square_avg.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        deviation = square_avg.add(eps).sqrt_()
        delta = acc_delta.add(eps).sqrt_()
        delta.div_(deviation).mul_(grad)
        acc_delta.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        param.add_(delta, alpha=-lr)


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
    grads = _descent_grads(params, grads, weight_decay, maximize)
    for param, grad, exp_avg, exp_inf, step in zip(params, grads, exp_avgs, exp_infs, steps, strict=True):
        exp_avg.lerp_(grad, 1 - beta1)
        exp_inf.copy_(ops.maximum(exp_inf.mul(beta2), grad.abs().add_(eps)))
        param.addcdiv_(exp_avg, exp_inf, value=-lr / (1 - beta1**step))


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
    if maximize:
        grads = [grad.neg() for grad in grads]
    if decoupled_weight_decay:
        _decay_params(params, lr, weight_decay)
    else:
        grads = _descent_grads(params, grads, weight_decay, maximize=False)

    for index, (param, grad) in enumerate(zip(params, grads, strict=True)):
        mu, mu_next, mu_product = mus[index]
        exp_avg, exp_avg_sq = exp_avgs[index], exp_avg_sqs[index]
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        denominator = exp_avg_sq.div(1 - beta2 ** steps[index]).sqrt().add_(eps)
        param.addcdiv_(grad, denominator, value=-lr * (1.0 - mu) / (1.0 - mu_product))
        param.addcdiv_(exp_avg, denominator, value=(-lr * mu_next) / (1.0 - mu_product * mu_next))


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
    if maximize:
        grads = [grad.neg() for grad in grads]
    if decoupled_weight_decay:
        _decay_params(params, lr, weight_decay)
    else:
        grads = _descent_grads(params, grads, weight_decay, maximize=False)

    rho_inf = 2 / (1 - beta2) - 1
    for index, (param, grad) in enumerate(zip(params, grads, strict=True)):
        exp_avg, exp_avg_sq, step = exp_avgs[index], exp_avg_sqs[index], steps[index]
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)

        correction2 = 1 - beta2**step
        rho = rho_inf - 2 * step * (beta2**step) / correction2
        update = exp_avg / (1 - beta1**step) * lr
        if rho > 5.0:
            rectification = ((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)) ** 0.5
            update = update * ((correction2**0.5) / exp_avg_sq.sqrt().add_(eps)) * rectification
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
    grads = _descent_grads(params, grads, 0, maximize)
    for param, grad, prev, step_size in zip(params, grads, prevs, step_sizes, strict=True):
        sign = grad.mul(prev).sign()
        factor = sign.masked_fill(sign > 0, etaplus)
        factor = factor.masked_fill(sign < 0, etaminus).masked_fill(sign == 0, 1)
        step_size.mul_(factor).clamp_(step_size_min, step_size_max)

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
    grads = _descent_grads(params, grads, weight_decay, maximize)
    for param, grad, average, eta, mu in zip(params, grads, averages, etas, mus, strict=True):
        param.mul_(1 - lambd * eta)
        param.add_(grad, alpha=-eta)
        if mu == 1:
            average.copy_(param)
        else:
            average.add_(param.sub(average).mul_(mu))
