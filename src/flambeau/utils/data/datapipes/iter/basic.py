"""Pipes that begin, that change samples, and that choose among them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .._decorator import functional_datapipe
from ..datapipe import IterDataPipe


class IterableWrapperIterDataPipe(IterDataPipe):
    """The samples of an iterable, copied at the start of each epoch if ``deepcopy``."""

    def __init__(self, iterable: Iterable, deepcopy: bool = True) -> None:
        self.iterable, self.deepcopy = iterable, deepcopy

    def __iter__(self) -> Iterator[Any]:
        yield from copy.deepcopy(self.iterable) if self.deepcopy else self.iterable

    def __len__(self) -> int:
        return len(self.iterable)  # type: ignore[arg-type]


@functional_datapipe("map")
class MapperIterDataPipe(IterDataPipe):
    """``fn`` of each sample; with ``input_col`` of one (or some) of its entries, put in place of the first or into ``output_col``."""

    def __init__(self, datapipe: IterDataPipe, fn: Callable, input_col: Any = None, output_col: Any = None) -> None:
        if input_col is None and output_col is not None:
            raise ValueError("`output_col` must be None when `input_col` is None.")
        if isinstance(output_col, (list, tuple)):
            if len(output_col) > 1:
                raise ValueError("`output_col` must be a single-element list or tuple")
            output_col = output_col[0]
        self.datapipe, self.fn, self.input_col, self.output_col = datapipe, fn, input_col, output_col

    def _changed(self, data: Any) -> Any:
        if self.input_col is None:
            return self.fn(data)
        several = isinstance(self.input_col, (list, tuple))
        result = self.fn(*[data[col] for col in self.input_col]) if several else self.fn(data[self.input_col])
        is_tuple = isinstance(data, tuple)
        row = list(data) if is_tuple else copy.copy(data)
        if self.output_col == -1:
            row.append(result)
        elif self.output_col is not None:
            row[self.output_col] = result
        elif several:
            row[self.input_col[0]] = result
            for col in sorted(self.input_col[1:], reverse=True):
                del row[col]
        else:
            row[self.input_col] = result
        return tuple(row) if is_tuple else row

    def __iter__(self) -> Iterator[Any]:
        for data in self.datapipe:
            yield self._changed(data)

    def __len__(self) -> int:
        return len(self.datapipe)


@functional_datapipe("filter")
class FilterIterDataPipe(IterDataPipe):
    """The samples for which ``filter_fn`` (of them, or of their entries ``input_col``) is true. ValueError where it gives no bool."""

    def __init__(self, datapipe: IterDataPipe, filter_fn: Callable, input_col: Any = None) -> None:
        self.datapipe, self.filter_fn, self.input_col = datapipe, filter_fn, input_col

    def _chosen(self, data: Any) -> bool:
        if self.input_col is None:
            found = self.filter_fn(data)
        elif isinstance(self.input_col, (list, tuple)):
            found = self.filter_fn(*[data[col] for col in self.input_col])
        else:
            found = self.filter_fn(data[self.input_col])
        if not isinstance(found, bool):
            raise ValueError(f"Boolean output is required for `filter_fn` of FilterIterDataPipe, got {type(found)}")
        return found

    def __iter__(self) -> Iterator[Any]:
        return filter(self._chosen, iter(self.datapipe))
