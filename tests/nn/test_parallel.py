"""Modules made for several devices or processes, where there is one."""

from __future__ import annotations

import pytest

import flambeau

torch = pytest.importorskip("torch")


@pytest.fixture(params=["flambeau", "torch"])
def library(request):
    return {"flambeau": flambeau, "torch": torch}[request.param]


def test_data_parallel_is_the_module_itself_where_there_is_no_gpu(library):
    layer = library.nn.Linear(2, 3)
    spread = library.nn.DataParallel(layer, device_ids=[0, 1])
    x = library.ones(4, 2)
    assert spread.module is layer and spread.device_ids == []
    assert spread(x).tolist() == spread(input=x).tolist() == layer(x).tolist()
    assert list(spread.state_dict()) == ["module.weight", "module.bias"]
    assert repr(spread).startswith("DataParallel(\n  (module): Linear(")


def test_converted_batch_normalization_has_the_same_parameters(library):
    nn = library.nn
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.BatchNorm2d(2, eps=1e-3), nn.ReLU())).eval()
    weight, mean = net[1][0].weight, net[1][0].running_mean
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    norm = converted[1][0]
    assert type(norm) is nn.SyncBatchNorm and norm.eps == 1e-3 and not norm.training
    assert norm.weight is weight and norm.running_mean is mean
    assert converted(library.ones(1, 1, 4, 4)).shape == (1, 2, 2, 2)


def test_batch_normalization_over_processes_needs_a_batch(library):
    with pytest.raises(ValueError, match="at least 2D"):
        library.nn.SyncBatchNorm(3)(library.ones(3))
