"""Whatever a registry does in whatever order: a right and full answer, or an error; never a hang, never a mixture."""

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from strata_hub.errors import RegistryError
from strata_hub.registry import Credentials, Examined, RegistryClient, RegistrySettings
from support import fault_registry, oci_images
from support import fault_responses as fault
from support.fault_registry import FaultRegistry, StillClock

NAME = "lab/science"
IMAGES = {
    **{f"w_2026_{week:02}": oci_images.lab_image(f"w_2026_{week:02}") for week in range(1, 6)},
    "multi": oci_images.index(("linux/amd64", oci_images.image()), ("linux/arm64", oci_images.image())),
}
LIMIT = 90
"""Seconds of real time after which an example counts as hanging."""

FAULTS: dict[str, Callable[[], fault.Responder]] = {
    "normal": lambda: fault.normal,
    "no digest": lambda: fault.changed("Docker-Content-Digest"),
    "wrong digest": lambda: fault.changed(Docker_Content_Digest="sha256:" + "0" * 64),
    "wrong type": lambda: fault.changed(Content_Type="text/html"),
    "html": fault.html,
    "empty": lambda: fault.body(b""),
    "deep": fault.deep_json,
    "number": fault.long_number,
    "bomb": lambda: fault.gzip_bomb(1 << 20),
    "truncated": fault.truncated,
    "cut": fault.cut_chunked,
    "reset": fault.reset,
    "raw": lambda: fault.raw(b"nonsense\r\n\r\n"),
    "announced": lambda: fault.announced(1 << 40),
    "loop": lambda: fault.redirect("{path}"),
    "away": lambda: fault.redirect("http://127.0.0.2:9/x"),
    "metadata service": lambda: fault.redirect("http://169.254.169.254/x"),
    "basic": lambda: fault.challenge('Basic realm="x"'),
    "bearer": lambda: fault.challenge('Bearer realm="http://attacker.example.net/token"'),
    "malformed challenge": lambda: fault.challenge('Bearer realm="'),
    "limited": lambda: fault.status(429, Retry_After="7"),
    **{str(code): lambda code=code: fault.status(code) for code in (204, 206, 400, 403, 404, 405, 500, 502, 503, 504)},  # type: ignore[misc]
}
SCRIPTS = st.lists(
    st.tuples(st.sampled_from(["GET .*", "HEAD .*", ".*tags/list.*", ".*/manifests/.*", ".*/blobs/.*", ".*w_2026_03"]),
              st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=5),
              st.booleans()),
    max_size=5,
)  # fmt: skip


async def outcome(registry: FaultRegistry, credentials: Credentials | None) -> None:
    settings = RegistrySettings(scheme="http", page_size=2, requests_per_second=None, request_timeout=20)
    results: list[Examined] = []
    async with RegistryClient(registry.host, settings, credentials, clock=StillClock()) as client:
        for _ in range(2):
            try:
                assert await client.tags(NAME) == sorted(IMAGES)
            except RegistryError:
                continue
        await client.examine(NAME, IMAGES, on_result=results.append)
        await client.examine(NAME, IMAGES, on_result=results.append, digests_only=True)
    assert sorted(result.reference for result in results) == sorted([*IMAGES, *IMAGES])
    for result in results[: len(IMAGES)]:
        if result.error is None:
            assert result.metadata is not None
            assert result.digest == result.metadata.digest == IMAGES[result.reference].digest
            assert result.metadata.architecture == "amd64"
        else:
            assert isinstance(result.error, RegistryError)
            assert (result.digest, result.metadata) == (None, None)


async def play(script: list[tuple[str, list[str], bool]], credentials: Credentials | None) -> None:
    async with fault_registry.running({NAME: IMAGES}) as registry:
        for pattern, names, repeated in script:
            registry.play(pattern, *(FAULTS[name]() for name in names), repeated=repeated)
        async with asyncio.timeout(LIMIT):
            await outcome(registry, credentials)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(script=SCRIPTS, credentials=st.sampled_from([None, Credentials("me", "canary")]))
def test_an_answer_is_right_or_an_error(script: Any, credentials: Credentials | None) -> None:
    asyncio.run(play(script, credentials))
