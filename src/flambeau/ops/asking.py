"""What a ``__torch_function__`` is asked beside operators: attributes, and methods that need none.

Plain tensors pay nothing for it: the attributes are put into such a class when it is made, and modes exchange the code of Tensor's own.
"""

from __future__ import annotations

import functools
from types import FunctionType

from ..tensor import Tensor, set_class_preparer
from . import overrides
from .overrides import modes, offer
from .registry import NAMESPACES
from .schema import compile_function

ATTRIBUTES = (
    "T", "H", "mT", "mH", "real", "imag", "shape", "dtype", "device", "layout", "ndim", "itemsize", "nbytes", "data", "grad", "grad_fn",
    "grad_dtype", "requires_grad", "is_leaf", "output_nr", "retains_grad", "name", "volatile", "_base", "_version", "is_cpu", "is_cuda",
    "is_ipu", "is_maia", "is_meta", "is_mkldnn", "is_mps", "is_mtia", "is_nested", "is_quantized", "is_sparse", "is_sparse_csr",
    "is_vulkan", "is_xla", "is_xpu",
)  # fmt: skip
METHODS = (
    "__len__", "__bool__", "__int__", "__float__", "__complex__", "__index__", "item", "dim", "ndimension", "size", "stride", "numel",
    "nelement", "element_size", "storage_offset", "data_ptr", "get_device", "is_contiguous", "is_shared", "is_inference", "is_conj",
    "is_neg", "is_complex", "is_floating_point", "is_signed", "requires_grad_", "retain_grad", "register_hook",
    "register_post_accumulate_grad_hook",
)  # fmt: skip

# The functions of ``torch.nn.functional`` that PyTorch compiles: the others hand over the defaults of their arguments too.
_COMPILED = """
    adaptive_avg_pool1d avg_pool1d avg_pool2d avg_pool3d bilinear celu_ channel_shuffle conv1d conv2d conv3d conv_tbc conv_transpose1d
    conv_transpose2d conv_transpose3d cosine_similarity elu_ gelu hardshrink hardtanh_ leaky_relu_ linear logsigmoid native_channel_shuffle
    one_hot pairwise_distance pdist pixel_shuffle pixel_unshuffle prelu relu_ rrelu_ scaled_dot_product_attention selu_ softplus softshrink
    threshold_ rms_norm
"""


def _spell_functional() -> None:
    compiled, shared = _COMPILED.split(), set(NAMESPACES["torch"].values())
    for name, function in NAMESPACES["nn.functional"].items():
        if name not in compiled and function not in shared:
            function.spelled = True


def _attribute(own: property) -> property:
    def read(self):
        return offer(own.__get__, (self,), {}) if _listening(self) else own.__get__(self)

    def write(self, value):
        offer(own.__set__, (self, value), {}) if _listening(self) else own.__set__(self, value)

    def remove(self):
        offer(own.__delete__, (self,), {}) if _listening(self) else own.__delete__(self)

    return property(read, write if own.fset else None, remove if own.fdel else None, own.__doc__)


def _method(own):
    @functools.wraps(own)
    def asking(self, *args, **kwargs):
        return offer(own, (self, *args), kwargs) if _listening(self) else own(self, *args, **kwargs)

    return asking


def _listening(tensor: Tensor) -> bool:
    """Whether a mode, or the tensor's class, is to be asked."""
    return not modes.disabled and (bool(modes.stack) or (tensor._spec.override and tensor._asks))


def prepare(cls: type) -> None:
    """Let instances of ``cls`` be asked for what Tensor itself defines; what the class defines stays."""
    handler = getattr(cls.__torch_function__, "__func__", None)
    if not cls._asks or handler is overrides.default_torch_function:
        return
    for names, asking in ((ATTRIBUTES, _attribute), (METHODS, _method)):
        for name in names:
            own = getattr(Tensor, name)
            if getattr(cls, name) is own:
                setattr(cls, name, asking(own))


# -- modes -----------------------------------------------------------------------------------------------------------

_SOURCE = """
def {name}(self, *args, **kwargs):
    from {module} import ask
    return ask({name!r}, self, args, kwargs)
"""


class _Watched:
    """A function of Tensor whose code is exchanged while modes are on, so that programs find the same function always."""

    def __init__(self, name: str):
        own = getattr(Tensor, name)
        self.offered = own.__get__ if isinstance(own, property) else own
        self.function = own.fget if isinstance(own, property) else own
        self.code = self.function.__code__
        self.plain = FunctionType(self.code, self.function.__globals__, name, self.function.__defaults__)
        self.plain.__kwdefaults__ = self.function.__kwdefaults__
        self.asking = compile_function(_SOURCE.format(name=name, module=__name__), name, {}, "asking", None).__code__


def ask(name: str, tensor: Tensor, args: tuple, kwargs: dict):
    """An attribute or method of a tensor, as the modes that are on and the tensor's class have it."""
    watched = _WATCHED[name]
    if _listening(tensor):
        return offer(watched.offered, (tensor, *args), kwargs)
    return watched.plain(tensor, *args, **kwargs)


def watch(on: bool) -> None:
    """Ask modes, while they are on, for what tensors have without an operator."""
    for watched in _WATCHED.values():
        watched.function.__code__ = watched.asking if on else watched.code


_WATCHED = {name: _Watched(name) for name in (*ATTRIBUTES, *METHODS) if name not in ("real", "imag")}  # those are offered anyway
set_class_preparer(prepare)
overrides.watch_attributes = watch
_spell_functional()
