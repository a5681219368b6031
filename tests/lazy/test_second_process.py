"""A second process that runs the same program finds all its kernels on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.lazy.windows import compiled_only

ROOT = Path(__file__).parents[2]

PROGRAM = """
import json, sys
import flambeau as torch
import flambeau.nn.functional as F
from flambeau.runtime import jit

torch.manual_seed(0)
w = torch.rand(8, 5).requires_grad_()
x = torch.arange(40.0).reshape(8, 5)
for step in range(4):
    loss = F.mse_loss(F.linear(x, w).tanh(), torch.ones(8, 8))
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        w.grad = None
    last = loss.item()
print(json.dumps({"loss": last, "compiled": jit.stats.compiled, "loaded": jit.stats.loaded}))
"""


def run(folder: Path) -> dict:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "FLAMBEAU_CACHE_DIR": str(folder)}
    environment.pop("FLAMBEAU_CACHE", None)
    process = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return json.loads(process.stdout)


@compiled_only
def test_the_second_process_compiles_nothing(tmp_path):
    first, second = run(tmp_path), run(tmp_path)
    assert first["compiled"] > 0
    assert second["compiled"] == 0 and second["loaded"] == first["compiled"]
    assert second["loss"] == first["loss"]


@compiled_only
def test_a_damaged_cache_is_compiled_anew(tmp_path):
    first = run(tmp_path)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:50])
    second = run(tmp_path)
    assert second["loss"] == first["loss"] and second["compiled"] > 0
