"""Operators: one file a family; each attaches its methods to Tensor and exports its functions."""
from . import views, copying, creation
from . import selection, arithmetic, comparison, logical, rounding, complex_numbers, transcendental, powers, clamping
from . import special_functions, special_aliases, activations, floating_parts, ternary, special_polynomials, special_extras
from . import reshaping, slicing, splitting, joining, indexing, gathering, searching, scattering, index_writing, rearranging, triangular, padding, embedding, restriding
from . import reductions, softmax, statistics, losses, normalization, dropout
from . import scans, sorting, order_statistics, histograms, norms, distance_losses, margin_losses, ctc
from . import matmul, scaled_products, contraction, convolution, pooling, attention, distance, upsampling, folding, grid_sampling
from . import linear_solvers, decompositions, determinants, eigen, least_squares, matrix_functions
from . import fft, signal, windows, masked
from . import coordinates, hashing
from . import differentiation, filling, numpy_interchange, dlpack, display, conversion, iteration, storages, pickling
from . import packed_sequences, recurrent_layers, recurrent
from . import lobpcg, segments, foreach, private_names
from . import autocast, node_names
from . import multihead, fractional_pooling, losses_by_number, further_methods
from . import random, counts, subclassing, asking, properties, legacy_types, sequences, buffers
from . import sparse
from types import SimpleNamespace

from . import default_dtype, partial_dtypes
from .overrides import operators as _operators
from .registered import load_library
from .registered import namespace as _namespace
from .registry import NAMESPACES
from .creation import *

partial_dtypes.guard(_operators)


def __getattr__(name: str):
    """Functions of the torch namespace, the other namespaces (``ops.linalg.qr``), and those of ``torch.ops``."""
    found = NAMESPACES["torch"].get(name)
    if found is not None:
        return found
    if name in NAMESPACES:
        return SimpleNamespace(**NAMESPACES[name])
    if (space := _namespace(name)) is not None:
        return space
    raise AttributeError(f"module 'flambeau.ops' has no attribute '{name}'")
