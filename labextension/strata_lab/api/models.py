"""The documents of the REST interface that are not changes, plans or records."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from strata_lab.changes import ChangeRequest
from strata_lab.environments import Event, Status
from strata_lab.findings import Severity
from strata_lab.image_contract import StackKind
from strata_lab.jobs import JobState
from strata_lab.plans import Consent
from strata_lab.restarts import Answer


class Document(BaseModel):
    """A document that this interface sends or takes; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class ErrorDocument(Document):
    """What went wrong: a stable code for programs, a sentence for people, and what they can do."""

    code: str
    message: str
    hint: str = ""


class JobDocument(Document):
    """A job: its state, and how it ended."""

    id: str
    kind: str
    environments: list[str]
    state: JobState
    created: datetime
    started: datetime | None
    ended: datetime | None
    last_event: int
    error: ErrorDocument | None
    result: dict[str, Any] | None


class JobList(Document):
    """Jobs, oldest first."""

    jobs: list[JobDocument]


class FollowQuery(Document):
    """From where to read a job's events; a Last-Event-ID header has precedence."""

    after: Annotated[int, Field(ge=0, le=999_999_999)] = 0


class EnvironmentList(Document):
    """Environments, by name."""

    environments: list[Status]


class EventList(Document):
    """An environment's history, oldest first."""

    events: list[Event]


class PackageQuery(Document):
    """Which package is meant."""

    package: Annotated[str, Field(min_length=1, max_length=200)]


class PlanRequest(Document):
    """A change that is to be worked out, not carried out."""

    change: ChangeRequest


class JobRequest(Document):
    """A change that is to be carried out, and what the user agreed to."""

    change: ChangeRequest
    consent: Consent = Consent()


class ExportQuery(Document):
    """As what an environment is written."""

    form: Literal["requirements", "pylock", "environment-yml", "rattler-lock"]


class ExportDocument(Document):
    """An environment as the text of a file."""

    form: str
    text: str


class StackDocument(Document):
    """What the image brings."""

    title: str
    kind: StackKind
    python: str
    fingerprint: str
    distributions: int
    image: str | None
    safe_mode: bool


class BinnedDocument(Document):
    """A deleted environment that can be restored."""

    entry: str
    name: str
    deleted: datetime


class BinnedList(Document):
    """Deleted environments, latest first."""

    binned: list[BinnedDocument]


class SweptDocument(Document):
    """How much was taken away."""

    generations: int
    binned: int
    leftovers: int


class FindingDocument(Document):
    """One thing that hurts the lab or will; ``path`` is what can be moved aside."""

    identifier: str
    severity: Severity
    title: str
    explanation: str
    path: str | None


class AsideDocument(Document):
    """One thing that was moved aside, and where it was."""

    identifier: str
    original: Path
    reason: str
    moved: datetime


class DoctorDocument(Document):
    """What the doctor found, the worst first, and what was moved aside."""

    findings: list[FindingDocument]
    asides: list[AsideDocument]


class SinceQuery(Document):
    """The generation that was there before; empty for none."""

    since: Annotated[str, Field(max_length=60)] = ""


class AdviceDocument(Document):
    """What to do with one running kernel."""

    kernel: str
    name: str
    answer: Answer
    modules: list[str]
    sentence: str


class AdviceList(Document):
    """What to do with the running kernels of an environment."""

    advice: list[AdviceDocument]
