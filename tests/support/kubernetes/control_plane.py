"""etcd and kube-apiserver on this machine, as any user: enough for everything that only talks to the API."""

import secrets
import signal
import ssl
import urllib.error
import urllib.request
from pathlib import Path

from .api import Api, write_kubeconfig
from .build import binary
from .certificates import Authority
from .process import PATIENCE, ReservedPort, Server, until

SERVICES = "10.96.0.0/16"
NODE_NAME = "strata-node"
NODE_USER = f"system:node:{NODE_NAME}"
USERS = {"admin": "system:masters", "hub": "strata:hubs", "service": "strata:services", NODE_USER: "system:nodes"}
"""Group of each user."""


class ControlPlane:
    """A control plane of its own, with all its files in `folder`.

    Parameters
    ----------
    folder
        An empty folder for this run.
    address
        What the API server listens on.
    """

    def __init__(self, folder: Path, *, address: str = "127.0.0.1") -> None:
        self.folder, self.address = folder, address
        self._ports = [ReservedPort(address), ReservedPort(), ReservedPort()]
        self.authority = Authority(folder / "pki")
        names = [*dict.fromkeys([address, "127.0.0.1", "10.96.0.1"]), "localhost", "kubernetes.default.svc"]
        self.certificate, self.key = self.authority.issue("server", "kube-apiserver", addresses=names)
        self._kubelet_client = self.authority.issue("kubelet-client", "kubelet-client", organisation="system:masters")
        self._accounts = self.authority.issue("accounts", "service-accounts")
        self.tokens: dict[str, str] = {}
        """Bearer token of each user."""
        self.admin_kubeconfig = folder / "admin.kubeconfig"
        self.etcd: Server | None = None
        self.server: Server | None = None

    @property
    def url(self) -> str:
        """Where the API server answers."""
        return f"https://{self.address}:{self._ports[0].number}"

    @property
    def etcd_url(self) -> str:
        """Where etcd answers clients."""
        return f"http://127.0.0.1:{self._ports[1].number}"

    def start(self) -> Api:
        """Start both servers and return the API as an admin sees it.

        Raises
        ------
        ClusterUnavailable
            If a binary is missing.
        NotReady
            If a server does not come up.
        """
        programs = binary("etcd"), binary("kube-apiserver")
        self._write_tokens()
        self._start_etcd(programs[0])
        self._start_server(programs[1])
        self.kubeconfig(self.admin_kubeconfig, "admin")
        return Api(self.admin_kubeconfig)

    def kubeconfig(self, path: Path, user: str, *, url: str = "") -> Path:
        """Write the kubeconfig of a user: ``admin`` or another of ``USERS``."""
        return write_kubeconfig(path, url or self.url, self.authority.certificate, token=self.tokens[user])

    def _write_tokens(self) -> None:
        self.tokens = {name: secrets.token_hex(16) for name in USERS}
        rows = [f'{self.tokens[user]},{user},{user},"{group}"' for user, group in USERS.items()]
        table = self.folder / "tokens.csv"
        table.touch(mode=0o600)
        table.write_text("\n".join(rows) + "\n", "ascii")

    def _start_etcd(self, program: Path) -> None:
        peer = f"http://127.0.0.1:{self._ports[2].number}"
        self.etcd = Server(
            [
                *(program, "--name=test", f"--data-dir={self.folder}/etcd", "--unsafe-no-fsync"),
                *(f"--listen-client-urls={self.etcd_url}", f"--advertise-client-urls={self.etcd_url}"),
                *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"),
                *(f"--initial-cluster=test={peer}", "--log-level=warn", "--socket-reuse-port"),
            ],
            self.folder / "etcd.log",
        )
        self.etcd.wait_until(lambda: _answers(f"{self.etcd_url}/readyz"))

    def _start_server(self, program: Path) -> None:
        self.server = Server(
            [
                *(program, f"--etcd-servers={self.etcd_url}", f"--service-cluster-ip-range={SERVICES}"),
                *(f"--bind-address={self.address}", f"--secure-port={self._ports[0].number}", "--permit-port-sharing"),
                *(f"--advertise-address={self.address}", "--endpoint-reconciler-type=none"),
                *(f"--tls-cert-file={self.certificate}", f"--tls-private-key-file={self.key}"),
                *(f"--client-ca-file={self.authority.certificate}", "--authorization-mode=Node,RBAC"),
                *(f"--token-auth-file={self.folder}/tokens.csv", "--allow-privileged=true"),
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={self._accounts[0]}",
                f"--service-account-signing-key-file={self._accounts[1]}",
                f"--kubelet-client-certificate={self._kubelet_client[0]}",
                f"--kubelet-client-key={self._kubelet_client[1]}",
                "--kubelet-preferred-address-types=InternalIP",
                "--shutdown-delay-duration=0s",
                "--profiling=false",
            ],
            self.folder / "kube-apiserver.log",
        )
        self.server.wait_until(self.answers)

    def answers(self) -> bool:
        """Ask on a connection of its own whether the API server is ready."""
        return _answers(f"{self.url}/readyz", self.authority.certificate)

    def kill_server(self) -> None:
        """End the API server as a crash would; etcd keeps what it held."""
        assert self.server
        self.server.stop(kill=True)

    def restart_server(self) -> None:
        """Start the API server again, on the port that it had."""
        self._start_server(binary("kube-apiserver"))

    def pause(self) -> None:
        """Stop the API server's process where it stands: connections stay open and nothing answers."""
        assert self.server
        self.server.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on, and wait until it answers on a fresh connection."""
        assert self.server
        self.server.send(signal.SIGCONT)
        until(self.answers, "the resumed API server answers", patience=PATIENCE)

    def stop(self) -> None:
        """End both servers."""
        for server in (self.server, self.etcd):
            if server:
                server.stop(kill=True)
        for port in self._ports:
            port.release()


def _answers(url: str, authority: Path | None = None) -> bool:
    trust = ssl.create_default_context(cafile=str(authority)) if authority else None
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )  # fmt: skip
    try:
        with opener.open(url, timeout=5) as response:
            return bool(response.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False
