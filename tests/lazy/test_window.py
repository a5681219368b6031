"""The window: what is recorded, what runs it, and what it leaves behind."""

from __future__ import annotations

import pickle
import threading
import weakref

import numpy as np
import pytest
from tests.lazy.windows import compiled_only, lazy_only, pending, repeatedly, settle

import flambeau as fl
from flambeau.lazy import run, window
from flambeau.runtime import memory


@pytest.fixture(autouse=True)
def nothing_pending():
    settle()


def summed():
    """A one-element result that is pending."""
    return (fl.tensor([1.0, 2.0]) * 2).sum()


class TestRecording:
    @lazy_only
    def test_an_operator_only_records(self):
        x = fl.tensor([1.0, 2.0])
        y = (x + x).tanh()
        assert pending() == 2
        assert y._storage.buffer is None

    @lazy_only
    def test_metadata_needs_no_run(self):
        y = fl.zeros(2, 3).t() + 1
        assert (y.shape, y.stride(), y.dtype) == ((3, 2), (1, 3), fl.float32)
        assert y.numel() == 6 and not y.is_contiguous() and not y.requires_grad and y._version == 0
        assert y.view(fl.int32).shape == (3, 2)
        assert pending() > 0

    def test_views_are_no_instructions(self):
        x = fl.zeros(2, 3)
        settle()
        view = x.t()[1:].unsqueeze(0).expand(4, 2, 2)
        assert pending() == 0
        assert view._storage is x._storage

    def test_wrong_shapes_are_told_when_recorded(self):
        with pytest.raises(RuntimeError, match="must match the size"):
            fl.zeros(2) + fl.zeros(3)
        assert pending() <= 2


class TestLooking:
    @pytest.mark.parametrize(
        "look",
        [
            lambda x: x.item(),
            lambda x: x.tolist(),
            bool,
            float,
            int,
            repr,
            lambda x: x.numpy(),
            lambda x: x.data_ptr(),
            lambda x: pickle.dumps(x),
            lambda x: fl.equal(x, x + 0),
            lambda x: x.reshape(1).nonzero(),
            lambda x: fl.zeros(1)[x.reshape(1) > 0],
        ],
    )
    def test_a_look_runs_the_window(self, look):
        x = summed()
        look(x)
        assert x._storage.buffer is not None
        assert x.item() == 6.0

    def test_what_was_pending_beside_it_keeps_its_value(self):
        x = fl.tensor([1.0, 2.0])
        y, z = x + 1, x * 3
        assert y.tolist() == [2, 3]
        x.zero_()
        assert z.tolist() == [3, 6]

    def test_another_thread_may_look(self):
        x, seen = summed(), []
        thread = threading.Thread(target=lambda: seen.append(x.item()))
        thread.start()
        thread.join()
        assert seen == [6.0]

    def test_threads_record_into_one_window(self):
        x = fl.ones(100)
        sums = [None] * 4

        def work(i):
            y = x
            for _ in range(200):
                y = y + i
            sums[i] = y.sum()

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert [s.item() for s in sums] == [100.0 + 100 * 200 * i for i in range(4)]


class TestLimits:
    def test_many_instructions_do_not_pile_up(self):
        x = fl.zeros(3)
        for _ in range(3 * window.HARD_LIMIT):
            x = x + 1
            assert pending() <= window.HARD_LIMIT + 1
        assert x.tolist() == [3.0 * window.HARD_LIMIT] * 3

    def test_many_bytes_do_not_pile_up(self):
        x = fl.zeros(1 << 20)
        kept = []
        for i in range(40):
            kept.append(x + i)
            assert pending() < 200
        assert [k[0].item() for k in kept] == list(range(40))

    def test_a_loop_without_looks_is_right(self):
        w, velocity = fl.zeros(5), fl.zeros(5)
        for step in range(1000):
            velocity.mul_(0.5).add_(float(step % 3))
            w.sub_(velocity, alpha=0.25)
        expected_w, expected_velocity = 0.0, 0.0
        for step in range(1000):
            expected_velocity = expected_velocity * 0.5 + step % 3
            expected_w -= 0.25 * expected_velocity
        np.testing.assert_allclose(w.numpy(), [expected_w] * 5, rtol=1e-4)


class TestLiveness:
    def test_a_pending_result_is_held_weakly(self):
        y = fl.zeros(3) + 1
        storage = weakref.ref(y._storage)
        del y
        assert storage() is None

    @compiled_only
    def test_results_that_nobody_can_reach_are_not_stored(self):
        x = fl.ones(1 << 20)

        def step():
            memory.reset_peak_statistics()
            before = memory.statistics().allocated
            y = x * 2
            z = (y + 1).exp()
            total = z.sum()
            del y, z
            assert total.item() == pytest.approx(np.exp(3) * (1 << 20), rel=1e-4)
            return memory.statistics().peak_allocated - before

        assert repeatedly(step)[-1] < x.nbytes // 4

    def test_a_deleted_tensor_does_not_change_others(self):
        def step():
            x = fl.arange(6.0).reshape(2, 3)
            y = x + 1
            view = y[1]
            del y
            z = view * 2
            view.zero_()
            del view
            return z.tolist()

        assert repeatedly(step) == [[8, 10, 12]] * 4

    def test_a_view_keeps_a_pending_result_alive(self):
        for _ in range(3):
            row = (fl.arange(6.0).reshape(2, 3) * 2)[1]
            assert row.tolist() == [6, 8, 10]


class TestVisibleMemory:
    def test_numpy_sees_a_write_at_once(self):
        x = fl.zeros(3) + 1
        array = x.numpy()
        x.add_(1)
        assert array.tolist() == [2, 2, 2]
        x[1:].mul_(5)
        assert array.tolist() == [2, 10, 10]

    def test_a_read_is_done_before_numpy_writes(self):
        x = fl.zeros(3)
        array = x.numpy()
        y = x + 1
        array[:] = 7
        assert y.tolist() == [1, 1, 1]
        assert x.tolist() == [7, 7, 7]

    def test_pending_writes_land_before_memory_is_shown(self):
        x = fl.zeros(3)
        x.add_(2)
        array = x[1:].numpy()
        assert array.tolist() == [2, 2]

    def test_from_numpy_shares_both_ways(self):
        array = np.arange(4.0)
        x = fl.from_numpy(array)
        doubled = x * 2
        array += 10
        x[0] = -1
        assert doubled.tolist() == [0, 2, 4, 6]
        assert x.tolist() == [-1, 11, 12, 13]
        assert array[0] == -1

    @lazy_only
    def test_memory_is_recorded_again_when_nobody_sees_it(self):
        x = fl.zeros(3)
        array = x.numpy()
        del array
        x.add_(1)
        assert pending() == 1
        assert x.tolist() == [1, 1, 1]

    def test_dlpack_shares_memory(self):
        x = fl.zeros(3)
        array = np.from_dlpack(x)
        x.add_(3)
        assert array.tolist() == [3, 3, 3]


class TestFailures:
    @lazy_only
    def test_a_wrong_index_names_its_line_and_loses_nothing(self):
        def step():
            settle()
            x = fl.arange(4.0)
            before = x * 2
            bad = x[fl.tensor([1, 7])]
            after = before + 1
            with pytest.raises(IndexError, match=r"index 7 is out of bounds.*test_window\.py:\d+"):
                bad.tolist()
                after.tolist()
            return before.tolist(), after.tolist()

        assert repeatedly(step) == [([0, 2, 4, 6], [1, 3, 5, 7])] * 4

    def test_without_memory_the_process_stays_usable(self):
        x = fl.ones(4)
        settle()
        memory.set_memory_limit(memory.statistics().allocated + (1 << 20))
        try:
            with pytest.raises(memory.OutOfMemoryError):
                (fl.zeros(1 << 22) + 1).sum().item()
                fl.zeros(1 << 22).add(1).tolist()
        finally:
            memory.set_memory_limit(None)
        assert (x + 1).tolist() == [2] * 4
        assert (fl.zeros(1 << 22) + 1)[5].item() == 1


class TestPlaces:
    """Views of one storage at different places."""

    @compiled_only
    def test_rows_at_any_places_are_one_program(self):
        x, y = fl.arange(400.0).view(100, 4), fl.arange(100.0)
        places = np.random.default_rng(0).permutation(100).reshape(-1, 4).tolist()
        before = len(run._programs)
        for a, b, c, d in places:
            got = (fl.stack([x[a], x[b] * 2, x[c]]) + y[d] - y[a]).tolist()
            rows = np.arange(400.0).reshape(100, 4)
            assert got == (np.stack([rows[a], rows[b] * 2, rows[c]]) + d - a).tolist()
        assert len(run._programs) <= before + 1

    @pytest.mark.parametrize("first", [0, 1, 2])
    def test_writes_between_reads(self, first):
        """A row read before a write has its old value, one read after it the new one, whatever the window knew of its storage."""
        x, expected = fl.arange(12.0).view(4, 3), np.arange(12.0).reshape(4, 3)
        for _ in range(4):
            reads = [x[i] + 1 for i in (3, 1, 0, 1)[first:]]
            wanted = [expected[i] + 1 for i in (3, 1, 0, 1)[first:]]
            x[1:3] *= 2
            expected[1:3] *= 2
            reads += [x[i] * 3 for i in (2, 0, 1)]
            wanted += [expected[i] * 3 for i in (2, 0, 1)]
            x[0] = x[2]
            expected[0] = expected[2]
            np.testing.assert_array_equal(fl.stack(reads).numpy(), np.stack(wanted))
            np.testing.assert_array_equal(x.numpy(force=True), expected)
            x, expected = x.clone(), expected.copy()

    def test_a_write_at_a_place_of_its_own(self):
        x = fl.arange(6.0)
        tail = x[4:]
        total = x[:2].sum() + x[2:4].sum()
        tail.add_(total)
        assert tail.tolist() == [10.0, 11.0] and total.item() == 6.0
