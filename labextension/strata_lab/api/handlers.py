"""The one request handler: who may ask, what was asked, and how the answer or the error is sent."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web
from tornado.iostream import StreamClosedError

from strata_lab.api.routes import PREFIX, Route, by_path, pattern

if TYPE_CHECKING:
    from strata_lab.api.endpoint import Answer, Call, Endpoint, Stream
    from strata_lab.api.services import Services

BODY_LIMIT = 4_000_000
RESOURCE = "strata"
_SERVER_QUERY = {"token", "no_track_activity", "_xsrf"}
_EVENT_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


@web.stream_request_body
class StrataHandler(APIHandler):
    """Serve the routes of one path.

    Bodies are read up to a limit and the rest is thrown away, so that no request fills the server's memory.
    """

    auth_resource = RESOURCE

    def initialize(self, services: "Services", routes: Mapping[str, Route]) -> None:
        """Take what the application wired."""
        self._services = services
        self._routes = routes
        self._body = bytearray()
        self._too_large = False
        self._gone = False
        self._refusal: web.HTTPError | None = web.HTTPError(403)

    async def prepare(self, **options: Any) -> None:  # noqa: ANN401 (the server's signature)
        """Find out who asks; a refusal waits until the body has come, or the connection would be cut under it."""
        try:
            await super().prepare(**options)
            self._refusal = None if self.current_user else web.HTTPError(403)
        except web.HTTPError as refusal:
            self._refusal = refusal

    def data_received(self, chunk: bytes) -> None:
        """Keep the body while it is of a sane size."""
        self._too_large = self._too_large or len(self._body) + len(chunk) > BODY_LIMIT
        if self._too_large:
            self._body.clear()
        else:
            self._body.extend(chunk)

    def on_connection_close(self) -> None:
        """Remember that nobody listens any more."""
        self._gone = True
        super().on_connection_close()

    # The decorator keeps the action of the first method that it served, so each method names its own.
    @authorized(action="read", resource=RESOURCE)
    async def _read(self, path: Mapping[str, str]) -> None:
        await self._serve("GET", path)

    @authorized(action="write", resource=RESOURCE)
    async def _write(self, method: str, path: Mapping[str, str]) -> None:
        await self._serve(method, path)

    def _let_in(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    @web.authenticated
    async def get(self, **path: str) -> None:
        """Answer a GET."""
        self._let_in()
        await self._read(path)

    @web.authenticated
    async def post(self, **path: str) -> None:
        """Answer a POST."""
        self._let_in()
        await self._write("POST", path)

    @web.authenticated
    async def delete(self, **path: str) -> None:
        """Answer a DELETE."""
        self._let_in()
        await self._write("DELETE", path)

    @web.authenticated
    async def _other(self, **_path: str) -> None:
        """Refuse a method that no route has, after the same questions."""
        self._let_in()
        raise web.HTTPError(405 if self._routes else 404)

    head = put = patch = _other
    options = _other  # type: ignore[assignment]  # the base class answers at once, this one asks first

    async def _serve(self, method: str, path: Mapping[str, str]) -> None:
        if not self._routes:
            raise web.HTTPError(404)
        route = self._routes.get(method)
        if route is None:
            raise web.HTTPError(405)
        if self._too_large:
            raise web.HTTPError(413)
        from strata_lab.api.endpoint import Stream, load  # noqa: PLC0415 (models cost start time: first request pays)

        found = load(route)
        answer = await found.function(self._call(found, path))
        if isinstance(answer, Stream):
            await self._stream(answer)
        else:
            self._send(found, answer)

    def _call(self, found: "Endpoint", path: Mapping[str, str]) -> "Call":
        from strata_lab.api.endpoint import Call  # noqa: PLC0415 (as in _serve)

        query = {key: values[-1].decode("utf-8", "replace") for key, values in self.request.query_arguments.items()}
        # The server's own parameters, and the number that JupyterLab adds against caches, are not ours to judge.
        query = {key: value for key, value in query.items() if key not in _SERVER_QUERY and not key.isdigit()}
        last_event = self.request.headers.get("Last-Event-ID", "")
        return Call(
            services=self._services,
            path=path,
            query=found.query.model_validate(query) if found.query else None,
            body=found.body.model_validate_json(bytes(self._body)) if found.body else None,
            user=self.current_user.username,
            last_event=int(last_event) if _EVENT_NUMBER.fullmatch(last_event) else 0,
            base_url=self.base_url,
            disconnected=lambda: self._gone,
        )

    def _send(self, found: "Endpoint", answer: "Answer") -> None:
        self.set_status(answer.status or found.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        if answer.document is None:
            self.finish()
        elif isinstance(answer.document, Mapping):
            self.finish(json.dumps(answer.document))
        else:
            self.finish(answer.document.model_dump_json())

    async def _stream(self, stream: "Stream") -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")
        try:
            async for chunk in stream.chunks:
                if self._gone:
                    return
                self.write(chunk)
                await self.flush()
        except StreamClosedError:
            return
        self.finish(set_content_type="text/event-stream")

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ANN401 (tornado's signature)
        """Send the error as ``{code, message, hint}``."""
        from strata_lab.api.translate import translate  # noqa: PLC0415 (as in _serve)

        raised = kwargs.get("exc_info", (None, None, None))[1]
        status, document = translate(raised if raised is not None else web.HTTPError(status_code))
        self.set_status(status)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.set_header("Allow", ", ".join(sorted(self._routes)))
        self.finish(document.model_dump_json())

    def log_exception(self, *raised: Any) -> None:  # noqa: ANN401 (tornado's signature)
        """Log what was not raised on purpose, without the request, whose headers hold secrets."""
        from strata_lab.api.translate import log_text, translate  # noqa: PLC0415 (as in _serve)

        value = raised[1]
        status, document = translate(value)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.error("%s %s failed: %s", self.request.method, self.request.path, log_text(value))
        else:
            self.log.debug("%s %s refused: %s", self.request.method, self.request.path, document.code)


def handlers(services: "Services") -> list[tuple[str, type[APIHandler], dict[str, Any]]]:
    """Return tornado's handler rules for every route, and for what is below the prefix without being one."""
    rules: list[tuple[str, type[APIHandler], dict[str, Any]]] = [
        (f"/{PREFIX}{pattern(path)}", StrataHandler, {"services": services, "routes": routes})
        for path, routes in by_path()
    ]
    return [*rules, (rf"/{PREFIX}(?:/.*)?", StrataHandler, {"services": services, "routes": {}})]
