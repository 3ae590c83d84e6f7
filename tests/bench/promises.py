"""What a script promises: a status other than 0 tells that it did not hold."""

import sys
from collections.abc import Mapping


def insist(promises: Mapping[str, bool]) -> None:
    """Print the promises that do not hold, and end with status 1 if there is one."""
    broken = [promise for promise, holds in promises.items() if not holds]
    for promise in broken:
        print(f"BROKEN: {promise}")
    if broken:
        sys.exit(1)
    print(f"kept: {'; '.join(promises)}")
