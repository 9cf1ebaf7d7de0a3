"""The spawn form in Chromium, on a real hub: looks, keyboard, zoom, no JavaScript, many images, hostile text."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect
from strata_hub.menu import User, menu_for
from strata_hub.options import choose
from strata_hub.state import Recommendation
from strata_hub.tags import TagKind
from support.browser import chromium
from support.hub import Hub, Place, eventually, running_hub
from support.menu_states import NOW, SCIENCE, digest_of, entry, fresh, large_state, science, state

MENU = menu_for(state(), User("alice"), NOW)
WEEKLY_20 = f"{SCIENCE}:w_2026_20@{digest_of('w_2026_20')}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("form"))
    place.publish(fresh(state()))
    return place


@pytest.fixture(scope="module")
def hub(place: Place) -> Iterator[Hub]:
    with running_hub(place.folder / "hub", place.url, more=place.settings) as hub:
        yield hub


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def cookies(hub: Hub) -> list[Any]:
    jar = hub.login("alice").cookies.jar
    return [{"name": one.name, "value": one.value, "domain": "127.0.0.1", "path": one.path} for one in jar]


class Opener:
    """Opens the form in a context of its own, and keeps what it submits from starting a lab."""

    def __init__(self, browser: Browser, hub: Hub, cookies: list[Any]) -> None:
        self.browser, self.hub, self.cookies = browser, hub, cookies
        self.submitted: list[dict[str, str]] = []
        self.errors: list[str] = []

    def __call__(self, path: str = "/hub/spawn", **options: Any) -> Page:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        scripted = options.get("java_script_enabled", True)
        context = self.browser.new_context(base_url=f"http://127.0.0.1:{self.hub.port}", **options)
        context.set_default_timeout(20_000)
        context.add_cookies(self.cookies)
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: (self.errors.append(dialog.message), dialog.dismiss()))
        page.route("**/hub/spawn*", self._keep)
        page.goto(path)
        if scripted:
            page.wait_for_selector("#strata[data-ready]")
        return page

    def _keep(self, route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        parts = (route.request.post_data or "").split("\r\n")
        names = [part.partition('name="')[2].rstrip('"') for part in parts if "form-data" in part]
        values = [parts[index + 2] for index, part in enumerate(parts) if "form-data" in part]
        self.submitted.append(dict(zip(names, values, strict=True)))
        route.fulfill(status=200, content_type="text/html", body="<title>submitted</title>")


@pytest.fixture
def opened(browser: Browser, hub: Hub, cookies: list[Any]) -> Iterator[Opener]:
    opener = Opener(browser, hub, cookies)
    try:
        yield opener
    finally:
        for context in browser.contexts:
            context.close()
    assert opener.errors == []


@pytest.fixture
def published(place: Place, hub: Hub) -> Iterator[Place]:
    """Restores the state after a test that publishes another."""
    yield place
    place.publish(fresh(state()))
    client = hub.login("alice")
    eventually("the usual list", lambda: "Telescope control" in client.get("/spawn").text)


def found(page: Page, text: str) -> None:
    """Search for `text` and wait for what it finds."""
    with page.expect_response("**/strata/images/**"):
        page.fill("#strata-query", text)
    expect(page.locator("#strata-status")).not_to_be_empty()


def submit(page: Page) -> None:
    page.get_by_role("button", name="Start").click()
    page.wait_for_function("document.title === 'submitted'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("query", ["", f"?opt-image={WEEKLY_20}&opt-size=small", "?opt-image=x"])
def test_axe_finds_no_violation(opened: Opener, scheme: Any, query: str) -> None:
    page = opened(f"/hub/spawn{query}", color_scheme=scheme)
    found(page, "2026")
    page.get_by_text("Options", exact=True).click()
    page.locator("#spawn_form").evaluate(
        "form => Promise.all(form.getAnimations({subtree: true}).map(a => a.finished))"
    )
    results = Axe().run(page, context="#spawn_form")
    assert results.violations_count == 0, results.generate_report()


def test_light_and_dark_follow_the_hub(opened: Opener) -> None:
    def colours(scheme: Any) -> Any:
        page = opened(color_scheme=scheme)
        return page.locator(".strata-image").last.evaluate(
            "box => [getComputedStyle(box).backgroundColor, getComputedStyle(box).color]"
        )

    light, dark = colours("light"), colours("dark")
    assert light[0] != dark[0]
    assert light[1] != dark[1]


def test_everything_can_be_done_with_the_keyboard_and_the_focus_is_seen(opened: Opener) -> None:
    page = opened()
    page.locator("#logout").focus()
    page.keyboard.press("Tab")
    expect(page.locator("input[name=image]:checked")).to_be_focused()
    box = page.locator(".strata-image").filter(has=page.locator(":focus"))
    assert box.evaluate("box => getComputedStyle(box).outlineStyle") == "solid"
    page.keyboard.press("ArrowDown")
    assert page.locator(":focus").get_attribute("value") == choose(MENU, {"image": "r29_2_0"}).reference
    page.keyboard.press("Tab")
    expect(page.locator("#strata-query")).to_be_focused()
    with page.expect_response("**/strata/images/**"):
        page.keyboard.type("w_2026_19")
    expect(page.locator("#strata-hits .strata-image")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.locator("#size-medium")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.locator("#strata-copy")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("document.title === 'submitted'")
    assert opened.submitted == [
        {
            "image": f"{SCIENCE}:w_2026_19@{digest_of('w_2026_19')}",
            "size": "small",
            "safe_mode": "on",
            "remember": "follow",
        }
    ]


@pytest.mark.parametrize("width", [640, 320])
def test_at_200_percent_and_more_nothing_is_cut_off(opened: Opener, width: int) -> None:
    page = opened(viewport={"width": width, "height": 450}, device_scale_factor=1280 / width)
    found(page, "2026")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    for locator in (
        page.locator("input[name=image]").last,
        page.locator("#strata-copy"),
        page.get_by_role("button", name="Start"),
    ):
        locator.scroll_into_view_if_needed()
        expect(locator).to_be_in_viewport()


def test_without_javascript_the_form_is_complete(opened: Opener) -> None:
    page = opened(java_script_enabled=False)
    expect(page.locator("#strata-search")).to_be_hidden()
    expect(page.locator("#strata-copy")).to_be_hidden()
    page.get_by_label("The image with this tag").check()
    page.get_by_label("Tag of the image").fill("w_2026_19")
    page.get_by_label("Small").check()
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_title("submitted")
    [fields] = opened.submitted
    assert (fields["image"], fields["typed"], fields["size"]) == ("typed", "w_2026_19", "small")


def test_a_chosen_result_stays_chosen_while_the_search_goes_on(opened: Opener) -> None:
    page = opened()
    expect(page.locator("#strata-summary")).to_have_text("Start gives you Weekly 2026_22, Medium.")
    found(page, "w_2026_20")
    page.get_by_label("Weekly 2026_20").last.check()
    found(page, "daily")
    expect(page.locator("#strata-hits input:checked")).to_have_value(WEEKLY_20)
    expect(page.locator("#strata-summary")).to_have_text("Start gives you Weekly 2026_20, Medium.")
    submit(page)
    assert opened.submitted[0]["image"] == WEEKLY_20


def test_a_search_that_gets_no_answer_says_so(opened: Opener) -> None:
    page = opened()
    page.route("**/strata/images/**", lambda route: route.abort())
    page.fill("#strata-query", "w")
    expect(page.locator("#strata-status")).to_contain_text("does not answer")


def test_a_copied_link_opens_as_a_question_with_the_same_choice(opened: Opener) -> None:
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    page.get_by_label("Weekly 2026_20").first.check()
    page.get_by_label("Small").check()
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#strata-summary")).to_have_text("The link is copied.")
    link = page.evaluate("navigator.clipboard.readText()")
    assert parse_qs(urlsplit(link).query) == {"opt-image": [WEEKLY_20], "opt-size": ["small"]}
    other = opened(link)
    expect(other.get_by_role("group", name="Proposed by the link that you opened")).to_be_visible()
    expect(other.locator("input[name=image]:checked")).to_have_value(WEEKLY_20)
    expect(other.locator("input[name=size]:checked")).to_have_value("small")
    assert not opened.hub.api("GET", "users/alice").json()["servers"].get("", {}).get("ready")
    submit(other)
    assert opened.submitted[0]["image"] == WEEKLY_20


def test_ten_thousand_images_are_searched_and_not_in_the_page(opened: Opener, published: Place) -> None:
    published.publish(fresh(large_state(10_000)))
    client = opened.hub.login("alice")
    eventually("the long list", lambda: "Search 10000 images" in client.get("/spawn").text)
    page = opened()
    assert len(page.content()) < 60_000
    found(page, "weekly")
    expect(page.locator("#strata-status")).to_contain_text("40 of 9999 matching images")
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#strata-hits .strata-image")).to_have_count(80)
    found(page, "w_1990_07")
    expect(page.locator("#strata-hits .strata-image")).to_have_count(1)
    page.get_by_label("Weekly 1990_07").check()
    submit(page)
    assert opened.submitted[0]["image"].startswith(f"{SCIENCE}:w_1990_07@")


def test_text_of_a_registry_runs_nothing(opened: Opener, published: Place) -> None:
    attacks = [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(2)>',
        "<svg onload=alert(3)>",
        "</script><script>alert(4)",
    ]
    images = tuple(
        entry(
            f"u{index}",
            TagKind.UNRECOGNISED,
            display=text,
            note=text,
            stack=text,
            section="recommended",
            recommendation=Recommendation(title=text, note=text, rank=index),
        )
        for index, text in enumerate(attacks)
    )
    published.publish(fresh(state(science(images))))
    client = opened.hub.login("alice")
    eventually("the hostile list", lambda: "alert(3)" in client.get("/spawn").text)
    page = opened()
    found(page, "u")
    for text in attacks:
        expect(page.get_by_text(text, exact=False).first).to_be_visible()
    assert page.evaluate("document.querySelectorAll('#strata img, #strata svg, #strata script').length") == 0
