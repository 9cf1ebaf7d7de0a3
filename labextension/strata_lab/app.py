"""The extension of Jupyter Server: its routes, its part in the server's activity, its start and its end."""

import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from traitlets import Bool, Unicode

from strata_lab.api.handlers import handlers
from strata_lab.api.services import Services


class StrataExtension(ExtensionApp):
    """Environments over REST, in a server that does not pay for them before they are used."""

    name = "strata_lab"
    extension_url = "/strata/api"
    load_other_extensions = True

    default_environment = Unicode(
        "",
        help="Name of an overlay that is made at the first start, so that `%pip install` has a place; empty for none.",
    ).tag(config=True)
    notebook_provenance = Bool(
        True,
        help="Whether a saved notebook carries the lock and the image that it ran with. "
        'A notebook opts out by "strata": false in its metadata.',
    ).tag(config=True)

    def initialize_settings(self) -> None:
        """Wire what the handlers use."""
        self.services = Services(self._note_activity, self._server.kernel_manager, self._catalogue)
        if self.notebook_provenance:
            contents: Any = self._server.contents_manager
            contents.register_pre_save_hook(self._stamp)

    def initialize_handlers(self) -> None:
        """Add the routes to the server."""
        self.handlers.extend(handlers(self.services))

    def current_activity(self) -> dict[str, int] | None:
        """Return how many jobs run, or None: a server with running jobs is not shut down for inactivity."""
        running = self.services.running()
        return {"jobs": running} if running else None

    async def _start_jupyter_server_extension(self, serverapp: object) -> None:  # noqa: ARG002 (the server's signature)
        """Look after the environments, when the server answers already and only where there is something to do."""
        if self.default_environment or _has_environments():
            work = threading.Thread(target=self.services.begin, args=(self._first(),), name="strata-start", daemon=True)
            work.start()

    async def stop_extension(self) -> None:
        """Cancel the jobs when the server stops."""
        await self.services.stop()

    @property
    def _server(self) -> ServerApp:
        assert self.serverapp is not None  # noqa: S101 (an extension is loaded by a server)
        return self.serverapp

    def _first(self) -> str:
        # Safe mode is for looking at what is there, not for making more.
        return "" if os.environ.get("STRATA_SAFE_MODE") == "1" else self.default_environment

    def _catalogue(self) -> Any:  # noqa: ANN401 (any manager of specifications may be configured)
        return getattr(self._server.kernel_spec_manager, "catalogue", None)

    def _stamp(self, model: dict[str, Any], **_more: object) -> None:
        from strata_lab.notebooks import stamp  # noqa: PLC0415 (the first save pays, not the start)

        stamp(model, self.services.origin)

    def _note_activity(self) -> None:
        self._server.web_app.settings["last_activity_times"]["strata"] = datetime.now(UTC)


def _has_environments() -> bool:
    """Whether there may be environments, found without reading the image contract where the home is the usual one."""
    home = os.environ.get("HOME", "")
    folders = [Path(home, ".strata")] if home else []
    contract = os.environ.get("STRATA_IMAGE_CONTRACT", "/etc/strata/image.json")
    return any(folder.is_dir() for folder in folders) or _elsewhere(Path(contract))


def _elsewhere(contract: Path) -> bool:
    # Read in full, and judged, by the engine; here it only decides whether to load that.
    try:
        return '"environments": "' in contract.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
