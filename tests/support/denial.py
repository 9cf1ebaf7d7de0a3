"""An authoriser that says no where a test asks for a no; a server loads it."""

from typing import Any

from jupyter_server.auth.authorizer import Authorizer

DENY = "X-Test-Deny"


class DenyOnRequest(Authorizer):
    """Deny the actions on Strata's resource that a request's header names."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        """Say no where the test asked for a no."""
        denied = handler.request.headers.get(DENY, "").split(",")
        return not (resource == "strata" and action in denied)
