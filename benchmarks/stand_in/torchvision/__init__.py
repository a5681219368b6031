"""As much of torchvision as ``mnist_mlp.py`` needs, for PyTorch's side of the benchmark where torchvision is not installed.

It does a sample's work with the tensor operations that torchvision does it with; the way through a PIL image is left out,
which is in PyTorch's favour.
"""

from . import datasets, transforms
