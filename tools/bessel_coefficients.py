"""Print src/flambeau/ops/bessel_coefficients.py: polynomials of the parts that Bessel and Airy functions are made of in ops/bessel.py.

Each part is smooth in a variable t of [-1, 1]: it is interpolated at Chebyshev's points with 50 digits and cut off where nothing is
left to float64. ``python tools/bessel_coefficients.py > src/flambeau/ops/bessel_coefficients.py`` (needs mpmath).
"""

from __future__ import annotations

from collections.abc import Callable

from mpmath import airyai, airybi, besseli, besselj, besselk, bessely, cos, exp, log, mp, mpf, pi, sin, sqrt

mp.dps = 50
POINTS = 48
NEAR = 8  # ordinary Bessel functions change from their series in x**2 to modulus and phase in 8 / x
NEAR_MODIFIED = 2
LEFT, RIGHT = mpf("-4.5"), mpf("2.5")  # between them Airy's function is one polynomial
LEAST = mpf(10) ** -25  # for what has a limit at 0


def polynomial(function: Callable) -> list[float]:
    """Coefficients of the powers of t, the highest first."""
    angles = [pi * (2 * k + 1) / (2 * POINTS) for k in range(POINTS)]
    values = [function(cos(angle)) for angle in angles]
    series = [2 / mpf(POINTS) * sum(v * cos(j * a) for v, a in zip(values, angles)) for j in range(POINTS)]
    series[0] /= 2
    least = max(map(abs, series)) / mpf(10) ** 18
    count = max(j for j in range(POINTS) if abs(series[j]) > least) + 1
    powers, before, this = [mpf(0)] * count, [mpf(1)], [mpf(0), mpf(1)]
    for j in range(count):
        for i, number in enumerate(before):
            powers[i] += series[j] * number
        following = [mpf(0), *[2 * number for number in this]]
        for i, number in enumerate(before):
            following[i] -= number
        before, this = this, following
    return [float(number) for number in reversed(powers)]


def of_square(function: Callable, bound: int) -> Callable:
    """An even function of x up to ``bound``, in t = 2 (x / bound)**2 - 1."""
    return lambda t: function(bound * sqrt(max((t + 1) / 2, LEAST)))


def phase_part(order: int, cosine: bool) -> Callable:
    """The factor of the cosine, or ``x`` times that of the sine, in ``J(x) sqrt(pi x / 2)``, in t = 2 (8 / x)**2 - 1."""

    def part(t):
        x = NEAR / sqrt(max((t + 1) / 2, LEAST))
        angle, scale = x - pi / 4 - order * pi / 2, sqrt(pi * x / 2)
        j, y = besselj(order, x) * scale, bessely(order, x) * scale
        return j * cos(angle) + y * sin(angle) if cosine else x * (y * cos(angle) - j * sin(angle))

    return part


def modified_tail(order: int) -> Callable:
    """``K(x) exp(x) sqrt(x)`` in t = 4 / x - 1."""

    def tail(t):
        x = NEAR_MODIFIED / max((t + 1) / 2, mpf(10) ** -4)
        return besselk(order, x) * exp(x) * sqrt(x)

    return tail


def scaled_near(order: int) -> Callable:
    """``I(x) exp(-x) / x**order`` in t = x / 4 - 1."""

    def near(t):
        x = NEAR * max((t + 1) / 2, LEAST)
        return besseli(order, x) * exp(-x) / x**order

    return near


def scaled_tail(order: int) -> Callable:
    """``I(x) exp(-x) sqrt(x)`` in t = 16 / x - 1."""

    def tail(t):
        x = NEAR / max((t + 1) / 2, mpf(10) ** -4)
        return besseli(order, x) * exp(-x) * sqrt(x)

    return tail


def exponent(x):
    return 2 * x ** mpf(1.5) / 3


def airy_right(t):
    """``Ai(x) exp(z) 2 sqrt(pi) x**(1/4)`` in t = 2 z0 / z - 1."""
    z = exponent(RIGHT) / max((t + 1) / 2, mpf(10) ** -4)
    x = (3 * z / 2) ** (mpf(2) / 3)
    return airyai(x) * exp(z) * 2 * sqrt(pi) * x ** mpf(0.25)


def airy_left(sine: bool) -> Callable:
    """The factor of the sine, or ``z`` times that of the cosine, in ``Ai(-x) sqrt(pi) x**(1/4)``, in t = 2 (z0 / z)**2 - 1."""

    def part(t):
        z = exponent(-LEFT) / sqrt(max((t + 1) / 2, mpf(10) ** -7))
        x = (3 * z / 2) ** (mpf(2) / 3)
        s, c, scale = sin(z + pi / 4), cos(z + pi / 4), sqrt(pi) * x ** mpf(0.25)
        a, b = airyai(-x) * scale, airybi(-x) * scale
        return a * s + b * c if sine else (b * s - a * c) * z

    return part


def parts() -> dict[str, Callable]:
    found = {
        "J0": of_square(lambda x: besselj(0, x), NEAR),
        "J1": of_square(lambda x: besselj(1, x) / x, NEAR),
        "Y0": of_square(lambda x: bessely(0, x) - 2 / pi * log(x) * besselj(0, x), NEAR),
        "Y1": of_square(lambda x: (bessely(1, x) - 2 / pi * (log(x) * besselj(1, x) - 1 / x)) / x, NEAR),
        "I0": of_square(lambda x: besseli(0, x), NEAR_MODIFIED),
        "I1": of_square(lambda x: besseli(1, x) / x, NEAR_MODIFIED),
        "K0": of_square(lambda x: besselk(0, x) + log(x / 2) * besseli(0, x), NEAR_MODIFIED),
        "K1": of_square(lambda x: (besselk(1, x) - log(x / 2) * besseli(1, x)) * x, NEAR_MODIFIED),
        "K0_TAIL": modified_tail(0),
        "K1_TAIL": modified_tail(1),
    }
    for order in (0, 1):
        found[f"SCALED_I{order}"], found[f"SCALED_I{order}_TAIL"] = scaled_near(order), scaled_tail(order)
        found[f"COSINE{order}"], found[f"SINE{order}"] = phase_part(order, True), phase_part(order, False)
    middle, half = (LEFT + RIGHT) / 2, (RIGHT - LEFT) / 2
    return found | {"AIRY": lambda t: airyai(middle + half * t), "AIRY_RIGHT": airy_right, "AIRY_SINE": airy_left(True),
                    "AIRY_COSINE": airy_left(False)}


def main() -> None:
    print('"""Coefficients of polynomials in t of [-1, 1], the highest power first; made by tools/bessel_coefficients.py."""\n')
    print("from __future__ import annotations\n")
    for name, function in parts().items():
        numbers = [repr(number) for number in polynomial(function)]
        lines = [", ".join(numbers[i:i + 5]) for i in range(0, len(numbers), 5)]
        print(f"{name} = (\n    " + ",\n    ".join(lines) + ",\n)")


if __name__ == "__main__":
    main()
