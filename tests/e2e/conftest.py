"""A real browser against the real pages. Chromium is the machine's own: CHROMIUM, else /usr/bin/chromium."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from apps.accounts.models import User
from tests.apps.web.conftest import scene  # noqa: F401  # the same workspace as in the tests of pages

# The browser's own loop runs in this thread; the ORM is used between its turns, never inside one.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed here")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield running
        running.close()


@pytest.fixture
def visit(browser: Browser, live_server: object) -> Iterator[Visit]:
    """Open a path as a person (None: nobody), in a theme and a width; the page keeps what went wrong in `faults`."""
    contexts: list[BrowserContext] = []
    base = live_server.url  # type: ignore[attr-defined]  # pytest-django's fixture

    def open_page(
        path: str, *, user: User | None = None, theme: str = "light", width: int = 1280, script: bool = True
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, base_url=base, java_script_enabled=script, reduced_motion="reduce"
        )
        contexts.append(context)
        cookies = [{"name": "dashmon_theme", "value": theme, "url": base}]
        if user is not None:
            client = Client()
            client.force_login(user)
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            cookies.append({"name": settings.SESSION_COOKIE_NAME, "value": session, "url": base})
        context.add_cookies(cookies)  # type: ignore[arg-type]  # plain dictionaries are what it takes
        page = context.new_page()
        faults: Any = []
        page.faults = faults  # type: ignore[attr-defined]  # read by the tests
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
