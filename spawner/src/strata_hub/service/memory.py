"""Keeping the process small: memory that is freed goes back to the system."""

import ctypes
import sys

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
"""Parameters of glibc's ``mallopt(3)``."""
_LARGE = 1 << 18


def stay_small() -> bool:
    """Give large blocks back to the system at once, and let threads share two arenas.

    By default glibc keeps ever larger blocks for reuse, and an arena of its own for each thread: after a few states of
    some megabytes the process would hold a multiple of what it uses.

    Returns
    -------
    bool
        False where there is no glibc: memory is managed as that platform does.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGE)) and bool(mallopt(_ARENA_MAX, 2))
