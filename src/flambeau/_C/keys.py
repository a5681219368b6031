"""Names of the kinds of kernels that PyTorch's dispatcher chooses among. flambeau has no such dispatcher: they are names alone."""

from __future__ import annotations

import enum
from collections.abc import Iterable

_NAMES = (
    "Undefined CPU CUDA HIP XLA MPS IPU XPU HPU VE Lazy MTIA MAIA PrivateUse1 PrivateUse2 PrivateUse3 Meta QuantizedCPU QuantizedCUDA "
    "CustomRNGKeyId MkldnnCPU SparseCPU SparseCUDA SparseCsrCPU SparseCsrCUDA NestedTensorCPU NestedTensorCUDA BackendSelect Python Fake "
    "FuncTorchDynamicLayerBackMode Functionalize Named Conjugate Negative ZeroTensor ADInplaceOrView AutogradOther AutogradFunctionality "
    "AutogradCPU AutogradCUDA AutogradXLA AutogradMPS AutogradXPU AutogradHPU AutogradLazy AutogradMTIA AutogradMeta AutogradPrivateUse1 "
    "AutogradNestedTensor Tracer TESTING_ONLY_GenericWrapper TESTING_ONLY_GenericMode AutocastCPU AutocastCUDA AutocastXPU AutocastMPS "
    "AutocastHPU AutocastXLA AutocastPrivateUse1 FuncTorchBatched BatchedNestedTensor FuncTorchVmapMode Batched VmapMode "
    "FuncTorchGradWrapper DeferredInit PythonTLSSnapshot FuncTorchDynamicLayerFrontMode PreDispatch PythonDispatcher Autograd "
    "CompositeImplicitAutograd CompositeImplicitAutogradNestedTensor CompositeExplicitAutograd CompositeExplicitAutogradNonFunctional "
    "FuncTorchBatchedDecomposition"
)
DispatchKey = enum.Enum("DispatchKey", _NAMES, start=0, module=__name__)  # type: ignore[misc]


class DispatchKeySet:
    """A set of :class:`DispatchKey`, made of one key or of an iterable of them."""

    def __init__(self, keys: DispatchKey | Iterable[DispatchKey]) -> None:
        self.keys = frozenset([keys] if isinstance(keys, DispatchKey) else keys)

    def __or__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(self.keys | other.keys)

    def __and__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(self.keys & other.keys)

    def __sub__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(self.keys - other.keys)

    def add(self, key: DispatchKey) -> DispatchKeySet:
        """The set with one more key."""
        return DispatchKeySet(self.keys | {key})

    def remove(self, key: DispatchKey) -> DispatchKeySet:
        """The set without a key."""
        return DispatchKeySet(self.keys - {key})

    def has(self, key: DispatchKey) -> bool:
        """Whether a key is in it."""
        return key in self.keys

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DispatchKeySet) and self.keys == other.keys

    def __hash__(self) -> int:
        return hash(self.keys)

    def __repr__(self) -> str:
        return f"DispatchKeySet({', '.join(sorted((key.name for key in self.keys), key=_NAMES.index))})"


class _ExcludeDispatchKeyGuard:
    """As long as it lives, or within its block, autocast is off where a key of the CPU's autocast is excluded.

    NotImplementedError for other keys, which flambeau has no kernels for.
    """

    def __init__(self, keys: DispatchKeySet) -> None:
        from ..amp import autocast

        self._block: autocast | None = None
        unknown = [key.name for key in keys.keys if not key.name.startswith("Autocast")]
        if unknown:
            raise NotImplementedError(
                f"flambeau: _ExcludeDispatchKeyGuard: excluding {', '.join(unknown)} is not supported"
            )
        if keys.has(DispatchKey["AutocastCPU"]):
            self._block = autocast("cpu", enabled=False)
            self._block.__enter__()

    def __enter__(self) -> _ExcludeDispatchKeyGuard:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._block is not None:
            self._block.__exit__(*exc)
            self._block = None

    def __del__(self) -> None:
        self.__exit__(None, None, None)
