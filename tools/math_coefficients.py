"""Derive the minimax polynomials of flambeau/compiler/targets/cpu/math/coefficients.py.

    python tools/math_coefficients.py > src/flambeau/compiler/targets/cpu/math/coefficients.py

Each table is the polynomial p of lowest degree for which max |w(x) (p(x) - f(x))| stays under a target on an
interval, found by the exchange algorithm of Remez with mpmath at 60 digits and rounded to the working type.
The weight w makes that the relative error of the function that p is a part of. Needs mpmath.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from mpmath import mp, mpf

mp.dps = 60
Function = Callable[[mpf], mpf]
BITS = {"F32": 27, "F64": 57}
TINY = mpf(10) ** -30
# The square of the largest s = f/(2 + f) for sqrt(1/2) <= 1 + f <= sqrt(2).
S_SQUARE = mpf("0.029438")


def remez(f: Function, w: Function, low: mpf, high: mpf, degree: int) -> tuple[list[mpf], mpf]:
    """Coefficients (lowest order first) and weighted error of the best polynomial of ``degree``."""
    count = 60 * (degree + 2)
    middle, half = (low + high) / 2, (high - low) / 2
    grid = [middle - half * mp.cos(mp.pi * (i + mpf(1) / 2) / count) for i in range(count)]
    values, weights = [f(x) for x in grid], [w(x) for x in grid]
    chosen = [round((i + 0.5) * count / (degree + 2)) for i in range(degree + 2)]
    for _ in range(30):
        rows = [
            [grid[i] ** k for k in range(degree + 1)] + [(-1) ** j / weights[i]] for j, i in enumerate(chosen)
        ]
        *coefficients, level = mp.lu_solve(mp.matrix(rows), mp.matrix([values[i] for i in chosen]))
        errors = [v * (mp.polyval(coefficients[::-1], x) - y) for x, y, v in zip(grid, values, weights)]
        worst = max(map(abs, errors))
        if worst <= abs(level) * mpf("1.01"):
            break
        chosen = _extrema(errors, degree + 2)
    return coefficients, worst


def _extrema(errors: list[mpf], count: int) -> list[int]:
    """The places of ``count`` alternating extrema of the error, the largest there are."""
    places: list[int] = []
    for i, error in enumerate(errors):
        if places and (error > 0) == (errors[places[-1]] > 0):
            if abs(error) > abs(errors[places[-1]]):
                places[-1] = i
        else:
            places.append(i)
    while len(places) > count:
        places.pop(0 if abs(errors[places[0]]) < abs(errors[places[-1]]) else -1)
    if len(places) < count:
        raise ArithmeticError("the error does not alternate often enough")
    return places


def rounded(x: mpf, type: str) -> float:
    return float(x) if type == "F64" else struct.unpack("<f", struct.pack("<f", float(x)))[0]


def table(
    name: str, what: str, f: Function, w: Function, low: float | mpf, high: float | mpf, bits: int = 0
) -> None:
    """Print the polynomial of lowest degree whose error is under 2^-bits (0: what the type needs)."""
    type = name[-3:]
    target = mpf(2) ** -(bits or BITS[type])
    for degree in range(1, 40):
        coefficients, error = remez(f, w, mpf(low), mpf(high), degree)
        if error < target:
            break
    print(f"\n# {what}; error 2^{float(mp.log(error, 2)):.1f}")
    print(f"{name} = _exact(")
    for coefficient in coefficients:
        print(f'    "{rounded(coefficient, type).hex()}",')
    print(")")


def series(f: Function, lead: Function, power: int) -> Function:
    """(f(x) - lead(x)) / x^power, with enough digits for the cancellation."""

    def quotient(x: mpf) -> mpf:
        with mp.workdps(150):
            x = x or mpf(10) ** -30
            return (f(x) - lead(x)) / x**power

    return quotient


def odd(f: Function) -> tuple[Function, Function]:
    """f(x) = x + x^3 p(x^2): p as a function of z = x^2, and its weight."""
    p = series(f, lambda x: x, 3)
    return lambda z: p(mp.sqrt(z)), at_root(lambda x: x**3 / f(x))


def at_root(f: Function) -> Function:
    """f(sqrt(z)), the limit at 0."""
    return lambda z: f(mp.sqrt(z) or TINY)


def cleared_erfcx(q: mpf) -> mpf:
    """(1 + 2a) exp(a^2) erfc(a), where q = (a - 4) / (a + 4)."""
    a = 4 * (1 + q) / (1 - q)
    return (1 + 2 * a) * mp.exp(a * a) * mp.erfc(a)


HEADER = '''"""Minimax polynomials, lowest order first. Derived and written by tools/math_coefficients.py."""

from __future__ import annotations


def _exact(*texts: str) -> tuple[float, ...]:
    return tuple(map(float.fromhex, texts))
'''


def exponentials(type: str) -> None:
    half_ln2 = mp.log(2) / 2 * mpf("1.001")
    p = series(mp.exp, lambda r: 1 + r, 2)
    what = "exp(r) = 1 + r + r^2 p(r), |r| <= ln(2)/2"
    table(f"EXP_{type}", what, p, lambda r: r * r / mp.exp(r), -half_ln2, half_ln2)
    p = series(lambda r: 2**r, lambda r: 1, 1)
    what = "2^r = 1 + r p(r), |r| <= 1/2"
    table(f"EXP2_{type}", what, p, lambda r: (r or TINY) / 2**r, -0.5, 0.5)
    table(f"TANH_{type}", "tanh(x) = x + x^3 p(x^2), |x| <= 0.625", *odd(mp.tanh), 0, 0.625**2)
    table(f"SINH_{type}", "sinh(x) = x + x^3 p(x^2), |x| <= 1", *odd(mp.sinh), 0, 1)


def trigonometry(type: str) -> None:
    table(f"SIN_{type}", "sin(r) = r + r^3 p(r^2), |r| <= pi/4", *odd(mp.sin), 0, 0.79**2)
    p = series(mp.cos, lambda x: 1 - x * x / 2, 4)
    what = "cos(r) = 1 - r^2/2 + r^4 p(r^2), |r| <= pi/4"
    table(f"COS_{type}", what, at_root(p), at_root(lambda x: x**4 / mp.cos(x)), 0, 0.79**2)
    table(f"ASIN_{type}", "asin(x) = x + x^3 p(x^2), |x| <= 1/2", *odd(mp.asin), 0, 0.25)
    table(f"ATAN_{type}", "atan(x) = x + x^3 p(x^2), |x| <= tan(pi/8)", *odd(mp.atan), 0, 0.41422**2)


def error_functions(type: str) -> None:
    p = series(mp.erf, lambda x: x, 1)
    what = "erf(x) = x + x p(x^2), |x| <= 1"
    table(f"ERF_{type}", what, at_root(p), at_root(lambda x: x / mp.erf(x)), 0, 1)
    largest = mpf("10.2") if type == "F32" else mpf("27.5")
    what = f"(1 + 2a) exp(a^2) erfc(a) = p((a - 4)/(a + 4)), 0 <= a <= {float(largest)}"
    high = (largest - 4) / (largest + 4)
    table(f"ERFCX_{type}", what, cleared_erfcx, lambda q: 1 / cleared_erfcx(q), -1, high)


def logarithms() -> None:
    p = series(lambda f: mp.log(1 + f), lambda f: f - f * f / 2, 3)
    what = "log(1 + f) = f - f^2/2 + f^3 p(f), sqrt(1/2) <= 1 + f <= sqrt(2)"
    low, high = mp.sqrt(mpf("0.5")) - 1 - mpf("1e-7"), mp.sqrt(2) - 1
    table("LOG_F32", what, p, lambda f: f**3 / mp.log(1 + f), low, high)
    p = series(lambda s: 2 * mp.atanh(s), lambda s: 2 * s, 3)
    what = "2 atanh(s) = 2s + s^3 p(s^2), |s| <= 3 - 2 sqrt(2)"
    table("LOG_F64", what, at_root(p), lambda z: z or TINY, 0, S_SQUARE)


def powers() -> None:
    """pow needs a logarithm with more bits than its result."""
    p = series(lambda s: 2 * mp.atanh(s), lambda s: 2 * s + 2 * s**3 / 3, 5)
    what = "2 atanh(s) = 2s + 2/3 s^3 + s^5 p(s^2), |s| <= 3 - 2 sqrt(2)"
    table("POW_LOG_F64", what, at_root(p), lambda z: (z or TINY) ** 2, 0, S_SQUARE, bits=67)
    p = series(lambda s: 2 * mp.atanh(s) / mp.log(2), lambda s: 0, 1)
    what = "2 atanh(s) / ln(2) = s p(s^2), |s| <= 3 - 2 sqrt(2), for the power of a float32"
    table("POW_LOG2_F64", what, at_root(p), lambda z: mpf(1), 0, S_SQUARE, bits=38)
    p = series(lambda r: 2**r, lambda r: 1, 1)
    what = "2^r = 1 + r p(r), |r| <= 1/2, for the power of a float32"
    table("POW_EXP2_F64", what, p, lambda r: (r or TINY) / 2**r, -0.5, 0.5, bits=33)


def inverse_error() -> None:
    def center(t: mpf) -> mpf:
        x = mp.sqrt(1 - mp.exp(-(t + mpf("2.5"))))
        return mp.erfinv(x) / x if x else mp.sqrt(mp.pi) / 2

    what = "erfinv(x) = x p(w - 2.5), w = -log(1 - x^2) <= 5"
    table("ERFINV_CENTER_F64", what, center, lambda t: 1 / center(t), -2.5, 2.5, bits=20)

    def tail(t: mpf) -> mpf:
        x = mp.sqrt(1 - mp.exp(-((t + 4) ** 2)))
        return mp.erfinv(x) / x

    what = "erfinv(x) = x p(sqrt(w) - 4), 5 <= w <= 37"
    table("ERFINV_TAIL_F64", what, tail, lambda t: 1 / tail(t), mp.sqrt(5) - 4, mp.sqrt(37) - 4, bits=20)


def gammas() -> None:
    def core(t: mpf) -> mpf:
        with mp.workdps(100):
            x = t + mpf("1.5") + mpf(10) ** -40
            return mp.loggamma(x) / ((x - 1) * (x - 2))

    what = "lgamma(x) = (x - 1)(x - 2) p(x - 1.5), 1 <= x <= 2"
    table("LGAMMA_F64", what, core, lambda t: 1 / core(t), -0.5, 0.5)

    def stirling(z: mpf) -> mpf:
        with mp.workdps(100):
            x = 1 / mp.sqrt(z or mpf(10) ** -20)
            return (mp.loggamma(x) - ((x - 0.5) * mp.log(x) - x + mp.log(2 * mp.pi) / 2)) * x

    what = "lgamma(x) = (x - 1/2) log(x) - x + log(2 pi)/2 + p(1/x^2)/x, x >= 8"
    table("STIRLING_F64", what, stirling, lambda z: mpf("0.1"), 0, mpf(1) / 64, bits=58)

    root = mp.findroot(mp.digamma, 1.46)
    high = mpf(float(root))
    print("\n# the positive zero of digamma, in two parts\nDIGAMMA_ROOT_F64 = _exact(", end="")
    print(f'"{float(high).hex()}", "{float(root - high).hex()}")')

    def from_root(t: mpf) -> mpf:
        x = t + mpf("1.5")
        return mp.digamma(x) / (x - root)

    what = "digamma(x) = (x - root) p(x - 1.5), 1 <= x <= 2"
    table("DIGAMMA_F64", what, from_root, lambda t: 1 / from_root(t), -0.5, 0.5)

    def asymptotic(z: mpf) -> mpf:
        with mp.workdps(100):
            x = 1 / mp.sqrt(z or mpf(10) ** -20)
            return (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) * x * x

    what = "digamma(x) = log(x) - 1/(2x) - p(1/x^2)/x^2, x >= 8"
    table("DIGAMMA_SERIES_F64", what, asymptotic, lambda z: mpf("0.01"), 0, mpf(1) / 64)


def main() -> None:
    print(HEADER, end="")
    for type in BITS:
        exponentials(type)
        trigonometry(type)
        error_functions(type)
    logarithms()
    what = "log(erfc(a)) = p(a - 1), 1 <= a <= 4; the error is that of erf(a)"
    table("LOG_ERFC_F32", what, lambda t: mp.log(mp.erfc(t + 1)), lambda t: mp.erfc(t + 1), 0, 3, bits=26)
    powers()
    inverse_error()
    gammas()


if __name__ == "__main__":
    main()
