import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strata_hub.errors import RegistryProtocolError
from strata_hub.registry import Limits
from strata_hub.registry.listing import Habits, Listing

URL = "https://registry.example.org/v2/lab/science/tags/list"
TAGS = st.lists(st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}", fullmatch=True), unique=True, max_size=120)


class Registry:
    """A registry with its own ways."""

    def __init__(self, tags: list[str], *, cap: int, links: bool, takes_n: bool, takes_last: bool) -> None:
        self.tags, self.cap, self.links, self.takes_n, self.takes_last = tags, cap, links, takes_n, takes_last
        self.asked = 0

    def answer(self, url: str) -> tuple[bytes, list[str]]:
        self.asked += 1
        assert self.asked < 500
        query = parse_qs(urlsplit(url).query)
        size = min(self.cap, int(query["n"][0])) if self.takes_n and "n" in query else self.cap
        last = query.get("last", [""])[0]
        start = self.tags.index(last) + 1 if self.takes_last and last else 0
        page = self.tags[start : start + size]
        more = self.links and start + size < len(self.tags)
        fields = [f'</v2/lab/science/tags/list?n={size}&last={page[-1]}>; rel="next"'] if more and page else []
        return json.dumps({"tags": page}).encode(), fields


def listed(registry: Registry, page_size: int, habits: Habits | None = None) -> list[str]:
    listing = Listing(URL, page_size, Limits(), habits or Habits())
    while listing.url is not None:
        listing.page(*registry.answer(listing.url))
    return listing.tags


@settings(max_examples=40)
@given(tags=TAGS, cap=st.integers(1, 150), takes_n=st.booleans(), page_size=st.integers(1, 150))
def test_a_registry_that_links_is_listed_whole(tags: list[str], cap: int, takes_n: bool, page_size: int) -> None:
    """Whatever the order and the size of its pages, with or without n."""
    registry = Registry(tags, cap=cap, links=True, takes_n=takes_n, takes_last=True)
    assert listed(registry, page_size) == sorted(tags)


@settings(max_examples=40)
@given(tags=TAGS, page_size=st.integers(1, 150))
def test_a_registry_without_links_that_takes_n_and_last_is_listed_whole(tags: list[str], page_size: int) -> None:
    registry = Registry(tags, cap=1000, links=False, takes_n=True, takes_last=True)
    assert listed(registry, page_size) == sorted(tags)


@settings(max_examples=40)
@given(tags=TAGS, cap=st.sampled_from([50, 100]))
def test_a_registry_without_links_and_with_a_hidden_round_cap_is_listed_whole(tags: list[str], cap: int) -> None:
    registry = Registry(tags, cap=cap, links=False, takes_n=True, takes_last=True)
    assert listed(registry, 1000) == sorted(tags)


@settings(max_examples=40)
@given(tags=TAGS, page_size=st.integers(1, 150))
def test_a_registry_that_ignores_everything_is_listed_whole(tags: list[str], page_size: int) -> None:
    registry = Registry(tags, cap=1000, links=False, takes_n=False, takes_last=False)
    habits = Habits()
    assert listed(registry, page_size, habits) == sorted(tags)
    asked = registry.asked
    assert listed(registry, page_size, habits) == sorted(tags)
    assert asked <= 2
    assert registry.asked == asked + 1 or not habits.ignores_last


@given(st.lists(st.one_of(st.binary(max_size=40), st.integers(400, 499)), min_size=1, max_size=6), st.text(max_size=40))
def test_any_answers_end_in_a_list_or_an_error(answers: list[bytes | int], link: str) -> None:
    listing = Listing(URL, 3, Limits(pages=20), Habits())
    for number in range(60):
        if listing.url is None:
            return
        answer = answers[number % len(answers)]
        try:
            if isinstance(answer, int):
                if not listing.refused(answer):
                    return
            else:
                body = answer if number % 2 else json.dumps({"tags": [f"t{number}", None]}).encode()
                listing.page(body, [f"<{link}>; rel=next"] if number % 3 else [])
        except RegistryProtocolError:
            return
    pytest.fail("it did not end")


@given(st.text(max_size=60))
def test_no_link_leads_to_another_origin(link: str) -> None:
    """A token would go there."""
    for target in (link, f"//{link}", f"https://{link}", f"https://registry.example.org{link}", f"/\\{link}?last=a"):
        listing = Listing(URL, 3, Limits(), Habits())
        try:
            listing.page(b'{"tags":["a"]}', [f"<{target}>; rel=next"])
        except RegistryProtocolError:
            continue
        assert listing.url is None or urlsplit(listing.url)[:2] == ("https", "registry.example.org")
