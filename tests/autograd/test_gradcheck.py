"""``gradcheck`` and ``gradgradcheck``."""

from __future__ import annotations

import subprocess
import sys


def test_either_function_may_be_named_first():
    code = (
        "import flambeau as ft\nx = ft.ones(1, dtype=ft.float64, requires_grad=True)\n"
        "assert ft.autograd.gradgradcheck(ft.sin, x) and ft.autograd.gradcheck(ft.sin, x)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
