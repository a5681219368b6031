"""Comparisons with PyTorch on this machine: ``python -m benchmarks [NAME ...]``. Never part of the tests."""
