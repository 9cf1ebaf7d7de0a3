"""What an endpoint is given, what it returns, and what it declares for the OpenAPI document."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from pydantic import BaseModel

from strata_lab.api.routes import Route

if TYPE_CHECKING:
    from strata_lab.api.services import Services


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed authentication, authorisation and validation.

    ``path`` holds the path's parameters, ``query`` and ``body`` instances of the models that the endpoint declared
    (None where it declared none), ``last_event`` the number in a Last-Event-ID header (0 without one).
    ``disconnected`` says whether the client has gone.
    """

    services: "Services"
    path: Mapping[str, str]
    query: BaseModel | None
    body: BaseModel | None
    user: str
    last_event: int
    base_url: str
    disconnected: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Answer:
    """A document to send; status None is the one declared."""

    document: BaseModel | Mapping[str, object] | None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stream:
    """Text to send chunk by chunk as it becomes known."""

    chunks: AsyncIterator[str]


Function = Callable[[Call], Awaitable[Answer | Stream]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A function with what it declares.

    ``returns`` is a model, or a media type for what is no JSON document; ``errors`` are the statuses besides the
    ones that every route can answer.
    """

    function: Function
    returns: type[BaseModel] | str | None
    status: int = 200
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    errors: tuple[int, ...] = ()
    empty: int | None = None


def endpoint(
    returns: type[BaseModel] | str | None,
    *,
    status: int = 200,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    errors: tuple[int, ...] = (),
    empty: int | None = None,
) -> Callable[[Function], Endpoint]:
    """Declare a function as an endpoint; the parameters are the fields of `Endpoint`."""
    return lambda function: Endpoint(function, returns, status, body, query, errors, empty)


def load(route: Route) -> Endpoint:
    """Return a route's endpoint, importing its module when it is the first request for it."""
    module, _, name = route.endpoint.partition(".")
    found: Endpoint = getattr(import_module(f"strata_lab.api.{module}"), name)
    return found
