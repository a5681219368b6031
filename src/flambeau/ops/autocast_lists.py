"""What autocast does with each operator, as PyTorch documents it for the CPU.

``LOWER`` computes in autocast's dtype, ``FULL`` in float32, ``WIDEST`` in the widest dtype of its arguments; an operator that is not
here computes in the dtypes it is given. A name may have a condition: a function of the call's arguments that gives the policy.
"""

from __future__ import annotations


def _padding(input, pad, mode="constant", value=None):
    known = mode == "replicate" or (mode == "reflect" and len(pad) <= 4)
    return "full" if known else None


def _recurrent(*args, **kwargs):
    """A long short-term memory on a batch is one operator of PyTorch's, in lower precision; other forms are products and sums."""
    from ..tensor import Tensor

    params = kwargs.get("params", args[2] if len(args) > 2 else ())
    packed = "batch_sizes" in kwargs or len(args) > 1 and isinstance(args[1], Tensor)
    biased = kwargs.get("has_biases", args[3] if len(args) > 3 else True)
    layers = kwargs.get("num_layers", args[4] if len(args) > 4 else 1)
    directions = 2 if kwargs.get("bidirectional", args[7] if len(args) > 7 else False) else 1
    projected = len(params) > layers * directions * (4 if biased else 2)
    return None if packed or projected else "lower"


def _list(names: str, namespace: str = "") -> dict:
    return {f"{namespace}{name}": None for name in names.split()}


LOWER: dict = {
    **_list("conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d conv_tbc"),
    **_list("bmm mm baddbmm addmm addbmm matmul prelu"),
    **_list("vecdot multi_dot", "linalg."),
    **_list("linear scaled_dot_product_attention prelu", "nn.functional."),
    **_list("conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d", "nn.functional."),
}

FULL: dict = {
    **_list("polar prod quantile nanquantile stft cdist trace view_as_complex geqrf triangular_solve"),
    **_list("cholesky cholesky_inverse cholesky_solve inverse lu_solve orgqr ormqr pinverse qr svd"),
    **_list("binary_cross_entropy_with_logits cosine_embedding_loss ctc_loss hinge_embedding_loss kl_div margin_ranking_loss"),
    **_list("poisson_nll_loss triplet_margin_loss grid_sampler"),
    **_list("cond matrix_rank solve cholesky svdvals eigvals eigvalsh inv householder_product tensorinv tensorsolve", "linalg."),
    **_list("qr cholesky_ex svd eig eigh lstsq inv_ex", "linalg."),
    **_list("fft ifft fft2 ifft2 fftn ifftn rfft irfft rfft2 irfft2 rfftn irfftn hfft ihfft", "fft."),
    **_list("avg_pool3d max_pool3d adaptive_avg_pool3d adaptive_max_pool3d max_unpool2d max_unpool3d", "nn.functional."),
    **_list("fractional_max_pool2d fractional_max_pool3d grid_sample", "nn.functional."),
    **_list("binary_cross_entropy binary_cross_entropy_with_logits cosine_embedding_loss cross_entropy ctc_loss", "nn.functional."),
    **_list("hinge_embedding_loss huber_loss kl_div l1_loss margin_ranking_loss mse_loss multi_margin_loss", "nn.functional."),
    **_list("multilabel_margin_loss nll_loss poisson_nll_loss smooth_l1_loss soft_margin_loss", "nn.functional."),
    **_list("triplet_margin_loss", "nn.functional."),
    "nn.functional.pad": _padding,
    "lstm": _recurrent,
}

WIDEST: dict = _list("cat stack index_copy")
