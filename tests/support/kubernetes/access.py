"""Give a user of the test cluster the roles that a deployment gives, and no more."""

from pathlib import Path

import yaml

from .api import Api
from .build import ROOT
from .control_plane import ControlPlane

RBAC = "/apis/rbac.authorization.k8s.io/v1"


def hub_kubeconfig(plane: ControlPlane, api: Api, namespace: str, path: Path, *, url: str = "") -> Path:
    """Bind the hub's role in `namespace` to the user ``hub``, and write that user's kubeconfig."""
    role = yaml.safe_load((ROOT / "hub-config/rbac/hub.yaml").read_text("utf-8"))
    api.create(f"{RBAC}/namespaces/{namespace}/roles", role)
    binding = {
        "metadata": {"name": role["metadata"]["name"]},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role["metadata"]["name"]},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "hub"}],
    }
    api.create(f"{RBAC}/namespaces/{namespace}/rolebindings", binding)
    return plane.kubeconfig(path, "hub", url=url)
