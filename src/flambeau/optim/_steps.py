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
    """As ``_descent_grads``, with the weight decay a run-time number that is used only if ``decay``."""
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
    correct = [(1 - beta1**step, (1 - beta2**step) ** 0.5) for step in steps]
    decays = 0 if weight_decay == 0 else 2 if decoupled_weight_decay else 1
    if decays == 2:
        weight_decay = 1 - lr * weight_decay
    for first, second in dict.fromkeys(correct):
        chosen = [i for i, pair in enumerate(correct) if pair == (first, second)]
        lists: tuple = (params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs if amsgrad else [])
        if len(chosen) != len(params):
            lists = (*_pick(chosen, *lists[:4]), _pick(chosen, max_exp_avg_sqs)[0] if amsgrad else [])
        _adam(
            *lists,
            1 - beta1,
            beta2,
            1 - beta2,
            -lr / first,
            second,
            eps,
            weight_decay,
            decays,
            amsgrad,
            maximize,
        )


@recorded(
    "adam(Tensor[] params, Tensor[] grads, Tensor[] means, Tensor[] squares, Tensor[] maxima, Scalar share, Scalar beta2, "
    "Scalar square_share, Scalar step, Scalar correction, Scalar eps, Scalar weight_decay, int decays, bool amsgrad, bool maximize)"
)
def _adam(
    params,
    grads,
    means,
    squares,
    maxima,
    share,
    beta2,
    square_share,
    step,
    correction,
    eps,
    weight_decay,
    decays,
    amsgrad,
    maximize,
):
    if decays == 2:
        for param in params:
            param.mul_(weight_decay)
    grads = _descent(params, grads, weight_decay, decays == 1, maximize)
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
