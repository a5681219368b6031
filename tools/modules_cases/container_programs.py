"""Sequential, lists and dicts of modules and of parameters."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from modules_cases.comparing import attempt


def tried(*calls: Any) -> list:
    return [attempt(call) for call in calls]


def sequential(m: Any) -> list:
    def fresh() -> Any:
        return m.nn.Sequential(m.nn.Linear(1, 2), m.nn.ReLU(), m.nn.Linear(2, 1))

    s, r = fresh(), m.nn.ReLU
    named = m.nn.Sequential(OrderedDict(a=r(), b=m.nn.Linear(1, 1)))

    def removed(index: Any) -> str:
        t = fresh()
        del t[index]
        return repr(t)

    def put(index: Any, value: Any) -> str:
        t = fresh()
        t[index] = value
        return repr(t)

    return tried(
        lambda: len(s),
        lambda: repr(s[1:]),
        lambda: repr(s[::-1]),
        lambda: repr(s[-1]),
        lambda: s[3],
        lambda: s[-4],
        lambda: s["1"],
        lambda: repr(named[:1]),
        lambda: list(named._modules),
        lambda: named["a"],
        lambda: repr(named.a),
        lambda: removed(0),
        lambda: removed(slice(0, 2)),
        lambda: removed(-1),
        lambda: removed(5),
        lambda: put(0, r()),
        lambda: put(-1, r()),
        lambda: put(3, r()),
        lambda: put(0, 3),
        lambda: repr(fresh().append(r())),
        lambda: repr(fresh().insert(0, r())),
        lambda: repr(fresh().insert(-1, r())),
        lambda: fresh().insert(9, r()),
        lambda: fresh().insert(0, 3),
        lambda: repr(fresh().extend([r(), r()])),
        lambda: repr(fresh().extend(fresh())),
        lambda: repr(fresh() + fresh()),
        lambda: fresh() + [r()],
        lambda: repr(fresh() * 2),
        lambda: repr(2 * fresh()),
        lambda: fresh() * 0,
        lambda: fresh() * 1.5,
        lambda: repr(iadd(fresh(), fresh())),
        lambda: repr(imul(fresh(), 2)),
        lambda: repr(fresh().pop(1)),
        lambda: fresh().pop(7),
        lambda: [type(x).__name__ for x in s],
        lambda: m.nn.Sequential(3),
        lambda: m.nn.Sequential()(5),
        lambda: bool(m.nn.Sequential()),
        lambda: s[0] in s,
        lambda: s(m.ones(1, 1), 2),
        lambda: [n for n in dir(s) if n.isdigit()],
    )


def iadd(a: Any, b: Any) -> Any:
    a += b
    return a


def imul(a: Any, b: Any) -> Any:
    a *= b
    return a


def module_list(m: Any) -> list:
    def fresh() -> Any:
        return m.nn.ModuleList([m.nn.Linear(1, 2), m.nn.ReLU(), m.nn.Linear(2, 1)])

    r = m.nn.ReLU

    def changed(change: Any) -> str:
        t = fresh()
        change(t)
        return repr(t)

    return tried(
        lambda: repr(fresh()[1:]),
        lambda: type(fresh()[:]).__name__,
        lambda: fresh()[3],
        lambda: fresh()["0"],
        lambda: repr(fresh()[-3]),
        lambda: changed(lambda t: t.__setitem__(0, r())),
        lambda: changed(lambda t: t.__setitem__(-1, r())),
        lambda: changed(lambda t: t.__setitem__(4, r())),
        lambda: changed(lambda t: t.__setitem__(0, 3)),
        lambda: changed(lambda t: t.__delitem__(0)),
        lambda: changed(lambda t: t.__delitem__(slice(1, 3))),
        lambda: changed(lambda t: t.__delitem__(-1)),
        lambda: changed(lambda t: t.append(r())),
        lambda: changed(lambda t: t.append(3)),
        lambda: changed(lambda t: t.insert(1, r())),
        lambda: changed(lambda t: t.insert(-1, r())),
        lambda: changed(lambda t: t.extend([r()])),
        lambda: changed(lambda t: t.extend(r())),
        lambda: changed(lambda t: t.extend(3)),
        lambda: changed(lambda t: t.pop(1)),
        lambda: changed(lambda t: t.pop(-1)),
        lambda: repr(fresh() + [r()]),
        lambda: repr(iadd(fresh(), [r()])),
        lambda: repr(fresh() + fresh()),
        lambda: len(fresh()),
        lambda: fresh()(1),
        lambda: m.nn.ModuleList(3),
        lambda: m.nn.ModuleList([3]),
        lambda: list(fresh().state_dict()),
        lambda: repr(m.nn.ModuleList(x for x in fresh())),
        lambda: [n for n in dir(fresh()) if n.isdigit()],
        lambda: repr(list(reversed(fresh()))),
    )


def module_dict(m: Any) -> list:
    r = m.nn.ReLU

    def fresh() -> Any:
        return m.nn.ModuleDict({"b": m.nn.Linear(1, 1), "a": r()})

    def changed(change: Any) -> list:
        t = fresh()
        result = change(t)
        return [repr(t), repr(result)]

    return tried(
        lambda: [
            list(fresh().keys()),
            [type(v).__name__ for v in fresh().values()],
            [k for k, _ in fresh().items()],
            len(fresh()),
        ],
        lambda: "a" in fresh(),
        lambda: repr(fresh()["a"]),
        lambda: fresh()["c"],
        lambda: changed(lambda t: t.__setitem__("c", r())),
        lambda: changed(lambda t: t.__setitem__("keys", r())),
        lambda: changed(lambda t: t.__setitem__("c", 3)),
        lambda: changed(lambda t: t.__setitem__("a.b", r())),
        lambda: changed(lambda t: t.__setitem__(3, r())),
        lambda: changed(lambda t: t.__delitem__("a")),
        lambda: changed(lambda t: t.__delitem__("z")),
        lambda: changed(lambda t: t.pop("a")),
        lambda: changed(lambda t: t.clear()),
        lambda: changed(lambda t: t.update({"z": r(), "c": r()})),
        lambda: changed(lambda t: t.update([("z", r()), ["c", r()]])),
        lambda: changed(lambda t: t.update(fresh())),
        lambda: changed(lambda t: t.update(3)),
        lambda: changed(lambda t: t.update([("z",)])),
        lambda: changed(lambda t: t.update([3])),
        lambda: [list(iter(fresh()))],
        lambda: m.nn.ModuleDict([("x", r())]).x is not None,
        lambda: list(m.nn.ModuleDict({"z": r(), "a": r()})),
    )


def parameter_list(m: Any) -> list:
    def fresh() -> Any:
        return m.nn.ParameterList([m.nn.Parameter(m.ones(2)), m.zeros(1), "text"])

    def changed(change: Any) -> list:
        t = fresh()
        result = change(t)
        return [repr(t), list(t.state_dict()), repr(result) if not isinstance(result, m.Tensor) else result]

    p = m.nn.Parameter(m.ones(3))
    return tried(
        lambda: [type(x).__name__ for x in fresh()],
        lambda: len(fresh()),
        lambda: repr(fresh()[1:]),
        lambda: fresh()[5],
        lambda: fresh()[-1],
        lambda: changed(lambda t: t.__setitem__(0, m.ones(4))),
        lambda: changed(lambda t: t.__setitem__(0, "x")),
        lambda: changed(lambda t: t.__setitem__(-1, p)),
        lambda: changed(lambda t: t.append(m.ones(1))),
        lambda: changed(lambda t: t.append(3)),
        lambda: changed(lambda t: t.extend([p, 3])),
        lambda: changed(lambda t: t.extend(3)),
        lambda: changed(lambda t: t.extend(p)),
        lambda: repr(iadd(fresh(), [p])),
        lambda: fresh()(1),
        lambda: m.nn.ParameterList(3),
        lambda: repr(m.nn.ParameterList(p for _ in range(2))),
        lambda: changed(lambda t: t.__delitem__(0)),
        lambda: [len(list(fresh().parameters())), [n for n, _ in fresh().named_parameters()]],
        lambda: [n for n in dir(fresh()) if n.isdigit()],
    )


def parameter_dict(m: Any) -> list:
    p = m.nn.Parameter(m.ones(3))

    def fresh() -> Any:
        return m.nn.ParameterDict({"b": m.nn.Parameter(m.ones(2)), "a": m.zeros(1)})

    def changed(change: Any) -> list:
        t = fresh()
        result = change(t)
        return [
            repr(t),
            list(t.keys()),
            list(t.state_dict()),
            result if isinstance(result, (m.Tensor, tuple)) else repr(result),
        ]

    return tried(
        lambda: changed(lambda t: t["a"]),
        lambda: changed(lambda t: t["z"]),
        lambda: changed(lambda t: t.get("z", 3)),
        lambda: changed(lambda t: t.__setitem__("c", p)),
        lambda: changed(lambda t: t.__setitem__("c", m.ones(1))),
        lambda: changed(lambda t: t.__setitem__("c", 3)),
        lambda: changed(lambda t: t.__setitem__(3, p)),
        lambda: changed(lambda t: t.__delitem__("a")),
        lambda: changed(lambda t: t.__delitem__("z")),
        lambda: changed(lambda t: t.setdefault("z", p)),
        lambda: changed(lambda t: t.setdefault("a", p)),
        lambda: changed(lambda t: t.pop("b")),
        lambda: changed(lambda t: t.pop("z")),
        lambda: changed(lambda t: t.popitem()),
        lambda: changed(lambda t: t.clear()),
        lambda: changed(lambda t: t.update({"z": p, "c": m.ones(1)})),
        lambda: changed(lambda t: t.update([("z", p)])),
        lambda: changed(lambda t: t.update(3)),
        lambda: changed(lambda t: t.update([3])),
        lambda: repr(fresh().copy()),
        lambda: repr(fresh().fromkeys(["x", "y"], p)),
        lambda: repr(m.nn.ParameterDict(fresh())),
        lambda: repr(fresh() | m.nn.ParameterDict({"q": p})),
        lambda: repr(fresh() | {"q": p}),
        lambda: repr(ior(fresh(), {"a": p})),
        lambda: [
            list(reversed(fresh())),
            "a" in fresh(),
            len(fresh()),
            [k for k, _ in fresh().items()],
            [type(v).__name__ for v in fresh().values()],
        ],
        lambda: [n for n, _ in fresh().named_parameters()],
        lambda: m.nn.ParameterDict(3),
        lambda: fresh()(1),
    )


def ior(a: Any, b: Any) -> Any:
    a |= b
    return a


def container(m: Any) -> list:
    return tried(lambda: repr(m.nn.Container(a=m.nn.ReLU())), lambda: m.nn.Container(3))
