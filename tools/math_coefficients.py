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
TARGET = {"F32": mpf(2) ** -27, "F64": mpf(2) ** -57}


def remez(f: Function, w: Function, low: mpf, high: mpf, degree: int) -> tuple[list[mpf], mpf]:
    """Coefficients (lowest order first) and weighted error of the best polynomial of ``degree``."""
    count = 60 * (degree + 2)
    middle, half = (low + high) / 2, (high - low) / 2
    grid = [middle - half * mp.cos(mp.pi * (i + mpf(1) / 2) / count) for i in range(count)]
    values, weights = [f(x) for x in grid], [w(x) for x in grid]
    chosen = [round((i + 0.5) * count / (degree + 2)) for i in range(degree + 2)]
    for _ in range(30):
        rows = [[grid[i] ** k for k in range(degree + 1)] + [(-1) ** j / weights[i]] for j, i in enumerate(chosen)]
        *coefficients, level = mp.lu_solve(mp.matrix(rows), mp.matrix([values[i] for i in chosen]))
        errors = [weight * (mp.polyval(coefficients[::-1], x) - y) for x, y, weight in zip(grid, values, weights)]
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


def table(name: str, type: str, what: str, f: Function, w: Function, low: mpf, high: mpf, loose: int = 0) -> None:
    """Print the polynomial of lowest degree under the target (``loose`` bits above it is good enough)."""
    for degree in range(1, 40):
        coefficients, error = remez(f, w, mpf(low), mpf(high), degree)
        if error < TARGET[type] * 2**loose:
            break
    print(f"\n# {what}; error 2^{float(mp.log(error, 2)):.1f}")
    print(f"{name}_{type} = _exact(")
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


def odd(f: Function, sign: int = 1) -> tuple[Function, Function]:
    """f(x) = x + x^3 p(x^2): p as a function of z = x^2, and its weight."""
    p = series(f, lambda x: x, 3)
    return lambda z: p(mp.sqrt(z)), lambda z: (lambda x: x**3 / f(x))(mp.sqrt(z) or mpf(10) ** -30)


def erfcx(a: mpf) -> mpf:
    return mp.exp(a * a) * mp.erfc(a)


def cleared(pole: mpf) -> Function:
    """(1 + 2a) erfcx(a) as a function of q = (a - pole) / (a + pole)."""
    return lambda q: (lambda a: (1 + 2 * a) * erfcx(a))(pole * (1 + q) / (1 - q))


HEADER = '''"""Minimax polynomials, lowest order first. Written by tools/math_coefficients.py, which derives them."""

from __future__ import annotations


def _exact(*texts: str) -> tuple[float, ...]:
    return tuple(map(float.fromhex, texts))
'''


def main() -> None:
    print(HEADER, end="")
    half_ln2 = mp.log(2) / 2 * mpf("1.001")
    for type in ("F32", "F64"):
        table("EXP", type, "exp(r) = 1 + r + r^2 p(r), |r| <= ln(2)/2",
              series(mp.exp, lambda r: 1 + r, 2), lambda r: r * r / mp.exp(r), -half_ln2, half_ln2)
        table("EXP2", type, "2^r = 1 + r p(r), |r| <= 1/2",
              series(lambda r: 2**r, lambda r: 1, 1), lambda r: r / 2**r or mpf(10) ** -30, mpf("-.5"), mpf(".5"))
        q, w = odd(mp.tanh)
        table("TANH", type, "tanh(x) = x + x^3 p(x^2), |x| <= 0.625", q, w, 0, mpf(".625") ** 2)
        q, w = odd(mp.sinh)
        table("SINH", type, "sinh(x) = x + x^3 p(x^2), |x| <= 1", q, w, 0, 1)
        q, w = odd(mp.sin)
        table("SIN", type, "sin(r) = r + r^3 p(r^2), |r| <= pi/4", q, w, 0, mpf(".79") ** 2)
        cos = series(mp.cos, lambda x: 1 - x * x / 2, 4)
        table("COS", type, "cos(r) = 1 - r^2/2 + r^4 p(r^2), |r| <= pi/4",
              lambda z: cos(mp.sqrt(z)), lambda z: (z or mpf(10) ** -30) ** 2 / mp.cos(mp.sqrt(z)), 0, mpf(".79") ** 2)
        q, w = odd(mp.asin)
        table("ASIN", type, "asin(x) = x + x^3 p(x^2), |x| <= 1/2", q, w, 0, mpf(".25"))
        q, w = odd(mp.atan)
        table("ATAN", type, "atan(x) = x + x^3 p(x^2), |x| <= tan(pi/8)", q, w, 0, mpf(".41422") ** 2)
        erf = series(mp.erf, lambda x: x, 1)
        table("ERF", type, "erf(x) = x + x p(x^2), |x| <= 1",
              lambda z: erf(mp.sqrt(z)), lambda z: (lambda x: x / mp.erf(x))(mp.sqrt(z) or mpf(10) ** -30), 0, 1)
        log1p = series(lambda f: mp.log(1 + f), lambda f: f - f * f / 2, 3)
        if type == "F32":
            table("LOG", type, "log(1 + f) = f - f^2/2 + f^3 p(f), sqrt(1/2) <= 1 + f <= sqrt(2)",
                  log1p, lambda f: f**3 / mp.log(1 + f), mp.sqrt(mpf(".5")) - 1 - mpf("1e-7"), mp.sqrt(2) - 1)
            table("LOG_ERFC", type, "log(erfc(a)) = p(a - 1), 1 <= a <= 4; the error is that of erf(a)",
                  lambda t: mp.log(mp.erfc(t + 1)), lambda t: mp.erfc(t + 1), 0, 3, 1)
            table("ERFCX", type, "(1 + 2a) exp(a^2) erfc(a) = p((a - 4)/(a + 4)), 0 <= a <= 10.2",
                  cleared(mpf(4)), lambda q: 1 / cleared(mpf(4))(q), -1, mpf("6.2") / mpf("14.2"))
        else:
            atanh = series(lambda s: 2 * mp.atanh(s), lambda s: 2 * s, 3)
            table("LOG", type, "2 atanh(s) = 2s + s^3 p(s^2), |s| <= 3 - 2 sqrt(2)",
                  lambda z: atanh(mp.sqrt(z)), lambda z: z or mpf(10) ** -30, 0, mpf(".029438"))
            table("ERFCX", type, "(1 + 2a) exp(a^2) erfc(a) = p((a - 4)/(a + 4)), 0 <= a <= 27.5",
                  cleared(mpf(4)), lambda q: 1 / cleared(mpf(4))(q), -1, mpf("23.5") / mpf("31.5"))


if __name__ == "__main__":
    main()
