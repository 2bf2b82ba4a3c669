"""The widget for everybody: by keyboard, by ear, in eight languages, on any screen and in any colour."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from sessions_app import services
from sessions_app.models import ChatSession
from tests.browser.apart import apart
from tests.browser.shop import box, expect_sent, message, open_chat, write
from tests.factories import actor, make_tenant, say

# What is said to those who listen stands in a closed shadow root; each line that is put there is written down.
LISTEN = """
    window.said = [];
    const attach = Element.prototype.attachShadow;
    Element.prototype.attachShadow = function (options) {
        const root = attach.call(this, options);
        if (options.mode === "closed") {
            new MutationObserver((changes) => {
                for (const { addedNodes } of changes) {
                    for (const node of addedNodes) if (node.parentNode?.ariaLive) said.push(node.textContent);
                }
            }).observe(root, { childList: true, subtree: true });
        }
        return root;
    };
"""

# The contrast of an element's text with what lies under it, which is opaque.
CONTRAST = """
    (node) => {
        const luminance = (color) => {
            const share = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
            const [red, green, blue] = color.match(/[\\d.]+/g).map((value) => share(value / 255));
            return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        };
        const { color, backgroundColor } = getComputedStyle(node);
        if (!/^rgb\\(/.test(backgroundColor)) throw new Error(`not opaque: ${backgroundColor}`);
        const [dark, light] = [luminance(color), luminance(backgroundColor)].sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05);
    }
"""

SPANISH = {"locale": "es", "title": "Floristería", "subtitle": "", "welcome_message": "¡Hola!"}


pytestmark = pytest.mark.usefixtures("host_errors")


def connected(page: Page) -> None:
    expect(page.locator(".dot.ready")).to_be_visible()


def joined(alice) -> ChatSession:
    """The visitor's session, which alice has accepted."""
    session = ChatSession.objects.get()
    apart(services.accept_session, session.session_id, actor(alice))
    return session


def focused(page: Page) -> str:
    """The name of what has the focus."""
    return page.evaluate(
        """() => {
            const { activeElement: node } = document.querySelector("#cc-chat-widget").shadowRoot;
            return node?.ariaLabel || node?.textContent || "";
        }"""
    )


def tabbed(page: Page, key: str = "Tab", most: int = 20) -> list[str]:
    """What the key comes by, until it is where it was."""
    start = focused(page)
    names = []
    for _ in range(most):
        page.keyboard.press(key)
        names.append(focused(page))
        if names[-1] == start:
            return names
    raise AssertionError(f"{key} never comes back to {start!r}: {names}")


# --- by keyboard ------------------------------------------------------------------------------------------------------


def test_a_dialog_keeps_the_focus_until_it_is_answered(page: Page, shop, tenant):
    shop.start(page, tenant)
    open_chat(page)
    connected(page)
    page.get_by_role("button", name="End Chat").click()
    expect(page.get_by_role("button", name="Keep chatting")).to_be_focused()
    assert tabbed(page) == ["End Chat", "Keep chatting"]
    assert tabbed(page, "Shift+Tab") == ["End Chat", "Keep chatting"]
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="End Chat")).to_be_focused()
    expect(page.locator(".window")).to_be_visible()


def test_a_window_that_fills_the_screen_keeps_the_focus(page: Page, shop, tenant):
    """Behind it nobody sees where the focus is."""
    page.set_viewport_size({"width": 400, "height": 700})
    shop.body = '<a href="/other">Elsewhere</a>' + shop.body
    shop.start(page, tenant)
    open_chat(page)
    connected(page)
    names = tabbed(page)
    assert {"Close chat", "End Chat", "Conversation", "Message"} <= set(names)
    assert len(names) == len(set(names)), "each once"
    assert tabbed(page, "Shift+Tab") == [*reversed(names[:-1]), names[-1]]


def test_beside_the_page_the_focus_goes_on_into_it(page: Page, shop, tenant):
    shop.body = '<a href="/other">Elsewhere</a>' + shop.body
    shop.start(page, tenant)
    open_chat(page)
    connected(page)
    page.get_by_role("button", name="Close chat").focus()
    page.keyboard.press("Tab")
    assert focused(page) == ""


# --- by ear -----------------------------------------------------------------------------------------------------------


def test_each_new_message_is_said_once_and_the_history_never(page: Page, shop, tenant, alice):
    page.add_init_script(LISTEN)
    shop.start(page, tenant)
    open_chat(page)
    write(page, "my own words")
    expect_sent(page, "my own words")
    session = joined(alice)
    expect(message(page, "my own words")).to_be_visible()
    apart(say, session, "one", agent=alice)
    apart(say, session, "two", agent=alice)
    expect(message(page, "two")).to_be_visible()
    assert page.evaluate("said") == ["Alice joined the chat", "Alice: one", "Alice: two"]

    page.reload()
    open_chat(page)
    connected(page)
    expect(message(page, "two")).to_be_visible()
    apart(say, session, "three", agent=alice)
    expect(message(page, "three")).to_be_visible()
    assert page.evaluate("said") == ["Alice: three"]
    assert page.locator(".messages").get_attribute("aria-live") == "off"


def test_two_messages_at_once_are_both_said(page: Page, shop, tenant, alice):
    """The second must not take the place of the first before that has been heard."""
    shop.start(page, tenant)
    open_chat(page)
    write(page, "good day")
    expect_sent(page, "good day")
    client = page.context.new_cdp_session(page)
    page.evaluate("setTimeout = () => 0")  # which would take what has been said away again
    session = joined(alice)
    apart(say, session, "one", agent=alice)
    apart(say, session, "two", agent=alice)
    expect(message(page, "two")).to_be_visible()
    nodes = client.send("Accessibility.getFullAXTree")["nodes"]
    names = [node.get("name", {}).get("value") for node in nodes]
    assert {"Alice: one", "Alice: two"} <= set(names)


# --- in any colour ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_on_any_primary_colour_is_legible(page: Page, shop, tenant, theme):
    colors = ["#ffffff", "#000000", "#777777", "#767676", "yellow", "hotpink", "rgb(0 0 0 / 0.1)", "transparent"]
    colors += ["rgba(255, 255, 255, 0.2)", "hsl(200 90% 55% / 50%)", "oklch(0.9 0.2 120)", "no colour", "var(--x)"]
    colors += [f"rgb({red}, {green}, {blue})" for red in (0, 128, 255) for green in (0, 128, 255) for blue in (0, 255)]
    shop.start(page, tenant, f"{{theme: '{theme}'}}")
    open_chat(page)
    write(page, "good day")
    expect_sent(page, "good day")
    for color in colors:
        page.evaluate("color => CallCenterChat.update({ primaryColor: color })", color)
        for part in (".launcher", ".header", ".visitor .bubble"):
            assert page.locator(part).evaluate(CONTRAST) >= 4.5, (color, part)


@pytest.mark.parametrize(
    "color", ["oklch(0.55 0.15 150)", "color(display-p3 0.1 0.5 0.3)", "lab(40% 20 -60)", "oklch(0.95 0.1 100 / 50%)"]
)
def test_a_colour_in_any_notation_is_that_colour(page: Page, shop, tenant, color):
    shop.start(page, tenant, f"{{primaryColor: '{color}'}}")
    screen = page.evaluate(
        """(color) => {
            const context = document.createElement("canvas").getContext("2d");
            context.fillStyle = color.replace(" / 50%", "");
            context.fillRect(0, 0, 1, 1);
            return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
        }""",
        color,
    )
    background = page.locator(".launcher").evaluate("node => getComputedStyle(node).backgroundColor")
    shown = [int(value) for value in re.findall(r"\d+", background)]
    assert all(abs(one - other) <= 1 for one, other in zip(screen, shown, strict=True)), (screen, background)


def test_without_motion_nothing_moves(page: Page, shop, tenant):
    shop.start(page, tenant)
    open_chat(page)
    connected(page)
    moving = """() => [...document.querySelector("#cc-chat-widget").shadowRoot.querySelectorAll("*")]
        .map((node) => getComputedStyle(node).animationName).filter((name) => name !== "none")"""
    assert "appear" in page.evaluate(moving)
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == []


def test_with_forced_colours_everything_has_an_edge(page: Page, shop, tenant):
    page.emulate_media(forced_colors="active")
    shop.start(page, tenant)
    edge = "node => ((style) => style.borderTopWidth + style.borderTopStyle)(getComputedStyle(node))"
    assert page.locator(".launcher").evaluate(edge) == "1pxsolid"
    open_chat(page)
    write(page, "good day")
    expect_sent(page, "good day")
    for part in (".window", ".visitor .bubble", ".send", ".end", "textarea"):
        assert page.locator(part).first.evaluate(edge) == "1pxsolid", part


# --- on any screen ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(640, 360), (320, 256), (844, 390)])
def test_zoomed_in_or_on_its_side_everything_can_be_reached(page: Page, shop, tenant, width, height):
    """1280 x 720 at 200 %, at 400 %, and a phone on its side."""
    page.set_viewport_size({"width": width, "height": height})
    shop.start(page, tenant)
    open_chat(page)
    connected(page)
    write(page, "A question that is long enough to need several lines on any of these screens, as they often are.")
    expect(page.locator(".visitor .meta")).to_contain_text("Sent")
    window = page.locator(".window").evaluate("node => [node.clientWidth, node.scrollWidth, node.clientHeight]")
    assert window == [width, width, height]
    for part in (box(page), page.get_by_role("button", name="Send"), page.get_by_role("button", name="End Chat")):
        expect(part).to_be_in_viewport(ratio=1)
    assert page.locator(".messages").bounding_box()["height"] >= 60


def test_under_a_phones_keyboard_the_window_is_as_high_as_what_is_seen(page: Page, shop, tenant):
    page.set_viewport_size({"width": 390, "height": 800})
    shop.start(page, tenant)
    open_chat(page)
    connected(page)
    expect(page.locator(".window")).to_have_attribute("style", re.compile("--height"))
    page.evaluate(
        """() => {
            Object.defineProperties(visualViewport, { height: { value: 410 }, offsetTop: { value: 60 } });
            visualViewport.dispatchEvent(new Event("resize"));
        }"""
    )
    window = page.locator(".window")
    window.evaluate("node => Promise.all(node.getAnimations().map(({finished}) => finished))")
    area = window.bounding_box()
    assert (area["y"], area["height"]) == (60, 410)


def test_no_text_box_is_so_small_that_a_phone_zooms_in(page: Page, shop, tenant):
    shop.start(page, tenant)
    open_chat(page)
    sizes = page.locator("textarea, input:not([type=file])").evaluate_all(
        "nodes => nodes.map((node) => parseFloat(getComputedStyle(node).fontSize))"
    )
    assert sizes
    assert min(sizes) >= 16


# --- in other languages -----------------------------------------------------------------------------------------------


def languages_asked(page: Page) -> list[str]:
    asked = []
    pattern = re.compile(r"/locale_(\w\w)-")
    page.on("request", lambda request: asked.extend(pattern.findall(request.url)))
    return asked


def named(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def test_english_waits_for_no_language(page: Page, shop, tenant):
    asked = languages_asked(page)
    shop.start(page, tenant)
    open_chat(page)
    connected(page)
    assert asked == []
    assert page.locator(".widget").evaluate("node => [node.lang, node.dir]") == ["en", "ltr"]


def test_the_tenants_language_from_the_bubble_to_the_end(page: Page, shop, tenant, alice):
    type(tenant).objects.update(**SPANISH)
    shop.start(page, tenant)
    page.get_by_role("button", name="Open chat").click()
    expect(named(page, "Finalizar chat")).to_be_visible()
    assert page.locator(".widget").get_attribute("lang") == "es"
    page.get_by_role("textbox", name="Mensaje").fill("¿Hola?")
    named(page, "Enviar").click()
    expect(message(page, "¿Hola?")).to_contain_text("Enviado")
    expect(page.get_by_text("Eres el siguiente en la cola")).to_be_visible()
    joined(alice)
    expect(page.get_by_text("Alice se ha unido al chat")).to_be_visible()
    named(page, "Finalizar chat").click()
    expect(page.get_by_role("alertdialog", name="¿Finalizar este chat?")).to_be_visible()
    page.get_by_role("alertdialog").get_by_role("button", name="Finalizar chat").click()
    expect(page.get_by_text("Has finalizado este chat. ¡Gracias!")).to_be_visible()


def test_the_sites_locale_wins_and_its_strings_win_over_the_language(page: Page, shop, tenant):
    type(tenant).objects.update(locale="es")
    shop.start(page, tenant, "{locale: 'de', strings: { endChat: 'Tschüss' }}")
    page.locator(".launcher").click()
    expect(named(page, "Tschüss")).to_be_visible()
    expect(page.get_by_role("textbox", name="Nachricht")).to_be_visible()
    connected(page)

    page.evaluate("CallCenterChat.update({ locale: 'fr' })")
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_have_attribute(
        "placeholder", "Écrivez un message…"
    )
    page.evaluate("CallCenterChat.update({ locale: 'en' })")
    expect(named(page, "Send")).to_be_visible()


def test_auto_is_the_visitors_own_language(browser: Browser, shop, tenant):
    context = browser.new_context(locale="pt-BR")
    page = context.new_page()
    shop.start(page, tenant, "{locale: 'auto'}")
    page.locator(".launcher").click()
    expect(page.get_by_role("textbox", name="Mensagem")).to_be_visible()
    context.close()


def test_who_comes_near_the_bubble_never_sees_the_window_in_english(page: Page, shop, tenant):
    type(tenant).objects.update(**SPANISH)
    asked = languages_asked(page)
    shop.start(page, tenant, "{locale: 'es'}")
    assert asked == [], "nothing is asked before the visitor acts"
    page.locator(".launcher").hover()
    expect(named(page, "Abrir chat")).to_be_visible()
    page.evaluate(
        """() => {
            window.shown = new Set();
            const title = document.querySelector("#cc-chat-widget").shadowRoot.querySelector("textarea");
            new MutationObserver(() => shown.add(title.placeholder)).observe(title, { attributes: true });
            shown.add(title.placeholder);
        }"""
    )
    page.locator(".launcher").click()
    connected(page)
    assert page.evaluate("[...shown]") == ["Escribe un mensaje…"]
    assert asked == ["es"]


# The texts that can be read at each frame; what hides them for a second is held, as for a machine that is fast enough.
WATCH = """
    window.seen = new Set();
    const look = () => {
        const root = document.querySelector("#cc-chat-widget")?.shadowRoot;
        for (const animation of root?.getAnimations() ?? [])
            if (animation.animationName === "hush") animation.pause();
        const opacity = (node) =>
            node?.nodeType === 1 ? getComputedStyle(node).opacity * opacity(node.parentNode) : 1;
        const words = root?.querySelectorAll(".window:not([hidden]) :is(h1, .subtitle, .status, .end, .bubble)");
        for (const node of words ?? [])
            if (node.textContent && opacity(node) > 0) seen.add(node.textContent);
        const box = root?.querySelector(".window:not([hidden]) textarea");
        if (box && getComputedStyle(box, "::placeholder").color !== "rgba(0, 0, 0, 0)") seen.add(box.placeholder);
        requestAnimationFrame(look);
    };
    look();
"""
ENGLISH = re.compile("Chat with|reply|help you|Connect(ing|ed)|End Chat|Write a")


@pytest.mark.parametrize("options", ["{}", "{locale: 'fr'}"])
def test_a_tenant_in_another_language_shows_no_english_first(page: Page, shop, server, options):
    tenant = make_tenant(locale="fr")
    page.add_init_script(WATCH)
    shop.start(page, tenant, options)
    page.locator(".launcher").click()
    expect(page.get_by_text("Discutez avec nous")).to_be_visible()
    expect(page.get_by_text("Bonjour ! Comment pouvons-nous vous aider ?")).to_be_visible()
    connected(page)
    seen = page.evaluate("[...seen]")
    assert {"Discutez avec nous", "Nous répondons généralement en quelques minutes", "Écrivez un message…"} <= set(seen)
    assert not [text for text in seen if ENGLISH.search(text)]


def test_a_page_that_shows_the_window_again_says_nothing_in_english_first(page: Page, shop, server):
    tenant = make_tenant(locale="fr")
    shop.start(page, tenant)
    page.locator(".launcher").click()
    connected(page)
    page.get_by_role("textbox", name="Message").fill("salut")
    page.keyboard.press("Enter")
    expect(message(page, "salut")).to_contain_text("Envoyé")
    page.add_init_script(WATCH)
    page.reload()
    expect(page.get_by_text("Votre chat a été rétabli")).to_be_visible()
    seen = page.evaluate("[...seen]")
    assert "salut" in seen
    assert not [text for text in seen if ENGLISH.search(text)]


def test_a_language_that_does_not_come_is_not_waited_for(page: Page, shop, server):
    tenant = make_tenant(locale="fr")
    page.route("**/locale_fr-*", lambda route: None)
    shop.start(page, tenant)
    open_chat(page)
    title = page.locator(".header > div")
    expect(title).to_have_css("opacity", "1")
    expect(title).to_contain_text("Chat with us")
    write(page, "good day")
    expect_sent(page, "good day")


def test_what_the_tenant_has_written_stands_in_every_language(page: Page, shop, server):
    tenant = make_tenant(locale="fr", title="Fern & Co.", subtitle="", welcome_message="")
    shop.start(page, tenant)
    page.locator(".launcher").click()
    expect(page.get_by_role("heading", name="Fern & Co.")).to_be_visible()
    connected(page)
    expect(page.locator(".subtitle")).to_be_hidden()
    expect(page.locator("li.message.agent .bubble:visible")).to_have_count(0)


def test_a_language_that_cannot_be_loaded_leaves_it_in_english_until_it_can(page: Page, shop, tenant):
    page.route("**/locale_es-*", lambda route: route.abort())
    shop.start(page, tenant, "{locale: 'es'}")
    open_chat(page)
    write(page, "good day")
    expect_sent(page, "good day")
    page.unroute("**/locale_es-*")
    page.get_by_role("button", name="Close chat").click()
    page.locator(".launcher").click()
    expect(page.get_by_role("textbox", name="Mensaje")).to_be_visible()


def test_arabic_is_written_from_right_to_left_inside_the_widget_alone(page: Page, shop, tenant, alice):
    shop.start(page, tenant, "{locale: 'ar', title: 'تحدث معنا', welcomeMessage: ''}")
    page.locator(".launcher").click()
    expect(page.locator(".widget")).to_have_attribute("dir", "rtl")
    connected(page)
    page.locator("textarea").fill("مرحبًا")
    page.locator("textarea").press("Enter")
    expect(page.locator(".visitor .meta")).to_contain_text("أُرسلت")
    apart(say, joined(alice), "أهلًا", agent=alice)
    expect(message(page, "أهلًا")).to_be_visible()

    window = page.locator(".window").bounding_box()
    own, theirs = (message(page, text).locator(".bubble").bounding_box() for text in ("مرحبًا", "أهلًا"))
    middle = window["x"] + window["width"] / 2
    assert own["x"] < theirs["x"] + theirs["width"]
    assert own["x"] < middle < theirs["x"] + theirs["width"]
    assert own["x"] - window["x"] < 40, "own words on the left"
    assert window["x"] > page.viewport_size["width"] / 2, "the window stays where the site wants it"
    assert page.locator(".window").evaluate("node => node.scrollWidth - node.clientWidth") == 0
    assert page.locator("textarea").evaluate("node => getComputedStyle(node).direction") == "rtl"
    assert page.evaluate("document.documentElement.dir") == ""


@pytest.mark.parametrize("locale", ["ar", "de", "es", "fr", "ja", "pt", "zh"])
def test_no_language_bursts_the_window(page: Page, shop, tenant, locale):
    page.set_viewport_size({"width": 360, "height": 640})
    shop.start(page, tenant, f"{{locale: '{locale}'}}")
    page.locator(".launcher").click()
    connected(page)
    expect(page.locator(".widget")).to_have_attribute("lang", locale)
    assert page.locator(".window").evaluate("node => node.scrollWidth") == 360
    page.locator(".end").click()
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_be_visible()
    assert dialog.evaluate("node => node.scrollWidth - node.clientWidth") == 0
