"""The documents of the REST interface that are not changes, plans or records."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from strata_lab.changes import ChangeRequest
from strata_lab.environments import Event, Status
from strata_lab.jobs import JobState
from strata_lab.plans import Consent


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
