"""What registries do to manifests and config blobs: what is returned has the digest that names it."""

import hashlib
import json
from typing import Any

import pytest
from strata_hub.errors import (
    RegistryDenied,
    RegistryError,
    RegistryNotFound,
    RegistryProtocolError,
    RegistryUnavailable,
)
from strata_hub.registry import Examined
from support import fault_registry, oci_images
from support import fault_responses as fault

NAME = "lab/science"
TAG = "w_2026_05"
MANIFEST = f"/v2/{NAME}/manifests/{TAG}"
BLOB = f"GET /v2/{NAME}/blobs/.*"
ZEROS = "sha256:" + "0" * 64


async def metadata(ask: Any, reference: str = TAG, **settings: Any) -> Any:
    async with ask.client(**settings) as client:
        return await client.metadata(NAME, reference)


async def head(ask: Any, reference: str = TAG, times: int = 1) -> str:
    digest = ""
    async with ask.client() as client:
        for _ in range(times):
            digest = await client.head(NAME, reference)
    return digest


def guard(ask: Any) -> None:
    """Let the registry ask for a token, which it gives to everybody."""
    challenge = f'Bearer realm="{ask.registry.url}/token"'
    ask.play("GET /v2/.*", fault.unless_authorized("Bearer good", challenge), repeated=True)
    ask.play("GET /token.*", fault.document({"token": "good"}))


@pytest.mark.parametrize(
    "answer",
    [
        fault.changed("Docker-Content-Digest"),
        fault.changed(Docker_Content_Digest=""),
        fault.changed(Docker_Content_Digest="md5:abc"),
        fault.status(404),
        fault.status(405),
        fault.status(501),
    ],
    ids=["missing", "empty", "strange", "404", "405", "501"],
)
async def test_head_without_a_digest_is_asked_by_get_and_that_is_remembered(
    ask: Any, stored: Any, answer: fault.Responder
) -> None:
    ask.play(f"HEAD {MANIFEST}", answer, repeated=True)
    assert await head(ask, times=3) == stored[TAG].digest
    assert (ask.count(f"HEAD {MANIFEST}"), ask.count(f"GET {MANIFEST}")) == (1, 3)


async def test_head_404_means_gone_where_head_has_answered_before(ask: Any) -> None:
    async with ask.client() as client:
        await client.head(NAME, TAG)
        with pytest.raises(RegistryNotFound):
            await client.head(NAME, "gone")
    assert ask.count("GET .*") == 0


async def test_neither_head_nor_get_is_gone_and_teaches_nothing(ask: Any) -> None:
    async with ask.client() as client:
        with pytest.raises(RegistryNotFound):
            await client.head(NAME, "gone")
        await client.head(NAME, TAG)
    assert ask.count(f"HEAD {MANIFEST}") == 1


async def test_get_without_a_digest_header_is_hashed(ask: Any, stored: Any) -> None:
    ask.play(f"GET {MANIFEST}", fault.changed("Docker-Content-Digest", "Etag"))
    assert (await metadata(ask))[0] == stored[TAG].digest


async def test_a_digest_header_that_is_not_the_bodys_is_an_error(ask: Any) -> None:
    ask.play(f"GET {MANIFEST}", fault.changed(Docker_Content_Digest=ZEROS))
    with pytest.raises(RegistryProtocolError, match="digest"):
        await metadata(ask)


async def test_a_sha512_digest_is_checked_and_kept(ask: Any, stored: Any) -> None:
    digest = f"sha512:{hashlib.sha512(stored[TAG].manifest).hexdigest()}"
    ask.play(f"GET {MANIFEST}", fault.changed(Docker_Content_Digest=digest))
    assert (await metadata(ask))[0] == digest


async def test_another_manifest_than_the_digest_asked_for_is_an_error(ask: Any, stored: Any) -> None:
    other = stored["w_2026_06"]
    asked = stored[TAG].digest
    ask.play(f"GET /v2/{NAME}/manifests/{asked}", fault.body(other.manifest, Docker_Content_Digest=other.digest))
    with pytest.raises(RegistryProtocolError, match="digest"):
        await metadata(ask, asked)
    ask.play(f"HEAD /v2/{NAME}/manifests/{asked}", fault.changed(Docker_Content_Digest=other.digest))
    with pytest.raises(RegistryProtocolError, match="another digest"):
        await head(ask, asked)


async def test_every_manifest_type_is_accepted_in_one_header_without_preferences(ask: Any) -> None:
    await metadata(ask)
    accept = ask.registry.seen[0].headers["Accept"]
    assert set(accept.split(", ")) == {
        oci_images.OCI_INDEX,
        oci_images.OCI_MANIFEST,
        oci_images.DOCKER_LIST,
        oci_images.DOCKER_MANIFEST,
    }
    assert ask.registry.seen[0].headers["Accept-Encoding"] == "identity"


async def test_parameters_of_the_content_type_mean_nothing(ask: Any) -> None:
    ask.play(f"GET {MANIFEST}", fault.changed(Content_Type=f"{oci_images.OCI_MANIFEST}; charset=utf-8"))
    assert (await metadata(ask))[1].runnable


async def test_a_body_that_contradicts_its_content_type_is_an_error(ask: Any) -> None:
    ask.play(f"GET {MANIFEST}", fault.changed(Content_Type=oci_images.OCI_INDEX))
    with pytest.raises(RegistryProtocolError, match="calls itself"):
        await metadata(ask)


async def test_a_manifest_without_a_media_type_has_that_of_its_answer(ask: Any, stored: Any) -> None:
    document = {key: value for key, value in stored[TAG].document.items() if key != "mediaType"}
    body = oci_images.dump(document)
    digest = oci_images.digest_of(body)
    ask.play(f"GET {MANIFEST}", fault.body(body, Docker_Content_Digest=digest))
    assert (await metadata(ask))[1].media_type == oci_images.OCI_MANIFEST


@pytest.mark.parametrize(
    "change",
    [
        {"manifests": []},
        {"schemaVersion": 1},
        {"mediaType": "application/vnd.example+json"},
        {"config": {"digest": "../x", "size": 1}},
        {"config": {"digest": ZEROS, "size": -1}},
        {"config": {"digest": ZEROS, "size": 2**70}},
        {"layers": {"a": 1}},
        {"annotations": [1]},
    ],
    ids=json.dumps,
)
async def test_a_malformed_manifest_is_an_error(ask: Any, stored: Any, change: dict[str, Any]) -> None:
    body = oci_images.dump(stored[TAG].document | change)
    ask.play(f"GET {MANIFEST}", fault.body(body, Docker_Content_Digest=oci_images.digest_of(body)))
    with pytest.raises(RegistryProtocolError):
        await metadata(ask)


@pytest.mark.parametrize(
    "answer",
    [
        fault.html(),
        fault.body(b""),
        fault.deep_json(),
        fault.long_number(),
        fault.gzip_bomb(),
        fault.announced(1 << 40),
        fault.endless(),
        fault.raw(b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n{}"),
        fault.raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
        fault.raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
        fault.body(b'{"schemaVersion":1}', Content_Type="application/vnd.docker.distribution.manifest.v1+prettyjws"),
    ],
    ids=["html", "empty", "deep", "number", "bomb", "announced", "endless", "length", "ssh", "header", "schema1"],
)
async def test_something_else_than_a_manifest_is_an_error(ask: Any, answer: fault.Responder) -> None:
    ask.play(f"GET {MANIFEST}", answer, repeated=True)
    with pytest.raises(RegistryProtocolError):
        await metadata(ask)


@pytest.mark.parametrize(
    "answer",
    [fault.truncated(), fault.cut_chunked(), fault.reset(), fault.status(502), fault.status(503), fault.status(504)],
    ids=["truncated", "cut", "reset", "502", "503", "504"],
)
async def test_what_passes_is_retried_and_what_stays_is_an_error(
    ask: Any, stored: Any, answer: fault.Responder
) -> None:
    ask.play(f"GET {MANIFEST}", answer, answer)
    assert (await metadata(ask))[0] == stored[TAG].digest
    ask.play(f"GET {MANIFEST}", answer, repeated=True)
    with pytest.raises(RegistryUnavailable):
        await metadata(ask)
    # The HTTP library itself repeats what fails on a connection that was used before.
    assert 3 + 5 <= ask.count(f"GET {MANIFEST}") <= 2 * (3 + 5)


async def test_an_index_of_other_platforms_is_not_runnable_and_says_so(ask: Any, stored: Any) -> None:
    digest, found = await metadata(ask, "multi", platform="linux/s390x")
    assert (digest, found.runnable) == (stored["multi"].digest, False)
    assert found.reason == "It has no image for linux/s390x; it has: linux/amd64, linux/arm64/v8."


async def test_an_entry_of_an_index_that_is_gone_is_an_error(ask: Any, stored: Any) -> None:
    child = stored["multi"].children[1].digest
    ask.play(f"GET /v2/{NAME}/manifests/{child}", fault.status(404))
    with pytest.raises(RegistryProtocolError, match="names something"):
        await metadata(ask, "multi")


async def test_an_entry_of_another_size_than_its_index_says_is_an_error(ask: Any, stored: Any) -> None:
    child = stored["multi"].children[1]
    ask.play(f"GET /v2/{NAME}/manifests/{child.digest}", fault.body(child.manifest + b" "))
    with pytest.raises(RegistryProtocolError):
        await metadata(ask, "multi")


async def test_an_index_of_indexes_is_not_followed(ask: Any, stored: Any) -> None:
    inner = stored["multi"]
    ask.registry.content[NAME]["nested"] = oci_images.index(("linux/amd64", inner))
    assert (await metadata(ask, "nested"))[1].reason == "It is an index of indexes."


@pytest.mark.parametrize(
    ("built", "why"),
    [
        (oci_images.image(config_type="application/vnd.cncf.helm.config.v1+json"), "helm"),
        (oci_images.image(config_type="application/vnd.oci.empty.v1+json"), "empty"),
        (oci_images.image(extra={"artifactType": "application/spdx+json"}), "spdx"),
        (oci_images.image(extra={"config": None}), "no configuration"),
    ],
    ids=["chart", "empty", "artifact", "nothing"],
)
async def test_an_artifact_is_not_runnable_and_its_configuration_is_not_fetched(ask: Any, built: Any, why: str) -> None:
    ask.registry.content[NAME]["artifact"] = built
    found = (await metadata(ask, "artifact"))[1]
    assert not found.runnable
    assert why in found.reason
    assert ask.count(BLOB) == 0


@pytest.mark.parametrize(
    "answer",
    [
        fault.body(b"{}"),
        fault.deep_json(),
        fault.html(),
        fault.status(404),
        fault.status(500),
        fault.truncated(),
        fault.gzip_bomb(),
    ],
    ids=["other", "deep", "html", "404", "500", "truncated", "bomb"],
)
async def test_a_config_blob_that_is_not_the_one_named_is_an_error(ask: Any, answer: fault.Responder) -> None:
    ask.play(BLOB, answer, repeated=True)
    with pytest.raises(RegistryError):
        await metadata(ask)


async def test_a_missing_config_blob_does_not_look_like_a_missing_tag(ask: Any) -> None:
    ask.play(BLOB, fault.status(404))
    with pytest.raises(RegistryProtocolError, match="names something"):
        await metadata(ask)


async def test_a_config_blob_announced_too_large_is_not_fetched(ask: Any, stored: Any) -> None:
    with pytest.raises(RegistryProtocolError, match="allowed"):
        await metadata(ask, limits={"config_bytes": 100})
    assert ask.count(BLOB) == 0


async def test_one_bad_tag_fails_alone(ask: Any, stored: Any) -> None:
    results: dict[str, Examined] = {}
    bad = {
        TAG: fault.html(),
        "w_2026_06": fault.status(500),
        "w_2026_07": fault.reset(),
        "w_2026_08": fault.deep_json(),
    }
    for tag, answer in bad.items():
        ask.play(f"GET /v2/{NAME}/manifests/{tag}", answer, repeated=True)
    async with ask.client() as client:
        await client.examine(NAME, stored, on_result=lambda result: results.update({result.reference: result}))
    assert {tag for tag, result in results.items() if result.error is not None} == set(bad)
    assert all(results[tag].digest == stored[tag].digest for tag in set(stored) - set(bad))


async def test_a_registry_that_fails_as_a_whole_is_not_asked_for_every_tag(ask: Any) -> None:
    ask.play("GET .*", fault.status(500), repeated=True)
    results: list[Examined] = []
    async with ask.client() as client:
        await client.examine(NAME, [f"d_{number}" for number in range(500)], on_result=results.append)
    assert len(results) == 500
    assert all(isinstance(result.error, RegistryUnavailable) for result in results)
    assert len(ask.registry.seen) < 50


async def test_what_the_caller_raises_ends_the_examination(ask: Any, stored: Any) -> None:
    def refuse(result: Examined) -> None:
        raise LookupError(result.reference)

    async with ask.client() as client:
        with pytest.raises(LookupError):
            await client.examine(NAME, stored, on_result=refuse)


async def test_a_delete_is_never_repeated(ask: Any) -> None:
    ask.play("DELETE .*", fault.status(503), repeated=True)
    async with ask.client() as client:
        with pytest.raises(RegistryUnavailable):
            await client.delete(NAME, ZEROS)
    assert ask.count("DELETE .*") == 1


@pytest.mark.parametrize(
    ("code", "kind"), [(405, RegistryProtocolError), (403, RegistryDenied), (307, RegistryProtocolError)]
)
async def test_a_delete_that_is_refused_is_an_error(ask: Any, code: int, kind: type[RegistryError]) -> None:
    ask.play("DELETE .*", fault.status(code, Location="/v2/elsewhere"))
    async with ask.client() as client:
        with pytest.raises(kind):
            await client.delete(NAME, ZEROS)


async def test_blobs_follow_redirects_to_storage_without_the_authorization(ask: Any, stored: Any) -> None:
    """Specification, API: Authorization must not cross hosts; signed URLs answer 400 where it does."""
    async with fault_registry.running({NAME: stored}) as storage:
        storage.play("GET /signed/.*", fault.body(stored[TAG].config))
        ask.play(BLOB, fault.redirect(f"{storage.url}/signed/blob?X-Signature=canary"))
        guard(ask)
        assert (await metadata(ask))[1].runnable
        assert "Authorization" not in storage.seen[0].headers
        assert "Cookie" not in storage.seen[0].headers


async def test_storage_on_the_registrys_own_host_gets_no_authorization(ask: Any, stored: Any) -> None:
    ask.play("GET /storage/.*", fault.body(stored[TAG].config))
    ask.play(BLOB, fault.redirect("/storage/blob?sig=canary"))
    guard(ask)
    assert (await metadata(ask))[1].runnable
    assert all("Authorization" not in seen.headers for seen in ask.registry.seen if "/storage/" in seen.target)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "http://user:canary@127.0.0.1:1/x",
        "http://169.254.169.254/latest/meta-data/?canary",
        "http://[fe80::1]/x?canary",
        "http://0.0.0.0:1/x",
        "http://100.100.100.200/x",
        "http://[::ffff:169.254.169.254]/x",
        "http://[64:ff9b::a9fe:a9fe]/x",
        "//[",
        "http://exa mple/x",
    ],
)
async def test_a_redirect_that_may_not_be_followed_is_an_error_without_secrets(ask: Any, location: str) -> None:
    ask.play(BLOB, fault.redirect(location), repeated=True)
    with pytest.raises(RegistryError) as caught:
        await metadata(ask)
    assert "canary" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


async def test_a_loop_of_redirects_is_an_error(ask: Any) -> None:
    ask.play(BLOB, fault.redirect("{path}"), repeated=True)
    with pytest.raises(RegistryProtocolError, match="on and on"):
        await metadata(ask)
    assert ask.count(BLOB) == 4


async def test_a_manifest_is_not_followed_to_another_host(ask: Any) -> None:
    ask.play(f"GET {MANIFEST}", fault.redirect("http://127.0.0.2:9/{path}"))
    with pytest.raises(RegistryProtocolError, match="another host"):
        await metadata(ask)
