"""What the widget costs a page until its bubble is there; bench/widget runs this, and a test holds it."""

import os
import statistics
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import brotli
from playwright.sync_api import Page, sync_playwright

WIDGET = Path(__file__).resolve().parent.parent / "widget_static"
SLOWDOWNS = {"this machine": 1, "four times slower": 4}

COUNTED = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
ADD_WIDGET = """(src) => new Promise((done) => {
    addEventListener("callcenterchat:ready", () => requestAnimationFrame(() => setTimeout(done)));
    const script = document.createElement("script");
    script.src = src;
    script.dataset.tenantId = "demo-tenant";
    document.head.append(script);
})"""


def bubble_cost(page: Page, script: str, slowdown: float = 1) -> float:
    """Milliseconds of main-thread time (script, style, layout) that the script takes up to its painted bubble.

    ``page`` is loaded anew, as one that says "not found" on the script's host; ``slowdown`` makes its processor so
    many times slower.
    """
    page.goto("about:blank")
    page.goto(script.rsplit("/", 1)[0] + "/nothing-here")
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable")
    client.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})

    def spent() -> float:
        metrics = {entry["name"]: entry["value"] for entry in client.send("Performance.getMetrics")["metrics"]}
        return sum(metrics[name] for name in COUNTED) * 1000

    before = spent()
    page.evaluate(ADD_WIDGET, script)
    cost = spent() - before
    client.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    client.detach()
    return cost


def main(loads: int) -> None:
    sizes = {}
    for path in (WIDGET / "chat-widget.js", *sorted((WIDGET / "parts").glob("*.js"))):
        content = path.read_bytes()
        plain, compressed = sizes[path.name.split("-")[0]] = len(content), len(brotli.compress(content))
        print(f"{path.name:34} {plain:7,} bytes {compressed:7,} with brotli")
    plain, compressed = (sum(pair) for pair in zip(sizes["chat"], sizes["talking"], strict=True))
    print(f"{'with the first opened chat':34} {plain:7,} bytes {compressed:7,} with brotli")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=WIDGET)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=["--no-sandbox"])
            page = browser.new_page()
            script = f"http://127.0.0.1:{server.server_port}/chat-widget.js"
            for name, slowdown in SLOWDOWNS.items():
                costs = [bubble_cost(page, script, slowdown) for _ in range(loads)]
                middle = statistics.median(costs)
                print(f"main thread to the bubble, {name}: {middle:.1f} ms ({min(costs):.1f} to {max(costs):.1f})")
            browser.close()
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass
