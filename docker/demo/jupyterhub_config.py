"""JupyterHub for the demonstration: everything on loopback, labs as local processes."""

import json
import os
import sys
from pathlib import Path

from traitlets.config import get_config

c = get_config()
sys.path.insert(0, str(Path(__file__).parent))

from strata_demo import USERS  # noqa: E402 -- its folder was put on the path above
from strata_demo.authenticator import DemoAuthenticator  # noqa: E402 -- as above

settings = json.loads(Path(os.environ["STRATA_DEMO_SETTINGS"]).read_text())
state = Path(settings["state"])

c.JupyterHub.bind_url = f"http://127.0.0.1:{settings['port']}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{settings['hub_port']}"
c.JupyterHub.db_url = f"sqlite:///{state}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = str(state / "cookie-secret")
c.JupyterHub.template_vars = {
    "announcement_login": "This is a demonstration on one machine: the terminal that started it shows the password."
}
c.ConfigurableHTTPProxy.command = [settings["node"], settings["proxy"]]
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{settings['proxy_port']}"
c.ConfigurableHTTPProxy.pid_file = str(state / "proxy.pid")
c.ConfigurableHTTPProxy.auth_token = settings["proxy_token"]

c.JupyterHub.authenticator_class = DemoAuthenticator
c.DemoAuthenticator.password = settings["password"]
c.Authenticator.allowed_users = set(USERS)
c.Authenticator.admin_users = {"admin"}
c.JupyterHub.load_groups = {"approvers": {"users": ["approver"]}, "developers": {"users": ["admin"]}}
c.JupyterHub.allow_named_servers = True

c.JupyterHub.services = [
    {
        "name": "strata",
        "url": f"http://127.0.0.1:{settings['service_port']}",
        "command": [settings["strata_hub"], "serve", "--config", settings["deployment"]],
        "environment": {
            "STRATA_STATE_TOKEN": settings["state_token"],
            "STRATA_NOTIFICATION_SECRET": settings["notification_secret"],
        },
        "cwd": str(state),
    }
]

c.JupyterHub.spawner_class = "strata-local"
c.LocalStrataSpawner.state_url = f"http://127.0.0.1:{settings['service_port']}/services/strata/state"
c.LocalStrataSpawner.state_token = settings["state_token"]
c.LocalStrataSpawner.state_cache = str(state / "menu")
c.LocalStrataSpawner.machinery_python = settings["machinery_python"]
c.LocalStrataSpawner.stacks = settings["stacks"]
c.LocalStrataSpawner.home_template = str(state / "homes/{username}")
c.LocalStrataSpawner.log_folder = str(state / "labs")
c.LocalStrataSpawner.state_interval = 1
c.Spawner.default_url = "/lab"
