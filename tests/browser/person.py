"""A person at the comparison page: looks, presses, waits."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Locator, Page, Request, Response

if TYPE_CHECKING:
    # This module is imported before Django is set up.
    from django.contrib.auth.models import User

ANSWER_SECONDS = 15
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@dataclass(frozen=True)
class Seen:
    """What is on the screen."""

    comparison: str
    lease: str
    left: str
    right: str


class Person:
    """A browser window of a signed-in person. `trouble` collects what no page may do."""

    def __init__(self, browser: Browser, base: str, user: User, *, signed_in: bool = True, **context: Any) -> None:
        self.base = base
        self.user = user
        window = browser.new_context(**context)
        if signed_in:
            client = Client()
            client.force_login(self.user)
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            window.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": base}])
        self.trouble: list[str] = []
        self.asked: set[Request] = set()
        self.page = window.new_page()
        self.watch(self.page)

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        page.on("dialog", self._dialog)
        page.on("console", self._console)
        page.on("request", self._request)
        page.on("response", self._response)
        page.on("requestfinished", self._answered)
        page.on("requestfailed", self._answered)
        page.on("popup", lambda popup: self.trouble.append(f"popup: {popup.url}"))

    def _dialog(self, dialog: Dialog) -> None:
        self.trouble.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _console(self, message: ConsoleMessage) -> None:
        # The browser itself reports a lost connection and refused requests.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.trouble.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        self.asked.add(request)
        if not request.url.startswith((self.base, "data:")):
            self.trouble.append(f"request: {request.url}")

    def _answered(self, request: Request) -> None:
        self.asked.discard(request)

    def _response(self, response: Response) -> None:
        if response.status >= 500 and response.headers.get("x-test") != "made":
            self.trouble.append(f"{response.status}: {response.url}")

    def open(self, slug: str = "summaries") -> Page:
        """Go to a project's comparison page."""
        self.page.goto(f"{self.base}/annotate/{slug}/")
        return self.page

    def shown(self) -> Locator:
        """The comparison on the screen."""
        return self.page.locator("[data-comparison]")

    def sees(self) -> Seen:
        """What is on the screen, once there is something."""
        shown = self.shown()
        shown.wait_for()
        comparison, lease = shown.get_attribute("data-comparison"), shown.get_attribute("data-lease")
        left, right = (self.page.get_by_role("group", name=f"Response {side}").locator(".prose") for side in "AB")
        return Seen(str(comparison), str(lease), left.inner_text().strip(), right.inner_text().strip())

    def press(self, key: str) -> Seen:
        """Press a key that answers; return what it was pressed for, once something else is on the screen."""
        seen = self.sees()
        self.page.keyboard.press(key)
        self.until_gone(seen)
        return seen

    def until_gone(self, seen: Seen) -> None:
        """Wait until another comparison, or none, is on the screen."""
        self.page.wait_for_function(
            "it => document.querySelector('[data-comparison]')?.dataset.comparison !== it", arg=seen.comparison
        )

    def until_saved(self) -> None:
        """Wait until everything has reached the server."""
        self.page.wait_for_function("() => document.querySelector('[data-state]').dataset.state === 'saved'")

    def until_preloaded(self) -> None:
        """Wait until the next comparison waits."""
        self.page.wait_for_function("() => document.querySelector('#waiting template') !== null")

    def state(self) -> str | None:
        """saved, saving or offline."""
        return self.page.locator("[data-state]").get_attribute("data-state")

    def button(self, name: str) -> Locator:
        """A button by its accessible name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def leave(self) -> None:
        """Close the window once the server has answered, without a last message that would meet an emptied database."""
        self.page.unroute_all(behavior="ignoreErrors")
        self.page.evaluate("() => { navigator.sendBeacon = () => true; }")
        deadline = time.monotonic() + ANSWER_SECONDS
        while self._expects_answers() and time.monotonic() < deadline:
            self.page.wait_for_timeout(20)
        self.page.context.close()

    def _expects_answers(self) -> bool:
        saving = self.page.evaluate("() => document.querySelector('[data-state=saving]') !== null")
        return bool(self.asked) or saving
