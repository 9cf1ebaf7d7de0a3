"""The scripted registry answers as docker-registry does, where no script says otherwise."""

from typing import Any

import aiohttp
import pytest
from support import fault_registry, oci_images
from support.oci_images import OCI_INDEX, OCI_MANIFEST

NAME = "lab/science"
ZEROS = "sha256:" + "0" * 64
ALL = f"{OCI_INDEX}, {OCI_MANIFEST}, {oci_images.DOCKER_LIST}, {oci_images.DOCKER_MANIFEST}"
PASSING = {"Date", "Server", "Connection"}


async def _answers(url: str, method: str, path: str, accept: str) -> Any:
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.request(method, url + path, headers={"Accept": accept}) as answer,
    ):
        headers = {key.title(): value for key, value in answer.headers.items() if key.title() not in PASSING}
        body = await answer.read()
        if "tags/list" in path and answer.status == 200:
            # The order of a page means nothing: the real one lists a folder.
            document = await answer.json()
            return answer.status, headers, document["name"], sorted(document["tags"])
        return answer.status, headers, body


@pytest.mark.parametrize(
    ("method", "path", "accept"),
    [
        ("GET", "/v2/", ""),
        ("GET", f"/v2/{NAME}/tags/list", ""),
        ("GET", f"/v2/{NAME}/tags/list?n=3&last=7", ""),
        ("GET", "/v2/lab/nothing/tags/list", ""),
        ("HEAD", f"/v2/{NAME}/manifests/w_2026_05", ALL),
        ("GET", f"/v2/{NAME}/manifests/w_2026_05", ALL),
        ("GET", f"/v2/{NAME}/manifests/multi", ALL),
        ("GET", f"/v2/{NAME}/manifests/list", ALL),
        ("GET", f"/v2/{NAME}/manifests/docker", ALL),
        ("GET", f"/v2/{NAME}/manifests/{{digest}}", ALL),
        ("HEAD", f"/v2/{NAME}/manifests/{{digest}}", ALL),
        ("GET", f"/v2/{NAME}/manifests/w_2026_05", oci_images.DOCKER_MANIFEST),
        ("HEAD", f"/v2/{NAME}/manifests/w_2026_05", oci_images.DOCKER_MANIFEST),
        ("GET", f"/v2/{NAME}/manifests/multi", oci_images.DOCKER_MANIFEST),
        ("GET", f"/v2/{NAME}/manifests/gone", ALL),
        ("HEAD", f"/v2/{NAME}/manifests/gone", ALL),
        ("GET", f"/v2/{NAME}/manifests/{ZEROS}", ALL),
        ("GET", f"/v2/{NAME}/blobs/{{config}}", ""),
        ("HEAD", f"/v2/{NAME}/blobs/{{config}}", ""),
        ("GET", f"/v2/{NAME}/blobs/{ZEROS}", ""),
        ("DELETE", f"/v2/{NAME}/manifests/w_2026_05", ""),
        ("DELETE", f"/v2/{NAME}/manifests/{ZEROS}", ""),
    ],
)
async def test_answers_as_the_real_one(plain: Any, stored: Any, method: str, path: str, accept: str) -> None:
    built = stored["w_2026_05"]
    path = path.format(digest=built.digest, config=built.document["config"]["digest"])
    async with fault_registry.running({NAME: stored}) as scripted:
        ours = await _answers(scripted.url, method, path, accept)
        real = await _answers(plain.registry.url, method, path, accept)
    assert ours == real


async def test_deletes_as_the_real_one(plain: Any) -> None:
    built = oci_images.lab_image("d_2026_01_01")
    plain.registry.write("lab/deleted", {"d_2026_01_01": built})
    async with fault_registry.running({"lab/deleted": {"d_2026_01_01": built}}) as scripted:
        for path in (f"/v2/lab/deleted/manifests/{built.digest}",) * 2:
            assert await _answers(scripted.url, "DELETE", path, "") == await _answers(
                plain.registry.url, "DELETE", path, ""
            )
