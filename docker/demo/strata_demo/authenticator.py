"""Log-in for the demonstration: three users, one password, on loopback only."""

import hmac

from jupyterhub.auth import Authenticator
from jupyterhub.handlers import BaseHandler
from traitlets import Unicode

from . import USERS


class DemoAuthenticator(Authenticator):
    """Lets the demonstration's users in with the password that the terminal shows."""

    password = Unicode(help="The password of every user of the demonstration.").tag(config=True)

    async def authenticate(self, _handler: BaseHandler, data: dict[str, str]) -> str | None:
        """Return the user's name if the password is right."""
        name = data.get("username", "")
        right = hmac.compare_digest(data.get("password", "").encode(), self.password.encode())
        return name if right and self.password and name in USERS else None
