"""``lobpcg`` finds the eigenvalues that a full decomposition finds."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")


def symmetric(*shape, seed: int = 0, shift: float = 0.0):
    half = np.random.default_rng(seed).standard_normal(shape)
    return flambeau.tensor(half @ np.swapaxes(half, -1, -2) / shape[-1] + shift * np.eye(shape[-1]))


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("batch", [(), (2,), (2, 1)])
def test_eigenpairs(batch, largest):
    A = symmetric(*batch, 20, 20)
    values, vectors = flambeau.lobpcg(A, k=3, largest=largest)
    wanted = flambeau.linalg.eigvalsh(A)
    wanted = wanted.flip(-1)[..., :3] if largest else wanted[..., :3]
    np.testing.assert_allclose(values.numpy(), wanted.numpy(), atol=1e-6)
    np.testing.assert_allclose((A @ vectors).numpy(), (vectors * values.unsqueeze(-2)).numpy(), atol=1e-5)


@pytest.mark.parametrize("method", ["basic", "ortho"])
def test_generalized_problem_with_a_preconditioner(method):
    A, B = symmetric(15, 15), symmetric(15, 15, seed=1, shift=1.0)
    start = flambeau.randn(15, 2, dtype=flambeau.float64)
    values, vectors = flambeau.lobpcg(A, B=B, X=start, iK=flambeau.linalg.inv(A + 0.1 * B), largest=False, method=method)
    np.testing.assert_allclose((A @ vectors).numpy(), (B @ vectors * values).numpy(), atol=1e-6)
    theirs, _ = torch.lobpcg(torch.tensor(A.numpy()), 2, torch.tensor(B.numpy()), torch.tensor(start.numpy()), largest=False)
    np.testing.assert_allclose(values.numpy(), theirs.numpy(), atol=1e-5)


def test_gradients_are_those_of_pytorch():
    data = symmetric(12, 12, shift=1.0).numpy()
    results = []
    for library in (flambeau, torch):
        A = library.tensor(data, requires_grad=True)
        values, vectors = library.lobpcg(A, 2, tol=1e-12)
        ((values * values).sum() + (vectors[0] * vectors[1]).sum()).backward()
        results.append(A.grad.numpy())
    np.testing.assert_allclose(*results, atol=1e-5)


def test_iterations_can_be_limited():
    A = symmetric(30, 30)
    assert flambeau.lobpcg(A, 2, niter=0)[0].shape == (2,)
    assert flambeau.lobpcg(A, 2, n=4)[1].shape == (30, 2)
    assert flambeau.lobpcg(A.float(), niter=-1)[0].shape == (1,)


@pytest.mark.parametrize("call", ["lobpcg(ones(3, 4))", "lobpcg(ones(9, 9), 4)", "lobpcg(ones(9, 9), 2, ones(8, 8))",
                                  "lobpcg(ones(9, 9), X=ones(8, 2))"])  # fmt: skip
def test_wrong_use_raises_pytorch_s_exception(call):
    with pytest.raises(Exception) as wanted:
        eval(call, {"lobpcg": torch.lobpcg, "ones": torch.ones})
    with pytest.raises(wanted.type):
        eval(call, {"lobpcg": flambeau.lobpcg, "ones": flambeau.ones})


def test_what_follows_the_iteration_is_refused():
    with pytest.raises(NotImplementedError, match="tracker"):
        flambeau.lobpcg(flambeau.eye(9), tracker=print)
