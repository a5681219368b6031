"""Sparse tensors: layouts, conversions, and the operators that have rules for them."""

from . import coo, masking, conversion, linear, text
