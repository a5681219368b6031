"""Nested tensors: batches of tensors whose sizes differ, packed one after the other.

``layout=torch.strided`` holds tensors of any sizes; ``layout=torch.jagged`` those that differ in one dimension.
"""

from . import jagged_rules, strided_rules  # noqa: F401
from .construction import (
    as_nested_tensor,
    masked_select,
    narrow,
    nested_tensor,
    nested_tensor_from_jagged,
    to_padded_tensor,
)

__all__ = ["to_padded_tensor", "as_nested_tensor", "nested_tensor", "nested_tensor_from_jagged", "narrow", "masked_select"]
