"""What the form asks a hub for while it is open: search results, its style and its script.

JupyterHub calls ``extra_handlers`` deprecated and points to services. These handlers are added to the running
application instead: a service would need the menu, the groups and the permissions of every user a second time, and the
form would no longer work while that service is down.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from jupyterhub.app import JupyterHub
from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import needs_scope
from tornado import web

from . import forms
from .errors import StrataError
from .menu import Menu
from .search import search

MenuOf = Callable[[Any], Awaitable[Menu]]
_MARK = "strata_form"


class ImageSearch(BaseHandler):
    """Searches in everything that one user may start."""

    def initialize(self, menu_of: MenuOf) -> None:
        """Take the function that gives a user's menu."""
        self._menu_of = menu_of

    @web.authenticated
    @needs_scope("servers")
    async def get(self, user_name: str) -> None:
        """Answer ``?q=WORDS&start=NUMBER`` with a fragment of the form."""
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404, "No such user")
        try:
            menu = await self._menu_of(user)
            start = int(self.get_query_argument("start", "0")[:9])
        except StrataError as error:
            raise web.HTTPError(error.status, error.sentence()) from None
        except ValueError:
            raise web.HTTPError(400, "start is a number") from None
        hits = search(menu, self.get_query_argument("q", ""), start)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "private, no-store")
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.set_header("X-Total-Count", str(hits.total))
        self.finish(forms.render_hits(menu, hits))


def register(menu_of: MenuOf) -> None:
    """Add the handlers to the hub of this process, once; without a hub that is that far, do nothing."""
    hub = JupyterHub.instance() if JupyterHub.initialized() else None
    # The hub makes spawners of running servers before it has an application.
    application = getattr(hub, "tornado_application", None)
    if application is None or _MARK in application.settings:
        return
    prefix = application.settings["hub"].base_url
    application.add_handlers(
        r".*",
        [
            (f"{prefix}strata/images/([^/]+)", ImageSearch, {"menu_of": menu_of}),
            (f"{prefix}strata/static/(form[.](?:css|js))", web.StaticFileHandler, {"path": str(forms.STATIC)}),
        ],
    )
    application.settings[_MARK] = True
