"""The extension of Jupyter Server: its routes, its part in the server's activity, and its end."""

from datetime import UTC, datetime

from jupyter_server.extension.application import ExtensionApp

from strata_lab.api.handlers import handlers
from strata_lab.api.services import Services


class StrataExtension(ExtensionApp):
    """Environments over REST, in a server that never pays for them before they are used."""

    name = "strata_lab"
    extension_url = "/strata/api"
    load_other_extensions = True

    def initialize_settings(self) -> None:
        """Wire what the handlers use."""
        self.services = Services(self._note_activity)

    def initialize_handlers(self) -> None:
        """Add the routes to the server."""
        self.handlers.extend(handlers(self.services))

    def current_activity(self) -> dict[str, int] | None:
        """Return how many jobs run, or None: a server with running jobs is not shut down for inactivity."""
        running = self.services.running()
        return {"jobs": running} if running else None

    async def stop_extension(self) -> None:
        """Cancel the jobs when the server stops."""
        await self.services.stop()

    def _note_activity(self) -> None:
        if self.serverapp:
            self.serverapp.web_app.settings["last_activity_times"]["strata"] = datetime.now(UTC)
