"""Operators: one file a family; each attaches its methods to Tensor and exports its functions."""
from . import views, copying, creation, arithmetic
from . import reshaping, slicing, splitting, joining, indexing
from .registry import NAMESPACES
from .creation import *
