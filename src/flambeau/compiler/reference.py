"""The reference backend: runs a graph operation by operation with the primitives' NumPy meanings.

It is the oracle inside the repository (``FLAMBEAU_BACKEND=numpy``) and what runs where LLVM is absent.
"""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..runtime.memory import allocate
from .small_floats import decode, encode


def view(buffer, spec, offset: int) -> np.ndarray:
    """A NumPy array over a strided view; bfloat16 shows as its bits in uint16 (see ``dtypes.dtype``)."""
    if not spec.numel:
        return np.empty(spec.shape, spec.dtype.numpy)
    itemsize = spec.dtype.itemsize
    return buffer.view(spec.dtype.numpy, tuple(spec.shape), tuple([s * itemsize for s in spec.stride]), offset)


def widen(array: np.ndarray, dtype) -> np.ndarray:
    """Values of ``dtype`` as NumPy can compute with them: floats of 16 and 8 bits as float32, complex32 as complex64."""
    if dtype is dtypes.bfloat16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    if dtype is dtypes.float16:
        return array.astype(np.float32)
    return decode(array, dtype.name) if dtype.packed else array


def narrow(array: np.ndarray, dtype) -> np.ndarray:
    """Computed values in the memory format of ``dtype``; what is narrower rounds to nearest even and keeps NaN.

    An array of the memory's own type already is in that format.
    """
    array = np.asarray(array)
    if dtype.packed and array.dtype == dtype.numpy:
        return array
    if dtype is dtypes.bfloat16:
        bits = np.ascontiguousarray(array.astype(np.float32)).view(np.uint32).reshape(array.shape)
        rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
        return np.where(np.isnan(array), np.uint16(0x7FC0), rounded)
    if dtype.packed:
        return encode(array, dtype.name)
    if array.dtype == dtype.numpy:
        return array
    if array.dtype.kind == "c" and dtype.kind != "c":
        array = array.real if dtype.kind != "b" else array != 0
    if array.dtype.kind == "f" and dtype.kind == "i":
        return _float_to_integer(array, dtype)
    return array.astype(dtype.numpy)


def convert(array: np.ndarray, source, target) -> np.ndarray:
    """Elements in the memory format of ``source`` as those of ``target``."""
    if source is target:
        return array
    values = widen(array, source)
    if target.packed and not source.packed and values.dtype == target.numpy:
        values = values.astype(np.float64)  # integers, not the bits of floats
    return narrow(values, target)


def _float_to_integer(array: np.ndarray, dtype) -> np.ndarray:
    # As C does on x86: by way of a conversion to 32 or 64 bits, then wrapping. Only uint64 has one of its own.
    if dtype is dtypes.uint64:
        return array.astype(np.uint64)
    way = np.int32 if dtype.itemsize <= 2 and dtype is not dtypes.uint8 or dtype is dtypes.int32 else np.int64
    return array.astype(way).astype(dtype.numpy)


def execute(graph, inputs, outputs, scalars, sites, kernels=None) -> None:
    """Run ``graph``: ``inputs`` and ``outputs`` are storages (None for outputs that nobody can reach).

    ``kernels`` is a module whose ``wants_kernel(operation)`` and ``run`` take over some operations.
    """
    buffers = [storage.buffer for storage in inputs] + [None] * (len(graph.sizes) - len(inputs))
    bases = [storage.base for storage in inputs] + [0] * (len(graph.sizes) - len(inputs))
    wanted = {value: storage for value, storage in zip(graph.results, outputs) if value is not None}
    last = graph.last_uses()
    failed: set[int] = set()
    failure = None
    with np.errstate(all="ignore"):
        for position, operation in enumerate(graph.operations):
            if failed and any(v.value in failed for v in operation.inputs):
                failed.update(operation.outputs)
                continue
            try:
                for value in operation.outputs:
                    buffers[value] = allocate(graph.sizes[value])
                if kernels is not None and kernels.wants_kernel(operation):
                    kernels.run(operation, buffers, bases, scalars)
                else:
                    apply(operation, buffers, bases, scalars)
            except Exception as error:  # what does not depend on it is still computed: nothing else is lost
                failed.update(operation.outputs)
                failure = failure or (located(error, sites.get(operation.site)) if isinstance(error, IndexError) else error)
            for value in last[position]:
                if value not in wanted:
                    buffers[value] = None
    for value, storage in wanted.items():
        storage.buffer = None if value in failed else buffers[value]
        storage.failure = failure if value in failed else None
    if failure is not None:
        raise failure


def poison(graph, faulty_sites, outputs, failure) -> None:
    """Take away the results that depend on the operations recorded at these positions of the window."""
    failed: set[int] = set()
    for operation in graph.operations:
        if operation.site in faulty_sites or any(v.value in failed for v in operation.inputs):
            failed.update(operation.outputs)
    for value, storage in zip(graph.results, outputs):
        if value in failed:
            storage.buffer, storage.failure = None, failure


class OutOfRange(IndexError, RuntimeError):
    """An index tensor of a pending operation held a position that does not exist.

    PyTorch raises the one for indexing and the other for gather and scatter.
    """


def located(error: IndexError, site) -> IndexError:
    """The error with the line that recorded the operation."""
    return OutOfRange(f"{error} (recorded at {site})" if site else str(error))


def apply(operation, buffers, bases, scalars) -> None:
    """Run one operation: its operator's NumPy meaning, the results stored in the outputs' memory."""
    code = operation.code
    arrays = [view(buffers[v.value], v.spec, bases[v.value] + v.offset) for v in operation.inputs]
    numbers = [scalars[s] if kind == "run" else s for kind, s in operation.scalars]
    results = code.operator.reference(code, arrays, numbers)
    for value, spec, result in zip(operation.outputs, code.outputs, results):
        if result is not None:
            view(buffers[value], spec, 0)[...] = narrow(result, spec.dtype)
