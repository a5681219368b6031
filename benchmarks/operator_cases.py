"""What the operators' table times: expressions over the inputs of `inputs`; `T` is the library, `F` its nn.functional.

A template with `{}` stands for one expression a name that follows it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

TEMPLATES = {
    "elementwise": {
        "T.{}(x)": """
            abs angle asinh atan ceil cos cosh deg2rad erf erfc exp exp2 expm1 floor frac i0 isfinite isinf isnan isneginf
            isposinf isreal nan_to_num neg rad2deg positive relu round sgn sigmoid sign signbit sin sinc sinh square tan tanh trunc
            logical_not frexp
            """,
        "T.{}(p)": "log log10 log1p log2 sqrt rsqrt reciprocal lgamma digamma",
        "T.{}(u)": "acos asin atanh erfinv logit",
        "T.{}(p + 1)": "acosh",
        "T.special.{}(u)": """
            airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 entr erfcx i0e i1 i1e log_ndtr modified_bessel_i0 modified_bessel_i1
            modified_bessel_k0 modified_bessel_k1 ndtr ndtri scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0
            """,
        "T.special.{}(u, 5)": """
            chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w hermite_polynomial_h
            hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p shifted_chebyshev_polynomial_t
            shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w
            """,
        "T.{}(x, y)": """
            add sub mul maximum minimum fmax fmin atan2 copysign eq ge gt le lt ne hypot logaddexp logaddexp2 logical_and logical_or
            logical_xor isclose allclose nextafter heaviside rsub
            """,
        "T.{}(x, p)": "div fmod remainder floor_divide true_divide ldexp xlogy float_power",
        "T.{}(p, u)": "pow igamma igammac",
        "T.special.{}(u, p)": "xlog1py",
        "T.{}(k, k)": "bitwise_and bitwise_or bitwise_xor gcd lcm",
        "T.{}(k, 3)": "bitwise_left_shift bitwise_right_shift",
        "T.{}(k)": "bitwise_not",
        "x.{}()": "bfloat16 bool byte cdouble cfloat char contiguous double float half int long short clone",
        "{}": """
            x * 2.5; 2.0 + x; 2.0 - x; 2.0 * x; 2.0 / p; 2.0 ** u; 2.0 % p; x / p; x ** 2; p ** 1.5; k // 3; k % 7; 7 & k; 7 | k; 7 ^ k;
            T.clamp(x, -1, 1); T.clamp_max(x, 1); T.clamp_min(x, -1); T.where(mask, x, y); T.lerp(x, y, 0.3); T.addcmul(x, y, p);
            T.addcdiv(x, y, p); c * c; c.abs(); T.complex(x, y); T.polar(x, y); T.conj(c).resolve_conj(); c.resolve_neg();
            T.conj_physical(c); c.real + 1; c.imag + 1;
            T.polygamma(1, p); T.special.polygamma(2, p); T.special.zeta(p + 1, p); T.mvlgamma(p + 3, 3);
            T.view_as_real(c); T.view_as_complex(pairs); x.to(T.float64); x.to(T.int64); k.to(T.float32); T.fill(x, 2.0);
            T.equal(x, same); x.clone().zero_(); h + h; b + b; T.exp(h); T.exp(b)
            """,
    },
    "activations": {
        "F.{}(x)": """
            relu gelu silu elu softplus leaky_relu hardswish mish celu hardshrink hardsigmoid hardtanh logsigmoid relu6 selu softshrink
            softsign tanhshrink rrelu
            """,
        "F.{}(x, -1)": "softmax log_softmax softmin glu",
        "{}": "F.softmax(x, 0); F.prelu(x, u[0, :1]); F.threshold(x, 0.1, 2.0); F.softmax(b, -1); F.gelu(b)",
    },
    "reductions": {
        "x.{}()": "sum mean std var norm argmax argmin max min median amax amin count_nonzero nansum nanmean nanmedian",
        "x.{}(1)": """
            sum mean std var prod amax amin max min argmax argmin median nansum nanmean logsumexp mode nanmedian
            """,
        "x.{}(0)": "sum mean var amax max argmin",
        "T.masked.{}(x, 1, mask=mask)": """
            amax amin argmax argmin mean prod std sum var softmax log_softmax softmin logsumexp cumsum cumprod median
            """,
        "{}": """
            mask.any(1); mask.all(); mask.any(); mask.all(1); T.aminmax(x, dim=1); T.quantile(small, 0.3, dim=1); T.nanquantile(small,
            0.3, dim=1); T.std_mean(x, 1); T.var_mean(x, 1); T.masked.norm(x, 2, 1, mask=mask); T.masked.normalize(x, 2, 1, mask=mask);
            T.masked.logaddexp(x, y, input_mask=mask, other_mask=mask); x.sum_to_size(1, x.shape[1]); T.linalg.vector_norm(x, dim=1);
            T.linalg.matrix_norm(x); T.dist(x, y); T.renorm(x, 2, 0, 1.0); T.corrcoef(small); T.cov(small); T.trace(x); T.trapezoid(x,
            dim=1); T.trapz(x, dim=1); T.cumulative_trapezoid(x, dim=1); b.sum(1); b.mean(); k.sum(1); T.hash_tensor(x);
            T._segment_reduce(x, 'sum', lengths=lengths, unsafe=True)
            """,
    },
    "sorting": {
        "{}": """
            v.sort(); x.sort(1); x.sort(0); x.argsort(1); k.sort(1); x.topk(2, 1); v.topk(10); x.kthvalue(3, 1); T.unique(labels);
            T.unique(v); T.unique_consecutive(labels); T.searchsorted(ordered, v); T.bucketize(x, ordered); T.bincount(labels); T.histc(x,
            50); T.msort(small); T.histogram(v, 50); T.histogramdd(pairs2, [8, 8]); T.isin(labels, labels[:20]); b.sort(1);
            x.topk(x.shape[1] // 2, 1)
            """,
    },
    "scans": {
        "T.{}(x, 1)": "cumsum cumprod cummax cummin logcumsumexp",
        "T.{}(x, 0)": "cumsum cummax",
        "{}": "x.diff(); k.cumsum(1); v.cumsum(0); b.cumsum(1); T.gradient(x)[0]",
    },
    "moving": {
        "T.{}([x, y])": "cat stack hstack vstack dstack column_stack",
        "{}": """
            x.t().contiguous(); T.cat([x, y], 1); x.flip(1); x.fliplr(); x.flipud(); x.roll(3, 1); F.pad(x, (1, 2, 3, 4)); F.pad(images,
            (1, 1, 1, 1), mode='reflect'); F.pad(images, (1, 1, 1, 1), mode='replicate'); F.pad(images, (1, 1, 1, 1), mode='circular');
            T.constant_pad_nd(x, (1, 2)); x.repeat(2, 1); x.repeat_interleave(2, 1); T.tril(x); T.triu(x); T.rot90(x); F.one_hot(labels,
            16); T.diag(small[0]); T.diag(x); T.diagflat(small[0]); T.diag_embed(small); images.permute(0, 2, 3, 1).contiguous();
            T.tile(x, (1, 2)); x.unfold(1, 2, 2).contiguous(); T.cartesian_prod(small[0], small[1]); T.combinations(small[0]);
            T.kron(small, small[:4, :4]); T.meshgrid(x[0], x[1], indexing='ij')[0].contiguous(); T.block_diag(small, small);
            T.broadcast_to(x[0], x.shape).contiguous(); T.select_scatter(x, y[0], 0, 1); T.slice_scatter(x, y[1:3], 0, 1, 3);
            T.diagonal_scatter(x, y[0]); T.as_strided_scatter(x, y[0], x[0].shape, (1,), 0); x.expand(2, *x.shape).contiguous();
            T.ravel(x.t()); x.t().reshape(-1); F.pixel_shuffle(images.repeat(1, 2, 1, 1), 2); F.pixel_unshuffle(images, 2);
            F.channel_shuffle(images, 2); T._chunk_cat([x, y], 0, 2); T.gradient(x)[1]; T.tril_indices(*x.shape);
            T.triu_indices(*x.shape); T.unravel_index(labels, (4, 4)); T.fft.fftshift(x); T.fft.ifftshift(x); x.resize_(x.shape)
            """,
        "T.{}(x[:4, :4])": "flatten atleast_1d atleast_2d atleast_3d alias_copy t_copy",
    },
    "copies": {
        "T.{}": """
            permute_copy(x,(1,0)) transpose_copy(x,0,1) expand_copy(x[0],x.shape) unsqueeze_copy(x,0) squeeze_copy(x) view_copy(x,(-1,))
            diagonal_copy(x) as_strided_copy(x,x.shape,x.stride()) unbind_copy(x) split_with_sizes_copy(x,[1,x.shape[0]-1])
            narrow_copy(x,1,0,2) unfold_copy(x,1,2,2) t_copy(x) alias_copy(x)
            """,
    },
    "views": {
        "x.{}": """
            t() T H mT mH view(-1) reshape(-1) flatten() transpose(0,1) permute(1,0) unsqueeze(0) squeeze() expand(3,-1,-1) narrow(0,1,2)
            select(0,1) chunk(2) split(2) tensor_split(2) hsplit(2) vsplit(2) unbind(0) diagonal() movedim(0,1) unfold(0,2,1) view_as(y)
            reshape_as(y) expand_as(y) as_strided((2,2),(1,1)) split_with_sizes([1,x.shape[0]-1]) unsafe_chunk(2) unsafe_split(2)
            unflatten(1,(2,-1)) swapaxes(0,1) detach() resize_as_(x) broadcast_to(x.shape)
            """,
        "{}": "x[0]; x[:, 1]; x[1:3]; x[None]; T.broadcast_tensors(x, y)[0]; T.linalg.diagonal(x); T.dsplit(images, 2); x[..., ::2]",
    },
    "making": {
        "T.{}(x)": "zeros_like ones_like empty_like rand_like randn_like",
        "T.{}(x.shape)": "zeros ones empty rand randn",
        "x.{}(x.shape)": "new_empty new_ones new_zeros",
        "T.signal.windows.{}(n)": "bartlett blackman cosine gaussian hamming hann kaiser nuttall exponential general_hamming",
        "{}": """
            T.arange(n); T.linspace(0, 1, n); T.logspace(0, 1, n); T.eye(x.shape[0]); T.full(x.shape, 2.0); T.full_like(x, 2.0);
            x.new_full(x.shape, 2.0); T.scalar_tensor(2.0); T.empty_strided(x.shape, x.stride()); x.new_empty_strided(x.shape,
            x.stride()); T.empty_permuted(x.shape, (1, 0)); T.signal.windows.general_cosine(n, a=[0.46, 0.23, 0.31]);
            T.linalg.vander(small[0]); T.randint(0, 10, x.shape); T.randint_like(x, 10)
            """,
    },
    "indexing": {
        "{}": """
            x[rows]; x[:, columns]; x[mask]; x[rows, 1]; x[rows[:, None], columns]; x.index_select(1, columns); x.gather(1, places);
            x.gather(0, places); x.take(labels); T.nonzero(mask); T.argwhere(mask); T.nonzero_static(mask, size=4); x.masked_fill(mask,
            0.0); T.masked_select(x, mask); x.masked_scatter(mask, y); x.scatter(1, places, y); x.scatter_add(1, places, y); x.scatter(0,
            places, y); x.scatter_add(0, places, y); x.scatter_reduce(1, places, y, 'amax'); x.scatter_reduce(1, places, y, 'mean');
            x.index_add(0, rows, x[rows]); x.index_add(1, columns, x[:, columns]); x.index_copy(0, rows, x[rows]); x.index_reduce(0, rows,
            x[rows], 'amax'); x.index_put((rows,), x[rows], accumulate=True); x.index_put((rows,), x[rows]); x.index_put((rows, rows),
            v[:rows.shape[0]], accumulate=True); v.index_add(0, labels[:n], u.view(-1)[:labels.shape[0]]); x.put(labels[:n],
            v[:labels.shape[0]]); F.embedding(labels, x[:, :16]); F.embedding_bag(places[:, :4], x); x.index_fill(0, rows, 1.0);
            T.take_along_dim(x, places, 1); T._unsafe_masked_index(x, mask, [places], 0.0); b.index_add(0, rows, b[rows]); b.gather(1,
            places); k.scatter_add(1, places, k); b[rows]
            """,
    },
    "products": {
        "{}": """
            T.matmul(square, square); square @ square; T.mm(square, square); x @ x.t()[:, :64]; T.mv(x, x[0]); T.bmm(batch, batch);
            F.linear(x, x[:64]); T.dot(v, v); T.vdot(v, v); T.inner(x, x[:8]); T.outer(v[:1000], v[:1000]); T.ger(v[:1000], v[:1000]);
            T.einsum('bij,bjk->bik', batch, batch); T.addmm(square, square, square); T.addmv(x[:, 0], x, x[0]); T.addr(x, x[:, 0], x[0]);
            T.baddbmm(batch, batch, batch); T.addbmm(batch[0], batch, batch); T.kron(square[:20, :20], square[:20, :20]); T.cdist(small,
            small); T.cdist(x, x[:64]); T.cdist(small, small, p=1.0); F.pdist(small); T.tensordot(square, square, 1); square.double() @
            square.double(); square.bfloat16() @ square.bfloat16(); square.half() @ square.half(); k[:64] @ k[:, :64];
            T.linalg.multi_dot([square, square, square]); T.linalg.vecdot(x, y); T.linalg.cross(x[:, :3], y[:, :3]); T.cross(x[:, :3],
            y[:, :3]); F.bilinear(small[:, :4], small[:, :4], cube); T.linalg.matrix_power(square, 5); T.matrix_exp(square / 50);
            small.__rmatmul__(small)
            """,
    },
    "attention": {
        "{}": """
            F.scaled_dot_product_attention(heads, heads, heads); F.scaled_dot_product_attention(heads, heads, heads, is_causal=True);
            F.multi_head_attention_forward(tokens, tokens, tokens, 8, 2, projection[0], None, None, None, False, 0.0, projection[1], None)
            """,
    },
    "convolution": {
        "{}": """
            F.conv2d(images, weight, padding=1); F.conv2d(images, weight, stride=2); F.conv1d(images[:, :, 0], weight[:, :, 0]);
            F.conv3d(images[:, :, None], weight[:, :, None]); F.conv2d(images, depthwise, groups=images.shape[1]);
            F.conv_transpose2d(images, weight.transpose(0, 1).contiguous(), stride=2); F.conv_transpose1d(images[:, :, 0], weight[:, :,
            0].transpose(0, 1).contiguous()); F.conv_transpose3d(images[:, :, None], weight[:, :, None].transpose(0, 1).contiguous());
            F.unfold(images, 3); F.fold(T.ones(2, 9, 16), (6, 6), 3); F.conv2d(images.half(), weight.half()); F.conv2d(images.bfloat16(),
            weight.bfloat16())
            """,
    },
    "pooling": {
        "{}": """
            F.max_pool2d(images, 2); F.max_pool2d(images, 3, 2, 1); F.avg_pool2d(images, 2); F.avg_pool2d(images, 3, 2, 1);
            F.max_pool1d(x, 2); F.avg_pool1d(x, 2); F.max_pool3d(images[:, None], 2); F.avg_pool3d(images[:, None], 2);
            F.lp_pool2d(images, 2, 2); F.adaptive_avg_pool2d(images, 1); F.adaptive_avg_pool2d(images, 2); F.adaptive_max_pool2d(images,
            2); F.adaptive_avg_pool1d(x, 2); F.adaptive_max_pool1d(x, 2); F.adaptive_avg_pool3d(images[:, None], 2);
            F.adaptive_max_pool3d(images[:, None], 2); F.fractional_max_pool2d(images, 2, output_size=(3, 3));
            F.fractional_max_pool3d(images[:, None], (1, 2, 2), output_size=(2, 3, 3)); F.max_unpool2d(*pooled, 2);
            F.max_unpool1d(*pooled1, 2); F.max_unpool3d(*pooled3, 2); F.max_pool2d(images.bfloat16(), 2)
            """,
    },
    "resampling": {
        "{}": """
            F.interpolate(images, scale_factor=2); F.interpolate(images, scale_factor=2, mode='bilinear'); F.interpolate(images,
            scale_factor=2, mode='bicubic'); F.interpolate(images, scale_factor=0.5, mode='area'); F.interpolate(images, scale_factor=2,
            mode='bilinear', antialias=True); F.interpolate(x[None], scale_factor=2, mode='linear'); F.interpolate(images[:, None],
            scale_factor=2, mode='trilinear'); F.upsample_bilinear(images, scale_factor=2); F.upsample_nearest(images, scale_factor=2);
            F.grid_sample(images, grid, align_corners=False); F.grid_sample(images, grid, mode='nearest', align_corners=False);
            F.grid_sample(images, grid, mode='bicubic', align_corners=False); F.grid_sample(images[:, :, None], grid3,
            align_corners=False); F.affine_grid(theta, images.shape, align_corners=False)
            """,
    },
    "norms": {
        "{}": """
            F.layer_norm(x, x.shape[1:]); F.batch_norm(images, None, None, training=True); F.group_norm(images, 2);
            F.instance_norm(images); F.normalize(x, dim=1); F.rms_norm(x, x.shape[1:]); F.local_response_norm(images, 3); F.layer_norm(b,
            b.shape[1:])
            """,
    },
    "losses": {
        "F.{}(x, y)": """
            mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy_with_logits kl_div cosine_similarity poisson_nll_loss
            pairwise_distance
            """,
        "F.{}(x, classes)": "cross_entropy nll_loss multi_margin_loss",
        "F.{}(x, signs)": "hinge_embedding_loss soft_margin_loss",
        "F.{}(x, y, p)": "triplet_margin_loss triplet_margin_with_distance_loss gaussian_nll_loss",
        "{}": """
            F.binary_cross_entropy(u, u); F.cosine_embedding_loss(x, y, signs[:, 0]); F.margin_ranking_loss(x, y, signs);
            F.multilabel_margin_loss(x[:64], places[:64]); F.multilabel_soft_margin_loss(x, mask.float());
            F.ctc_loss(frames.log_softmax(2), targets, lengths_in, lengths_out)
            """,
    },
    "random": {
        "{}": """
            T.randperm(n); T.bernoulli(u); F.dropout(x, 0.5); F.dropout2d(images, 0.5); F.dropout3d(images[:, None], 0.5);
            F.alpha_dropout(x, 0.5, True); F.feature_alpha_dropout(images, 0.5, True); T.multinomial(p, 4); T.multinomial(p, 4, True);
            T.multinomial(p[:8], 1); T.normal(x, p); x.clone().exponential_(); x.clone().uniform_(); x.clone().cauchy_();
            x.clone().log_normal_(); x.clone().geometric_(0.5); x.clone().normal_(); T.poisson(p[:64]); T.binomial(p[:64] + 4, u[:64])
            """,
    },
    "linear algebra": {
        "T.linalg.{}(square)": """
            inv inv_ex qr det slogdet svd svdvals eig eigvals lu lu_factor lu_factor_ex norm cond matrix_rank pinv ldl_factor
            ldl_factor_ex matrix_norm
            """,
        "T.linalg.{}(definite)": "cholesky cholesky_ex eigh eigvalsh",
        "T.{}(square)": "logdet pinverse svd qr lu geqrf",
        "{}": """
            T.linalg.solve(square, square); T.linalg.solve_ex(square, square); T.linalg.lstsq(square, square[:, :4]);
            T.linalg.solve_triangular(square.triu() + T.eye(square.shape[0]) * 50, square, upper=True); T.cholesky(definite);
            T.cholesky_inverse(factor); T.cholesky_solve(square, factor); T.triangular_solve(square, factor.t() + 0);
            T.linalg.lu_solve(*T.linalg.lu_factor(square), square); T.lu_solve(square, *T.linalg.lu_factor(square));
            T.lu_unpack(*T.linalg.lu_factor(square)); T.linalg.householder_product(*T.geqrf(square)); T.ormqr(*T.geqrf(square), square);
            T.linalg.tensorinv(square, ind=1); T.linalg.tensorsolve(square, square[0]); T.pca_lowrank(square, 2); T.svd_lowrank(square,
            2); T.linalg.ldl_solve(*T.linalg.ldl_factor(definite), square); T.linalg.inv(batch); T.linalg.svd(batch);
            T.linalg.cholesky(spd)
            """,
    },
    "fft": {
        "T.fft.{}(x)": "fft fft2 fftn ifft ifft2 ifftn rfft rfft2 rfftn ihfft ihfft2 ihfftn",
        "T.fft.{}(c)": "irfft irfft2 irfftn hfft hfft2 hfftn",
        "{}": """
            T.stft(v, 16, return_complex=True, window=T.ones(16)); T.istft(T.stft(v, 16, return_complex=True, window=T.ones(16)), 16,
            window=T.ones(16))
            """,
    },
    "backward": {
        "grad({})": """
            F.relu(gx); F.gelu(gx); F.softmax(gx, 1); gx.sum(1); gx.max(1)[0]; gx.cumsum(1); gx[rows]; gx.gather(1, places);
            F.layer_norm(gx, gx.shape[1:]); F.cross_entropy(gx, classes); F.conv2d(gi, weight, padding=1); F.max_pool2d(gi, 2);
            F.avg_pool2d(gi, 2); F.batch_norm(gi, None, None, training=True); F.interpolate(gi, scale_factor=2, mode='bilinear'); gx @
            gx.t(); gx.sort(1)[0]; T.cat([gx, gx]); F.pad(gx, (1, 1)); F.embedding(labels, gx); F.grid_sample(gi, grid,
            align_corners=False); gx.index_select(0, rows); F.interpolate(gi, scale_factor=2); gx.topk(2, 1)[0]; F.adaptive_max_pool2d(gi,
            2); gx[mask]; gx.prod(1)
            """,
    },
}

# Operators of PyTorch's database that the table leaves out, and why.
NOT_TIMED = {
    "makes no tensor, or has no call of its own": "broadcast_shapes item slice",
    "PyTorch's CUDA only, or its own experiments": """
        jiterator_2inputs_2outputs jiterator_4inputs_with_extra_args jiterator_binary jiterator_binary_return_by_ref jiterator_unary
        torch._scaled_mm torch._scaled_mm_v2 torch.ops.aten._efficient_attention_forward torch.ops.aten._flash_attention_forward
        torch.ops.aten._safe_softmax.default chalf
        """,
    "sparse tensors": "to_sparse sparse.mm sparse.sampled_addmm",
    "a part of another operator, timed with it": """
        _batch_norm_with_update _native_batch_norm_legit native_batch_norm native_group_norm native_layer_norm _softmax_backward_data
        max_pool2d_with_indices_backward native_dropout_backward _upsample_bilinear2d_aa grid_sampler_2d grid_sampler_3d
        _unsafe_masked_index_put_accumulate nn.functional.linear_cross_entropy
        """,
}


class Size(NamedTuple):
    """The sizes of the inputs: a matrix, small images, square matrices."""

    rows: int
    columns: int
    images: tuple[int, int, int, int]
    square: int
    channels: int


SIZES = {"large": Size(1024, 1024, (32, 32, 28, 28), 512, 64), "tiny": Size(4, 4, (1, 2, 6, 6), 4, 4)}


def arrays(size: Size) -> dict[str, np.ndarray]:
    """The names that expressions use, as NumPy arrays."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    def uniform(low, high, *shape):
        return rng.uniform(low, high, shape).astype(np.float32)

    rows, columns, n = size.rows, size.columns, size.square
    batch, channels, height, width = size.images
    x, square, spd = normal(rows, columns), normal(n, n), normal(16, n // 4, n // 4)
    return dict(
        x=x, y=normal(rows, columns), p=uniform(0.5, 1.5, rows, columns), u=uniform(0.05, 0.95, rows, columns),
        k=rng.integers(0, 1000, (rows, columns)), mask=rng.random((rows, columns)) < 0.5, c=(x + 1j * x).astype(np.complex64),
        v=normal(rows * columns), same=x.copy(), small=x[:64, :64].copy(), pairs=normal(rows, columns // 2, 2), pairs2=normal(rows, 2),
        ordered=np.sort(normal(columns)), signs=np.where(x < 0, -1, 1).astype(np.float32),
        labels=rng.integers(0, min(columns, 16), rows * 16), classes=rng.integers(0, columns, rows),
        rows=rng.permutation(rows)[: rows // 2], columns=rng.permutation(columns)[: columns // 2],
        places=rng.integers(0, columns, (rows, columns)), lengths=np.full(rows // 2, 2), square=square,
        definite=square @ square.T + n * np.eye(n, dtype=np.float32), factor=np.tril(square) + 50 * np.eye(n, dtype=np.float32),
        batch=normal(16, n // 4, n // 4), spd=spd @ spd.swapaxes(1, 2) + n * np.eye(n // 4, dtype=np.float32), cube=normal(8, 4, 4),
        images=normal(*size.images), weight=normal(2 * channels, channels, 3, 3), depthwise=normal(channels, 1, 3, 3),
        heads=normal(4, 4, n // 2, 32), tokens=normal(n // 4, 4, 8), grid=uniform(-1, 1, batch, height, width, 2),
        grid3=uniform(-1, 1, batch, 1, height, width, 3), theta=normal(batch, 2, 3), frames=normal(n, 4, 20),
        targets=rng.integers(1, 20, (4, n // 4)), lengths_in=np.full(4, n), lengths_out=np.full(4, n // 4),
    )  # fmt: skip


def expressions() -> list[tuple[str, str]]:
    """Pairs (family, expression), in order, each expression once."""
    found: dict[str, str] = {}
    for family, templates in TEMPLATES.items():
        for template, text in templates.items():
            parts = text.split(";") if ";" in text or template == "{}" else text.split()
            for part in parts:
                if part.strip():
                    found.setdefault(template.replace("{}", " ".join(part.split())), family)
    return [(family, expression) for expression, family in found.items()]


_SYMBOLS = {"Add": "add", "Sub": "sub", "Mult": "mul", "Div": "div", "Pow": "pow", "Mod": "mod", "BitAnd": "and", "BitOr": "or",
            "BitXor": "xor", "MatMult": "matmul", "FloorDiv": "floor_divide"}  # fmt: skip


def operators_in(expression: str) -> Iterator[str]:
    """The names that PyTorch's database may give to the operators of an expression."""
    for node in ast.walk(ast.parse(expression, mode="eval")):
        if isinstance(node, ast.BinOp):
            name = _SYMBOLS.get(type(node.op).__name__, "")
            yield from (name, f"bitwise_{name}", f"__r{name}__") if isinstance(node.left, ast.Constant) else (name, f"bitwise_{name}")
        elif isinstance(node, ast.Subscript):
            yield "__getitem__"
        elif isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            owner, _, rest = dotted.partition(".")
            yield from {"T": (rest,), "F": (f"nn.functional.{rest}",)}.get(owner, (node.attr,))
            yield node.attr.rstrip("_") if not node.attr.startswith("__") else node.attr


def not_timed(database: set[str]) -> dict[str, str]:
    """The operators of the database that no expression names, each with the reason."""
    named = {name for _, expression in expressions() for name in operators_in(expression)}
    reasons = {name: reason for reason, names in NOT_TIMED.items() for name in names.split()}
    return {name: reasons.get(name, "no expression yet") for name in sorted(database - named)}
