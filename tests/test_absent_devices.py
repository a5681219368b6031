"""Modules of devices that are not there: the answers and errors of a PyTorch that was built without them."""

from __future__ import annotations

import importlib

import pytest

import flambeau

torch = pytest.importorskip("torch")

QUESTIONS = {
    "cuda": "is_available is_initialized device_count is_bf16_supported is_tf32_supported get_arch_list get_rng_state_all memory_allocated "
    "max_memory_allocated memory_reserved empty_cache seed_all mem_get_info current_stream default_stream cudart get_rng_state "
    "current_device get_device_name get_device_properties initial_seed ipc_collect synchronize init memory_stats",
    "xpu": "is_available is_initialized device_count is_bf16_supported get_rng_state_all memory_allocated empty_cache current_device "
    "get_device_name get_device_properties get_rng_state mem_get_info synchronize init memory_reserved",
    "mps": "is_available device_count seed synchronize current_allocated_memory driver_allocated_memory recommended_max_memory "
    "get_rng_state",
    "mtia": "is_available device_count current_device",
    "accelerator": "current_accelerator is_available device_count current_device_index synchronize get_memory_info empty_cache "
    "memory_allocated current_stream memory_stats",
}
CASES = [(module, name) for module, names in QUESTIONS.items() for name in names.split()]


def outcome(library, module, name):
    try:
        return getattr(importlib.import_module(f"{library}.{module}"), name)()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize(("module", "name"), CASES)
def test_answers_are_pytorch_s(module, name):
    expected = outcome("torch", module, name)
    assert outcome("flambeau", module, name) == expected


@pytest.mark.parametrize("module", ["cuda", "xpu", "mtia"])
def test_blocks_of_no_device_change_nothing(module):
    found = getattr(flambeau, module)
    with found.device(None), found.device(-1), found.stream(None):
        pass
    with pytest.raises((AssertionError, RuntimeError)), found.device(0):
        pass


def test_what_lives_on_a_device_cannot_be_made():
    for make in (
        flambeau.Stream,
        flambeau.cuda.Stream,
        flambeau.cuda.graph,
        flambeau.cuda.FloatTensor,
        flambeau.xpu.Event,
    ):
        with pytest.raises((AssertionError, RuntimeError)):
            make()
    assert not isinstance(flambeau.ones(1), flambeau.cuda.FloatTensor)
    with pytest.raises(RuntimeError, match="NVTX"):
        flambeau.cuda.nvtx.range_push("name")
    with pytest.raises(AssertionError, match="CUDA"):
        flambeau.cuda.profiler.start()
    assert flambeau.cuda.amp.common.amp_definitely_not_available()
