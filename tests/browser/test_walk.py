"""The path that a scientist walks, in a real browser, on everything that ``make run`` starts.

Log in, choose an image that is not the default and a size, watch the start, run a cell, add packages in the terminal
and over REST, import them, and come back with another image. With ``STRATA_PICTURES`` naming a folder, the README's
pictures are taken on the way.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from support.browser import browser_page
from support.demo import Demo, running
from support.inventory import differences, inventory
from support.notebook import PATIENCE, Lab
from support.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PICTURES = os.environ.get("STRATA_PICTURES", "")
OLD, NEW = "Science stack 2025", "Science stack 2026"
# Small distributions that no stack of the demo has.
BY_COMMAND, BY_REST = "uncertainties", "humanize"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    try:
        httpx.get(f"https://pypi.org/simple/{BY_COMMAND}/", timeout=30)
    except httpx.TransportError as error:
        pytest.skip(f"the package index cannot be reached, and the walk installs from it: {error}")
    with running() as started:
        yield started


@pytest.fixture
def page(demo: Demo) -> Iterator[Page]:
    with browser_page(demo.url) as opened:
        opened.set_default_timeout(PATIENCE)
        yield opened


def test_a_scientist_walks_from_login_to_a_package_of_their_own_and_back(demo: Demo, page: Page) -> None:
    home = demo.state / "homes/scientist"
    shutil.rmtree(home, ignore_errors=True)
    parts = [demo.state / "machinery", demo.state / "stacks/science-2025/prefix"]
    before = [inventory(part) for part in parts]

    log_in(demo, page)
    open_form(page)
    assert_recommended_images_come_first(page)
    picture(page, "form.png")
    start(page, "r29_2_2", size="Medium")

    lab = Lab(page).ready()
    notebook = lab.new_notebook(OLD)
    assert "6.1.7" in notebook.run("import astropy; print(astropy.__version__)")
    assert "ModuleNotFoundError" in notebook.run(f"import {BY_COMMAND}")

    lab.new_launcher()
    printed = lab.run_in_terminal(f"strata create mine && strata install --yes -e mine {BY_COMMAND}", home)
    assert "Traceback" not in printed
    install_by_rest(page, "mine", BY_REST)

    page.reload()
    lab.ready()
    assert any("mine" in title for title in lab.kernels())
    own = lab.new_notebook("mine")
    assert "3.00+/-0.10" in own.run(f"from {BY_COMMAND} import ufloat; print(ufloat(3, 0.1))")
    assert "a minute" in own.run(f"import {BY_REST}; print({BY_REST}.naturaldelta(60))")
    picture(page, "lab.png")
    lab.new_launcher()
    stack = lab.new_notebook(OLD)
    assert "ModuleNotFoundError" in stack.run(f"import {BY_COMMAND}")
    assert [differences(old, inventory(part)) for old, part in zip(before, parts, strict=True)] == [[], []]

    stop(page)
    log_out(page)
    log_in(demo, page)
    open_form(page)
    start(page, "r30_1_2", size="Small")
    Lab(page).ready()
    (mine,) = [found for found in environments(page) if found["name"] == "mine"]
    assert mine["record"]["stack"]["title"] == OLD
    assert mine["state"] == "rebuild"
    assert any(OLD in reason or "stack" in reason for reason in mine["reasons"])
    stop(page)


def log_in(demo: Demo, page: Page) -> None:
    page.goto("/hub/login")
    page.get_by_label("Username").fill("scientist")
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/hub/(spawn|home)"))


def log_out(page: Page) -> None:
    page.goto("/hub/logout")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=PATIENCE)


def open_form(page: Page) -> None:
    """Open the form; right after a start of the service its list may still be on the way."""

    def listed() -> bool:
        page.goto("/hub/spawn")
        return "Latest release" in page.inner_text("body")

    eventually(listed)


def assert_recommended_images_come_first(page: Page) -> None:
    text = page.inner_text("body")
    places = [text.index(word) for word in ("Latest release", "Releases", "Weeklies", "Dailies")]
    assert places == sorted(places)
    assert text.index("Recommended") < places[0]
    assert "The weekly build that the tutorials were tested with." in text


def start(page: Page, tag: str, *, size: str) -> None:
    """Choose the image of `tag` by search, a size, and follow the start to JupyterLab."""
    page.locator("#strata-query").fill(tag)
    page.locator("#strata-hits label").first.click()
    expect(page.locator("#strata-hits input[type=radio]").first).to_be_checked()
    page.locator(f'label[for="size-{size.lower()}"]').click()
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"/user/scientist/lab"), timeout=PATIENCE)


def stop(page: Page) -> None:
    page.goto("/hub/home")
    page.locator("#stop").click()
    eventually(lambda: page.request.get("/hub/api/users/scientist").json()["server"] is None)


def environments(page: Page) -> list[dict[str, Any]]:
    answer = page.request.get("/user/scientist/strata/api/environments")
    assert answer.ok, answer.text()
    found: list[dict[str, Any]] = answer.json()["environments"]
    return found


def install_by_rest(page: Page, environment: str, requirement: str) -> None:
    token = next(
        cookie["value"]
        for cookie in page.context.cookies()
        if cookie["name"] == "_xsrf" and cookie["path"].startswith("/user/scientist")
    )
    change = {"action": "install", "environment": environment, "requirements": [requirement]}
    base = "/user/scientist/strata/api/jobs"
    answer = page.request.post(base, headers={"X-XSRFToken": token}, data=json.dumps({"change": change}))
    assert answer.ok, answer.text()
    job = answer.json()["id"]

    def ended() -> bool:
        state = page.request.get(f"{base}/{job}").json()["state"]
        assert state not in {"failed", "cancelled"}, page.request.get(f"{base}/{job}").text()
        return bool(state == "succeeded")

    eventually(ended, within=PATIENCE / 1000)


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / name, full_page=name.startswith("form"))
