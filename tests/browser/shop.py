"""A website that embeds the widget, and what a visitor does there."""

import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from playwright.sync_api import Locator, Page, expect


class Shop(ThreadingHTTPServer):
    """A website on an origin of its own. Really served: from a page that only Playwright answers, Chromium would
    not let the widget reach a server on this machine.

    `body` is what its pages hold, `scripts` are its scripts by path, `headers` go with each answer.
    """

    def __init__(self, chat_url: str) -> None:
        super().__init__(("127.0.0.1", 0), ShopHandler)
        self.script = f"{chat_url}/chat-widget.js"
        self.url = f"http://localhost:{self.server_port}/"
        self.body = self.tag()
        self.scripts: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    def __enter__(self) -> "Shop":
        self.thread = Thread(target=self.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()

    def tag(self, attributes: str = "") -> str:
        return f'<script src="{self.script}" {attributes}></script>'

    def start(self, page: Page, tenant, options: str = "{}") -> None:
        """A page with a widget that its own script has started with these options."""
        self.scripts["/init.js"] = f"CallCenterChat.init({{tenantId: '{tenant.slug}', ...{options}}})"
        self.body += '<script src="/init.js"></script>'
        page.goto(self.url)


class ShopHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        shop = self.server
        script = shop.scripts.get(self.path)
        text = script if script is not None else self.page()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8" if script is None else "text/javascript")
        for name, value in shop.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def page(self) -> str:
        shop = self.server
        return f"""<!doctype html><html lang="en"><head><title>Shop</title></head>
            <body><main><h1>Shop</h1><p>{self.path}</p></main>{shop.body}</body></html>"""

    def log_message(self, *args: object) -> None:
        pass


def box(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message")


def open_chat(page: Page) -> None:
    """The window with the focus in it. It may stand open already, as on the page before."""
    if page.locator(".launcher").get_attribute("aria-expanded") == "false":
        page.get_by_role("button", name="Open chat").click()
    else:
        box(page).focus()
    expect(box(page)).to_be_focused()


def write(page: Page, text: str) -> None:
    box(page).fill(text)
    box(page).press("Enter")


def message(page: Page, text: str) -> Locator:
    return page.locator("li.message").filter(has_text=text)


def expect_sent(page: Page, text: str) -> None:
    """Or read already, by an agent who has the chat open."""
    expect(message(page, text)).to_contain_text(re.compile("Sent|Seen"))


def keep_window(page: Page) -> None:
    """That of a chat without an answer closes 2 s after the end: before a busy machine's next look, perhaps."""
    page.evaluate(
        """() => {
            const { setTimeout } = window;
            window.setTimeout = (call, ms, ...args) => ms === 2000 ? 0 : setTimeout(call, ms, ...args);
        }"""
    )


def end_chat(page: Page, *, closes: bool = False) -> None:
    """``closes``: the window, too, where there is nothing to rate."""
    if not closes:
        keep_window(page)
    page.get_by_role("button", name="End Chat").click()
    page.get_by_role("alertdialog").get_by_role("button", name="End Chat").click()
