"""The Tensor beside arithmetic: conversion, NumPy and DLPack, text, storages, Python's protocols, the module's exports."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")


def outcome(call, m):
    try:
        result = call(m)
    except Exception as error:
        return type(error)
    return repr(result)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.arange(6).reshape(2, 3).tolist(),
        lambda m: m.tensor(2.5, dtype=m.bfloat16).tolist(),
        lambda m: m.tensor([True]).item(),
        lambda m: m.ones(2).item(),
        lambda m: float(m.ones(2)),
        lambda m: int(m.tensor(2.7)),
        lambda m: [10, 20][m.tensor(1)],
        lambda m: m.tensor(1.5).__index__(),
        lambda m: bool(m.ones(2)),
        lambda m: bool(m.ones(0)),
        lambda m: len(m.tensor(1)),
        lambda m: list(m.arange(3)),
        lambda m: iter(m.tensor(1)),
        lambda m: 2.0 in m.arange(3.0),
        lambda m: "a" in m.ones(2),
        lambda m: m.ones(2, requires_grad=True).numpy(),
        lambda m: m.ones(2, requires_grad=True).numpy(force=True),
        lambda m: m.ones(2, dtype=m.bfloat16).numpy(),
        lambda m: m.ones(2, device="meta").numpy(),
        lambda m: m.ones(2, device="meta").tolist(),
        lambda m: np.asarray(m.ones(2, 3).t()),
        lambda m: np.asarray(m.ones(2), dtype=np.int64),
        lambda m: np.add(m.ones(2).numpy(), 1),
        lambda m: m.ones(2).type(),
        lambda m: m.ones(2).type("torch.DoubleTensor"),
        lambda m: m.ones(2).type(m.LongTensor),
        lambda m: m.ones(2).type("torch.FooTensor"),
        lambda m: m.ones(2).type_as(m.arange(1)),
        lambda m: m.ones(2).double().half().bool(),
        lambda m: m.ones(2).cuda(),
        lambda m: m.ones(2).pin_memory(),
        lambda m: m.ones(2).apply_(lambda v: v + 1),
        lambda m: m.ones(2).map_(m.arange(2.0), lambda a, b: a + b),
        lambda m: m.ones(2).map_(m.arange(2), lambda a, b: a + b),
        lambda m: m.arange(6.0).resize_(2, 2),
        lambda m: m.arange(6.0)[::2].resize_as_(m.ones(2)),
        lambda m: m.ones(2, requires_grad=True).resize_(3),
        lambda m: m.ones(2).set_(m.arange(3.0)),
        lambda m: m.ones(2).set_(m.arange(6.0).untyped_storage(), 1, (2, 2), (2, 1)),
        lambda m: m.ones(2).set_(m.ones(2, dtype=m.float64)),
        lambda m: m.ones(2).is_set_to(m.ones(2)),
        lambda m: m.arange(4).untyped_storage().nbytes(),
        lambda m: m.arange(4)[2:].storage().tolist(),
        lambda m: m.arange(4)[2:].storage_offset(),
        lambda m: m.ones(2, 3).sum_to_size(1, 3),
        lambda m: m.ones(2, 3).sum_to_size(2, 2),
        lambda m: f"{m.tensor(2.5):.3f}",
        lambda m: f"{m.ones(2):.3f}",
        lambda m: f"{m.ones(2)}",
        lambda m: m.ones(2, device="meta"),
        lambda m: m.ones(2, requires_grad=True) * 2,
        lambda m: m.ones(2, requires_grad=True),
        lambda m: m.zeros(0, 3, dtype=m.int32),
        lambda m: m.is_tensor(3),
        lambda m: m.is_floating_point(m.ones(2)),
        lambda m: m.is_nonzero(m.ones(2)),
        lambda m: m.typename(m.ones(2)),
        lambda m: m.result_type(m.tensor(1), 2.0),
        lambda m: m.result_type(m.ones(2, dtype=m.int8), 300),
        lambda m: m.promote_types(m.int8, m.uint8),
        lambda m: m.promote_types(m.int8, 3),
        lambda m: m.can_cast(m.float32, m.int32),
        lambda m: m.finfo(m.bfloat16),
        lambda m: m.iinfo(m.int8),
        lambda m: m.get_default_device(),
        lambda m: (m.float, m.double, m.half, m.long, m.int, m.short, m.bool, m.cfloat),
        lambda m: (m.inf, m.pi, m.newaxis, m.strided, m.channels_last),
        lambda m: m.cuda.is_available(),
        lambda m: m.cuda.device_count(),
        lambda m: isinstance(m.ones(2), m.FloatTensor) and not isinstance(m.ones(2), m.LongTensor),
    ],
)
def test_same_as_pytorch(call):
    assert outcome(call, flambeau) == outcome(call, torch)


def test_numpy_sees_writes_and_is_seen():
    x = flambeau.zeros(3)
    array = x.numpy()
    x.add_(1)
    assert array.tolist() == [1.0] * 3
    array[0] = 5
    y = x * 2
    array[0] = 7
    assert y.tolist() == [10.0, 2.0, 2.0] and x.tolist() == [7.0, 1.0, 1.0]


def test_dlpack():
    x = flambeau.arange(4.0)
    shared = np.from_dlpack(x)
    shared[0] = 9
    assert x[0].item() == 9
    assert flambeau.from_dlpack(torch.arange(3)).tolist() == [0, 1, 2]
    assert torch.from_dlpack(x).tolist() == x.tolist()
    with pytest.raises(BufferError):
        flambeau.ones(2, requires_grad=True).__dlpack__()


def test_views_share_one_storage_object():
    x = flambeau.arange(6.0)
    assert x[2:].untyped_storage() is x.untyped_storage()
    x.untyped_storage().resize_(8)
    assert len(x.untyped_storage()) == 8


def test_resizing_keeps_what_fits():
    x = flambeau.arange(3.0)
    assert x.resize_(5)[:3].tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(RuntimeError, match="not resizable"):
        flambeau.from_numpy(np.zeros(2)).resize_(5)


def test_shared_memory_is_seen_by_a_forked_child():
    import os

    x = flambeau.zeros(2).share_memory_()
    child = os.fork()
    if not child:
        x.numpy()[0] = 3
        os._exit(0)
    os.waitpid(child, 0)
    assert x.tolist() == [3.0, 0.0]


def test_default_dtype():
    flambeau.set_default_dtype(flambeau.float64)
    try:
        assert flambeau.tensor(1.5).dtype is flambeau.float64
        assert flambeau.zeros(1).dtype is flambeau.float64
    finally:
        flambeau.set_default_dtype(flambeau.float32)
    with pytest.raises(TypeError):
        flambeau.set_default_dtype(flambeau.int64)


def test_switches():
    assert flambeau.compile(len) is len
    assert flambeau.compile(mode="max-autotune")(len) is len
    flambeau.use_deterministic_algorithms(True, warn_only=True)
    assert flambeau.get_deterministic_debug_mode() == 1
    flambeau.set_deterministic_debug_mode("default")
    assert not flambeau.are_deterministic_algorithms_enabled()
    flambeau.backends.cudnn.benchmark = True
    with pytest.raises(RuntimeError):
        flambeau.set_num_interop_threads(0)


def test_importing_brings_no_library():
    code = (
        "import sys, flambeau; print([m for m in sys.modules "
        "if m.startswith('flambeau.') and m.split('.')[1] in ('nn', 'optim', 'vision')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
