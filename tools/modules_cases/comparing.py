"""Running a case on both libraries, and comparing what they return."""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

import flambeau

# Relative and absolute error, by dtype: what two orders of summation may differ by.
TOLERANCE = {
    "float64": (1e-7, 1e-7),
    "complex128": (1e-7, 1e-7),
    "float32": (2e-5, 2e-5),
    "complex64": (2e-5, 2e-5),
    "float16": (4e-3, 4e-3),
    "bfloat16": (3e-2, 3e-2),
}


class Difference(NamedTuple):
    kind: str
    case: str
    detail: str


class Seen(NamedTuple):
    """A tensor as it was observed."""

    type: str
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    requires_grad: bool
    values: np.ndarray


class Raised(NamedTuple):
    """An exception as it was observed, with the names of its bases."""

    type: str
    message: str
    bases: tuple[str, ...]


class Report:
    """Differences found so far, and what to look at."""

    def __init__(self, only: re.Pattern, messages: bool, verbose: bool) -> None:
        self.only, self.messages, self.verbose = only, messages, verbose
        self.checked = 0
        self.differences: list[Difference] = []

    def wants(self, case: str) -> bool:
        return self.only.search(case) is not None

    def add(self, kind: str, case: str, detail: str) -> None:
        self.differences.append(Difference(kind, case, detail))
        if self.verbose:
            print(f"{kind:14} {case}: {detail}"[:700], flush=True)

    def compare(self, case: str, program: Callable[[Any], Any], loose: float = 1.0) -> None:
        """Run ``program(library)`` by both libraries; its result is compared entry by entry."""
        self.checked += 1
        theirs, ours = observe(program, torch), observe(program, flambeau)
        self.same(case, "", theirs, ours, loose)

    def same(self, case: str, where: str, theirs: Any, ours: Any, loose: float) -> None:
        kind = where.split(".")[0] or "result"
        if (
            isinstance(theirs, dict)
            and isinstance(theirs.get("output"), Raised)
            and "not implemented for" in theirs["output"].message
        ):
            return  # a dtype that PyTorch's kernels lack
        if isinstance(theirs, dict) and isinstance(ours, dict):
            if list(theirs) != list(ours):
                self.add(kind, case, f"{where}: keys {list(ours)}, expected {list(theirs)}")
                return
            for key in theirs:
                self.same(case, f"{where}.{key}" if where else str(key), theirs[key], ours[key], loose)
        elif isinstance(theirs, list) and isinstance(ours, list):
            if len(theirs) != len(ours):
                self.add(
                    kind, case, f"{where}: {len(ours)} entries {short(ours)}, expected {len(theirs)} {short(theirs)}"
                )
                return
            for index, (one, other) in enumerate(zip(theirs, ours)):
                self.same(case, f"{where}.{index}", one, other, loose)
        else:
            fault = self.fault(theirs, ours, loose)
            if fault:
                self.add("raises" if isinstance(ours, Raised) else kind, case, f"{where}: {fault}")

    def fault(self, theirs: Any, ours: Any, loose: float) -> str:
        """How two observed leaves differ; empty where they agree."""
        if type(theirs) is not type(ours) and not (_number(theirs) and _number(ours)):
            return f"{short(ours)}, expected {short(theirs)}"
        if isinstance(theirs, Raised):
            if theirs.type in ours.bases and (not self.messages or plain(theirs.message) == plain(ours.message)):
                return ""
            return f"{short(ours)}, expected {short(theirs)}"
        if isinstance(theirs, Seen):
            return tensor_fault(theirs, ours, loose)
        if isinstance(theirs, float) or isinstance(ours, float):
            return (
                ""
                if np.isclose(ours, theirs, rtol=1e-6, atol=1e-12, equal_nan=True)
                else f"{ours!r}, expected {theirs!r}"
            )
        if isinstance(theirs, str) and plain(theirs) == plain(ours):
            return ""
        return "" if theirs == ours else f"{short(ours)}, expected {short(theirs)}"


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def short(value: Any) -> str:
    if isinstance(value, Seen):
        return f"{value.type}({value.dtype}, {value.shape})"
    if isinstance(value, Raised):
        return f"{value.type}({value.message[:200]!r})"
    if isinstance(value, dict):
        return f"dict of {list(value)}"
    if isinstance(value, list) and value and not isinstance(value[0], str):
        return f"[{', '.join(map(short, value))}]"[:300]
    return repr(value)[:300]


def plain(text: str) -> str:
    """A text without what names the library, addresses and files."""
    text = re.sub(r"0x[0-9a-f]+", "0x", text.replace("flambeau", "torch"))
    return re.sub(r"\s+", " ", text).strip()


def tensor_fault(theirs: Seen, ours: Seen, loose: float) -> str:
    for field in ("type", "dtype", "shape", "strides", "requires_grad"):
        one, other = getattr(theirs, field), getattr(ours, field)
        if one != other:
            return f"{field} {other}, expected {one}"
    rtol, atol = TOLERANCE.get(theirs.dtype, (0, 0))
    with np.errstate(all="ignore"):
        close = np.isclose(ours.values, theirs.values, rtol=rtol * loose, atol=atol * loose, equal_nan=True)
    if close.all():
        return ""
    at = tuple(int(i) for i in np.argwhere(~close)[0])
    return f"values at {at}: {ours.values[at]}, expected {theirs.values[at]} ({(~close).sum()} of {close.size})"


def observe(program: Callable[[Any], Any], library: Any) -> Any:
    """What ``program`` returns, or how it raises, with the warnings it gave."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        try:
            result = observed(program(library))
        except Exception as error:  # noqa: BLE001
            result = observed(error)
    told = [[w.category.__name__, str(w.message)[:40]] for w in given if "beta" not in str(w.message)]
    if isinstance(result, dict) and "warnings" not in result and result.get("warn", True):
        result["warnings"] = [w for i, w in enumerate(told) if w not in told[:i]]
    return result


def observed(value: Any) -> Any:
    """A value in a form that both sides share."""
    if isinstance(value, (torch.Tensor, flambeau.Tensor)):
        return seen(value)
    if isinstance(value, dict):
        return {str(key): observed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, torch.nn.ParameterList, flambeau.nn.ParameterList)):
        return [observed(item) for item in value]
    if isinstance(value, BaseException):
        return Raised(type(value).__name__, str(value), tuple(c.__name__ for c in type(value).__mro__))
    if value is None or isinstance(value, (bool, int, float, complex, str)):
        return value
    if isinstance(value, (torch.dtype, flambeau.dtype, torch.device, flambeau.device)):
        return str(value)
    return f"<{type(value).__name__}>"


def seen(tensor: Any) -> Seen:
    library = torch if isinstance(tensor, torch.Tensor) else flambeau
    known = tensor.detach()
    strided = known.layout is library.strided
    strides = tuple(known.stride()) if strided else None
    # A stride of a dimension with one place, or of a tensor with none, is never used.
    if strides is not None:
        strides = tuple(0 if size <= 1 else stride for size, stride in zip(tensor.shape, strides))
        strides = None if tensor.numel() == 0 else strides
    values = known if strided else known.to_dense()
    if values.dtype in (library.bfloat16, library.float16):
        values = values.to(library.float32)
    array = np.array(values.resolve_conj().resolve_neg().cpu().numpy())
    name = type(tensor).__name__
    return Seen(name, str(tensor.dtype).split(".")[-1], tuple(tensor.shape), strides, tensor.requires_grad, array)


def attempt(function: Callable[[], Any]) -> Any:
    """What ``function`` returns, or the exception it raises, to be compared."""
    try:
        value = function()
        observed(value)  # what depends on values comes when somebody looks
        return value
    except Exception as error:  # noqa: BLE001
        return error


def translated(value: Any, library: Any) -> Any:
    """A PyTorch value in ``library``: tensors copied, functions and types by name. PyTorch's own tensors are copied too."""
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return library.nn.utils.rnn.PackedSequence(*(translated(part, library) for part in value))
    if isinstance(value, torch.Tensor):
        return copied(value, library)
    if isinstance(value, dict):
        return {key: translated(item, library) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(translated(item, library) for item in value)
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        return encoder_layer(value, library)
    if library is torch:
        return value
    if isinstance(value, torch.dtype):
        return getattr(library, str(value).split(".")[-1])
    if isinstance(value, torch.device):
        return library.device(str(value))
    if isinstance(value, torch.nn.Module):
        return getattr(library.nn, type(value).__name__)()
    if callable(value) and getattr(value, "__module__", "").startswith("torch"):
        return next(
            getattr(owner, value.__name__)
            for owner in (library.nn.functional, library)
            if hasattr(owner, value.__name__)
        )
    if type(value).__module__.startswith("torch"):
        fields = dataclasses.asdict(value)
        return getattr(library.nn, type(value).__name__)(**translated(fields, library))
    return value


def copied(tensor: torch.Tensor, library: Any) -> Any:
    """A leaf with the values, dtype and strides of ``tensor``."""
    plain = tensor.detach()
    narrow = plain.dtype in (torch.bfloat16, torch.float16)
    source = (plain.float() if narrow else plain).contiguous().numpy()
    made = library.empty_strided(
        tuple(plain.shape), tuple(plain.stride()), dtype=getattr(library, str(plain.dtype)[6:])
    )
    if plain.numel():
        made.copy_(library.from_numpy(np.array(source)))
    if isinstance(tensor, torch.nn.Parameter):
        return library.nn.Parameter(made, requires_grad=tensor.requires_grad)
    return made.requires_grad_(tensor.requires_grad)


def encoder_layer(layer: torch.nn.TransformerEncoderLayer, library: Any) -> Any:
    """The same layer of ``library``, with the same parameters."""
    attention, first = layer.self_attn, layer.linear1
    made = library.nn.TransformerEncoderLayer(
        first.in_features,
        attention.num_heads,
        first.out_features,
        layer.dropout.p,
        translated(layer.activation, library),
        layer.norm1.eps,
        attention.batch_first,
        layer.norm_first,
        first.bias is not None,
    ).to(getattr(library, str(first.weight.dtype)[6:]))
    made.load_state_dict({key: copied(value, library) for key, value in layer.state_dict().items()})
    return made
