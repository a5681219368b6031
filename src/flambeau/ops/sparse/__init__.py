"""Sparse tensors: layouts, conversions, and the operators that have rules for them."""

from . import compressed, conversion, coo, elementwise, handling, linear, masking, reductions, shapes, text
