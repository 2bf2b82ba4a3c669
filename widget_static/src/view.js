import { adoptStyles, element, icon, ICONS } from "./dom.js";
import { EndDialog } from "./end_dialog.js";
import { MAX_TEXT, cleanText, textLength, textProblem } from "./protocol.js";
import { STRINGS } from "./strings.js";
import STYLES from "./styles.css";
import { channels, readableOn } from "./text.js";
import { Transcript } from "./transcript.js";

const COUNTED_FROM = MAX_TEXT - 400;

/**
 * Everything that is seen, in an open shadow root. Shows a Chat and tells what the visitor does:
 * handlers {onToggle(isOpen), onSend(text) -> boolean, onTyping(isTyping), onRetry(id), onEnd() -> Promise,
 * onStart(), onResume()}.
 */
export class View {
  constructor(handlers) {
    this._handlers = handlers;
    this._isOpen = false;
    this._build();
    this._resize = () => this._fitViewport();
    window.visualViewport?.addEventListener("resize", this._resize);
    window.visualViewport?.addEventListener("scroll", this._resize);
    // Beside the body, which page-swapping routers replace.
    document.documentElement.append(this._host);
  }

  _build() {
    const button = (name, attributes, ...children) =>
      element("button", { type: "button", class: name, ...attributes }, ...children);

    this._badge = element("span", { class: "badge", hidden: true });
    this._launcherIcon = element("span", {}, icon(ICONS.chat));
    this._launcher = button(
      "launcher",
      { "aria-expanded": "false", onclick: () => this.toggle() },
      this._launcherIcon,
      this._badge,
    );

    this._title = element("h1", { class: "title", id: "title", dir: "auto" });
    this._subtitle = element("p", { class: "subtitle", dir: "auto" });
    this._minimize = button(
      "minimize",
      { "aria-label": STRINGS.closeChat, onclick: () => this.toggle(false) },
      icon(ICONS.down),
    );
    this._dot = element("span", { class: "dot" });
    this._status = element("span", { class: "status", role: "status", dir: "auto" });
    this._end = button("end", { onclick: () => this._askEnd() }, STRINGS.endChat);
    this._transcript = new Transcript({ onRetry: (id) => this._handlers.onRetry(id) });

    this._counter = element("div", { class: "counter", id: "counter", hidden: true });
    this._text = element("textarea", {
      rows: "1",
      "aria-label": STRINGS.message,
      "aria-describedby": "counter",
      placeholder: STRINGS.placeholder,
      dir: "auto",
      enterkeyhint: "send",
      autocomplete: "off",
      oninput: () => this._typed(),
      onkeydown: (event) => this._key(event),
    });
    this._send = button(
      "send",
      { "aria-label": STRINGS.send, disabled: true, onclick: () => this._submit() },
      icon(ICONS.send),
    );
    this._composer = element(
      "div",
      { class: "composer" },
      this._counter,
      element("div", { class: "line" }, this._text, this._send),
    );

    this._noticeText = element("p", { dir: "auto" });
    this._noticeButton = button("button main");
    this._notice = element("div", { class: "notice", hidden: true }, this._noticeText, this._noticeButton);

    this._panel = element(
      "div",
      { class: "window", role: "dialog", "aria-labelledby": "title", hidden: true },
      element("div", { class: "header" }, element("div", {}, this._title, this._subtitle), this._minimize),
      element("div", { class: "bar" }, this._dot, this._status, this._end),
      this._transcript.node,
      this._composer,
      this._notice,
    );
    // In a closed root: whoever searches the widget's text finds each message once.
    const unseen = element("div", { class: "unseen" });
    this._announcer = element("div", { "aria-live": "polite" });
    unseen.attachShadow({ mode: "closed" }).append(this._announcer);
    this._root = element(
      "div",
      { class: "widget", lang: "en", dir: "ltr" },
      this._panel,
      this._launcher,
      unseen,
    );
    this._root.addEventListener(
      "keydown",
      (event) => event.key === "Escape" && !event.isComposing && this._escape(),
    );

    this._host = element("div", { id: "cc-chat-widget" });
    const shadow = this._host.attachShadow({ mode: "open" });
    // The host page's shortcuts must not fire while somebody writes here: to them it is no text box.
    for (const type of ["keydown", "keyup", "keypress"]) {
      shadow.addEventListener(type, (event) => event.stopPropagation());
    }
    adoptStyles(shadow, [STYLES]);
    shadow.append(this._root);
  }

  /** Shows what the chat is; `look` comes from the options. */
  render(chat, look) {
    this._renderLook(look);
    this._renderLauncher(chat.unread);
    const state = chat.phase === "over" ? "over" : chat.link;
    this._dot.className = `dot ${state}`;
    setText(this._status, statusText(chat));
    this._renderNotice(chat);
    this._end.hidden = chat.phase === "over" || chat.phase === "idle" || chat.trouble !== null;
    if (this._end.hidden) this._closeDialog();
    if (this._isOpen) this._transcript.render(chat, look.welcomeMessage);
  }

  /** Says it once to those who listen instead of reading. */
  announce(text) {
    this._announcer.replaceChildren(element("div", {}, text));
  }

  toggle(isOpen = !this._isOpen) {
    if (isOpen === this._isOpen) return;
    this._isOpen = isOpen;
    const hadFocus = this._host.shadowRoot.activeElement !== null;
    this._closeDialog();
    this._panel.hidden = !isOpen;
    this._root.classList.toggle("opened", isOpen);
    this._launcher.setAttribute("aria-expanded", String(isOpen));
    this._launcherIcon.replaceChildren(icon(isOpen ? ICONS.close : ICONS.chat));
    this._handlers.onToggle(isOpen);
    if (isOpen) {
      this._fitViewport();
      this._transcript.scrollToEnd();
      this._focusInside();
    } else if (hadFocus) {
      this._launcher.focus();
    }
  }

  remove() {
    window.visualViewport?.removeEventListener("resize", this._resize);
    window.visualViewport?.removeEventListener("scroll", this._resize);
    this._host.remove();
  }

  _renderLook({ position, primaryColor, title, subtitle }) {
    this._root.classList.toggle("left", position === "bottom-left");
    setText(this._title, title);
    setText(this._subtitle, subtitle);
    this._subtitle.hidden = !subtitle;
    if (primaryColor === this._primary) return;
    this._primary = primaryColor;
    const style = this._root.style;
    style.color = "";
    style.color = primaryColor;
    const rgb = channels(getComputedStyle(this._root).color);
    const isColor = style.color !== "" && rgb !== null;
    style.color = "";
    style.setProperty("--primary", isColor ? primaryColor : "#2563eb");
    style.setProperty("--on-primary", isColor ? readableOn(rgb) : "#ffffff");
  }

  _renderLauncher(unread) {
    const name = this._isOpen ? STRINGS.closeChat : STRINGS.openChat;
    this._launcher.setAttribute("aria-label", name);
    this._badge.hidden = this._isOpen || unread === 0;
    // The button keeps its name; what is new is its description.
    this._launcher.setAttribute("aria-description", this._badge.hidden ? "" : STRINGS.unread(unread));
    setText(this._badge, unread > 99 ? "99+" : String(unread));
  }

  _renderNotice(chat) {
    const notice = noticeFor(chat, this._handlers);
    const { activeElement } = this._host.shadowRoot;
    const hadFocus = this._composer.contains(activeElement) || this._notice.contains(activeElement);
    this._composer.hidden = notice !== null;
    this._notice.hidden = notice === null;
    if (notice) {
      setText(this._noticeText, notice.text);
      setText(this._noticeButton, notice.button);
      this._noticeButton.onclick = notice.action;
    }
    if (hadFocus) this._focusInside();
  }

  _focusInside() {
    (this._composer.hidden ? this._noticeButton : this._text).focus({ preventScroll: true });
  }

  _typed() {
    const text = this._text.value;
    this._text.style.height = "auto";
    this._text.style.height = `${this._text.scrollHeight + 2}px`;
    this._send.disabled = textProblem(cleanText(text)) !== null;
    const length = text.length < COUNTED_FROM ? 0 : textLength(cleanText(text));
    const left = MAX_TEXT - length;
    this._counter.hidden = length < COUNTED_FROM;
    this._counter.classList.toggle("over", left < 0);
    setText(this._counter, left < 0 ? STRINGS.charactersOver(-left) : STRINGS.charactersLeft(left));
    this._handlers.onTyping(text.trim() !== "");
  }

  _key(event) {
    // An input method uses Enter to take its suggestion; Safari tells it by keyCode 229 alone.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this._submit();
  }

  _submit() {
    if (!this._handlers.onSend(this._text.value)) {
      if (!this._counter.hidden) this.announce(this._counter.textContent);
      return;
    }
    this._text.value = "";
    this._typed();
    this._text.focus();
  }

  _askEnd() {
    this._dialog = new EndDialog({
      onEnd: () => this._handlers.onEnd(),
      onClose: () => this._closeDialog(),
    });
    for (const part of [...this._panel.children, this._launcher]) part.inert = true;
    this._panel.append(this._dialog.node);
    this._dialog.focus();
  }

  _closeDialog() {
    if (!this._dialog) return;
    const { node } = this._dialog;
    const hadFocus = node.contains(this._host.shadowRoot.activeElement);
    node.remove();
    this._dialog = null;
    for (const part of [...this._panel.children, this._launcher]) part.inert = false;
    if (!hadFocus) return;
    if (this._end.hidden) this._focusInside();
    else this._end.focus();
  }

  _escape() {
    if (this._dialog) this._closeDialog();
    else this.toggle(false);
  }

  // Under a phone's keyboard 100dvh is too tall: the visual viewport is what is left to see.
  _fitViewport() {
    const viewport = window.visualViewport;
    if (!viewport || !this._isOpen) return;
    this._panel.style.setProperty("--height", `${viewport.height}px`);
    this._panel.style.setProperty("--top", `${viewport.offsetTop}px`);
  }
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function statusText({ phase, trouble, link, talk }) {
  if (phase === "over") return STRINGS.chatEnded;
  if (trouble) return STRINGS.notConnected;
  if (link === "waiting") return navigator.onLine === false ? STRINGS.offline : STRINGS.reconnecting;
  if (link !== "ready") return STRINGS.connecting;
  if (talk.agentName) return STRINGS.withAgent(talk.agentName);
  return talk.queuePosition ? STRINGS.inQueue(talk.queuePosition) : STRINGS.connected;
}

function noticeFor({ phase, trouble, ended }, { onStart, onResume }) {
  if (trouble) {
    const [text, button] = STRINGS.trouble[trouble];
    return { text, button, action: onResume };
  }
  if (phase !== "over") return null;
  const text = STRINGS.over[ended.reason] ?? STRINGS.overOtherwise;
  return { text, button: STRINGS.startNew, action: onStart };
}
