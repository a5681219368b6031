"""A graph as a program of the CPU: kernels, matrix products and reference steps in phases over planned memory."""

from __future__ import annotations

import hashlib
import threading
from array import array

import numpy as np

from ....runtime import jit, memory
from ....runtime.threads import Base, Launch, Phase, Program, Scalar, get_num_threads, scalar_cell
from ... import reference
from ...fusion import FAR, Fused, Group, Single, fuse
from ...graph import Graph
from ...loops import PARTIAL, Nest, Partial, lower
from . import convolution, dot, pooling, scan  # noqa: F401  (modules that register lowerings)
from .codegen import emit_kernel, join_module, layout, scratch_bytes
from .dot_layout import FIELDS
from .elementwise import supports
from .native import ERROR, SCRATCH, SCRATCH_BYTES, Operand, Result, Shared, lower_single
from .strips import Chain, Piece, Product, find_chains

_ALIGN = 64
_kernels: dict = {}
_lock = threading.Lock()


class statistics:
    """What this process compiled so far."""

    kernels = 0
    programs = 0


def kernel_address(kernel) -> int:
    """Machine code of a kernel: from this process, from the disk cache, or compiled."""
    found = _kernels.get(kernel)
    if found is None:
        with _lock:
            name = "k_" + hashlib.sha256(repr(kernel).encode()).hexdigest()[:24]
            text = join_module([emit_kernel(kernel, name, jit.target())])
            found = _kernels[kernel] = jit.compile_ir(text, [name])[name]
            statistics.kernels += 1
    return found


class Compiled:
    """A graph ready to run. ``segments`` are native programs and, between them, operations of the reference backend."""

    def __init__(self, graph: Graph):
        statistics.programs += 1
        self.graph = graph
        self.threads = 0
        self.fused = fuse(graph, supports)
        _Planner(self).plan()

    def run(self, inputs, outputs, scalars, sites) -> None:
        """Reserve memory, then execute; results that have memory already are written there."""
        given = [outputs[i].buffer for i in self.output_numbers]
        bases, made = self.reserve(inputs, outputs)
        for k, buffer in enumerate(given):
            if buffer is not None:
                outputs[self.output_numbers[k]].buffer = buffer
                bases[len(inputs) + k] = buffer.address
        self.execute((bases, made), inputs, outputs, scalars, sites)

    def reserve(self, inputs, outputs):
        """New memory for results and temporaries: the addresses that a run needs, and what keeps temporaries alive.

        ``OutOfMemoryError`` leaves the results without memory, and nothing has run.
        """
        if self.threads != get_num_threads():
            self._measure()
        bases = [storage.buffer.address + storage.base for storage in inputs]
        made = memory.allocate_all(self.requests)
        for i, buffer in zip(self.output_numbers, made):
            outputs[i].buffer = buffer
        bases += [buffer.address for buffer in made]
        work = made[-1]
        bases.append(work.address + self.arena_bytes)
        return bases, made

    def _measure(self) -> None:
        """What a run asks of the allocator: results, values of reference steps, and one block of temporaries with the scratch
        memory of each thread behind them."""
        self.threads = get_num_threads()
        results = [self.graph.sizes[self.graph.results[i]] for i in self.output_numbers]
        wanted = [*results, *self.own_buffers, self.arena_bytes + self.scratch * self.threads]
        self.requests = [(nbytes, memory.size_class(max(nbytes, 1))) for nbytes in wanted]

    def execute(self, reserved, inputs, outputs, scalars, sites) -> None:
        """Run on reserved memory; ``IndexError`` where a gather was out of range."""
        bases, made = reserved
        if self.native is not None:
            self.native.run(bases, [scalars[i] for i in self.scalar_numbers] if self.scalar_numbers else ())
        else:
            self._run_segments(bases, inputs, outputs, made[len(self.output_numbers):], scalars, sites)
        if self.errors is not None and self.errors != self.no_errors:
            self._raise(outputs, sites)

    def start(self, reserved, scalars) -> bool:
        """Let the workers begin, if this is a native program with work for them; then ``finish`` is to be called."""
        if self.native is None or not self.native.starts():
            return False
        self.native.start(reserved[0], [scalars[i] for i in self.scalar_numbers])
        return True

    def finish(self, outputs, sites) -> None:
        """Wait for a started program; ``IndexError`` where a gather was out of range."""
        self.native.wait()
        if self.errors is not None and self.errors != self.no_errors:
            self._raise(outputs, sites)

    def finish_value(self, number: int) -> bool:
        """Wait for the window's result ``number``; False where it is not known when it is complete, or something went wrong."""
        phases = self.complete_after.get(number)
        if phases is None:
            return False
        self.native.wait(phases)
        return self.errors is None or self.errors == self.no_errors

    def _run_segments(self, bases, inputs, outputs, held, scalars, sites) -> None:
        failure, faulty = None, set()
        for segment in self.segments:
            if segment.__class__ is Program:
                segment.run(bases, [scalars[i] for i in self.scalar_numbers])
                continue
            try:
                self._refer(segment, inputs, outputs, held, scalars)
            except Exception as error:  # the rest is still computed: nothing else is lost
                if isinstance(error, IndexError):
                    error = reference.located(error, sites.get(segment.site))
                failure = failure or error
                faulty.add(segment.site)
        if failure is not None:
            reference.poison(self.graph, faulty, outputs, failure)
            raise failure

    def _refer(self, operation, inputs, outputs, held, scalars) -> None:
        buffers, bases = {}, {}
        for value in {v.value for v in operation.inputs} | set(operation.outputs):
            bases[value] = 0
            if value < self.graph.inputs:
                buffers[value], bases[value] = inputs[value].buffer, inputs[value].base
            elif value in self.own_index:
                buffers[value] = held[self.own_index[value]]
            else:
                buffers[value] = outputs[self.graph.results.index(value)].buffer
        with np.errstate(all="ignore"):
            reference.apply(operation, buffers, bases, scalars)

    def _raise(self, outputs, sites) -> None:
        cells = self.errors.tolist()
        for index, failed, (site, bounds) in zip(cells[::2], cells[1::2], self.error_sites):
            if failed:
                self.errors[:] = self.no_errors
                index = index + FAR if index < -FAR // 2 else index
                where = f" (recorded at {sites[site]})" if site in sites else ""
                dim, size = next((b for b in bounds if not -b[1] <= index < b[1]), bounds[0])
                text = dim if dim.__class__ is str else f"index {index} is out of bounds for dimension {dim} with size {size}"
                error = reference.OutOfRange(text + where)
                reference.poison(self.graph, {site}, outputs, error)
                raise error


class _Planner:
    """Builds the segments of a Compiled."""

    def __init__(self, compiled: Compiled):
        self.compiled = compiled
        self.graph = compiled.graph
        self.fused: Fused = compiled.fused
        self.scalar_cells: dict[tuple, int] = {}
        self.scratch = 0
        self.error_sites: list = []
        self.partials: dict[int, int] = {}
        self.native = {i: lower_single(step.operation) for i, step in enumerate(self.fused.steps) if step.__class__ is Single}
        # Cells hold their addresses.
        self.compiled.tables = [table for lowered in self.native.values() if lowered for table in lowered.tables]

    def plan(self) -> None:
        steps = self.fused.steps
        used_by: dict[int, set[int]] = {}
        for value, accesses in self._touches().items():
            used_by[value] = accesses
        kept = {v for v in self.graph.results if v is not None}
        lowered = []
        for i, step in enumerate(steps):
            if step.__class__ is Group:
                needed = {v for v in step.produced if v in kept or used_by.get(v, set()) - {i} or self._reread(step, v)}
                lowered.append(lower(step, needed) if needed or step.writes else [])
            else:
                lowered.append(step if step.__class__ is Single else [])
        levels = self._levels()
        self._memory(lowered, levels)
        self._segments(lowered, levels)

    def _reread(self, step: Group, value: int) -> bool:
        return any(load.value == value for load in step.loads)

    def _touches(self) -> dict[int, set[int]]:
        """The steps that touch each value."""
        touched: dict[int, set[int]] = {}
        for i, step in enumerate(self.fused.steps):
            for operation in step.operations:
                for v in operation.inputs:
                    touched.setdefault(v.value, set()).add(i)
                for value in operation.outputs:
                    touched.setdefault(value, set()).add(i)
        return touched

    def _levels(self) -> list[int]:
        levels: list[int] = []
        for needs in self.fused.needs:
            levels.append(1 + max((levels[n] for n in needs), default=-1))
        return levels

    # -- memory --------------------------------------------------------------------------------------------------------

    def _memory(self, lowered, levels) -> None:
        compiled, graph = self.compiled, self.graph
        outputs = [(i, v) for i, v in enumerate(graph.results) if v is not None]
        compiled.output_numbers = [i for i, _ in outputs]
        self.base_of: dict[int, tuple[int, int]] = {v: (v, 0) for v in range(graph.inputs)}
        for k, (_, v) in enumerate(outputs):
            self.base_of[v] = (graph.inputs + k, 0)
        touched = self._touches()
        own = [v for v in touched if v not in self.base_of and self._by_reference(touched[v])]
        compiled.own_index = {v: k for k, v in enumerate(own)}
        compiled.own_buffers = [graph.sizes[v] for v in own]
        first_own = graph.inputs + len(outputs)
        for k, v in enumerate(own):
            self.base_of[v] = (first_own + k, 0)
        arena = first_own + len(own)
        self.scratch_base = arena + 1
        self.bases = arena + 2
        free = _Arena()
        stored = self._stored(lowered)
        requests = [(min(levels[i] for i in steps), max(levels[i] for i in steps), graph.sizes[v], v)
                    for v, steps in touched.items() if v in stored and v not in self.base_of]
        for i, nests in enumerate(lowered):
            if nests.__class__ is Partial:
                # Its second nest runs one phase later, see _segments.
                requests.append((levels[i], levels[i], nests.nbytes, ("partial", i)))
            elif self.native.get(i) and self.native[i].shared_bytes:
                requests.append((levels[i], levels[i], self.native[i].shared_bytes, ("partial", i)))
        for start, end, nbytes, name in sorted(requests, key=lambda r: (r[0], -r[2])):
            offset = free.place(start, end, nbytes)
            if name.__class__ is tuple:
                self.partials[name[1]] = offset
            else:
                self.base_of[name] = (arena, offset)
        self.arena_base = arena
        compiled.arena_bytes = free.size

    def _stored(self, lowered) -> set[int]:
        """The values that some step finds in memory; the others live in registers only."""
        stored: set[int] = set()
        for step, nests in zip(self.fused.steps, lowered):
            if step.__class__ is Single:
                stored.update(v.value for v in step.operation.inputs)
                stored.update(step.operation.outputs)
            for nest in _nests_of(nests):
                stored.update(binding.value for binding in nest.bindings)
        return stored

    def _by_reference(self, steps) -> bool:
        return any(isinstance(self.fused.steps[i], Single) and not self._is_native(i) for i in steps)

    def _is_native(self, i: int) -> bool:
        step = self.fused.steps[i]
        return self.native[i] is not None or (step.is_dot and _dot_plan(step.operation) is not None)

    # -- segments ------------------------------------------------------------------------------------------------------

    def _segments(self, lowered, levels) -> None:
        compiled = self.compiled
        by_level: dict[int, list[int]] = {}
        for i, level in enumerate(levels):
            by_level.setdefault(level, []).append(i)
        error_count = sum(len(n.sites) for nests in lowered for n in _nests_of(nests))
        error_count += sum(bool(tasks.bounds) for tasks in self.native.values() if tasks)
        compiled.no_errors = array("q", bytes(16 * error_count))
        compiled.errors = compiled.no_errors[:] if error_count else None
        plan: list = []
        phases, phases_after = 0, {}
        chains = find_chains([self._pieces(by_level[level], lowered) for level in sorted(by_level)])
        chained = {level: chain for chain in chains for level in range(chain.first, chain.last + 1)}
        for level in sorted(by_level):
            if level in chained:
                if level == chained[level].first:
                    plan.append(self._strips(chained[level]))
                    phases += 1
                phases_after[level] = phases
                continue
            launches, combining, references = [], [], []
            for i in by_level[level]:
                self._schedule(i, lowered[i], launches, combining, references)
            plan += [launches, combining, *references]
            phases += bool(launches) + bool(combining)
            phases_after[level] = phases
        last = self._last_writes(levels)
        compiled.complete_after = {i: phases_after[last[v]] for i, v in enumerate(self.graph.results) if v in last}
        self._assemble(plan)

    def _pieces(self, numbers: list[int], lowered) -> list[Piece] | None:
        """What a level does, for ``find_chains``; None where something is neither a nest nor a plain product."""
        pieces = []
        for i in numbers:
            step = lowered[i]
            if step.__class__ is list:
                for nest in step:
                    cells = [self._cell(b.value, b.offset, i) for b in nest.bindings]
                    sizes = tuple([self.graph.sizes[b.value] for b in nest.bindings])
                    pieces.append(Piece(i, nest, tuple([(c.index, c.offset) for c in cells]), sizes))
                continue
            if step.__class__ is not Single or not step.is_dot or self.native[i] is not None:
                return None
            found = _dot_plan(step.operation)
            if found is None:
                return None
            plan, _ = found
            a, b = step.operation.inputs
            cells = [self._cell(a.value, a.offset, i), self._cell(b.value, b.offset, i), self._cell(step.operation.outputs[0], 0, i)]
            pieces.append(Piece(i, Product(plan, tuple([(c.index, c.offset) for c in cells]))))
        return pieces

    def _strips(self, chain: Chain) -> _Strips:
        launches = _Strips(chain.strips)
        for step, work, *_ in chain.pieces:
            if work.__class__ is Product:
                launches.append(self._dot(self.fused.steps[step].operation, work.plan))
            else:
                launches.append(self._launch(work, step))
        return launches

    def _last_writes(self, levels) -> dict[int, int]:
        """The level at which a value is written for the last time."""
        last: dict[int, int] = {}
        for step, level in zip(self.fused.steps, levels):
            for operation in step.operations:
                for value in [*operation.outputs, *(operation.inputs[k].value for k in operation.code.mutates)]:
                    last[value] = max(level, last.get(value, level))
        return last

    def _schedule(self, i: int, step, launches: list, combining: list, references: list) -> None:
        if step.__class__ is Partial:
            launches.append(self._launch(step.first, i))
            combining.append(self._launch(step.second, i))
        elif step.__class__ is list:
            launches += [self._launch(nest, i) for nest in step]
        elif self.native[i] is not None:
            lowered = self.native[i]
            self.scratch = max(self.scratch, lowered.scratch_bytes)
            self.error_cell = self._next_error()
            if lowered.bounds:
                self.error_sites.append((step.operation.site, lowered.bounds))
            launches += [self._task(task, step.operation, i) for task in lowered.tasks]
            combining += [self._task(task, step.operation, i) for task in lowered.then]
        elif self._is_native(i):
            launches.append(self._dot(step.operation))
        else:
            references.append(step.operation)

    def _assemble(self, plan: list) -> None:
        compiled = self.compiled
        scratch = -(-self.scratch // _ALIGN) * _ALIGN
        compiled.scratch = scratch
        compiled.scalar_numbers = [run for run, _ in self.scalar_cells]
        compiled.error_sites = self.error_sites
        scalar_dtypes = [dtype for _, dtype in self.scalar_cells]
        compiled.segments = []
        phases: list[Phase] = []

        def close():
            if phases:
                compiled.segments.append(Program(list(phases), self.bases, scalar_dtypes))
                phases.clear()

        for part in plan:
            if not isinstance(part, list):
                close()
                compiled.segments.append(part)
            elif part:
                launches = [Launch(f, [scratch if c is _SCRATCH_BYTES else c for c in cells], items) for f, cells, items in part]
                strips = part.count if part.__class__ is _Strips else 0
                phases.append(Phase(launches, sum(launch.items for launch in launches) > 1, strips))
        close()
        only = compiled.segments[0] if len(compiled.segments) == 1 else None
        compiled.native = only if only.__class__ is Program else None

    def _cell(self, value: int, offset: int, i: int):
        if value == PARTIAL:
            return Base(self.arena_base, self.partials[i] + offset)
        base, start = self.base_of[value]
        return Base(base, start + offset)

    def _launch(self, nest: Nest, i: int):
        kernel = nest.kernel
        where = layout(kernel)
        cells: list = [0] * where.count
        cells[where.rows], cells[where.chunk], cells[where.inner] = nest.rows, nest.chunk, nest.inner
        for cell, size in zip(where.outer, nest.outer):
            cells[cell] = size
        for cell, size in zip(where.middle, nest.middle):
            cells[cell] = size
        elements = nest.inner
        for size in nest.middle:
            elements *= size
        wanted = scratch_bytes(kernel, elements)
        if wanted:
            self.scratch = max(self.scratch, wanted)
            cells[where.scratch], cells[where.scratch_bytes] = Base(self.scratch_base, 0), _SCRATCH_BYTES
        if nest.sites:
            cells[where.error] = self._next_error()
            self.error_sites += nest.sites
        for place, binding in zip(where.args, nest.bindings):
            cells[place.pointer] = self._cell(binding.value, binding.offset, i)
            for cell, step in [*zip(place.outer, binding.outer), *zip(place.middle, binding.middle)]:
                cells[cell] = step
            if place.inner is not None:
                cells[place.inner] = binding.inner
            if place.item is not None:
                cells[place.item] = binding.item
            for (size_cell, stride_cell), (size, step) in zip(place.gather, binding.gather):
                cells[size_cell], cells[stride_cell] = size, step
        for cell, (scalar, dtype) in zip(where.scalars, nest.scalars):
            cells[cell] = self._scalar(scalar, dtype)
        return kernel_address(kernel), cells, nest.items

    def _next_error(self) -> int:
        """The address of the cells for an index out of range that nobody uses yet."""
        return self.compiled.errors.buffer_info()[0] + 16 * len(self.error_sites) if self.compiled.errors is not None else 0

    def _scalar(self, scalar, dtype: str):
        kind, number = scalar
        if kind == "const":
            return scalar_cell(dtype, _as(number, dtype))
        return Scalar(self.scalar_cells.setdefault((number, dtype), len(self.scalar_cells)))

    def _dot(self, operation, cut=None):
        """The launch of a product, by the plan ``cut`` where one is given."""
        plan, batch_strides = _dot_plan(operation)
        plan = cut or plan
        a, b = operation.inputs
        cells = plan.cells(a=self._cell(a.value, a.offset, 0), b=self._cell(b.value, b.offset, 0),
                           c=self._cell(operation.outputs[0], 0, 0), batch_strides=batch_strides, scratch=Base(self.scratch_base, 0))
        self.scratch = max(self.scratch, plan.scratch_bytes)
        cells[FIELDS.index("scratch_bytes")] = _SCRATCH_BYTES
        return plan.function(), cells, plan.items

    def _task(self, task, operation, i: int):
        """A task of a native operation, its markers replaced by what they stand for."""

        def cell(marker):
            if marker.__class__ is Operand:
                view = operation.inputs[marker.index]
                return self._cell(view.value, view.offset, i)
            if marker.__class__ is Result:
                return self._cell(operation.outputs[marker.index], 0, i)
            if marker.__class__ is Shared:
                return Base(self.arena_base, self.partials[i] + marker.offset)
            if marker is ERROR:
                return self.error_cell
            return Base(self.scratch_base, 0) if marker is SCRATCH else marker

        return task.function, [cell(marker) for marker in task.cells], task.items


_SCRATCH_BYTES = SCRATCH_BYTES


class _Strips(list):
    """The launches of a chain, to be run in ``count`` strips."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count


def _as(number, dtype: str):
    if dtype == "bool":
        return bool(number)
    return float(number) if dtype.startswith("float") else int(number)


def _nests_of(step) -> list[Nest]:
    if step.__class__ is Partial:
        return [step.first, step.second]
    return step if step.__class__ is list else []


def _dot_plan(operation):
    """``(plan, batch strides)`` of a matrix product, None where no kernel takes its operands."""
    a, b = (v.spec for v in operation.inputs)
    dtype = a.dtype.name
    batch = a.shape[0] if a.ndim == 3 else 1
    (m, k), n = a.shape[-2:], b.shape[-1]
    a_strides, b_strides = tuple(a.stride[-2:]), tuple(b.stride[-2:])
    if not (batch and m and n and k) or not dot.supports(dtype, m, n, k, a_strides, b_strides):
        return None
    size = a.dtype.itemsize
    strides = (a.stride[0] * size, b.stride[0] * size, m * n * size, 0) if a.ndim == 3 else (0, 0, 0, 0)
    return dot.choose(dtype, batch, m, n, k, a_strides, b_strides), strides


class _Arena:
    """Placement of blocks that live from one phase to another: where a block of the same size was, else first fit.

    Blocks of one size in one place are what the time steps of a recurrence have in common, see ``strips``.
    """

    def __init__(self):
        self.size = 0
        self.placed: list[tuple[int, int, int, int]] = []
        self.places: dict[int, dict[int, None]] = {}

    def place(self, start: int, end: int, nbytes: int) -> int:
        nbytes = -(-max(nbytes, 1) // _ALIGN) * _ALIGN
        taken = sorted([(o, o + n) for s, e, o, n in self.placed if not (e < start or s > end)])
        known = self.places.setdefault(nbytes, {})
        offset = next((o for o in known if all(high <= o or low >= o + nbytes for low, high in taken)), None)
        if offset is None:
            offset = self._first_fit(taken, nbytes)
            known[offset] = None
        self.placed.append((start, end, offset, nbytes))
        self.size = max(self.size, offset + nbytes)
        return offset

    @staticmethod
    def _first_fit(taken: list[tuple[int, int]], nbytes: int) -> int:
        offset = 0
        for low, high in taken:
            if low - offset >= nbytes:
                break
            offset = max(offset, high)
        return offset
