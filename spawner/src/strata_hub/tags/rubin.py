"""The tags of the Rubin Observatory's Science Platform images (SQR-059 and its later revision)."""

from datetime import UTC, datetime

from .fields import NotInScheme
from .grammar import Form, GrammarScheme, Head
from .model import TagKind

_YEAR = "((?:19|2[0-9])[0-9]{2})"


def _release(groups: tuple[str, ...]) -> Head:
    """``29, 2, 0`` of ``r29_2_0``; the older ``r17_0`` has no patch number."""
    major, minor, patch = int(groups[0]), int(groups[1]), int(groups[2] or 0)
    return Head(f"r{major}.{minor}.{patch}", (major, minor, patch))


def _short_release(groups: tuple[str, ...]) -> Head:
    """``17, 0`` of ``r170``: before 2019 the numbers were written together."""
    return _release((*groups, "0"))


def _thursday(year: int, week: int) -> datetime:
    """Return the Thursday of an ISO week, the day that decides to which year a week belongs.

    ``w_2022_53`` exists although that year has 52 weeks: such a week is dated on the year's last day.
    """
    try:
        day = datetime.fromisocalendar(year, week, 4)
    except ValueError:
        day = datetime(year, 12, 31)  # noqa: DTZ001 - the zone is given below, to both
    return day.replace(tzinfo=UTC)


def _weekly(groups: tuple[str, ...]) -> Head:
    year, week = int(groups[0]), int(groups[1])
    if not 1 <= week <= 53:  # noqa: PLR2004 - ISO 8601: a year has 52 or 53 weeks
        raise NotInScheme(f"no year has a week {groups[1]}")
    return Head(f"{groups[0]}_{groups[1]}", (year, week), _thursday(year, week))


def _day(year: int, month: int, day: int) -> datetime:
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError as error:
        raise NotInScheme(f"there is no day {year}-{month:02}-{day:02}") from error


def _daily(groups: tuple[str, ...]) -> Head:
    year, month, day = int(groups[0]), int(groups[1]), int(groups[2])
    return Head("_".join(groups), (year, month, day), _day(year, month, day))


class RubinScheme(GrammarScheme):
    """``w_2026_22``, ``d_2026_11_03``, ``r29_2_0``, ``r30_0_10_rc1``, ``exp_…``, and their fields in any order."""

    name = "rubin"
    experimental = "exp_"
    spellings = "rMM_m_p, rMM_m_p_rcN, w_YYYY_WW, d_YYYY_MM_DD, exp_…, or an alias"
    forms = (
        Form(TagKind.WEEKLY, f"w_{_YEAR}_([0-9]{{2}})", _weekly),
        Form(TagKind.DAILY, f"d_{_YEAR}_([0-9]{{2}})_([0-9]{{2}})", _daily),
        # A build date may follow a short release directly, so a patch number has at most four digits.
        Form(TagKind.RELEASE, "[rv]([0-9]{1,4})_([0-9]{1,4})(?:_([0-9]{1,4}))?", _release),
        Form(TagKind.RELEASE, "[rv]([0-9]{2})([0-9])", _short_release),
    )
    near_misses = (
        (r"[wW]_", "a weekly is written w_YYYY_WW, with two digits for the week"),
        (r"[dD]_", "a daily is written d_YYYY_MM_DD, with two digits for month and day"),
        (r"[rRvV][0-9]", "a release is written rMM_m_p, with underscores"),
    )
