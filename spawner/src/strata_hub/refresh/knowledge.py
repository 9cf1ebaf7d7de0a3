"""What this process knows of one repository, and what of it is not written yet. No I/O."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from strata_hub.catalogue import ImageMetadata, TagRecord
from strata_hub.errors import StrataError
from strata_hub.state import RepositoryError
from strata_hub.store import Changes, Checked, Known, Repush
from strata_hub.tags import TagScheme

_SUSPICIOUS = 0.5
"""A list shorter than this part of what is known is believed only when a second one agrees."""
_AGREEMENT = 0.1
"""Two lists agree when they differ in at most this part of the longer one."""
_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=1)
"""Between questions about a tag that failed; doubled with each failure."""
_SHOWN = 20
"""Sentences of one sort that an admin is shown; the rest is counted."""


class Listing(Enum):
    """What came of a list."""

    UNCHANGED = auto()
    CHANGED = auto()
    SUSPICIOUS = auto()
    """It shrank so much that nothing disappears before a second list agrees."""


@dataclass
class _Failure:
    count: int
    retry_at: datetime
    message: str


@dataclass
class Knowledge:
    """Tags, digests and metadata of one repository.

    Every change is noted in ``unsaved`` too, until ``take_unsaved`` hands it over for writing.
    """

    scheme: TagScheme
    listed_at: datetime | None = None
    records: dict[str, TagRecord] = field(default_factory=dict)
    metadata: dict[str, ImageMetadata] = field(default_factory=dict)
    repushes: list[Repush] = field(default_factory=list)
    error: RepositoryError | None = None
    unsaved: Changes = field(default_factory=Changes)
    _shrunk: frozenset[str] | None = None
    _failures: dict[str, _Failure] = field(default_factory=dict)
    # Names that may have to be examined: few, while a list has thousands of names.
    _pending: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._pending = self._open()

    def recall(self, known: Known) -> None:
        """Take over what was known before this process began; what it learnt itself is newer and stays."""
        if self.listed_at is None:
            self.listed_at = known.listed_at
            for name, checked in known.tags.items():
                self.records.setdefault(name, self._record(name, checked))
        self.repushes = [*known.repushes, *self.repushes]
        self.metadata = {**known.metadata, **self.metadata}
        self._pending = self._open()

    def listed(self, names: Collection[str], asked_at: datetime) -> Listing:
        """Take in a complete list that was asked for at `asked_at`."""
        fresh = frozenset(names)
        if self._unbelievable(fresh):
            self._shrunk = fresh
            self._add(fresh)
            return Listing.SUSPICIOUS
        self._shrunk = None
        # A tag that was pushed and examined while the list was on its way is not in it, and is not gone.
        gone = [
            name
            for name, record in self.records.items()
            if name not in fresh and (record.checked_at is None or record.checked_at < asked_at)
        ]
        for name in gone:
            del self.records[name]
            self._failures.pop(name, None)
            self._pending.discard(name)
        added = self._add(fresh)
        first = self.listed_at is None
        self.listed_at = asked_at
        if not (gone or added or first):
            return Listing.UNCHANGED
        self.unsaved.update(Changes(listed_at=asked_at, tags=frozenset(self.records)))
        return Listing.CHANGED

    def checked(self, name: str, digest: str, metadata: ImageMetadata | None, at: datetime) -> bool:
        """Take in what `name` names now, and return whether that changes anything that can be shown."""
        self._failures.pop(name, None)
        checked = Checked(digest, at)
        before = self.records.get(name)
        if before is None:
            self.records[name] = self._record(name, checked)
        else:
            self.records[name] = TagRecord(before.tag, digest, at)
            if before.digest is not None and before.digest != digest and before.tag.immutable:
                self._report(Repush(name, before.digest, digest, at))
        self.unsaved.checked[name] = checked
        learnt = metadata is not None and digest not in self.metadata
        if metadata is not None and learnt:
            self.metadata[digest] = metadata
            self.unsaved.metadata[digest] = metadata
        (self._pending.discard if digest in self.metadata else self._pending.add)(name)
        return learnt or before is None or before.digest != digest

    def failed(self, name: str, error: StrataError, at: datetime) -> None:
        """Note that `name` could not be examined; it is left alone for a while, longer each time."""
        count = self._failures[name].count + 1 if name in self._failures else 1
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(count - 1, 10))
        self._failures[name] = _Failure(count, at + pause, str(error))

    def trouble(self, code: str, message: str, at: datetime) -> bool:
        """Note that the repository as a whole cannot be read, and return whether that is news.

        The time of the first failure in a row is kept.
        """
        news = self.error is None or self.error.code != code
        since = self.error.since if self.error is not None else at
        self.error = RepositoryError(code=code, message=message, since=since)
        return news

    def recovered(self) -> bool:
        """Note that the repository can be read, and return whether that is news."""
        news, self.error = self.error is not None, None
        return news

    def unexamined(self, names: Iterable[str], at: datetime) -> Iterator[str]:
        """Yield those of `names` whose digest or metadata are not known and that may be asked about at `at`."""
        for name in names:
            if name not in self._pending:
                continue
            record = self.records.get(name)
            if record is None or (record.digest is not None and record.digest in self.metadata):
                continue
            failure = self._failures.get(name)
            if failure is None or failure.retry_at <= at:
                yield name

    def take_unsaved(self) -> Changes:
        """Return what is to be written, and begin a new account."""
        changes, self.unsaved = self.unsaved, Changes()
        return changes

    def give_back(self, changes: Changes) -> None:
        """Take back `changes` that could not be written; what was learnt since stays newer."""
        changes.update(self.unsaved)
        self.unsaved = changes

    def problems(self) -> tuple[str, ...]:
        """Return sentences for the admin."""
        reports = [report for report in self.repushes if report.tag in self.records]
        sentences = [
            f"The tag {report.tag} was pushed again: it named {report.before}, and {report.after} "
            f"by {report.found_at:%Y-%m-%d %H:%M} UTC."
            for report in reports[-_SHOWN:]
        ]
        failures = sorted(self._failures.items())
        sentences += [f"The tag {name} cannot be examined: {failure.message}" for name, failure in failures[:_SHOWN]]
        if len(failures) > _SHOWN:
            sentences.append(f"{len(failures) - _SHOWN} more tags cannot be examined.")
        return tuple(sentences)

    def _unbelievable(self, fresh: frozenset[str]) -> bool:
        if self.listed_at is None or len(fresh) >= _SUSPICIOUS * len(self.records):
            return False
        before = self._shrunk
        return before is None or len(fresh ^ before) > _AGREEMENT * max(len(fresh), len(before))

    def _add(self, names: frozenset[str]) -> bool:
        added = names - self.records.keys()
        self._pending |= added
        for name in added:
            self.records[name] = self._record(name, None)
        return bool(added)

    def _open(self) -> set[str]:
        return {
            name for name, record in self.records.items() if record.digest is None or record.digest not in self.metadata
        }

    def _record(self, name: str, checked: Checked | None) -> TagRecord:
        tag = self.scheme.parse(name)
        return TagRecord(tag) if checked is None else TagRecord(tag, checked.digest, checked.checked_at)

    def _report(self, report: Repush) -> None:
        self.repushes.append(report)
        self.unsaved.repushes.append(report)
