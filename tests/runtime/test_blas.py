"""OpenBLAS by function address: calls through bare pointers give the mathematics."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import numpy as np
import pytest

from flambeau.runtime import blas

ROW_MAJOR, NO_TRANS = 101, 111
POINTER, INT = ctypes.c_void_p, ctypes.c_int


@pytest.mark.parametrize("name, dtype, scalar", [
    ("cblas_sgemm", np.float32, ctypes.c_float),
    ("cblas_dgemm", np.float64, ctypes.c_double),
])
def test_gemm_by_address(name, dtype, scalar):
    prototype = ctypes.CFUNCTYPE(
        None, INT, INT, INT, INT, INT, INT, scalar, POINTER, INT, POINTER, INT, scalar, POINTER, INT
    )
    a = np.arange(6, dtype=dtype).reshape(2, 3)
    b = np.arange(12, dtype=dtype).reshape(3, 4)
    c = np.ones((2, 4), dtype)
    prototype(blas.address(name))(
        ROW_MAJOR, NO_TRANS, NO_TRANS, 2, 4, 3, 2.0, a.ctypes.data, 3, b.ctypes.data, 4, 1.0, c.ctypes.data, 4
    )
    assert np.array_equal(c, 2 * (a @ b) + 1)


@pytest.mark.parametrize("letter", "sdcz")
@pytest.mark.parametrize("name", [
    "cblas_{}gemm", "cblas_{}gemv", "{}getrf_", "{}geqrf_", "{}gesdd_", "{}potrf_", "{}geev_", "{}trtrs_"
])
def test_every_precision_is_there(letter, name):
    assert blas.address(name.format(letter)) != 0


def test_an_unknown_function_is_named():
    with pytest.raises(blas.BlasUnavailableError, match="cblas_qgemm"):
        blas.address("cblas_qgemm")


def test_one_thread_only():
    assert blas.library()["scipy_openblas_get_num_threads"]() == 1


def test_description():
    description = blas.describe()
    assert "OpenBLAS" in description["config"]
    assert description["version"] and description["core"]
    assert os.path.exists(description["path"])


def test_importing_does_not_load_the_library_and_loading_starts_no_threads():
    program = (
        "import os, sys\n"
        "from flambeau.runtime import blas\n"
        "assert 'scipy_openblas32' not in open('/proc/self/maps').read()\n"
        "threads = len(os.listdir('/proc/self/task'))\n"
        "blas.library()\n"
        "assert 'scipy_openblas32' in open('/proc/self/maps').read()\n"
        "assert len(os.listdir('/proc/self/task')) == threads\n"
        "assert os.environ.get('OPENBLAS_NUM_THREADS') == '3'\n"
    )
    if not os.path.exists("/proc/self/maps"):
        pytest.skip("needs /proc")
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="3", PYTHONPATH=os.pathsep.join(sys.path))
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
