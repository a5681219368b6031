"""Programs as people write them, which differentiate in unusual ways."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import grad

from autograd_cases.helpers import attempt, randn


def _net(*sizes, act=nn.Tanh, seed=0):
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), act()]
    net = nn.Sequential(*layers[:-1]).double()
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_(randn(*p.shape, seed=seed + i, grad=False) * 0.5)
    return net


def _x(*shape, seed=9):
    return randn(*shape, seed=seed, grad=False)


def gradient_penalties():
    out = {}
    for act in (nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.SiLU, nn.Softplus, nn.ELU, nn.GELU):
        critic = _net(3, 5, 4, 1, act=act)
        opt = torch.optim.Adam(critic.parameters(), lr=0.01, betas=(0.0, 0.9))
        log = []
        for step in range(3):
            real, fake = _x(4, 3, seed=step), _x(4, 3, seed=step + 50)
            mix = (0.3 * real + 0.7 * fake).requires_grad_()
            (g,) = grad(critic(mix).sum(), mix, create_graph=True)
            penalty = ((g.norm(2, dim=1) - 1) ** 2).mean()
            loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
            opt.zero_grad()
            loss.backward()
            opt.step()
            log.append([loss, penalty, [p.grad for p in critic.parameters()]])
        out[act.__name__] = log
    return out


def frozen_critic_penalty():
    critic = _net(3, 4, 1, act=nn.ReLU)
    for p in critic.parameters():
        p.requires_grad_(False)
    x = _x(4, 3).requires_grad_()
    (g,) = grad(critic(x).sum(), x, create_graph=True)
    return g.requires_grad, attempt(lambda: grad(g.pow(2).sum(), x))


def meta_learning():
    net = _net(1, 4, 1)
    meta = torch.optim.SGD(net.parameters(), lr=0.1)
    log = []
    for task in range(2):
        params = {k: p for k, p in net.named_parameters()}
        x, y = _x(5, 1, seed=task), _x(5, 1, seed=task + 10)
        for _ in range(3):
            loss = F.mse_loss(torch.func.functional_call(net, params, x), y)
            grads = grad(loss, params.values(), create_graph=True)
            params = {k: p - 0.1 * g for (k, p), g in zip(params.items(), grads)}
        outer = F.mse_loss(torch.func.functional_call(net, params, x * 2), y)
        meta.zero_grad()
        outer.backward()
        meta.step()
        log.append([outer, [p.grad for p in net.parameters()]])
    return log


def differential_equation():
    net = _net(1, 6, 1)
    opt = torch.optim.LBFGS(net.parameters(), max_iter=5, line_search_fn="strong_wolfe")
    t = torch.linspace(0, 1, 6, dtype=torch.float64)[:, None].requires_grad_()

    def closure():
        opt.zero_grad()
        u = net(t)
        (du,) = grad(u, t, torch.ones_like(u), create_graph=True)
        (ddu,) = grad(du, t, torch.ones_like(du), create_graph=True)
        (d3u,) = grad(ddu.sum(), t, create_graph=True)
        loss = (ddu + u).pow(2).mean() + (u[0] - 1).pow(2).sum() + du[0].pow(2).sum() + 0.01 * d3u.pow(2).mean()
        loss.backward()
        return loss

    return [opt.step(closure) for _ in range(2)], [p for p in net.parameters()], t.grad


def hessian_products():
    net = _net(3, 4, 1)
    x, y = _x(6, 3), _x(6, 1, seed=3)
    params = list(net.parameters())
    loss = F.mse_loss(net(x), y)
    grads = grad(loss, params, create_graph=True)
    flat = torch.cat([g.reshape(-1) for g in grads])
    v = _x(flat.numel(), seed=4)
    hvp = torch.cat([h.reshape(-1) for h in grad(flat @ v, params, retain_graph=True)])
    b, residual = torch.zeros_like(v), -flat.detach()
    direction = residual.clone()
    for _ in range(4):
        hd = torch.cat([h.reshape(-1) for h in grad(flat @ direction, params, retain_graph=True)]) + 0.5 * direction
        alpha = residual @ residual / (direction @ hd)
        b += alpha * direction
        new = residual - alpha * hd
        direction = new + (new @ new) / (residual @ residual) * direction
        residual = new
    rows = torch.stack([torch.cat([h.reshape(-1) for h in grad(f, params, retain_graph=True)]) for f in flat[:5]])
    return hvp, b, rows


def score_matching():
    net = _net(2, 5, 2)
    x = _x(4, 2).requires_grad_()
    s = net(x)
    trace = 0
    for i in range(2):
        trace = trace + grad(s[:, i].sum(), x, create_graph=True)[0][:, i]
    loss = (trace + 0.5 * s.pow(2).sum(1)).mean()
    loss.backward()
    v = _x(4, 2, seed=5)
    sliced = (v * grad((net(x) * v).sum(), x, create_graph=True)[0]).sum()
    return loss, [p.grad for p in net.parameters()], x.grad, grad(sliced, list(net.parameters()))


def adjoint_of_an_ode():
    class Solve(torch.autograd.Function):
        @staticmethod
        def forward(ctx, y, theta):
            with torch.no_grad():
                for _ in range(5):
                    y = y + 0.1 * torch.tanh(theta @ y)
            ctx.save_for_backward(y, theta)
            return y

        @staticmethod
        def backward(ctx, a):
            y, theta = ctx.saved_tensors
            total = torch.zeros_like(theta)
            for _ in range(5):
                with torch.enable_grad():
                    y = y.detach().requires_grad_()
                    th = theta.detach().requires_grad_()
                    f = torch.tanh(th @ y)
                    gy, gt = grad(f, (y, th), a)
                a = a + 0.1 * gy
                total += 0.1 * gt
                y = y.detach() - 0.1 * f.detach()
            return a, total

    y, theta = randn(3), randn(3, 3, seed=1)
    Solve.apply(y * 1, theta).pow(2).sum().backward()
    return y.grad, theta.grad


def implicit_fixed_point():
    w, x = randn(3, 3), randn(3, seed=1)
    scaled = w * 0.2
    with torch.no_grad():
        z = torch.zeros(3, dtype=torch.float64)
        for _ in range(60):
            z = torch.tanh(scaled @ z + x)
    z = torch.tanh(scaled @ z + x)
    z0 = z.clone().detach().requires_grad_()
    f0 = torch.tanh(scaled @ z0 + x)

    def hook(g):
        total = g
        for _ in range(40):
            total = grad(f0, z0, total, retain_graph=True)[0] + g
        return total

    z.register_hook(hook)
    z.sum().backward()
    return w.grad, x.grad


def buffers_written_step_by_step():
    cell = nn.GRUCell(2, 3).double()
    with torch.no_grad():
        for i, p in enumerate(cell.parameters()):
            p.copy_(_x(*p.shape, seed=i) * 0.5)
    x = randn(4, 2, 2)
    outputs = torch.zeros(4, 2, 3, dtype=torch.float64)
    h = torch.zeros(2, 3, dtype=torch.float64)
    for t in range(4):
        h = cell(x[t], h)
        outputs[t] = h
    outputs[1:] += outputs[:-1].clone()
    outputs[..., 0] *= 2
    loss = (outputs * torch.arange(24.0).view(4, 2, 3)).sum()
    return loss, grad(loss, [x, *cell.parameters()])


def truncated_time():
    rnn = nn.LSTM(2, 3, batch_first=True).double()
    with torch.no_grad():
        for i, p in enumerate(rnn.parameters()):
            p.copy_(_x(*p.shape, seed=i) * 0.5)
    opt = torch.optim.RMSprop(rnn.parameters(), lr=0.01)
    x, state, log = _x(2, 9, 2), None, []
    for chunk in x.split(3, 1):
        if state is not None:
            state = tuple(s.detach() for s in state)
        out, state = rnn(chunk, state)
        loss = out.pow(2).mean()
        opt.zero_grad(set_to_none=False)
        loss.backward()
        nn.utils.clip_grad_norm_(rnn.parameters(), 0.1)
        opt.step()
        log.append(loss)
    return log, list(rnn.parameters())


def teachers_and_averages():
    student = _net(3, 4, 2)
    teacher = copy.deepcopy(student)
    for p in teacher.parameters():
        p.requires_grad_(False)
    opt = torch.optim.AdamW(student.parameters(), lr=0.05)
    log = []
    for step in range(3):
        x = _x(5, 3, seed=step)
        with torch.no_grad():
            target = teacher(x).softmax(1)
        loss = F.kl_div(student(x).log_softmax(1), target, reduction="batchmean") + student(x).pow(2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        for p, q in zip(teacher.parameters(), student.parameters()):
            p.data.mul_(0.9).add_(q.data, alpha=0.1)
        log.append(loss)
    return log, list(teacher.parameters()), [p.requires_grad for p in teacher.parameters()]


def binarized_weights():
    net = _net(3, 4, 1)
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    log = []
    for step in range(2):
        kept = [p.data.clone() for p in net.parameters()]
        for p in net.parameters():
            p.data = p.data.sign() * p.data.abs().mean()
        loss = net(_x(4, 3, seed=step)).pow(2).mean()
        opt.zero_grad()
        loss.backward()
        for p, old in zip(net.parameters(), kept):
            p.data.copy_(old)
        opt.step()
        log.append([loss, [p.grad for p in net.parameters()]])
    return log, list(net.parameters())


def sharpness_aware():
    net = _net(3, 4, 1)
    opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    log = []
    for step in range(3):
        x = _x(5, 3, seed=step)
        net(x).pow(2).mean().backward()
        norm = torch.norm(torch.stack([p.grad.norm() for p in net.parameters()]))
        moves = []
        with torch.no_grad():
            for p in net.parameters():
                e = p.grad * (0.05 / (norm + 1e-12))
                p.add_(e)
                moves.append(e)
        net.zero_grad()
        loss = net(x).pow(2).mean()
        loss.backward()
        with torch.no_grad():
            for p, e in zip(net.parameters(), moves):
                p.sub_(e)
        opt.step()
        opt.zero_grad()
        log.append(loss)
    return log, list(net.parameters())


def straight_through():
    logits = randn(4, 3)
    soft = logits.softmax(1)
    hard = torch.zeros_like(soft).scatter_(1, soft.argmax(1, keepdim=True), 1.0)
    y = hard - soft.detach() + soft
    codes = randn(5, 3, seed=2)
    distances = torch.cdist(y, codes)
    nearest = codes[distances.argmin(1)]
    quantized = y + (nearest - y).detach()
    loss = quantized.pow(2).sum() + F.mse_loss(nearest, y.detach()) + 0.25 * F.mse_loss(y, nearest.detach())
    return y, loss, grad(loss, (logits, codes))


def weights_made_of_others():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2).double())
    spectral = nn.utils.parametrizations.orthogonal(nn.Linear(3, 3).double())
    with torch.no_grad():
        for i, p in enumerate([*layer.parameters(), *spectral.parameters()]):
            p.copy_(_x(*p.shape, seed=i))
    x = _x(4, 3).requires_grad_()
    y = layer(spectral(x))
    (g,) = grad(y.pow(2).sum(), x, create_graph=True)
    return g, grad(g.pow(2).sum(), [*layer.parameters(), *spectral.parameters()], allow_unused=True)


def normalizing_flow():
    x, a, b = randn(4, 2), randn(2, 2, seed=1), randn(2, seed=2)
    y = torch.cat([x[:, :1], x[:, 1:] * (x[:, :1] * b[0]).exp() + x[:, :1] * b[1]], 1) @ (a + 2 * torch.eye(2))
    log_det = torch.slogdet(a + 2 * torch.eye(2))[1] + (x[:, 0] * b[0])
    loss = (0.5 * y.pow(2).sum(1) - log_det).mean()

    def flow(s):
        return torch.cat([s[:1], s[1:] * (s[:1] * b[0]).exp() + s[:1] * b[1]]) @ (a + 2 * torch.eye(2))

    jac = torch.func.vmap(torch.func.jacrev(flow))(x)
    return loss, grad(loss, (x, a, b), retain_graph=True), torch.linalg.slogdet(jac)[1] - log_det


def cached_keys():
    q, k, v = randn(1, 2, 4, 3), randn(1, 2, 4, 3, seed=1), randn(1, 2, 4, 3, seed=2)
    keys, values = torch.zeros(1, 2, 6, 3, dtype=torch.float64), torch.zeros(1, 2, 6, 3, dtype=torch.float64)
    outs = []
    for t in range(4):
        keys = keys.clone()
        values = values.clone()
        keys[:, :, t] = k[:, :, t]
        values[:, :, t] = v[:, :, t]
        scores = q[:, :, t : t + 1] @ keys.mT / 3**0.5
        scores[..., t + 1 :] = -torch.inf
        outs.append(scores.softmax(-1) @ values)
    whole = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    total = torch.cat(outs, 2)
    return total - whole, grad(total.pow(2).sum(), (q, k, v)), grad(whole.pow(2).sum(), (q, k, v))


def private_gradients():
    net = _net(3, 4, 2)
    params = {k: v.detach() for k, v in net.named_parameters()}
    x, y = _x(5, 3), torch.tensor([0, 1, 0, 1, 1])

    def loss(p, a, b):
        return F.cross_entropy(torch.func.functional_call(net, p, a[None]), b[None])

    each = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(params, x, y)
    norms = torch.stack([g.flatten(1).norm(dim=1) for g in each.values()]).norm(dim=0)
    clip = (0.1 / (norms + 1e-6)).clamp(max=1)
    return {k: torch.einsum("n,n...->...", clip, g) for k, g in each.items()}, norms


def accumulated_and_frozen():
    net = _net(3, 4, 4, 1)
    groups = [{"params": net[0].parameters(), "lr": 0.1}, {"params": net[2].parameters()}, {"params": net[4].parameters()}]
    opt = torch.optim.SGD(groups, lr=0.01)
    net[2].requires_grad_(False)
    for step in range(4):
        (net(_x(2, 3, seed=step)).pow(2).mean() / 2).backward()
        if step % 2:
            opt.step()
            opt.zero_grad()
        if step == 1:
            net[2].requires_grad_(True)
    return list(net.parameters()), [p.grad for p in net.parameters()]


def layer_wise_optimizers():
    net = _net(3, 4, 1)
    optimizers = {p: torch.optim.Adam([p], lr=0.1) for p in net.parameters()}

    def step(p):
        optimizers[p].step()
        optimizers[p].zero_grad()

    for p in net.parameters():
        p.register_post_accumulate_grad_hook(step)
    losses = []
    for i in range(3):
        loss = net(_x(4, 3, seed=i)).pow(2).mean()
        loss.backward()
        losses.append(loss)
    return losses, [p.grad for p in net.parameters()], list(net.parameters())


def attributions():
    net = _net(3, 5, 4)
    x, zero = _x(2, 3), torch.zeros(2, 3, dtype=torch.float64)
    total = 0
    for alpha in torch.linspace(0, 1, 5):
        point = (zero + alpha * (x - zero)).detach().requires_grad_()
        total = total + grad(net(point)[:, 1].sum(), point)[0]
    maps, handles = {}, []
    handles.append(net[0].register_forward_hook(lambda m, i, o: maps.__setitem__("out", o)))
    handles.append(net[0].register_full_backward_hook(lambda m, gi, go: maps.__setitem__("grad", go[0])))
    net(x.requires_grad_()).max(1)[0].sum().backward()
    for h in handles:
        h.remove()
    return total, maps["out"], maps["grad"], x.grad


def adversarial_steps():
    net = _net(3, 5, 2)
    x, y = _x(3, 3), torch.tensor([0, 1, 1])
    delta = torch.zeros_like(x, requires_grad=True)
    for _ in range(4):
        loss = F.cross_entropy(net(x + delta), y)
        loss.backward()
        delta.data = (delta + 0.1 * delta.grad.detach().sign()).clamp(-0.3, 0.3)
        delta.grad.zero_()
    return delta, delta.grad, [p.grad for p in net.parameters()]


def architecture_search():
    alpha, w, x = randn(3), randn(4, 3, seed=1), _x(5, 4)
    mix = alpha.softmax(0)
    y = mix[0] * (x @ w) + mix[1] * torch.relu(x @ w) + mix[2] * torch.sin(x @ w)
    (gw,) = grad(y.pow(2).mean(), w, create_graph=True)
    unrolled = w - 0.1 * gw
    outer = (x @ unrolled).abs().mean() * mix.max()
    return grad(outer, (alpha, w))


def balanced_losses():
    net = _net(3, 4, 2)
    out = net(_x(5, 3))
    shared = net[0].weight
    losses = [out[:, 0].pow(2).mean(), out[:, 1].abs().mean()]
    norms = torch.stack([grad(loss, shared, retain_graph=True)[0].norm() for loss in losses])
    flat = [torch.cat([g.flatten() for g in grad(loss, list(net.parameters()), retain_graph=True)]) for loss in losses]
    dot = flat[0] @ flat[1]
    projected = flat[0] - torch.where(dot < 0, dot / flat[1].pow(2).sum(), 0.0) * flat[1]
    weights = torch.ones(2, dtype=torch.float64, requires_grad=True)
    balance = sum((w * grad(loss, shared, retain_graph=True, create_graph=True)[0]).norm() for w, loss in zip(weights, losses))
    return norms, projected, grad(balance, weights)


def lagrangian():
    q = randn(2)
    v = randn(2, seed=1)

    def energy(q, v):
        mass = torch.stack([torch.stack([2 + q[1].cos(), q[0].sin()]), torch.stack([q[0].sin(), torch.ones((), dtype=torch.float64) * 2])])
        return 0.5 * v @ mass @ v - (q.sin() * 9.8).sum()

    def acceleration(q, v):
        h = torch.func.jacfwd(torch.func.jacrev(energy, 1), 1)(q, v)
        mixed = torch.func.jacfwd(torch.func.jacrev(energy, 1), 0)(q, v)
        return torch.linalg.solve(h, torch.func.grad(energy, 0)(q, v) - mixed @ v)

    a = acceleration(q, v)
    return a, grad(a.pow(2).sum(), (q, v))
