"""``torch.special``'s names for operators that live elsewhere."""

from __future__ import annotations

from .registry import NAMESPACES, export
from .special_functions import i0, i1
from .transcendental import sigmoid

for _name in (
    "digamma",
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expm1",
    "i0",
    "log1p",
    "logit",
    "polygamma",
    "round",
    "sinc",
    "xlogy",
):
    export("special", _name, NAMESPACES["torch"][_name])
for _name, _other in (
    ("expit", sigmoid),
    ("psi", NAMESPACES["torch"]["digamma"]),
    ("gammaln", NAMESPACES["torch"]["lgamma"]),
    ("multigammaln", NAMESPACES["torch"]["mvlgamma"]),
    ("modified_bessel_i0", i0),
    ("modified_bessel_i1", i1),
):
    export("special", _name, _other)
