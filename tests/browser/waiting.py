"""Waiting for what the page does not show."""

import time
from collections.abc import Callable

from playwright.sync_api import Page

PATIENCE_SECONDS = 60


def wait_for(page: Page, condition: Callable[[], object]) -> None:
    """Until the server's side, or what the test has heard of the page, is so; the page's events are handled
    meanwhile."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not become so"
        page.wait_for_timeout(50)
