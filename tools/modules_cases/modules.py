"""PyTorch's database of module inputs, run by both libraries."""

from __future__ import annotations

import copy
import io
import itertools
import pickle
from typing import Any

import torch
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

from modules_cases.comparing import Report, attempt, translated

# Results that depend on which of several equal values is met first, or on a sum of many rounded terms.
LOOSE = {
    "Transformer": 10,
    "TransformerEncoder": 10,
    "TransformerEncoderLayer": 5,
    "TransformerDecoderLayer": 10,
    "CTCLoss": 10,
}


def run(report: Report) -> None:
    for info in module_db:
        name = info.module_cls.__name__
        if not report.wants(name):
            continue
        trainings = (True, False) if info.train_and_eval_differ else (True,)
        for training, dtype in itertools.product(trainings, (torch.float32, torch.float64, torch.bfloat16)):
            torch.manual_seed(0)
            inputs = attempt(lambda: info.module_inputs_func(info, "cpu", dtype, True, training))
            if isinstance(inputs, Exception):  # samples that PyTorch itself cannot make in this dtype
                continue
            # Some have hundreds of samples that differ little; a step that is prime meets every value of every option.
            step = 1 if len(inputs) <= 12 else 7 if len(inputs) > 100 else 3
            for index, given in list(enumerate(inputs))[:: step if dtype is torch.float32 else 2 * step - 1]:
                label = f"{name}[{'train' if training else 'eval'} {str(dtype)[6:]} {index} {given.desc}]"
                check(report, label, name, given, training, dtype)
        if info.module_error_inputs_func is not None:
            errors(report, name, info)


def make(library: Any, name: str, given: Any) -> Any:
    arguments = given.constructor_input
    args = [translated(a, library) for a in arguments.args]
    kwargs = {key: translated(a, library) for key, a in arguments.kwargs.items()}
    return getattr(library.nn, name)(*args, **kwargs)


def check(report: Report, label: str, name: str, given: Any, training: bool, dtype: torch.dtype) -> None:
    if given.forward_input is None:
        return
    tangents: dict = {}

    def program(library: Any) -> dict:
        return life(library, name, given, training, dtype, tangents)

    report.compare(label, program, LOOSE.get(name, 1))
    if dtype is torch.float32:
        report.compare(
            label.replace("[", "[other layouts "), lambda m: layouts(m, name, given, training), LOOSE.get(name, 1)
        )
        report.compare(label.replace("[", "[dtype argument "), lambda m: typed(m, name, given))
        report.compare(
            label.replace("[", "[repeated "), lambda m: repeated(m, name, given, training), LOOSE.get(name, 1)
        )
        report.compare(label.replace("[", "[meta "), lambda m: on_meta(m, name, given, training))


def life(library: Any, name: str, given: Any, training: bool, dtype: torch.dtype, tangents: dict) -> dict:
    """All that can be seen of a module from its making to its pickle."""
    library.manual_seed(7)
    module = make(library, name, given)
    found: dict[str, Any] = {"text": repr(module), "state": dict(module.state_dict()), "generator": library.rand(2)}
    found["attributes"] = sorted(k for k in vars(module) if not k.startswith("_"))
    found["constants"] = {
        k: v for k, v in sorted(vars(module).items()) if isinstance(v, (bool, int, float, str, tuple))
    }
    module.to(getattr(library, str(dtype)[6:])).train(training)
    args = [translated(a, library) for a in given.forward_input.args]
    kwargs = {key: translated(a, library) for key, a in given.forward_input.kwargs.items()}
    library.manual_seed(3)
    output = attempt(lambda: module(*args, **kwargs))
    found["output"] = output
    found["generator after"] = library.rand(2)
    if isinstance(output, Exception):
        return found
    tensors = [t for t in flat(output) if t.requires_grad]
    if tensors:
        weights = [
            tangents.setdefault(
                i, torch.randn(t.shape, generator=torch.Generator().manual_seed(i), dtype=torch.float64)
            )
            for i, t in enumerate(tensors)
        ]
        library.autograd.backward(tensors, [translated(w.to(dtype), library) for w in weights])
    found["gradient"] = [t.grad for t in flat([args, kwargs]) if t.is_leaf]
    found["gradients"] = {key: p.grad for key, p in module.named_parameters()}
    found["buffers"] = dict(module.named_buffers())
    found["evaluated"] = attempt(lambda: module.eval()(*args, **kwargs))
    for how, copier in (
        ("deepcopy", copy.deepcopy),
        ("pickle", lambda m: pickle.loads(pickle.dumps(m))),
        ("saved", saved(library)),
    ):
        again = attempt(lambda copier=copier: copier(module))
        found[how] = (
            again
            if isinstance(again, Exception)
            else [repr(again), dict(again.state_dict()), attempt(lambda: again(*args, **kwargs))]
        )
    return found


def saved(library: Any) -> Any:
    def through_file(module: Any) -> Any:
        file = io.BytesIO()
        library.save(module, file)
        file.seek(0)
        return library.load(file, weights_only=False)

    return through_file


def layouts(library: Any, name: str, given: Any, training: bool) -> dict:
    """Results where inputs are strided, transposed in memory, or channels last."""
    found = {}
    for how in ("strided", "transposed", "channels_last", "zero_size"):
        library.manual_seed(7)
        module = make(library, name, given).train(training)
        args = [laid(translated(a, library), library, how) for a in given.forward_input.args]
        kwargs = {key: laid(translated(a, library), library, how) for key, a in given.forward_input.kwargs.items()}
        library.manual_seed(3)
        output = found[how] = attempt(lambda: module(*args, **kwargs))
        if isinstance(output, Exception) or not any(t.requires_grad for t in flat(output)):
            continue
        attempt(lambda: sum(t.abs().sum() for t in flat(output) if t.requires_grad).backward())
        found[how + " gradients"] = [
            *(t.grad for t in flat([args, kwargs]) if t.is_leaf),
            *(p.grad for p in module.parameters()),
        ]
    return found


def repeated(library: Any, name: str, given: Any, training: bool) -> dict:
    """The fourth training step with the same shapes, which flambeau runs as a program that it has compiled."""
    library.manual_seed(7)
    module = make(library, name, given).train(training)
    arguments = [translated(a, library) for a in given.forward_input.args]
    keywords = {key: translated(a, library) for key, a in given.forward_input.kwargs.items()}
    inputs = [t for t in flat([arguments, keywords]) if t.requires_grad]
    for _ in range(4):
        library.manual_seed(3)
        output = attempt(lambda: module(*arguments, **keywords))
        if isinstance(output, Exception):
            return {"output": output}
        wanted = [*inputs, *(p for p in module.parameters() if p.requires_grad)]
        losses = [t.pow(2).sum() if t.is_floating_point() else t.sum() for t in flat(output) if t.requires_grad]
        gradients = library.autograd.grad(losses, wanted, allow_unused=True) if losses and wanted else []
        attempt(lambda: [output, gradients])
    return {"output": output, "gradients": list(gradients), "buffers": dict(module.named_buffers())}


def on_meta(library: Any, name: str, given: Any, training: bool) -> Any:
    """Shapes, dtypes and strides of results on the device that computes nothing."""
    library.manual_seed(7)
    module = make(library, name, given).train(training)
    arguments, keywords = given.forward_input.args, given.forward_input.kwargs
    module.to("meta")
    args = [moved(translated(a, library), library) for a in arguments]
    kwargs = {key: moved(translated(a, library), library) for key, a in keywords.items()}
    output = attempt(
        lambda: [[str(t.dtype), list(t.shape), list(t.stride()), str(t.device)] for t in flat(module(*args, **kwargs))]
    )
    return {"output": output, "warn": False}


def moved(value: Any, library: Any) -> Any:
    if isinstance(value, (list, tuple)) and not hasattr(value, "batch_sizes"):
        return type(value)(moved(v, library) for v in value)
    return value.to("meta") if hasattr(value, "to") else value


def laid(value: Any, library: Any, how: str) -> Any:
    """``value`` with its floating tensors in another place: a leaf with other strides."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "batch_sizes"):
        return type(value)(laid(v, library, how) for v in value)
    if not isinstance(value, library.Tensor) or value.dim() == 0:
        return value
    plain = value.detach()
    if how == "strided":
        plain = library.stack([plain, plain], -1)[..., 0]
    elif how == "transposed" and plain.dim() > 1:
        plain = plain.transpose(0, -1).contiguous().transpose(0, -1)
    elif how == "channels_last" and plain.dim() in (4, 5):
        plain = plain.contiguous(memory_format=library.channels_last if plain.dim() == 4 else library.channels_last_3d)
    elif how == "zero_size":
        plain = plain[:0]
    return plain.requires_grad_(value.requires_grad)


def typed(library: Any, name: str, given: Any) -> Any:
    """The module made with ``dtype`` and ``device`` arguments."""
    found = {}
    for dtype in ("float64", "bfloat16"):
        library.manual_seed(1)
        arguments = given.constructor_input
        args = [translated(a, library) for a in arguments.args]
        kwargs = {key: translated(a, library) for key, a in arguments.kwargs.items()}
        kwargs |= {"device": "cpu", "dtype": getattr(library, dtype)}
        module = attempt(lambda: getattr(library.nn, name)(*args, **kwargs))
        found[dtype] = module if isinstance(module, Exception) else dict(module.state_dict())
    return found


def flat(value: Any) -> list:
    """The tensors in nested lists, tuples and dicts, in order."""
    if isinstance(value, dict):
        return [t for item in value.values() for t in flat(item)]
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in flat(item)]
    return [value] if hasattr(value, "requires_grad") and hasattr(value, "shape") else []


def errors(report: Report, name: str, info: Any) -> None:
    for index, wrong in enumerate(info.module_error_inputs_func(info, "cpu", torch.float32, True, True)):
        given = wrong.module_error_input

        def program(library: Any, given=given, wrong=wrong) -> Any:
            module = attempt(lambda: make(library, name, given))
            if isinstance(module, Exception) or wrong.error_on is ModuleErrorEnum.CONSTRUCTION_ERROR:
                return {"error": module if isinstance(module, Exception) else "made", "warn": False}
            args = [translated(a, library) for a in given.forward_input.args]
            kwargs = {key: translated(a, library) for key, a in given.forward_input.kwargs.items()}
            return {"error": attempt(lambda: module(*args, **kwargs)), "warn": False}

        report.compare(f"{name}[error {index}: {wrong.error_regex[:40]}]", program)
