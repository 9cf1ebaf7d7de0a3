"""skopeo is an independent client: its lists and digests are ours."""

import asyncio
import base64
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strata_hub.registry import RegistryClient
from support import oci_images

NAME = "lab/science"
# Distribution specification: the grammar of a tag.
TAGS = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", fullmatch=True)


def write_authfile(site: Any, folder: str) -> Path:
    auths = {}
    if site.credentials is not None:
        pair = f"{site.credentials.username}:{site.credentials.password}".encode()
        auths[site.registry.host] = {"auth": base64.b64encode(pair).decode()}
    path = Path(folder, "auth.json")
    path.write_text(json.dumps({"auths": auths}))
    return path


async def skopeo(site: Any, *arguments: str) -> Any:
    """Return what skopeo prints, parsed; its password comes from a file, as ours does."""
    program = shutil.which("skopeo")
    if program is None:
        pytest.skip("skopeo is not installed (apt-get install skopeo)")
    with tempfile.TemporaryDirectory() as folder:
        authfile = write_authfile(site, folder)
        command, *rest = arguments
        process = await asyncio.create_subprocess_exec(
            program,
            "--override-os=linux",
            "--override-arch=amd64",
            command,
            "--tls-verify=false",
            f"--authfile={authfile}",
            *rest,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "HOME": folder, "XDG_RUNTIME_DIR": folder, "TMPDIR": folder},
        )
        out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return json.loads(out)


async def test_lists_the_same_tags(site: Any) -> None:
    theirs = await skopeo(site, "list-tags", f"docker://{site.registry.host}/{NAME}")
    async with site.client() as client:
        assert sorted(theirs["Tags"]) == await client.tags(NAME)


@pytest.mark.parametrize("tag", ["w_2026_05", "multi", "list", "docker"])
async def test_names_the_same_digest_and_reads_the_same_image(site: Any, stored: Any, tag: str) -> None:
    theirs = await skopeo(site, "inspect", "--no-tags", f"docker://{site.registry.host}/{NAME}:{tag}")
    async with site.client() as client:
        digest, metadata = await client.metadata(NAME, tag)
        assert await client.head(NAME, tag) == digest == theirs["Digest"]
    assert metadata.architecture == theirs["Architecture"]
    assert metadata.created is not None
    assert theirs["Created"].startswith(metadata.created.strftime("%Y-%m-%dT%H:%M:%S"))
    ours = {key: value for key, value in metadata.labels.items() if key in (theirs["Labels"] or {})}
    assert ours == (theirs["Labels"] or {})


async def test_reads_what_skopeo_has_pushed(plain: Any, tmp_path: Any) -> None:
    source = f"docker://{plain.registry.host}/{NAME}:multi"
    target = f"docker://{plain.registry.host}/lab/copied:multi"
    process = await asyncio.create_subprocess_exec(
        "skopeo",
        "copy",
        "--quiet",
        "--all",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        source,
        target,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "TMPDIR": str(tmp_path)},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    theirs = await skopeo(plain, "inspect", "--no-tags", target)
    async with plain.client() as client:
        digest, metadata = await client.metadata("lab/copied", "multi")
    assert (digest, metadata.architecture) == (theirs["Digest"], theirs["Architecture"])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tags=st.sets(TAGS, min_size=1, max_size=60), number=st.integers(0, 10**9))
def test_whatever_the_tags_the_lists_are_the_same_set(plain: Any, tags: set[str], number: int) -> None:
    """Every tag of the grammar that is stored is listed, by both clients, and nothing else."""
    name = f"lab/any{number}"
    shutil.rmtree(plain.registry.storage / "docker/registry/v2/repositories" / name, ignore_errors=True)
    built = oci_images.image()
    plain.registry.write(name, dict.fromkeys(tags, built))

    async def both() -> tuple[Any, list[str]]:
        theirs = await skopeo(plain, "list-tags", f"docker://{plain.registry.host}/{name}")
        async with RegistryClient(plain.registry.host, plain.settings) as client:
            return theirs["Tags"], await client.tags(name)

    theirs, ours = asyncio.run(both())
    assert set(theirs) == set(ours) == tags
