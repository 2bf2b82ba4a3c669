"""The console's start when something goes wrong on the way: it comes right by itself, or says what is the matter."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.browser.desk import Visitor, is_live, log_in, queue
from tests.browser.waiting import wait_for

TROUBLE = "The console is not loaded yet."


def error(code: str, **details: int) -> str:
    return json.dumps({"type": "error", "payload": {"code": code, "message": "Not now.", **details}})


def closes(socket: WebSocketRoute) -> None:
    socket.close(code=1011)


def is_busy(socket: WebSocketRoute) -> None:
    socket.send(error("unavailable"))
    socket.close(code=1013)


def is_too_fast(socket: WebSocketRoute) -> None:
    socket.send(error("rate_limited", retry_after_ms=500))
    socket.close(code=4429)


def says_nothing(socket: WebSocketRoute) -> None:
    pass


@pytest.mark.parametrize("answer", [closes, is_busy, is_too_fast, says_nothing])
def test_a_snapshot_that_does_not_come_is_asked_for_again(
    page: Page, alice, server, answer: Callable[[WebSocketRoute], None]
):
    hellos = []

    def connect(socket: WebSocketRoute) -> None:
        if hellos:
            socket.connect_to_server()
        else:
            socket.on_message(lambda frame: (hellos.append(frame), answer(socket)))

    page.clock.install()
    page.route_web_socket("**/ws/agent/", connect)
    Visitor(server).says("Hello")
    log_in(page)
    wait_for(page, lambda: hellos)
    expect(page.locator("#connection")).to_have_text("Connecting…")
    page.clock.fast_forward("00:20")
    expect(queue(page)).to_have_count(1)
    is_live(page)


def test_who_waits_long_for_the_server_is_told_that_it_does_not_answer(page: Page, alice):
    page.clock.install()
    page.route_web_socket("**/ws/agent/", says_nothing)
    log_in(page)
    expect(page.locator("#connection")).to_have_text("Connecting…")
    page.clock.fast_forward("01:00")
    expect(page.locator("#connection")).to_have_text("Connecting… No answer yet.")


def test_a_module_that_does_not_arrive_is_told_and_the_console_starts_when_it_does(page: Page, alice, server):
    is_gone = True
    page.route("**/agents_app/state.js", lambda route: route.abort() if is_gone else route.continue_())
    page.route("**/agents_app/console.js", lambda route: route.fulfill(status=503) if is_gone else route.continue_())
    Visitor(server).says("Hello")
    log_in(page)
    expect(page.get_by_text(TROUBLE)).to_be_visible()
    is_gone = False
    expect(queue(page)).to_have_count(1)
    is_live(page)
    expect(page.get_by_text(TROUBLE)).to_be_hidden()


def test_a_page_that_lacks_a_module_is_not_loaded_again_before_that_is_there(page: Page, alice, server):
    page.clock.install()
    page.route("**/agents_app/state.js", lambda route: route.abort())
    log_in(page)
    expect(page.get_by_text(TROUBLE)).to_be_visible()
    page.evaluate("document.body.dataset.isFirst = true")
    for _ in range(2):
        with page.expect_event("requestfailed", lambda request: request.url.endswith("/state.js")):
            page.clock.fast_forward("00:05")
        expect(page.locator("body[data-is-first]")).to_be_attached()
    page.unroute("**/agents_app/state.js")
    page.clock.fast_forward("00:05")
    is_live(page)


def test_a_foreign_script_that_fails_is_nothing_to_a_console_that_runs(page: Page, alice, server):
    """A browser's extension may put one into the page."""
    page.clock.install()
    is_live(log_in(page))
    page.evaluate("document.body.dataset.isFirst = true")
    page.route("**/foreign.js", lambda route: route.abort())
    page.evaluate(
        """() => new Promise((resolve) => {
          const script = document.createElement("script");
          script.src = "/static/foreign.js";
          script.onerror = resolve;
          document.head.append(script);
        })"""
    )
    asked_again = []
    page.on("request", lambda request: asked_again.append(request.url))
    page.unroute("**/foreign.js")
    page.route("**/foreign.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.clock.fast_forward("00:10")
    is_live(page)
    assert page.evaluate("fetch('/static/agents_app/start.js').then(({ ok }) => ok)")
    assert not [url for url in asked_again if url.endswith("/foreign.js")]
    expect(page.locator("body[data-is-first]")).to_be_attached()


def test_the_page_names_every_module_that_it_needs(page: Page, alice, server):
    """Browsers need not learn of them one after the other, and start.js knows what has to be there."""
    loaded = set()
    page.on("request", lambda request: request.resource_type == "script" and loaded.add(request.url))
    is_live(log_in(page))
    named = page.evaluate(
        "[...document.querySelectorAll('link[rel=modulepreload], script[src]')].map(({ href, src }) => href ?? src)"
    )
    assert loaded == set(named)


def test_a_single_request_that_fails_while_the_page_loads_costs_nothing(page: Page, alice, server):
    refused = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.abort()

    page.route("**/agents_app/state.js", refuse_once)
    is_live(log_in(page))
    assert refused


def test_a_module_that_fails_is_told_and_the_page_can_be_loaded_again(page: Page, alice, server):
    page.route("**/agents_app/rail.js", lambda route: route.fulfill(body="!", content_type="text/javascript"))
    log_in(page)
    expect(page.get_by_text(TROUBLE)).to_be_visible()
    page.unroute("**/agents_app/rail.js")
    page.get_by_role("link", name="Load it again").click()
    is_live(page)


def test_a_start_that_takes_too_long_is_told_even_if_no_script_runs_at_all(page: Page, alice, server):
    page.route("**/*.js", lambda route: None)
    log_in(page)
    expect(page.get_by_text(TROUBLE)).to_be_hidden()
    page.evaluate("document.getAnimations().forEach((animation) => animation.finish())")
    expect(page.get_by_text(TROUBLE)).to_be_visible()
