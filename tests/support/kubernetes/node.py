"""A node that runs pods, for root on Linux: containerd, kubelet, scheduler and controllers, on a bridge of its own."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from . import remains as leftovers
from .api import Api
from .build import NODE, ClusterUnavailable, binary
from .control_plane import NODE_NAME, NODE_USER, ControlPlane
from .process import Server, until
from .registry import Registry
from .remains import Remains

_TOOLS = ("unshare", "runc", "buildah", "skopeo", "docker-registry", "ip")
_CNI = Path("/usr/lib/cni")
_INSIDE = """
set -eu
mount --make-rprivate /
for place in /run/containerd /run/netns /var/log/containers; do
    mkdir -p "$place"
    mount -t tmpfs tmpfs "$place"
done
"$1" --config "$2/containerd.toml" >>"$2/containerd.log" 2>&1 &
until [ -S "$3/containerd.sock" ]; do sleep 0.1; done
exec "$4" --config="$2/kubelet.yaml" --kubeconfig="$2/kubelet.kubeconfig" --root-dir="$2/kubelet" \\
    --hostname-override="$5" --node-ip="$6"
"""


def missing() -> str:
    """Return a sentence about what this machine lacks to run a node, or an empty string."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a node that runs pods needs root on Linux"
    absent = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if not (_CNI / "bridge").exists():
        absent.append("the CNI plugins (containernetworking-plugins)")
    return f"a node that runs pods needs {', '.join(absent)}" if absent else ""


class Node:
    """One machine of the cluster, with a registry on loopback that it pulls from.

    Parameters
    ----------
    plane
        The control plane, listening on the node's address.
    remains
        The names that this run owns.
    registry
        The registry, which holds the sandbox image ``pause:1``.
    """

    def __init__(self, plane: ControlPlane, remains: Remains, registry: Registry) -> None:
        self.plane, self.remains, self.registry = plane, remains, registry
        self.folder = Path(remains.folder)
        self._servers: list[Server] = []

    @property
    def address(self) -> str:
        """Address of the node; a hub on this machine is reached from pods there."""
        return self.remains.ip

    def start(self, api: Api) -> None:
        """Start everything, and wait until the node is ready."""
        self._controllers()
        self._configure()
        shell = ["/bin/sh", "-c", _INSIDE, "node"]
        names: list[str | Path] = [binary("containerd"), self.folder, self.remains.sockets]
        names += [binary("kubelet"), NODE_NAME, self.address]
        path = f"{binary('containerd').parent}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        self._servers.append(
            Server(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *shell, *names],
                self.folder / "kubelet.log",
                environment={**os.environ, "PATH": path},
            )
        )
        until(lambda: self._ready(api), "the node is ready")

    def _ready(self, api: Api) -> bool:
        node = api.find(f"/api/v1/nodes/{NODE_NAME}") or {}
        conditions = node.get("status", {}).get("conditions", [])
        tainted = any(taint["effect"] == "NoSchedule" for taint in node.get("spec", {}).get("taints", []))
        ready = any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)
        return ready and not tainted

    def stop(self) -> None:
        """End every process, container and mount."""
        for server in reversed(self._servers):
            server.stop(kill=True)

    def _controllers(self) -> None:
        admin = f"--kubeconfig={self.plane.admin_kubeconfig}"
        common = [admin, "--leader-elect=false", "--secure-port=0"]
        accounts = f"--service-account-private-key-file={self.plane.authority.folder}/accounts.key"
        authority = f"--root-ca-file={self.plane.authority.certificate}"
        manager: list[str | Path] = [binary("kube-controller-manager"), *common, accounts, authority]
        self._servers.append(Server(manager, self.folder / "kube-controller-manager.log"))
        self._servers.append(Server([binary("kube-scheduler"), *common], self.folder / "kube-scheduler.log"))

    def _configure(self) -> None:
        folder, sockets = self.folder, self.remains.sockets
        certificate, key = self.plane.authority.issue("kubelet", NODE_NAME, addresses=[self.address])
        self.plane.kubeconfig(folder / "kubelet.kubeconfig", NODE_USER)
        (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n", "ascii")
        hosts = folder / "certs.d" / self.registry.host
        hosts.mkdir(parents=True)
        (hosts / "hosts.toml").write_text(f'server = "http://{self.registry.host}"\n', "ascii")
        (folder / "cni").mkdir()
        (folder / "cni/10-strata.conflist").write_text(json.dumps(self._network()), "utf-8")
        (folder / "containerd.toml").write_text(_CONTAINERD.format(
            folder=folder, sockets=sockets, cni=_CNI, registry=self.registry.host
        ), "utf-8")  # fmt: skip
        config = {
            "kind": "KubeletConfiguration",
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "address": self.address,
            "healthzPort": 0,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": str(self.plane.authority.certificate)},
            },
            "authorization": {"mode": "AlwaysAllow"},
            "tlsCertFile": str(certificate),
            "tlsPrivateKeyFile": str(key),
            "containerRuntimeEndpoint": f"unix://{sockets}/containerd.sock",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.remains.cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "oomScoreAdj": 0,
            "evictionHard": {},
            "imageGCHighThresholdPercent": 100,
            "localStorageCapacityIsolation": False,
            "serializeImagePulls": False,
            "registryPullQPS": 0,
            "podLogsDir": str(folder / "pod-logs"),
            "volumePluginDir": str(folder / "volume-plugins"),
            "clusterDNS": [self.address],
            "clusterDomain": "cluster.local",
            "resolvConf": str(folder / "resolv.conf"),
        }
        (folder / "kubelet.yaml").write_text(yaml.safe_dump(config), "utf-8")

    def _network(self) -> dict[str, object]:
        ranges = [[{"subnet": self.remains.network, "gateway": self.address}]]
        bridge = {
            "type": "bridge",
            "bridge": self.remains.bridge,
            "isGateway": True,
            "ipMasq": False,
            "ipam": {"type": "host-local", "ranges": ranges, "dataDir": str(self.folder / "addresses")},
        }
        return {"cniVersion": "1.0.0", "name": self.remains.bridge, "plugins": [bridge]}

    def volume(self, api: Api, name: str) -> None:
        """Offer a volume that some claim may bind."""
        path = self.folder / "volumes" / name
        path.mkdir(parents=True)
        path.chmod(0o777)
        api.create("/api/v1/persistentvolumes", {
            "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": str(path)},
                "persistentVolumeReclaimPolicy": "Retain",
            },
        })  # fmt: skip


@contextmanager
def running_node(folder: Path) -> Iterator[tuple[Node, Api]]:
    """Run a whole cluster of one node, for a block; nothing of it stays.

    Raises
    ------
    ClusterUnavailable
        If the machine or the binaries are not enough.
    """
    lack = missing()
    if lack:
        raise ClusterUnavailable(lack)
    for name in NODE:
        binary(name)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        remains = leftovers.claim(folder)
        stack.callback(leftovers.clear, remains)
        registry = stack.enter_context(Registry.running(folder / "registry"))
        registry.push_sandbox()
        plane = ControlPlane(folder / "control-plane", address=remains.ip)
        stack.callback(plane.stop)
        api = plane.start()
        stack.callback(api.close)
        node = Node(plane, remains, registry)
        stack.callback(node.stop)
        node.start(api)
        yield node, api


_CONTAINERD = """
version = 3
root = "{folder}/containerd"
state = "{sockets}/containerd"
[grpc]
address = "{sockets}/containerd.sock"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
disable_hugetlb_controller = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{cni}"]
conf_dir = "{folder}/cni"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{registry}/pause:1"
[plugins."io.containerd.cri.v1.images".registry]
config_path = "{folder}/certs.d"
"""
