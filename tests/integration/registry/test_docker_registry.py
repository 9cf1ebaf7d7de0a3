"""The client against Debian's docker-registry, in each of the three ways to be let in."""

import asyncio
import dataclasses
import logging
import socket
import traceback
from datetime import UTC, datetime
from typing import Any

import pytest
from strata_hub.errors import RegistryDenied, RegistryError, RegistryNotFound
from strata_hub.registry import Credentials, Examined, RegistryClient, RegistrySettings
from support import oci_images

NAME = "lab/science"
DAY = datetime(2026, 5, 29, 3, 4, 5, tzinfo=UTC)


async def test_lists_exactly_what_is_stored(site: Any, stored: Any) -> None:
    async with site.client() as client:
        assert await client.tags(NAME) == sorted(stored)


async def test_names_every_image_by_the_digest_of_its_bytes(site: Any, stored: Any) -> None:
    async with site.client() as client:
        for tag, built in stored.items():
            assert await client.head(NAME, tag) == built.digest
            digest, metadata = await client.metadata(NAME, tag)
            assert (digest, metadata.digest, metadata.media_type) == (built.digest, built.digest, built.media_type)


async def test_reads_labels_date_and_size_of_an_image(site: Any, stored: Any) -> None:
    async with site.client() as client:
        _, metadata = await client.metadata(NAME, "w_2026_05")
        assert metadata.labels["org.opencontainers.image.version"] == "w_2026_05"
        assert (metadata.created, metadata.size, metadata.architecture) == (DAY, len(b"layer"), "amd64")
        assert (metadata.runnable, metadata.reason) == (True, "")


@pytest.mark.parametrize("tag", ["multi", "list"])
async def test_takes_the_nodes_platform_from_an_index_under_the_digest_of_the_index(
    site: Any, stored: Any, tag: str
) -> None:
    settings = site.settings.model_copy(update={"platform": "linux/arm64/v8"})
    async with (
        site.client() as client,
        RegistryClient(site.registry.host, settings, site.credentials) as other,
    ):
        assert (await client.metadata(NAME, tag))[1].architecture == "amd64"
        digest, metadata = await other.metadata(NAME, tag)
        assert (digest, metadata.architecture, metadata.runnable) == (stored[tag].digest, "arm64", True)


async def test_says_why_something_cannot_be_started(site: Any) -> None:
    async with site.client() as client:
        reasons = {tag: (await client.metadata(NAME, tag))[1] for tag in ("chart", "r29_2_0-arm64")}
        assert not any(metadata.runnable for metadata in reasons.values())
        assert "helm" in reasons["chart"].reason
        assert "linux/arm64" in reasons["r29_2_0-arm64"].reason


async def test_distrusts_the_date_of_a_reproducible_build(site: Any) -> None:
    async with site.client() as client:
        assert (await client.metadata(NAME, "7"))[1].created is None


async def test_examines_many_and_no_bad_tag_touches_the_others(site: Any, stored: Any) -> None:
    results: dict[str, Examined] = {}
    wanted = [*stored, "gone", "../../etc/passwd", "line\n"]
    async with site.client() as client:
        await client.examine(NAME, wanted, on_result=lambda result: results.update({result.reference: result}))
        assert sorted(results) == sorted(wanted)
        for tag, built in stored.items():
            assert results[tag].digest == built.digest
            assert results[tag].metadata is not None
        for tag in ("gone", "../../etc/passwd", "line\n"):
            assert isinstance(results[tag].error, RegistryNotFound)


async def test_examines_digests_only_when_nothing_else_is_asked_for(site: Any, stored: Any) -> None:
    results: list[Examined] = []
    async with site.client() as client:
        await client.examine(NAME, stored, on_result=results.append, digests_only=True)
    assert {result.reference: result.digest for result in results} == {tag: each.digest for tag, each in stored.items()}
    assert all(result.metadata is None for result in results)


async def test_tells_a_repository_that_does_not_exist(site: Any) -> None:
    async with site.client() as client:
        with pytest.raises(RegistryNotFound, match="NAME_UNKNOWN"):
            await client.tags("lab/nothing")


async def test_deletes_by_digest_and_every_tag_of_it_is_gone(site: Any) -> None:
    built = oci_images.lab_image("d_2026_11_03")
    site.registry.write("lab/pruned", {"d_2026_11_03": built, "latest_daily": built, "keep": oci_images.image()})
    async with site.client() as client:
        await client.delete("lab/pruned", built.digest)
        assert await client.tags("lab/pruned") == ["keep"]
        with pytest.raises(RegistryNotFound):
            await client.delete("lab/pruned", built.digest)
        with pytest.raises(RegistryNotFound, match="only digests"):
            await client.delete("lab/pruned", "keep")
        assert await client.tags("lab/pruned") == ["keep"]


async def test_refuses_a_body_that_storage_has_damaged(plain: Any) -> None:
    built = oci_images.lab_image("damaged", history=3)
    plain.registry.write("lab/damaged", {"damaged": built})
    config = built.document["config"]["digest"].partition(":")[2]
    data = plain.registry.storage / "docker/registry/v2/blobs/sha256" / config[:2] / config / "data"
    data.write_bytes(data.read_bytes().replace(b"Science", b"Seance!"))
    async with plain.client() as client:
        with pytest.raises(RegistryError, match="digest"):
            await client.metadata("lab/damaged", "damaged")


@pytest.mark.parametrize("name", ["htpasswd", "tokens"])
@pytest.mark.parametrize("credentials", [None, Credentials("robot-canary-name", "canary-wrong")])
async def test_no_secret_is_in_an_error_a_log_or_a_repr(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture, name: str, credentials: Credentials | None
) -> None:
    site = request.getfixturevalue(name)
    caplog.set_level(logging.DEBUG)
    shown = [repr(site.credentials), str(site.credentials), f"{site.credentials}"]
    async with RegistryClient(site.registry.host, site.settings, credentials) as client:
        with pytest.raises(RegistryDenied) as caught:
            await client.tags(NAME)
        shown += [str(caught.value), caught.value.hint, *traceback.format_exception(caught.value)]
    async with site.client() as client:
        await client.metadata(NAME, "7")
        shown += [repr(vars(client)), repr(client)]
    shown.append(caplog.text)
    assert "canary" not in "".join(shown)


async def test_one_token_is_fetched_however_many_ask_at_once(tokens: Any, stored: Any) -> None:
    tokens.tokens.asked.clear()
    async with tokens.client() as client:
        await asyncio.gather(*(client.head(NAME, tag) for tag in stored))
        await client.examine(NAME, stored, on_result=lambda result: None)
    assert [asked["scope"] for asked in tokens.tokens.asked] == [f"repository:{NAME}:pull"]


async def test_a_token_that_the_registry_no_longer_takes_is_renewed_once(tokens: Any) -> None:
    async with tokens.client() as client:
        await client.head(NAME, "7")
        authorizer = client._conversation._authorizer
        for key, token in authorizer._tokens.items():
            authorizer._tokens[key] = dataclasses.replace(token, header="Bearer e30.e30.c2ln")
        tokens.tokens.asked.clear()
        assert await asyncio.gather(*(client.head(NAME, "7") for _ in range(8)))
    assert len(tokens.tokens.asked) == 1


async def test_an_identity_token_is_exchanged_for_an_access_token(tokens: Any, stored: Any) -> None:
    tokens.tokens.asked.clear()
    credentials = Credentials(identity_token="canary-refresh")
    async with RegistryClient(tokens.registry.host, tokens.settings, credentials) as client:
        assert await client.tags(NAME) == sorted(stored)
    assert [asked["method"] for asked in tokens.tokens.asked] == ["POST"]


async def test_credentials_do_not_go_to_a_token_server_that_was_not_allowed(tokens: Any) -> None:
    tokens.tokens.asked.clear()
    settings = RegistrySettings(scheme="http")
    async with RegistryClient(tokens.registry.host, settings, tokens.credentials) as client:
        with pytest.raises(RegistryDenied, match="allowed realms"):
            await client.tags(NAME)
    assert tokens.tokens.asked == []


async def test_a_name_that_leads_to_this_machine_is_not_connected_to(
    plain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry may be on this machine only if its host says so: otherwise a name was made to lead here."""
    port = int(plain.registry.host.rpartition(":")[2])
    here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", lambda *_, **__: _soon(here))
    for host in (f"registry.example.org:{port}", f"0.0.0.0:{port}", f"2130706433:{port}", "169.254.169.254:80"):
        async with RegistryClient(host, plain.settings) as client:
            with pytest.raises(RegistryError, match=r"not asked|not a URL"):
                await client.tags(NAME)


async def _soon(value: Any) -> Any:
    return value
