"""Every route, once. Importing this costs nothing: an endpoint's module is loaded by its first request."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

PREFIX = "strata/api"


@dataclass(frozen=True, slots=True)
class Route:
    """A method on a path.

    ``path`` is an OpenAPI template below the prefix, ``endpoint`` names ``module.function`` in this package.
    """

    method: str
    path: str
    endpoint: str
    summary: str

    @property
    def action(self) -> str:
        """What the server's authoriser is asked for."""
        return "read" if self.method == "GET" else "write"


ROUTES = (
    Route("GET", "/openapi.json", "openapi.openapi_document", "This interface, as OpenAPI 3.1"),
    Route("GET", "/environments", "environments.list_environments", "Environments, and how they stand to this image"),
    Route("GET", "/environments/{name}", "environments.show_environment", "One environment"),
    Route("GET", "/environments/{name}/history", "environments.environment_history", "What was done to it"),
    Route("GET", "/environments/{name}/why", "environments.why_package", "Why a package is there"),
    Route("GET", "/environments/{name}/export", "environments.export_environment", "An environment as a file's text"),
    Route("GET", "/environments/{name}/advice", "care.restart_advice", "Which running kernels should be restarted"),
    Route("GET", "/bin", "care.list_bin", "Deleted environments that can be restored"),
    Route("GET", "/stack", "care.show_stack", "What the image brings"),
    Route("GET", "/doctor", "care.examine", "What hurts this lab or will"),
    Route("POST", "/doctor/findings/{finding}", "care.set_aside", "Move what a finding is about aside"),
    Route("DELETE", "/doctor/asides/{aside}", "care.put_back", "Put back what was moved aside"),
    Route("POST", "/sweep", "care.sweep", "Take away what nothing names any more"),
    Route("POST", "/plans", "environments.plan_change", "What a change would do"),
    Route("GET", "/jobs", "jobs.list_jobs", "Running and recent jobs"),
    Route("POST", "/jobs", "environments.start_job", "Carry out a change"),
    Route("GET", "/jobs/{job}", "jobs.show_job", "One job"),
    Route("DELETE", "/jobs/{job}", "jobs.cancel_job", "Cancel a job"),
    Route("GET", "/jobs/{job}/events", "jobs.follow_job", "The job's numbered events, as server-sent events"),
)


def by_path() -> Iterator[tuple[str, dict[str, Route]]]:
    """Yield each path with its routes by method."""
    for path, routes in groupby(sorted(ROUTES, key=lambda route: route.path), key=lambda route: route.path):
        yield path, {route.method: route for route in routes}


def pattern(path: str) -> str:
    """Return the regular expression of a path template; parameters become named groups."""
    return re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))
