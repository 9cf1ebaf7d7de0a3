"""What registries do to their tag lists: the list is complete, or there is none."""

from typing import Any

import pytest
from strata_hub.errors import RegistryDenied, RegistryNotFound, RegistryProtocolError, RegistryUnavailable
from support import fault_responses as fault

NAME = "lab/science"
LIST = f"GET /v2/{NAME}/tags/list"
FIRST = rf"{LIST}\?n=3"
NEXT = f"/v2/{NAME}/tags/list?n=3&last="
TAGS = ["w_2026_01", "w_2026_02", "w_2026_03", "w_2026_04", "w_2026_05"]


async def listed(ask: Any, **settings: Any) -> list[str]:
    async with ask.client(page_size=3, **settings) as client:
        return await client.tags(NAME)


async def test_follows_a_relative_link(ask: Any) -> None:
    ask.play(FIRST, fault.page(TAGS[:3], f'<{NEXT}w_2026_03>; rel="next"'))
    ask.play(rf"{LIST}\?n=3&last=w_2026_03", fault.page(TAGS[3:]))
    assert await listed(ask) == TAGS
    assert len(ask.registry.seen) == 2


async def test_follows_an_absolute_link_of_its_own_origin(ask: Any) -> None:
    ask.play(FIRST, fault.page(TAGS[:3], f"<{ask.registry.url}{NEXT}w_2026_03>; rel=next"))
    ask.play(rf"{LIST}\?n=3&last=w_2026_03", fault.page(TAGS[3:]))
    assert await listed(ask) == TAGS


async def test_goes_on_after_a_short_page_with_a_link(ask: Any) -> None:
    """Distribution specification, Listing Tags: fewer than n results is not the end when a Link is present."""
    ask.play(FIRST, fault.page(TAGS[:1], f'<{NEXT}w_2026_01>; rel="next"'))
    ask.play(
        rf"{LIST}\?n=3&last=w_2026_01",
        fault.page(TAGS[1:2], '</v2/lab/science/tags/list?next_page=0paque%3D%3D>; rel="next"'),
    )
    ask.play(rf"{LIST}\?next_page=0paque%3D%3D", fault.page(TAGS[2:4]))
    assert await listed(ask) == TAGS[:4]


async def test_goes_on_after_an_empty_page_with_a_link(ask: Any) -> None:
    ask.play(FIRST, fault.page(None, f'<{NEXT}w_2026_00>; rel="next"'))
    ask.play(rf"{LIST}\?n=3&last=w_2026_00", fault.page(TAGS))
    ask.play(rf"{LIST}\?n=3&last=w_2026_05", fault.page([]))
    assert await listed(ask) == TAGS


async def test_asks_with_last_where_a_full_page_has_no_link(ask: Any) -> None:
    ask.play(FIRST, fault.page(TAGS[:3]))
    ask.play(rf"{LIST}\?n=3&last=w_2026_03", fault.page(TAGS[3:]))
    assert await listed(ask) == TAGS


async def test_asks_with_last_where_a_round_page_hides_a_smaller_cap(ask: Any) -> None:
    many = [f"d_{number:03}" for number in range(130)]
    ask.play(rf"{LIST}\?n=1000", fault.page(many[:50]))
    ask.play(rf"{LIST}\?n=1000&last=d_049", fault.page(many[50:100]))
    ask.play(rf"{LIST}\?n=1000&last=d_099", fault.page(many[100:]))
    async with ask.client() as client:
        assert await client.tags(NAME) == many


async def test_a_registry_that_ignores_n_and_last_is_asked_twice_once(ask: Any) -> None:
    async with ask.client(page_size=3) as client:
        whole = sorted(ask.registry.content[NAME])
        assert await client.tags(NAME) == whole
        assert ask.count(f"{LIST}.*") == 2
        assert await client.tags(NAME) == whole
        assert ask.count(f"{LIST}.*") == 3


@pytest.mark.parametrize("code", [400, 405, 422])
async def test_drops_n_where_it_is_refused_and_remembers(ask: Any, code: int) -> None:
    refused = b'{"errors":[{"code":"PAGINATION_NUMBER_INVALID"}]}'
    ask.play(FIRST, fault.status(code, refused), repeated=True)
    ask.play(LIST, fault.page(TAGS[:2]), repeated=True)
    async with ask.client(page_size=3) as client:
        assert await client.tags(NAME) == TAGS[:2]
        assert await client.tags(NAME) == TAGS[:2]
    assert ask.count(FIRST) == 1


async def test_a_full_page_is_the_whole_list_where_n_and_last_are_refused(ask: Any) -> None:
    ask.play(rf"{LIST}\?.*", fault.status(400), repeated=True)
    ask.play(LIST, fault.page(TAGS))
    assert await listed(ask) == TAGS


async def test_an_exactly_full_page_without_a_way_on_is_no_list(ask: Any) -> None:
    ask.play(FIRST, fault.page(TAGS[:3]))
    ask.play(rf"{LIST}\?n=3&last=.*", fault.status(400), repeated=True)
    with pytest.raises(RegistryProtocolError):
        await listed(ask)


async def test_order_means_nothing(ask: Any) -> None:
    ask.play(FIRST, fault.page(["b", "C", "a"], f'<{NEXT}a>; rel="next"'))
    ask.play(rf"{LIST}\?n=3&last=a", fault.page(["B", "0"]))
    assert await listed(ask) == ["0", "B", "C", "a", "b"]


async def test_drops_entries_that_are_no_tags_and_repetitions(ask: Any) -> None:
    entries = ["a", None, "a", 7, "b\n", "x" * 129, "é", "<b>", "../x", {"name": "c"}, ""]
    ask.play(rf"{LIST}\?n=1000", fault.page(entries))
    async with ask.client() as client:
        assert await client.tags(NAME) == ["a"]


@pytest.mark.parametrize("tags", [None, []])
async def test_a_repository_without_tags_has_an_empty_list(ask: Any, tags: Any) -> None:
    ask.play(FIRST, fault.page(tags))
    assert await listed(ask) == []


async def test_a_list_in_plain_text_is_a_list(ask: Any) -> None:
    ask.play(FIRST, fault.document({"tags": ["a"]}, Content_Type="text/plain; charset=utf-8"))
    assert await listed(ask) == ["a"]


@pytest.mark.parametrize(
    "link",
    [
        "<https://attacker.example.net/v2/lab/science/tags/list?n=3&last=w_2026_03>; rel=next",
        "<http://internal-name:8080/v2/lab/science/tags/list?last=w_2026_03&n=3>; rel=next",
        "<//attacker.example.net/?n=3&last=w_2026_03>; rel=next",
        "<http://user@{host}/v2/lab/science/tags/list?n=3&last=w_2026_03>; rel=next",
    ],
)
async def test_a_link_elsewhere_is_asked_of_the_registry_itself(ask: Any, link: str) -> None:
    ask.play(FIRST, fault.page(TAGS[:3], link.replace("{host}", ask.registry.host)))
    ask.play(rf"{LIST}\?(n=3&last=w_2026_03|last=w_2026_03&n=3)", fault.page(TAGS[3:]))
    assert await listed(ask) == TAGS


@pytest.mark.parametrize(
    "link",
    [
        "<https://attacker.example.net/next>; rel=next",
        "</a b>; rel=next",
        "<http://[/>; rel=next",
        "oops",
        '<x>; rel="next',
    ],
)
async def test_a_link_that_leads_nowhere_is_an_error(ask: Any, link: str) -> None:
    ask.play(FIRST, fault.page(TAGS[:3], link))
    with pytest.raises(RegistryProtocolError):
        await listed(ask)


async def test_a_link_to_an_inner_path_that_is_refused_is_asked_of_the_own_path(ask: Any) -> None:
    """Nexus links to /repository/<x>/ on its connector port, and answers 400 there."""
    ask.play(FIRST, fault.page(TAGS[:3], f"</repository/docker{NEXT}w_2026_03>; rel=next"))
    ask.play("GET /repository/.*", fault.status(400))
    ask.play(rf"{LIST}\?n=3&last=w_2026_03", fault.page(TAGS[3:]))
    assert await listed(ask) == TAGS


async def test_starts_again_once_where_a_tag_vanished_between_two_pages(ask: Any) -> None:
    """Zot answers 404 to a `last` that it no longer knows."""
    ask.play(FIRST, fault.page(TAGS[:3], f"<{NEXT}w_2026_03>; rel=next"), fault.page(["a", "b"]))
    ask.play(rf"{LIST}\?n=3&last=w_2026_03", fault.status(404))
    assert await listed(ask) == ["a", "b"]


async def test_does_not_start_again_for_ever(ask: Any) -> None:
    ask.play(FIRST, fault.page(TAGS[:3], f"<{NEXT}w_2026_03>; rel=next"), repeated=True)
    ask.play(rf"{LIST}\?n=3&last=w_2026_03", fault.status(404), repeated=True)
    with pytest.raises(RegistryNotFound):
        await listed(ask)
    assert ask.count(FIRST) == 2


async def test_a_circle_of_links_is_an_error(ask: Any) -> None:
    ask.play(FIRST, fault.page(["a"], f"<{NEXT}a>; rel=next"))
    ask.play(rf"{LIST}\?n=3&last=a", fault.page(["b"], f"<{NEXT}b>; rel=next"))
    ask.play(rf"{LIST}\?n=3&last=b", fault.page(["c"], f"<{NEXT}a>; rel=next"))
    with pytest.raises(RegistryProtocolError, match="followed before"):
        await listed(ask)


async def test_links_without_end_that_bring_nothing_are_an_error(ask: Any) -> None:
    ask.play(FIRST, fault.page(["a"], f"<{NEXT}1>; rel=next"))
    ask.play(rf"{LIST}\?n=3&last=1", fault.page(["a"], f"<{NEXT}2>; rel=next"))
    ask.play(rf"{LIST}\?n=3&last=2", fault.page(["a"], f"<{NEXT}3>; rel=next"))
    with pytest.raises(RegistryProtocolError, match="nothing new"):
        await listed(ask)


@pytest.mark.parametrize("limit", [{"pages": 3}, {"tags": 4}, {"listing_bytes": 150}])
async def test_a_list_longer_than_allowed_is_an_error(ask: Any, limit: dict[str, int]) -> None:
    for number in range(6):
        query = f"\\?n=3&last=t{number - 1}" if number else "\\?n=3"
        ask.play(f"{LIST}{query}", fault.page([f"t{number}"], f"<{NEXT}t{number}>; rel=next"))
    with pytest.raises(RegistryProtocolError, match="more than"):
        await listed(ask, limits=limit)


@pytest.mark.parametrize(
    "answer",
    [
        fault.html(),
        fault.body(b""),
        fault.document({}),
        fault.document([]),
        fault.document({"name": NAME}),
        fault.document({"tags": "w_2026_01"}),
        fault.document({"errors": [{"code": "DENIED"}]}),
        fault.body(b'{"tags":["a"'),
        fault.deep_json(),
        fault.long_number(),
        fault.gzip_bomb(),
        fault.status(204),
        fault.status(206, b'{"tags":[]}'),
    ],
    ids=[
        "html",
        "empty",
        "object",
        "array",
        "no-tags",
        "text",
        "errors",
        "cut",
        "deep",
        "number",
        "bomb",
        "204",
        "206",
    ],
)
async def test_something_else_than_a_list_is_an_error_and_no_empty_list(ask: Any, answer: fault.Responder) -> None:
    ask.play(FIRST, answer, repeated=True)
    with pytest.raises(RegistryProtocolError):
        await listed(ask)


async def test_a_page_larger_than_allowed_is_an_error(ask: Any) -> None:
    ask.play(FIRST, fault.announced(1 << 40))
    with pytest.raises(RegistryProtocolError, match="more than"):
        await listed(ask)


async def test_a_page_without_end_is_an_error(ask: Any) -> None:
    ask.play(FIRST, fault.endless())
    with pytest.raises(RegistryProtocolError, match="more than"):
        await listed(ask, limits={"page_bytes": 1 << 20})


async def test_a_later_page_that_fails_fails_the_list(ask: Any) -> None:
    ask.play(FIRST, fault.page(TAGS[:3], f"<{NEXT}w_2026_03>; rel=next"))
    ask.play(rf"{LIST}\?n=3&last=w_2026_03", fault.status(503), repeated=True)
    with pytest.raises(RegistryUnavailable):
        await listed(ask)


async def test_a_later_page_that_recovers_completes_the_list(ask: Any) -> None:
    ask.play(FIRST, fault.reset(), fault.page(TAGS[:3], f"<{NEXT}w_2026_03>; rel=next"))
    ask.play(rf"{LIST}\?n=3&last=w_2026_03", fault.status(504), fault.truncated(), fault.page(TAGS[3:]))
    assert await listed(ask) == TAGS


async def test_a_list_that_may_not_be_read_is_denied(ask: Any) -> None:
    ask.play(FIRST, fault.status(403, b'{"errors":[{"code":"DENIED","message":"<script>"}]}'))
    with pytest.raises(RegistryDenied, match=r"403 \(DENIED\)"):
        await listed(ask)


async def test_a_repository_moved_on_the_same_host_is_found(ask: Any) -> None:
    """Harbor's proxy cache answers 301 for the official images."""
    ask.play(FIRST, fault.redirect("/v2/library/science/tags/list?n=3", 301))
    ask.play(r"GET /v2/library/science/tags/list\?n=3", fault.page(["a"]))
    assert await listed(ask) == ["a"]


async def test_a_list_is_not_followed_to_another_host(ask: Any) -> None:
    ask.play(FIRST, fault.redirect("http://127.0.0.2:9/{path}"))
    with pytest.raises(RegistryProtocolError, match="another host"):
        await listed(ask)
