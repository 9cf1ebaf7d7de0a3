"""What every spawner of Strata does with a menu: the form, the gate, the launch environment."""

import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from jupyterhub.spawner import Spawner, SpawnException
from tornado.web import HTTPError
from traitlets import Float, Instance, Unicode, default

from . import follower, forms, handlers
from .errors import InvalidOption, StateUnavailable, StrataError
from .follower import Followed, Follower
from .menu import Menu, User
from .offers import offer_for
from .options import Choice, choose
from .podspec import launch_environment, resources

if TYPE_CHECKING:
    from jupyterhub.spawner import Spawner as Base
else:
    # JupyterHub demands start, stop and poll of every subclass of its Spawner; those are of the class behind this one.
    from traitlets.config import LoggingConfigurable as Base


class Refused(SpawnException):
    """A start that the gate does not allow; the page and the API show the sentence, and no failure is counted."""

    def __init__(self, error: StrataError, *, html: str = "") -> None:
        super().__init__(
            error.sentence(), reason=error.code, message_html=html or escape(error.sentence()), status_code=error.status
        )
        # JupyterHub shows these two where they are set, and a representation of the exception otherwise.
        self.jupyterhub_message = error.sentence()
        self.jupyterhub_html_message = html or escape(error.sentence())


class AsksFirst(HTTPError):
    """A link proposes a start, and starts nothing: the form opens with it, and no error is shown."""

    jupyterhub_message = ""
    jupyterhub_html_message = ""

    def __init__(self) -> None:
        super().__init__(200, reason="OK")


class _Quiet(logging.Filter):
    """Keeps the hub from reporting an opened link as a failed start, with a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], AsksFirst))


class MenuSpawner(Base):
    """Mixin in front of a spawner: what a user may start comes from the menu state.

    A subclass reads `choice` in ``start``; `accept` is where it sets further traits from it.
    """

    state_url = Unicode(
        "", config=True, help="Where the menu state is: http(s)://HOST/services/strata/state or file:///PATH."
    )
    state_token = Unicode(
        config=True, help="Token for state_url; the environment variable STRATA_STATE_TOKEN by default."
    )
    state_cache = Unicode(
        "", config=True, help="Folder that keeps the last good menu state across restarts of the hub; empty: none."
    )
    state_interval = Float(15.0, min=0.1, config=True, help="Seconds between two looks at state_url.")
    deployment = Unicode(
        "", config=True, help="Name of this deployment; a menu state of another one is not accepted. Empty: any."
    )
    choice = Instance(Choice, allow_none=True, help="What the gate let through for the current start.")

    _linked: Choice | None = None

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        # A page that stayed open over a restart of the hub searches before any form is rendered.
        handlers.register(_menu_of)

    @default("state_token")
    def _state_token(self) -> str:
        return os.environ.get("STRATA_STATE_TOKEN", "")

    @default("options_form")
    def _options_form(self) -> object:
        return self._render

    def follower(self) -> Follower:
        """Return the follower of this hub's menu state."""
        return follower.shared(
            self.state_url,
            self.state_token,
            self.state_cache,
            deployment=self.deployment,
            interval=self.state_interval,
            log=self.log,
        )

    async def followed(self) -> Followed:
        """Return the menu state from memory.

        Raises
        ------
        StateUnavailable
            If this hub has never seen one.
        """
        source = self.follower()
        await source.settled()
        if source.current is None:
            raise StateUnavailable(
                "The list of images has not been read yet, so nothing can be started.",
                hint="Try again in a minute; if this stays, tell the administrators of this hub.",
            )
        return source.current

    def menu_user(self) -> User:
        """Return for whom the menu is: the owner of this server, whoever starts it."""
        return User(self.user.name, frozenset(group.name for group in self.user.groups), bool(self.user.admin))

    async def menu(self) -> Menu:
        """Return the menu of this server's owner; see `followed`."""
        return (await self.followed()).menu(self.menu_user(), datetime.now(UTC))

    def run_options_from_form(self, form_data: Mapping[str, list[Any]]) -> dict[str, object]:
        """Return the options that a submitted form means, unchecked."""
        try:
            return forms.options_from_form(form_data)
        except StrataError as error:
            raise Refused(error) from None

    async def options_from_query(self, query_data: Mapping[str, list[Any]]) -> dict[str, object]:
        """Let the form open with what a link proposes: opening a link starts nothing.

        Raises
        ------
        AsksFirst
            If the owner of this server may start that.
        Refused
            If not.
        """
        try:
            self._linked = choose(await self.menu(), forms.options_from_query(query_data))
        except StrataError as error:
            raise Refused(error) from None
        if not any(isinstance(known, _Quiet) for known in self.log.filters):
            self.log.addFilter(_Quiet())
        self.log.info("A link proposes %s to %s.", self._linked.reference, self._log_name)
        raise AsksFirst

    async def apply_user_options(self, _spawner: Spawner, user_options: Mapping[str, object]) -> None:
        """Let `user_options` through the gate; a method, so that no configuration can take the gate away.

        Raises
        ------
        Refused
            If the owner of this server may not start that.
        """
        self.choice = None
        try:
            choice = choose(await self.menu(), user_options)
        except StrataError as error:
            raise Refused(error) from None
        self.accept(choice)
        self.choice = choice
        if user_options.get("remember") == "follow":
            self._remember({**user_options, "image": choice.intent})

    async def start(self) -> tuple[str, int] | str:
        """Start the lab, if the gate let it through.

        Raises
        ------
        Refused
            If nothing passed the gate for this start.
        """
        if self.choice is None:
            raise Refused(InvalidOption("Nothing was chosen for this start."))
        return await super().start()

    def accept(self, choice: Choice) -> None:
        """Set the traits that `choice` decides."""
        limits = resources(choice)
        if limits is not None:
            self.cpu_limit = limits.cpu_limit
            self.cpu_guarantee = limits.cpu_guarantee
            self.mem_limit = limits.mem_limit
            self.mem_guarantee = limits.mem_guarantee

    def get_env(self) -> dict[str, str]:
        """Return the environment of the lab, the launch environment last: nothing configured may contradict it."""
        env: dict[str, str] = super().get_env()
        if self.choice is not None:
            env.update(launch_environment(self.choice))
            if self.choice.debug:
                env["JUPYTERHUB_DEBUG"] = "1"
            if self.choice.safe_mode:
                env["JUPYTERHUB_DISABLE_USER_CONFIG"] = "1"
        return env

    def _remember(self, options: Mapping[str, object]) -> None:
        """Keep `options` for the next start, in place of those of this one."""
        self.user_options = dict(options)
        if self.orm_spawner is not None:
            self.orm_spawner.user_options = dict(options)

    async def _render(self, _spawner: Spawner) -> str:
        linked, self._linked = self._linked, None
        handlers.register(_menu_of)
        try:
            menu = await self.menu()
        except StrataError as error:
            return forms.render_problem(error)
        stored = self.orm_spawner.user_options if self.orm_spawner is not None else self.user_options
        page = forms.Page(self.hub.base_url, self.user.escaped_name)
        return forms.render(menu, offer_for(menu, stored or {}, linked), page)


async def _menu_of(user: Any) -> Menu:  # noqa: ANN401  JupyterHub's users have no types
    menu: Menu = await user.spawner.menu()
    return menu
