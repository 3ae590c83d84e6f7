"""The exponential function of the compiled loops.

Small networks spend a third of their time in the C library's, which is called anew for each number.
This one becomes a part of the loop that needs it.
"""

from math import factorial, log
from typing import Final

import numpy as np

from model.compilation import inlined

_LOG_2, _PER_LOG_2 = log(2), 1 / log(2)
_FARTHEST: Final = 708.0  # beyond, the power of two does not fit into a float's exponent
_BIAS, _BITS = 1023, 52  # of a float's exponent, and behind it
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (1 / factorial(k) for k in range(2, 14))


@inlined
def exp(x: float) -> float:
    """The power x of e, as exact as if x were off by its last digit; where x is beyond 708 on either side, that of 708.

    With x = n ln 2 + r it is 2**n exp(r). The first is a float whose exponent is n, the second the
    series of exp, for r is small. Its terms are added in pairs, and pairs of pairs, so that a
    processor works on many at once: Estrin (1960). NaN gives NaN.
    """
    x = min(max(x, -_FARTHEST), _FARTHEST)
    n = np.floor(x * _PER_LOG_2 + 0.5)
    r = x - n * _LOG_2
    r2 = r * r
    r4 = r2 * r2
    low = ((1 + r) + (_C2 + _C3 * r) * r2) + ((_C4 + _C5 * r) + (_C6 + _C7 * r) * r2) * r4
    high = ((_C8 + _C9 * r) + (_C10 + _C11 * r) * r2) + (_C12 + _C13 * r) * r4
    power = np.int64((np.int64(n) + _BIAS) << _BITS).view(np.float64)
    return float((low + high * (r4 * r4)) * power)
