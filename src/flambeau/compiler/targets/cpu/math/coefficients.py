"""Minimax polynomials, lowest order first. Derived and written by tools/math_coefficients.py."""

from __future__ import annotations


def _exact(*texts: str) -> tuple[float, ...]:
    return tuple(map(float.fromhex, texts))

# exp(r) = 1 + r + r^2 p(r), |r| <= ln(2)/2; error 2^-28.3
EXP_F32 = _exact(
    "0x1.fffffc0000000p-2",
    "0x1.5554900000000p-3",
    "0x1.5558f40000000p-5",
    "0x1.123a6a0000000p-7",
    "0x1.6a23320000000p-10",
)

# 2^r = 1 + r p(r), |r| <= 1/2; error 2^-28.5
EXP2_F32 = _exact(
    "0x1.62e4320000000p-1",
    "0x1.ebfbe20000000p-3",
    "0x1.c6ae720000000p-5",
    "0x1.3b27100000000p-7",
    "0x1.5f72720000000p-10",
    "0x1.470aa20000000p-13",
)

# tanh(x) = x + x^3 p(x^2), |x| <= 0.625; error 2^-27.8
TANH_F32 = _exact(
    "-0x1.5555320000000p-2",
    "0x1.1107260000000p-3",
    "-0x1.b83c580000000p-5",
    "0x1.52268e0000000p-6",
    "-0x1.75e1a20000000p-8",
)

# sinh(x) = x + x^3 p(x^2), |x| <= 1; error 2^-34.2
SINH_F32 = _exact(
    "0x1.5555560000000p-3",
    "0x1.1111340000000p-7",
    "0x1.9ffe920000000p-13",
    "0x1.7a15b00000000p-19",
)

# sin(r) = r + r^3 p(r^2), |r| <= pi/4; error 2^-27.9
SIN_F32 = _exact(
    "-0x1.5555440000000p-3",
    "0x1.1107000000000p-7",
    "-0x1.992f560000000p-13",
)

# cos(r) = 1 - r^2/2 + r^4 p(r^2), |r| <= pi/4; error 2^-32.9
COS_F32 = _exact(
    "0x1.55554a0000000p-5",
    "-0x1.6c0bf40000000p-10",
    "0x1.99d9160000000p-16",
)

# asin(x) = x + x^3 p(x^2), |x| <= 1/2; error 2^-27.6
ASIN_F32 = _exact(
    "0x1.5555c80000000p-3",
    "0x1.3301e40000000p-4",
    "0x1.747e520000000p-5",
    "0x1.8c27f00000000p-6",
    "0x1.596d640000000p-5",
)

# atan(x) = x + x^3 p(x^2), |x| <= tan(pi/8); error 2^-30.5
ATAN_F32 = _exact(
    "-0x1.55554a0000000p-2",
    "0x1.9991960000000p-3",
    "-0x1.23b5200000000p-3",
    "0x1.b1ebfc0000000p-4",
    "-0x1.f1ec700000000p-5",
)

# erf(x) = x + x p(x^2), |x| <= 1; error 2^-29.6
ERF_F32 = _exact(
    "0x1.06eba80000000p-3",
    "-0x1.81273e0000000p-2",
    "0x1.ce2cf80000000p-4",
    "-0x1.b7f90e0000000p-6",
    "0x1.5405b20000000p-8",
    "-0x1.a3f6fa0000000p-11",
    "0x1.496a200000000p-14",
)

# (1 + 2a) exp(a^2) erfc(a) = p((a - 4)/(a + 4)), 0 <= a <= 10.2; error 2^-30.5
ERFCX_F32 = _exact(
    "0x1.3ba5920000000p+0",
    "-0x1.1df1b00000000p-3",
    "0x1.f7f5a00000000p-7",
    "0x1.16edc40000000p-4",
    "-0x1.9dd9a00000000p-4",
    "0x1.7fe1f80000000p-4",
    "-0x1.0fcb840000000p-4",
    "0x1.30e7380000000p-5",
    "-0x1.067f920000000p-6",
    "0x1.4b1e6c0000000p-8",
    "-0x1.27ea3a0000000p-10",
    "-0x1.4f63b60000000p-11",
)

# exp(r) = 1 + r + r^2 p(r), |r| <= ln(2)/2; error 2^-57.9
EXP_F64 = _exact(
    "0x1.000000000000ap-1",
    "0x1.55555555554f9p-3",
    "0x1.55555555507e6p-5",
    "0x1.1111111127ef7p-7",
    "0x1.6c16c1844dbf1p-10",
    "0x1.a01a0129b9e1ap-13",
    "0x1.a01999a5d40bdp-16",
    "0x1.71df25d37a0c7p-19",
    "0x1.28add607c2f8fp-22",
    "0x1.ad7feb7c1b630p-26",
)

# 2^r = 1 + r p(r), |r| <= 1/2; error 2^-63.9
EXP2_F64 = _exact(
    "0x1.62e42fefa39efp-1",
    "0x1.ebfbdff82c58fp-3",
    "0x1.c6b08d704a0d6p-5",
    "0x1.3b2ab6fba4ea8p-7",
    "0x1.5d87fe78a130dp-10",
    "0x1.430912f8598f8p-13",
    "0x1.ffcbfc7ac3812p-17",
    "0x1.62c0229a78c85p-20",
    "0x1.b524d0ea3cbb7p-24",
    "0x1.e4cd9d3898a6cp-28",
    "0x1.ea142339c4efap-32",
    "0x1.c6d9fe0057d0fp-36",
)

# tanh(x) = x + x^3 p(x^2), |x| <= 0.625; error 2^-61.2
TANH_F64 = _exact(
    "-0x1.5555555555552p-2",
    "0x1.1111111110c03p-3",
    "-0x1.ba1ba1b9ce65ep-5",
    "0x1.664f4870374ecp-6",
    "-0x1.226e32c12e1a5p-7",
    "0x1.d6d3584de7466p-9",
    "-0x1.7d9c1d5642d2bp-10",
    "0x1.350ae1749e740p-11",
    "-0x1.f10cb2daa557bp-13",
    "0x1.800614c2d4222p-14",
    "-0x1.fa751342c6160p-16",
    "0x1.9580bed712db6p-18",
)

# sinh(x) = x + x^3 p(x^2), |x| <= 1; error 2^-63.3
SINH_F64 = _exact(
    "0x1.5555555555556p-3",
    "0x1.11111111110a6p-7",
    "0x1.a01a01a02899bp-13",
    "0x1.71de3a465b3adp-19",
    "0x1.ae64671b04253p-26",
    "0x1.611a562514c25p-33",
    "0x1.b4c75887df4fcp-41",
)

# sin(r) = r + r^3 p(r^2), |r| <= pi/4; error 2^-57.8
SIN_F64 = _exact(
    "-0x1.5555555555547p-3",
    "0x1.111111110f64ap-7",
    "-0x1.a01a019bcb78cp-13",
    "0x1.71de353abfaf2p-19",
    "-0x1.ae5e3655ba98fp-26",
    "0x1.5d85105d8fe8bp-33",
)

# cos(r) = 1 - r^2/2 + r^4 p(r^2), |r| <= pi/4; error 2^-63.8
COS_F64 = _exact(
    "0x1.555555555554ap-5",
    "-0x1.6c16c16c14dd4p-10",
    "0x1.a01a019c57e2dp-16",
    "-0x1.27e4f7ca05635p-22",
    "0x1.1ee9c106ec36cp-29",
    "-0x1.8f98a7232863dp-37",
)

# asin(x) = x + x^3 p(x^2), |x| <= 1/2; error 2^-59.9
ASIN_F64 = _exact(
    "0x1.5555555555577p-3",
    "0x1.333333332e102p-4",
    "0x1.6db6db7214258p-5",
    "0x1.f1c71a9467b98p-6",
    "0x1.6e8bdeed768d3p-6",
    "0x1.1c49ef8b39264p-6",
    "0x1.ca1f9f15887dfp-7",
    "0x1.7585062e22e06p-7",
    "0x1.613f32528b55dp-7",
    "0x1.e5d06fb4b27cep-9",
    "0x1.63a6f95707ee5p-6",
    "-0x1.580b760c8c513p-6",
    "0x1.0b4adbb45b40cp-5",
)

# atan(x) = x + x^3 p(x^2), |x| <= tan(pi/8); error 2^-59.4
ATAN_F64 = _exact(
    "-0x1.555555555553dp-2",
    "0x1.99999999957c9p-3",
    "-0x1.24924922aa2f5p-3",
    "0x1.c71c70e50167ap-4",
    "-0x1.745cf8c1efc51p-4",
    "0x1.3b11177920d1bp-4",
    "-0x1.10eba78027b4fp-4",
    "0x1.df0e6d07eb66ap-5",
    "-0x1.9ccf26d16b3d1p-5",
    "0x1.37cd3bbf399a7p-5",
    "-0x1.2559426870c3fp-6",
)

# erf(x) = x + x p(x^2), |x| <= 1; error 2^-62.7
ERF_F64 = _exact(
    "0x1.06eba8214db69p-3",
    "-0x1.812746b0379e6p-2",
    "0x1.ce2f21a042b20p-4",
    "-0x1.b82ce3128499ep-6",
    "0x1.565bcd0db0314p-8",
    "-0x1.c02db3d8edb40p-11",
    "0x1.f9a321a12e993p-14",
    "-0x1.f4d1df3a90b7dp-17",
    "0x1.b9def1ae3b71cp-20",
    "-0x1.5f1d374b26641p-23",
    "0x1.f7a417db3a385p-27",
    "-0x1.386ad204af917p-30",
    "0x1.0579d87aba023p-34",
)

# (1 + 2a) exp(a^2) erfc(a) = p((a - 4)/(a + 4)), 0 <= a <= 27.5; error 2^-59.5
ERFCX_F64 = _exact(
    "0x1.3ba5916e9fd7fp+0",
    "-0x1.1df1ad154a28fp-3",
    "0x1.f7f5df66fd6dcp-7",
    "0x1.16ecefcfa54abp-4",
    "-0x1.9ddb23c3e89c7p-4",
    "0x1.7fee004e0fccap-4",
    "-0x1.0fb06dfe54970p-4",
    "0x1.3079edf6d7e4dp-5",
    "-0x1.09623882b6556p-6",
    "0x1.49c6726deb24dp-8",
    "-0x1.8d4a9c39abd9ap-11",
    "-0x1.a1df152c00e2dp-13",
    "0x1.3be06b08ed40ap-13",
    "-0x1.995aec51916efp-16",
    "-0x1.788dbc0051e15p-17",
    "0x1.7f359afd31db9p-18",
    "0x1.3bdd48bfcb33dp-22",
    "-0x1.bb7dcd495d847p-21",
    "0x1.3e0d6a930bba8p-24",
    "0x1.da3356212f68ap-24",
    "-0x1.2aef8550b5514p-26",
    "-0x1.e3f01f330d354p-27",
    "0x1.c443a25de7629p-30",
    "0x1.46d1a0cdcb978p-30",
)

# log(1 + f) = f - f^2/2 + f^3 p(f), sqrt(1/2) <= 1 + f <= sqrt(2); error 2^-27.4
LOG_F32 = _exact(
    "0x1.5555540000000p-2",
    "-0x1.0002260000000p-2",
    "0x1.99a00a0000000p-3",
    "-0x1.54724c0000000p-3",
    "0x1.22d9f00000000p-3",
    "-0x1.0d84cc0000000p-3",
    "0x1.055c6c0000000p-3",
    "-0x1.38ba540000000p-4",
)

# 2 atanh(s) = 2s + s^3 p(s^2), |s| <= 3 - 2 sqrt(2); error 2^-58.5
LOG_F64 = _exact(
    "0x1.5555555555592p-1",
    "0x1.999999997fda4p-2",
    "0x1.24924941f2310p-2",
    "0x1.c71c520882bb7p-3",
    "0x1.74663f15d68c2p-3",
    "0x1.39a1b60de448cp-3",
    "0x1.2f05938043af1p-3",
)

# log(erfc(a)) = p(a - 1), 1 <= a <= 4; the error is that of erf(a); error 2^-29.9
LOG_ERFC_F32 = _exact(
    "-0x1.d97fc00000000p+0",
    "-0x1.51c9aa0000000p+1",
    "-0x1.afad340000000p-1",
    "-0x1.53f93e0000000p-5",
    "0x1.441abe0000000p-7",
    "-0x1.deb74a0000000p-10",
    "0x1.852c580000000p-13",
)

# 2 atanh(s) = 2s + 2/3 s^3 + s^5 p(s^2), |s| <= 3 - 2 sqrt(2); error 2^-72.5
POW_LOG_F64 = _exact(
    "0x1.9999999999996p-2",
    "0x1.2492492493034p-2",
    "0x1.c71c71c5807ccp-3",
    "0x1.745d183248d70p-3",
    "0x1.3b1362b8b83afp-3",
    "0x1.1120b53936148p-3",
    "0x1.de3381661965fp-4",
    "0x1.eb1094e3dc3aep-4",
)

# 2 atanh(s) / ln(2) = s p(s^2), |s| <= 3 - 2 sqrt(2), for the power of a float32; error 2^-43.6
POW_LOG2_F64 = _exact(
    "0x1.71547652b8250p+1",
    "0x1.ec709dc53db31p-1",
    "0x1.2776c291e7789p-1",
    "0x1.a61a2fc270301p-2",
    "0x1.479531681fd90p-2",
    "0x1.21b2d289715e1p-2",
)

# 2^r = 1 + r p(r), |r| <= 1/2, for the power of a float32; error 2^-39.7
POW_EXP2_F64 = _exact(
    "0x1.62e42fef7a757p-1",
    "0x1.ebfbdff7c5a9dp-3",
    "0x1.c6b08defcfb2dp-5",
    "0x1.3b2ab7f40c220p-7",
    "0x1.5d872961fd8c1p-10",
    "0x1.4306bfd0f6d95p-13",
    "0x1.00ee149e592c7p-16",
    "0x1.663660cc97556p-20",
)

# erfinv(x) = x p(w - 2.5), w = -log(1 - x^2) <= 5; error 2^-21.8
ERFINV_CENTER_F64 = _exact(
    "0x1.805c5a1d0e2f0p+0",
    "0x1.f91f232f77d5fp-3",
    "-0x1.11b1ff6bd80f2p-8",
    "-0x1.48e4ea02b47d6p-10",
    "0x1.c7c9653605c3bp-13",
    "-0x1.12c09968406bap-18",
    "-0x1.ab9a1689b3f51p-19",
    "0x1.52e74ae791dadp-22",
)

# erfinv(x) = x p(sqrt(w) - 4), 5 <= w <= 37; error 2^-20.4
ERFINV_TAIL_F64 = _exact(
    "0x1.eb7dfcbf1cfe5p+1",
    "0x1.026ee79859672p+0",
    "0x1.5004612c249d7p-10",
    "-0x1.e234cfeb179ccp-11",
    "0x1.21f24a15cbd95p-12",
    "-0x1.a84d5047e738bp-15",
    "0x1.4cc8036c73747p-14",
    "-0x1.24f38fcd913a2p-14",
    "0x1.4a732bb37c44ap-16",
    "-0x1.4dedac0612832p-20",
)

# lgamma(x) = (x - 1)(x - 2) p(x - 1.5), 1 <= x <= 2; error 2^-59.5
LGAMMA_F64 = _exact(
    "0x1.eeb95b094c191p-2",
    "-0x1.2aed059bd608ap-3",
    "0x1.01af62a2929bfp-4",
    "-0x1.007aa83cee0f6p-5",
    "0x1.133423527f401p-6",
    "-0x1.34dbda14a686dp-7",
    "0x1.64f0664c351e6p-8",
    "-0x1.a503522915e03p-9",
    "0x1.f814babf66a1bp-10",
    "-0x1.313e8bdfd8480p-10",
    "0x1.750a77bdb757bp-11",
    "-0x1.cb448935ea187p-12",
    "0x1.1c7e512bae174p-12",
    "-0x1.624491fc96e08p-13",
    "0x1.b9e22cc70bec9p-14",
    "-0x1.153197d133f4fp-14",
    "0x1.68ff120059389p-15",
    "-0x1.cb35a84fa5c56p-16",
    "0x1.ba0ab8a223aaap-17",
    "-0x1.0e3b8f4418316p-17",
    "0x1.97ad79e8ef34ep-17",
    "-0x1.0c1f85162cd18p-17",
)

# lgamma(x) = (x - 1/2) log(x) - x + log(2 pi)/2 + p(1/x^2)/x, x >= 8; error 2^-63.9
STIRLING_F64 = _exact(
    "0x1.5555555555555p-4",
    "-0x1.6c16c16c14af5p-9",
    "0x1.a01a017e8a57ap-11",
    "-0x1.38134e16385ecp-11",
    "0x1.b92c9394ddecep-11",
    "-0x1.ef980fc3049cdp-10",
    "0x1.4c38483c5267bp-8",
)

# the positive zero of digamma, in two parts
DIGAMMA_ROOT_F64 = _exact("0x1.762d86356be3fp+0", "0x1.b86a722197829p-54")

# digamma(x) = (x - root) p(x - 1.5), 1 <= x <= 2; error 2^-58.5
DIGAMMA_F64 = _exact(
    "0x1.e6f0cbb873616p-1",
    "-0x1.b1cb63005ee98p-2",
    "0x1.eca189b8e6f76p-3",
    "-0x1.2feeeb98a78d3p-3",
    "0x1.8512e590384d1p-4",
    "-0x1.fb44202a24ef9p-5",
    "0x1.4de9aa17d34a8p-5",
    "-0x1.b9f8b11b6549fp-6",
    "0x1.2564716224448p-6",
    "-0x1.8635640e40c58p-7",
    "0x1.03c0b0f84b21fp-7",
    "-0x1.5a06a32d1fb06p-8",
    "0x1.cd1f78034eabfp-9",
    "-0x1.336dea2e299aap-9",
    "0x1.99dceda5ad3bdp-10",
    "-0x1.0fb1c6830609dp-10",
    "0x1.69e82ee2c676ep-11",
    "-0x1.fda4ebbdfca10p-12",
    "0x1.55b575a19b0d7p-12",
    "-0x1.2f5ddb0563ad4p-13",
    "0x1.8752230fbc310p-14",
    "-0x1.75fdf2036ec39p-13",
    "0x1.fc3a75c53e715p-14",
)

# digamma(x) = log(x) - 1/(2x) - p(1/x^2)/x^2, x >= 8; error 2^-57.6
DIGAMMA_SERIES_F64 = _exact(
    "0x1.5555555555535p-4",
    "-0x1.1111110fe7f42p-7",
    "0x1.04103a2706c65p-8",
    "-0x1.11099d98fae43p-8",
    "0x1.eccb5e64bb374p-8",
    "-0x1.225459a18c003p-6",
)
