"""Names of ``torch._C`` that packages use."""

from __future__ import annotations

import pytest

import flambeau

torch = pytest.importorskip("torch")
mine, theirs = flambeau._C, torch._C


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m._C._nn._parse_to("cpu"),
        lambda m: m._C._nn._parse_to(m.float64, True),
        lambda m: m._C._nn._parse_to(m.ones(1), memory_format=m.channels_last),
        lambda m: m._C._get_tracing_state(),
        lambda m: m._C._log_api_usage_once("name"),
        lambda m: m._C._get_default_device(),
        lambda m: m._C._get_privateuse1_backend_name(),
        lambda m: m._C._distributed_rpc._is_current_rpc_agent_set(),
        lambda m: m._C.DispatchKeySet(m._C.DispatchKey.CPU) | m._C.DispatchKeySet(m._C.DispatchKey.AutogradCPU),
        lambda m: m._C.DispatchKeySet(m._C.DispatchKey.CPU).has(m._C.DispatchKey.CPU),
        lambda m: [isinstance(m.nn.Parameter, m._C._TensorMeta), isinstance(int, m._C._TensorMeta)],
        lambda m: m._VF.add(m.ones(2), 1).tolist(),
        lambda m: m._C._VariableFunctions.add(m.ones(2), 1).tolist(),
        lambda m: m._C._nn.gelu(m.ones(1)).shape,
        lambda m: m._C._nn.pad_sequence([m.ones(1), m.ones(2)], True).tolist(),
    ],
)
def test_agrees(call):
    assert str(call(flambeau)) == str(call(torch))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "lanczos"])
def test_antialiased_resizing(mode):
    name = f"_upsample_{mode}2d_aa"

    def run(m):
        x = m.arange(24.0).reshape(1, 1, 4, 6)
        resize = getattr(m._C._nn, name)
        return [resize(x, (3, 2), False, None).tolist(), resize(x, None, False, [0.5, 1.5]).tolist()]

    for found, expected in zip(run(flambeau), run(torch)):
        torch.testing.assert_close(torch.tensor(found), torch.tensor(expected))
    with pytest.raises(NotImplementedError, match=name):
        getattr(mine._nn, name)(flambeau.ones(1, 1, 4, 4), (2, 2), False, [0.5, 0.5])


def test_excluded_keys():
    x = flambeau.ones(2, 2)
    with flambeau.autocast("cpu", dtype=flambeau.bfloat16):
        with mine._ExcludeDispatchKeyGuard(mine.DispatchKeySet(mine.DispatchKey.AutocastCPU)):
            assert (x @ x).dtype is flambeau.float32
        assert (x @ x).dtype is flambeau.bfloat16
    with pytest.raises(NotImplementedError, match="AutogradCPU"):
        mine._ExcludeDispatchKeyGuard(mine.DispatchKeySet(mine.DispatchKey.AutogradCPU))


def test_other_names_are_missing():
    for module in (mine, mine._nn, flambeau._VF):
        assert not hasattr(module, "_no_such_name")
