"""The version of flambeau; the package's metadata is made from it."""

__version__ = "0.1.0"

# What PyTorch's version module tells of its build.
cuda = None
hip = None
xpu = None
debug = False
git_version = "Unknown"
