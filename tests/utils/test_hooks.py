"""Handles of hooks."""

from __future__ import annotations

import pickle
from collections import OrderedDict

from flambeau.utils.hooks import RemovableHandle


def test_remove_takes_the_hook_out_of_all_tables_and_may_be_repeated():
    hooks, extra = OrderedDict(), OrderedDict()
    handle = RemovableHandle(hooks, extra_dict=[extra])
    hooks[handle.id], extra[handle.id] = print, True
    handle.remove()
    handle.remove()
    assert not hooks and not extra


def test_with_block():
    hooks = OrderedDict()
    with RemovableHandle(hooks) as handle:
        hooks[handle.id] = print
    assert not hooks


def test_ids_are_unique_also_after_unpickling():
    hooks = OrderedDict()
    first = RemovableHandle(hooks)
    copied = pickle.loads(pickle.dumps(first))
    assert copied.id == first.id
    assert RemovableHandle(hooks).id > first.id


def test_table_that_is_gone():
    handle = RemovableHandle(OrderedDict())
    handle.remove()
