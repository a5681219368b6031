"""PyTorch's CPU random numbers over NumPy arrays: the same seed gives the same bits.

``Generator`` holds the engine; every sampler takes one first, then a shape, and returns a new array in the
order in which PyTorch fills a contiguous tensor. A dtype is named by a string, for NumPy has no bfloat16:
arrays of that dtype come as float32 values already rounded.

The reference is PyTorch 2.13 on x86-64 with AVX2 or better. Its float32 normals follow Cephes' polynomials
with fused multiply-adds, emulated here through float64: an element in some tens of millions may differ by a
last bit. Its float64 functions are the C library's, and so are ours.
"""

from __future__ import annotations

from .continuous import cauchy, exponential, log_normal, uniform
from .discrete import (
    bernoulli,
    dropout_noise,
    geometric,
    multinomial,
    randint,
    random,
    random_int64,
    randperm,
)
from .gaussian import normal, normal_like
from .generator import Generator, default_generator

__all__ = [
    "Generator",
    "bernoulli",
    "cauchy",
    "default_generator",
    "dropout_noise",
    "exponential",
    "geometric",
    "log_normal",
    "multinomial",
    "normal",
    "normal_like",
    "randint",
    "random",
    "random_int64",
    "randperm",
    "uniform",
]
