"""How many of how many cases were tried."""

import pytest
from support.faults import EXIST, TRIED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the counts of each suite and their sums."""
    if not EXIST:
        return
    terminalreporter.section("cases of faults")
    for name in sorted(EXIST):
        terminalreporter.write_line(f"{name:32} {TRIED[name]:6} of {EXIST[name]:6}")
    for kind in ("kill", "error"):
        tried, exist = (sum(count for name, count in counts.items() if kind in name) for counts in (TRIED, EXIST))
        terminalreporter.write_line(f"{f'all, {kind}':32} {tried:6} of {exist:6}")
