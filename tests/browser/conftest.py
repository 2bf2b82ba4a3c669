"""A real Chromium against the real web process. Every test has a page with a profile of its own."""

import os
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from agents_app.models import CannedReply
from tests.browser.apart import apart
from tests.browser.desk import is_live, log_in
from tests.browser.shop import Shop
from tests.factories import make_agent, make_tenant

# Playwright's synchronous API runs an event loop in the thread of the tests, which are not asynchronous
# themselves.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

PATIENCE_MS = 60_000
PLACES = ("Pacific/Honolulu", "America/Phoenix", "America/Lima", "America/Sao_Paulo", "Atlantic/Cape_Verde")
PLACES += ("Africa/Lagos", "Asia/Dubai", "Asia/Dhaka", "Asia/Tokyo", "Pacific/Noumea", "Pacific/Auckland")
# Where the browsers are, it is about noon: between two steps of a test, or of a chat, no new day begins.
NOON_ZONE = min(PLACES, key=lambda zone: abs(datetime.now(ZoneInfo(zone)).hour - 12))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    # The two for what the browser's own address bar would show: they cost more than most of our pages.
    unused = ["LocalNetworkAccessChecks", "WebUIOmniboxPopup", "WebUIOmniboxAimPopup"]
    quiet += ["--disable-component-update", "--disable-sync", f"--disable-features={','.join(unused)}"]
    return {
        **browser_type_launch_args,
        "executable_path": os.environ["CHROMIUM"],
        "args": ["--no-sandbox", *quiet],  # containers and root have no sandbox to offer
    }


@pytest.fixture
def browser_context_args(browser_context_args: dict, server) -> dict:
    """Pages close before the database is emptied, since they depend on the server; `page.goto("/agent/")` works."""
    return {**browser_context_args, "base_url": server.url, "timezone_id": NOON_ZONE}


@pytest.fixture(scope="session", autouse=True)
def _patience():
    """For a machine that is busy: it is how long something that must come is waited for, in every test."""
    expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def new_context(new_context):
    """Of these are also `context` and `page`."""

    def patient_context(**options) -> BrowserContext:
        context = new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        return context

    return patient_context


@pytest.fixture
def host_errors(context: BrowserContext):
    """No error of the widget ever reaches the host page."""
    errors = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield errors
    assert errors == []


@pytest.fixture
def shop(server):
    with Shop(server.url) as shop:
        yield shop


@pytest.fixture
def tenant(server):
    return make_tenant()


@pytest.fixture
def alice(tenant):
    return apart(make_agent, "alice", tenants=[tenant])


@pytest.fixture
def bob(tenant):
    return apart(make_agent, "bob", tenants=[tenant])


@pytest.fixture
def desk_of(new_context):
    """Another agent's console in a browser of its own."""

    def desk_of(username: str, path: str = "/agent/", script: str = "") -> Page:
        page = new_context().new_page()
        page.add_init_script(script)
        return is_live(log_in(page, username, path=path))

    return desk_of


@pytest.fixture
def canned(tenant):
    for shortcut, text in (
        ("hello", "Hello {{visitor.name}}, this is {{agent.name}}."),
        ("mail", "I write to {{visitor.email}} today."),
        ("return", "You may send it back for 30 days."),
    ):
        CannedReply.objects.create(tenant=tenant, shortcut=shortcut, text=text)
