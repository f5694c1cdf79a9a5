"""The Content-Security-Policy of each part of the site, and that the pages of other packages work under it."""

from __future__ import annotations

import httpx
import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.django_db(transaction=True)


def policy(url: str) -> dict[str, list[str]]:
    header = httpx.get(url).headers["Content-Security-Policy"]
    return {name: sources for name, *sources in (part.split() for part in header.split(";"))}


def open_page(browser: Browser) -> tuple[Page, list[str]]:
    """A new page, and the list that its errors (refused scripts and styles among them) will stand in."""
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    return page, errors


def test_pages_run_no_inline_script_or_style(served: str) -> None:
    strict = policy(f"{served}/accounts/login/")
    assert strict["script-src"] == ["'self'"]
    assert strict["style-src"] == ["'self'"]
    assert strict["default-src"] == ["'self'"]
    assert strict["frame-ancestors"] == ["'none'"]


def test_only_the_admin_gets_the_looser_policy(served: str) -> None:
    assert "'unsafe-eval'" in policy(f"{served}/admin/login/")["script-src"]
    assert "'unsafe-eval'" not in policy(f"{served}/api/docs/")["script-src"]


@pytest.mark.browser
def test_api_documentation_works_under_its_policy(served: str, browser: Browser) -> None:
    page, errors = open_page(browser)
    page.goto(f"{served}/api/docs/")
    page.get_by_role("heading", name="Prefapp API").wait_for()
    assert not errors
    page.close()


@pytest.mark.browser
def test_admin_works_under_its_policy(served: str, browser: Browser) -> None:
    User.objects.create_superuser("lena", password="long-enough-1")
    page, errors = open_page(browser)
    page.goto(f"{served}/admin/")
    page.get_by_label("Username").fill("lena")
    page.get_by_label("Password").fill("long-enough-1")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Users").first.wait_for()
    assert not errors
    page.close()
