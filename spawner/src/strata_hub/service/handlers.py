"""The routes of the service: each parses, asks, answers."""

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from tornado.web import Application, RequestHandler

from strata_hub import __version__
from strata_hub.errors import StrataError
from strata_hub.refresh.document import pieces
from strata_hub.refresh.knowledge import Knowledge
from strata_hub.refresh.refresher import Refresher

from .events import FORMATS
from .metrics import render
from .readers import Readers, matches

BODY_LIMIT = 1 << 20
"""Bytes of a request's body; tornado answers 400 to more without reading it."""

_PIECE = 1 << 18
"""Bytes written at once: a slow reader does not keep a copy of the whole state."""

_WELCOME = (
    "Strata keeps the list of lab images of this JupyterHub up to date.\n"
    "There is nothing to see here: choose an image where you start your server.\n"
)


@dataclass(frozen=True)
class Parts:
    """What the routes use."""

    refresher: Refresher
    readers: Readers
    notification_secret: str = ""
    """Empty: notifications are refused."""


class _Handler(RequestHandler):
    parts: Parts

    def initialize(self, parts: Parts) -> None:
        self.parts = parts

    def set_default_headers(self) -> None:
        self.set_header("Server", "strata-hub")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    def check_xsrf_cookie(self) -> None:
        """Accept: no route knows a cookie, so that no browser can be made to act for somebody."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ANN401 - tornado's signature
        """Answer with a code and a sentence, as JSON; nothing of an unexpected error is shown."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, StrataError):
            self.set_status(error.status)
            self.finish({"code": error.code, "message": str(error), "hint": error.hint})
        else:
            self.finish({"code": f"http.{status_code}", "message": self._reason, "hint": ""})

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:  # noqa: ANN401 - tornado's signature
        """Log what is unexpected only: what Strata raises on purpose is an answer."""
        if not isinstance(value, StrataError):
            super().log_exception(typ, value, tb)

    def refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        """Answer with an error."""
        self.set_status(status)
        self.finish({"code": code, "message": message, "hint": ""})

    async def reader_allowed(self) -> bool:
        """Return whether this request may read; otherwise it has been answered."""
        if await self.parts.readers.allows(self.request.headers.get("Authorization", "")):
            return True
        self.set_header("WWW-Authenticate", 'Bearer realm="strata"')
        self.refuse(HTTPStatus.UNAUTHORIZED, "http.401", "Show a token that may read this service.")
        return False


class WelcomeHandler(_Handler):
    """Answers the hub's question whether the service is up."""

    def get(self) -> None:
        """Return a page for whoever comes by."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(_WELCOME)


class StateHandler(_Handler):
    """Serves the menu state."""

    async def get(self) -> None:
        """Return the current state, or 304 where the reader has it already."""
        if not await self.reader_allowed():
            return
        current = self.parts.refresher.publisher.current
        if current is None:
            self.set_header("Retry-After", "1")
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "state.unavailable", "No list was read yet.")
            return
        self.set_header("Cache-Control", "private, no-cache")
        self.set_header("ETag", current.etag)
        if self.check_etag_header():
            self.set_status(HTTPStatus.NOT_MODIFIED)
            self.finish()
            return
        self.set_header("Content-Type", "application/json")
        self.set_header("Content-Length", str(current.size))
        for piece in pieces(current.parts, _PIECE):
            self.write(piece)
            await self.flush()
        await self.finish()

    def compute_etag(self) -> str | None:
        """Leave the validator to the publisher."""
        return None


class NotificationsHandler(_Handler):
    """Takes what registries tell of a push."""

    def post(self, format_name: str) -> None:
        """Look at what the events hint at, and answer how many did."""
        parts = self.parts
        given = self.request.headers.get("Authorization", "")
        if not parts.notification_secret:
            self.refuse(HTTPStatus.FORBIDDEN, "http.403", "Notifications are not configured.")
            return
        bare = given.partition(" ")[2] if given.lower().startswith("bearer ") else given
        if not matches(bare, parts.notification_secret) and not matches(given, parts.notification_secret):
            self.refuse(HTTPStatus.UNAUTHORIZED, "http.401", "Show the secret of the notifications.")
            return
        hints = FORMATS[format_name](self.request.body)
        followed = sum(parts.refresher.notify(hint.name, hint.tag, hint.digest) for hint in hints)
        self.set_status(HTTPStatus.ACCEPTED)
        self.finish({"followed": followed})


class HealthHandler(_Handler):
    """Tells a probe that the process works; readers learn how each list is."""

    async def get(self) -> None:
        """Return the status, and the repositories to who may read."""
        refresher = self.parts.refresher
        repositories = refresher.unique()
        started = refresher.publisher.current is not None
        well = started and not any(refresh.knowledge.error for refresh in repositories)
        answer: dict[str, Any] = {
            "status": "ok" if well else "degraded" if started else "starting",
            "version": __version__,
        }
        if await self.parts.readers.allows(self.request.headers.get("Authorization", "")):
            now = datetime.now(UTC)
            answer["repositories"] = [
                _health(refresh.source.repository, refresh.knowledge, now) for refresh in repositories
            ]
            answer["file_error"] = refresher.publisher.file_error
        self.finish(answer)


class MetricsHandler(_Handler):
    """Serves figures for Prometheus."""

    async def get(self) -> None:
        """Return the figures to who may read."""
        if await self.reader_allowed():
            self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.finish(render(self.parts.refresher))


class NothingHandler(_Handler):
    """Answers every other path."""

    def prepare(self) -> None:
        """Say that there is nothing."""
        self.refuse(HTTPStatus.NOT_FOUND, "http.404", "There is nothing at this address.")


def application(parts: Parts, prefix: str) -> Application:
    """Return the routes under `prefix`, which begins and ends with a slash."""
    arguments = {"parts": parts}
    formats = "|".join(FORMATS)
    return Application(
        [
            (prefix, WelcomeHandler, arguments),
            (f"{prefix}state", StateHandler, arguments),
            (f"{prefix}notifications/({formats})", NotificationsHandler, arguments),
            (f"{prefix}health", HealthHandler, arguments),
            (f"{prefix}metrics", MetricsHandler, arguments),
        ],
        default_handler_class=NothingHandler,
        default_handler_args=arguments,
        log_function=_quiet,
    )


def _health(repository: str, knowledge: Knowledge, now: datetime) -> dict[str, Any]:
    listed = knowledge.listed_at
    return {
        "repository": repository,
        "listed_seconds_ago": None if listed is None else round((now - listed).total_seconds(), 1),
        "tags": len(knowledge.records),
        "error": None if knowledge.error is None else knowledge.error.model_dump(mode="json"),
    }


def _quiet(_handler: RequestHandler) -> None:
    """Log no request: a spawner asks every few seconds."""
