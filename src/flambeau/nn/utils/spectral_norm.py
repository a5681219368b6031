"""The older spectral normalization, by a hook before each forward."""

from __future__ import annotations

from typing import Any, TypeVar

from ... import ops
from ...autograd import no_grad
from ...tensor import Tensor
from .. import functional as F
from ..modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..modules.module import Module
from ..parameter import Parameter
from ._hooked import find_hook, refuse_second_hook, take_hook
from ._norms import as_matrix, power_iteration

__all__ = [
    "SpectralNorm",
    "SpectralNormLoadStateDictPreHook",
    "SpectralNormStateDictHook",
    "remove_spectral_norm",
    "spectral_norm",
]

T_module = TypeVar("T_module", bound=Module)


class SpectralNorm:
    """The hook that computes ``module.<name>`` from ``<name>_orig`` and singular vectors ``<name>_u`` and ``<name>_v``."""

    # Of state dicts; those without had no v.
    _version = 1

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """Return the weight divided by its largest singular value, after steps of power iteration if asked for."""
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            power_iteration(matrix.mH, v, u, self.n_power_iterations, self.eps)
            # Copies, so that backward still has these vectors after the next forward has changed them.
            u, v = u.clone(), v.clone()
        return weight / ops.dot(u, ops.mv(matrix, v))

    @staticmethod
    def apply(module: Module, name: str, n_power_iterations: int, dim: int, eps: float) -> SpectralNorm:
        """Make the parameter ``<name>_orig``, draw the vectors and register the hooks. Raises RuntimeError if there are some."""
        refuse_second_hook(module, SpectralNorm, name, "spectral_norm")
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if not 0 <= dim < weight.dim():
            raise RuntimeError(f"spectral_norm: expected dim to be from 0 to {weight.dim() - 1}, but got dim={dim}")
        with no_grad():
            vectors = [weight.new_empty(size).normal_(0, 1) for size in as_matrix(weight, dim).shape]
            u, v = (F.normalize(vector, dim=0, eps=eps) for vector in vectors)
        delattr(module, name)
        module.register_parameter(f"{name}_orig", weight)
        # A plain tensor, as it is until the first forward: what is copied or pickled then is no result of operators.
        setattr(module, name, weight.data)
        module.register_buffer(f"{name}_u", u)
        module.register_buffer(f"{name}_v", v)
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(SpectralNormStateDictHook(hook))
        module._register_load_state_dict_pre_hook(SpectralNormLoadStateDictPreHook(hook))
        return hook

    def remove(self, module: Module) -> None:
        """Make the weight a parameter again, with the value it has in evaluation."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for name in (self.name, f"{self.name}_u", f"{self.name}_v", f"{self.name}_orig"):
            delattr(module, name)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))


class SpectralNormStateDictHook:
    """Writes the version of its hook's tensors into a state dict's metadata."""

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    def __call__(self, module: Module, state_dict: dict, prefix: str, local_metadata: dict) -> None:
        versions = local_metadata.setdefault("spectral_norm", {})
        key = f"{self.fn.name}.version"
        if key in versions:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = self.fn._version


class SpectralNormLoadStateDictPreHook:
    """Completes state dicts from before there was a ``v``, which hold the weight itself instead."""

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    def __call__(
        self,
        state_dict: dict,
        prefix: str,
        local_metadata: dict,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        fn = self.fn
        if local_metadata.get("spectral_norm", {}).get(f"{fn.name}.version", 0) >= 1:
            return
        key = prefix + fn.name
        if all(f"{key}_{part}" in state_dict for part in ("orig", "u", "v")) and key not in state_dict:
            return
        needed = [f"{key}_orig", key, f"{key}_u"]
        absent = [name for name in needed if name not in state_dict]
        if absent:
            missing_keys.extend(absent if strict else [])
            return
        with no_grad():
            original, u = state_dict[f"{key}_orig"], state_dict[f"{key}_u"]
            sigma = (original / state_dict.pop(key)).mean()
            state_dict[f"{key}_v"] = _right_vector(as_matrix(original, fn.dim), u, sigma)


def _right_vector(matrix: Tensor, u: Tensor, sigma: Tensor) -> Tensor:
    """A vector ``v`` with ``u = normalize(W v)`` and ``u W v = sigma``, by least squares."""
    v = ops.mv(ops.linalg.pinv(matrix.mT @ matrix), ops.mv(matrix.mT, u))
    return v * (sigma / ops.dot(u, ops.mv(matrix, v)))


def spectral_norm(
    module: T_module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> T_module:
    """Divide a weight by its largest singular value before each forward, and return ``module``.

    The parameter becomes ``<name>_orig``; the buffers ``<name>_u`` and ``<name>_v`` are the singular vectors, which
    ``n_power_iterations`` steps improve at each forward in training mode. ``dim`` is that of the matrix's rows (default 1 for
    transposed convolutions, else 0). :func:`flambeau.nn.utils.parametrizations.spectral_norm` is the newer form. Raises
    RuntimeError where the weight has such a hook, KeyError where there is no such parameter, ValueError for no iterations.
    """
    if dim is None:
        dim = 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
    SpectralNorm.apply(module, name, n_power_iterations, dim, eps)
    return module


def remove_spectral_norm(module: T_module, name: str = "weight") -> T_module:
    """Undo :func:`spectral_norm`, keeping the weight's value, and return ``module``. Raises ValueError where there is none."""
    hook = find_hook(module, SpectralNorm, name)
    if hook is None:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    hook.remove(module)
    take_hook(module, hook)
    _take_state_hooks(module._state_dict_hooks, hook, SpectralNormStateDictHook)
    _take_state_hooks(module._load_state_dict_pre_hooks, hook, SpectralNormLoadStateDictPreHook)
    return module


def _take_state_hooks(register: dict, hook: SpectralNorm, kind: type) -> None:
    for key, registered in list(register.items()):
        function = getattr(registered, "hook", registered)
        if isinstance(function, kind) and function.fn is hook:
            del register[key]
