"""Parametrizations that keep a weight of a given norm, of spectral norm one, or orthogonal."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from ... import dtypes, ops
from ...autograd import no_grad
from ...tensor import Tensor
from .. import functional as F
from ..modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..modules.module import Module
from ._members import require_tensor
from ._norms import as_matrix, norm_of_slices, power_iteration, scaled_to_norm
from .parametrize import register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _OrthMaps(Enum):
    matrix_exp = auto()
    cayley = auto()
    householder = auto()


class _Orthogonal(Module):
    """Matrices with orthonormal columns, or rows where there are fewer of them, from matrices without constraint.

    With ``use_trivialization`` the map starts at ``base``, the matrix that was assigned last, and not at the identity: Lezcano
    Casado, "Trivializations for gradient-based optimization on manifolds" (2019). All is computed for tall matrices.
    """

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: _OrthMaps, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map is _OrthMaps.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.size(-2) < X.size(-1)
        tall = X.mT if wide else X
        if self.orthogonal_map is _OrthMaps.householder:
            Q = _reflected(tall)
        else:
            Q = self._rotation(tall)[..., : tall.size(-1)]
        base = self._buffers.get("base")
        if base is not None:
            Q = base @ Q
        return Q.mT if wide else Q

    def _rotation(self, X: Tensor) -> Tensor:
        """The square orthogonal matrix of the skew-Hermitian one that the lower triangle of ``X`` gives."""
        rows, columns = X.shape[-2:]
        lower = X.tril()
        if rows != columns:
            lower = ops.cat([lower, lower.new_zeros(*X.shape[:-2], rows, rows - columns)], dim=-1)
        A = lower - lower.mH
        if self.orthogonal_map is _OrthMaps.matrix_exp:
            return ops.matrix_exp(A)
        identity = ops.eye(rows, dtype=A.dtype, device=A.device)
        return ops.linalg.solve(identity - A / 2, identity + A / 2)

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        wide = Q.size(-2) < Q.size(-1)
        tall = Q.mT if wide else Q
        if "base" in self._buffers:
            self.base = _completed(tall)
            # For all three maps minus the identity gives the identity.
            zeros = ops.zeros_like(Q)
            return ops.diagonal_scatter(zeros, zeros.diagonal(dim1=-2, dim2=-1) - 1, dim1=-2, dim2=-1)
        if self.orthogonal_map is not _OrthMaps.householder:
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations "
                "when use_trivialization=False."
            )
        A, tau = ops.geqrf(tall)
        # Where LAPACK needs no reflection it leaves tau zero; `_reflected` still reflects there, by the unit vector.
        negative = (A.diagonal(dim1=-2, dim2=-1) < 0) ^ (tau == 0)
        signs = ops.where(negative, -1.0, 1.0).to(A.dtype)
        A = ops.diagonal_scatter(A, signs, dim1=-2, dim2=-1)
        return A.mT if wide else A


def _reflected(X: Tensor) -> Tensor:
    """The product of the reflections by the columns below the diagonal, its columns times the signs on the diagonal."""
    vectors = X.tril(-1)
    scales = 2 / (1 + (vectors * vectors).sum(dim=-2))
    # The diagonal holds signs; training leaves them, as no gradient flows through integers.
    signs = X.diagonal(dim1=-2, dim2=-1).int()
    return ops.linalg.householder_product(vectors, scales) * signs.unsqueeze(-2)


def _completed(Q: Tensor) -> Tensor:
    """The square orthogonal matrix whose first columns are those of ``Q``, made orthonormal; the others are random."""
    rows, columns = Q.shape[-2:]
    if rows == columns:
        return Q.clone() if _is_orthogonal(Q) else _make_orthogonal(Q)
    others = ops.randn(*Q.shape[:-2], rows, rows - columns, dtype=Q.dtype, device=Q.device)
    return _make_orthogonal(ops.cat([Q, others], dim=-1))


def _make_orthogonal(A: Tensor) -> Tensor:
    """The orthogonal factor of ``A`` that goes with a triangular factor of positive diagonal."""
    reflectors, tau = ops.geqrf(A)
    Q = ops.linalg.householder_product(reflectors, tau)
    return Q * reflectors.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def _is_orthogonal(Q: Tensor, eps: float | None = None) -> bool:
    columns = Q.size(-1)
    if eps is None:
        eps = 10.0 * Q.size(-2) * dtypes.finfo(Q.dtype).eps
    identity = ops.eye(columns, dtype=Q.dtype, device=Q.device)
    return ops.allclose(Q.mH @ Q, identity.expand(*Q.shape[:-2], columns, columns), atol=eps)


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Parametrize matrices ``(*, m, n)`` as orthogonal (unitary, if complex), and return ``module``.

    ``Q Q^H = I`` where ``m <= n``, else ``Q^H Q = I``. ``orthogonal_map``: "matrix_exp" is ``exp(A)``, "cayley"
    ``(I - A/2)^-1 (I + A/2)``, both of a skew-Hermitian ``A``, "householder" a product of reflections; default the first for
    square or complex matrices, otherwise the last. ``use_trivialization`` keeps another matrix, ``base``, from which
    training starts, so that any orthogonal matrix can be assigned.

    Raises ValueError for a vector, a tensor that does not exist, another map or "householder" of complex matrices.
    """
    weight = require_tensor(module, name)
    if weight.dim() < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.dim()} dimensions.")
    if orthogonal_map is None:
        any_map = weight.size(-2) == weight.size(-1) or weight.is_complex()
        orthogonal_map = "matrix_exp" if any_map else "householder"
    if orthogonal_map not in _OrthMaps.__members__:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    parametrization = _Orthogonal(weight, _OrthMaps[orthogonal_map], use_trivialization=use_trivialization)
    return register_parametrization(module, name, parametrization, unsafe=True)


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return scaled_to_norm(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_of_slices(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Parametrize a weight as ``g v / ||v||``, with the norm of each slice along ``dim``, and return ``module``.

    ``g`` is ``original0`` and ``v`` is ``original1``; ``dim=None`` takes one norm of all. State dicts of the older
    :func:`flambeau.nn.utils.weight_norm` can be loaded. Raises ValueError where there is no such tensor. Salimans and Kingma,
    "Weight normalization" (2016).
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename_old_keys(state_dict: dict, prefix: str, *_: Any) -> None:
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(rename_old_keys)
    return module


class _SpectralNorm(Module):
    """A tensor divided by the largest singular value of the matrix it is, which power iteration finds."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        axes = weight.dim()
        if not -axes <= dim < axes:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{axes}, {axes - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % axes
        self.eps = eps
        if axes == 1:  # a vector's largest singular value is its norm
            return
        self.n_power_iterations = n_power_iterations
        with no_grad():
            matrix = as_matrix(weight, self.dim)
            for buffer, size in zip(("_u", "_v"), matrix.shape):
                start = matrix.new_empty(size).normal_(0, 1)
                self.register_buffer(buffer, F.normalize(start, dim=0, eps=eps))
            power_iteration(matrix, self._u, self._v, 15, eps)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.dim() == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            power_iteration(matrix, self._u, self._v, self.n_power_iterations, self.eps)
        # Copies, so that backward still has these vectors after the next forward has changed them.
        sigma = ops.vdot(self._u.clone(), ops.mv(matrix, self._v.clone()))
        return weight / sigma

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Parametrize a weight as itself divided by its largest singular value, and return ``module``.

    The weight is a matrix whose rows are the slices along ``dim`` (default 1 for transposed convolutions, else 0). Each read in
    training mode makes ``n_power_iterations`` steps of power iteration; ``eps`` keeps norms from zero. Raises ValueError
    where there is no such tensor or for less than one iteration, IndexError for a ``dim`` out of range. Miyato et al.,
    "Spectral normalization for generative adversarial networks" (2018).
    """
    weight = require_tensor(module, name)
    if dim is None:
        dim = 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
