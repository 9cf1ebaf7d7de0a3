"""Amounts and ages in a reader's words. Pure."""

from datetime import datetime, timedelta

_STEP = 1024
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_SPANS = (("year", 365 * 86400), ("month", 30 * 86400), ("week", 7 * 86400), ("day", 86400), ("hour", 3600))


def memory(amount: int) -> str:
    """Return `amount` bytes in the largest unit that leaves at least one, such as ``6 GiB``."""
    value, unit = float(amount), 0
    while value >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"


def cores(amount: float) -> str:
    """Return `amount` of processor cores, such as ``2 cores``."""
    return "1 core" if amount == 1 else f"{amount:g} cores"


def span(length: timedelta) -> str:
    """Return `length` in its largest unit, such as ``3 days``; less than a minute is ``less than a minute``."""
    seconds = max(0, int(length.total_seconds()))
    for name, size in (*_SPANS, ("minute", 60)):
        count = seconds // size
        if count:
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    return "less than a minute"


def age(moment: datetime, now: datetime) -> str:
    """Return how long ago `moment` was, such as ``3 days ago``."""
    return f"{span(now - moment)} ago"
