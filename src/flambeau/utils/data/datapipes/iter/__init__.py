"""Pipes of samples one after the other."""

from __future__ import annotations

from .arranging import BatcherIterDataPipe as Batcher
from .arranging import CollatorIterDataPipe as Collator
from .arranging import GrouperIterDataPipe as Grouper
from .arranging import SamplerIterDataPipe as Sampler
from .arranging import ShardingFilterIterDataPipe as ShardingFilter
from .arranging import UnBatcherIterDataPipe as UnBatcher
from .basic import FilterIterDataPipe as Filter
from .basic import IterableWrapperIterDataPipe as IterableWrapper
from .basic import MapperIterDataPipe as Mapper
from .combinatorics import ShufflerIterDataPipe as Shuffler
from .combining import ConcaterIterDataPipe as Concater
from .combining import DemultiplexerIterDataPipe as Demultiplexer
from .combining import ForkerIterDataPipe as Forker
from .combining import MultiplexerIterDataPipe as Multiplexer
from .combining import ZipperIterDataPipe as Zipper
from .files import FileListerIterDataPipe as FileLister
from .files import FileOpenerIterDataPipe as FileOpener
from .files import StreamReaderIterDataPipe as StreamReader

__all__ = ["Batcher", "Collator", "Concater", "Demultiplexer", "FileLister", "FileOpener", "Filter", "Forker", "Grouper", "IterableWrapper",
           "Mapper", "Multiplexer", "Sampler", "ShardingFilter", "Shuffler", "StreamReader", "UnBatcher", "Zipper"]  # fmt: skip
