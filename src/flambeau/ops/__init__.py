"""Operators: one file a family; each attaches its methods to Tensor and exports its functions."""
from . import views, copying, creation
from . import selection, arithmetic, comparison, logical, rounding, complex_numbers, transcendental, powers, clamping
from . import special_functions, activations
from . import reshaping, slicing, splitting, joining, indexing
from . import reductions
from .registry import NAMESPACES
from .creation import *
