"""Giving a result its history, on the quick path of an operator's public function.

What there is to do depends on which arguments need gradients and on what backward reads: for each such case a function is made
once, without loops or look-ups, and kept in the rule. ``gradient.attach_all`` does the same for any case.
"""

from __future__ import annotations

import functools

from ..autograd import anomaly, saved_hooks
from ..autograd.graph import Meta, _sequence, edge_of
from ..tensor import make
from .gradient import observe, prepare
from .schema import compile_function

_SOURCE = """
def attach(rule, tensors, out, numbers=(), storages=None):
    {arguments}, = tensors
{edges}    node = new(rule.node_class)
    node.edges = ({edge_names},)
    node.sequence = next(ages)
    node.rule = rule
    node.tensors = [{saved}]
    node.versions = [{versions}]
    node.numbers = numbers
    if hooks.stack or anomaly.enabled:
        observe(node)
    meta = out._autograd = new(Meta)
    meta.node = node
    meta.nr = 0
    out._spec = rule.grad_spec
    return out
"""
_EDGE = """    m{i} = t{i}._autograd
    if m{i} is None or m{i}.base is not None:
        e{i} = edge_of(t{i})
    elif m{i}.node is not None:
        e{i} = m{i}.node, m{i}.nr
    else:
        e{i} = (m{i}, 0) if m{i}.tensor is not None else edge_of(t{i})
"""


def attach(rule, tensors, out, numbers=(), storages=None):
    """Make ``out`` the differentiable result of ``rule`` on ``tensors`` (and ``numbers``), at the first call with a rule.

    ``storages`` are those of all results, where there are more than ``out``.
    """
    if rule.saved is None:
        prepare(rule)
    places = tuple([rule.results[~i][0] if i < -1 else 0 for i in rule.saved])
    rule.attach = _made(rule.needs, rule.saved, places, len(rule.results) > 1)
    return rule.attach(rule, tensors, out, numbers, storages)


@functools.cache
def _made(needs: tuple[bool, ...], saved: tuple[int, ...], places: tuple[int, ...], several: bool):
    """The function for rules whose arguments ``needs`` tells of and whose backward reads ``saved``.

    ``places`` are the numbers of the storages of saved results.
    """
    kept = []
    for i, place in zip(saved, places):
        storage = f"storages[{place}]" if several else "out._storage"
        kept.append(f"t{i}" if i >= 0 else f"make({storage}, rule.results[{~i}][1], rule.results[{~i}][2])")
    source = _SOURCE.format(
        arguments=", ".join(f"t{i}" for i in range(len(needs))),
        edges="".join(_EDGE.format(i=i) for i, need in enumerate(needs) if need),
        edge_names=", ".join(f"e{i}" if need else "None" for i, need in enumerate(needs)),
        saved=", ".join(kept),
        versions=", ".join(f"t{i}._storage.version" if i >= 0 else "0" for i in saved),
    )
    scope = {"new": object.__new__, "ages": _sequence, "hooks": saved_hooks, "anomaly": anomaly, "observe": observe, "Meta": Meta,
             "edge_of": edge_of, "make": make}
    return compile_function(source, "attach", scope, "ops", attach.__doc__)
