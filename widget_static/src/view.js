import DARK from "./dark.css";
import { adoptStyles, element, icon, ICONS } from "./dom.js";
import { cleanText, textProblem } from "./protocol.js";
import STYLES from "./styles.css";
import { readableOn, rgbOf } from "./text.js";
import { Transcript } from "./transcript.js";

const DARK_FOR = { auto: "(prefers-color-scheme: dark)", dark: "all", light: "not all" };
const DEFAULT_COLOR = "rgb(37, 99, 235)";
const MOST_RETURNS = 10;

/**
 * Everything that is seen, in an open shadow root. Shows a Chat and tells what the visitor does:
 * handlers {onNear() when it may be opened soon, onToggle(isOpen, isAsBefore), onSend(text) -> boolean,
 * onEnd() -> Promise,
 * onStart(), onResume(), onError(code)}. `texts` are Texts, `loadPart(name)` gives a part's module.
 */
export class View {
  constructor({ texts, loadPart, nonce, ...handlers }) {
    this._texts = texts;
    this._loadPart = loadPart;
    this._nonce = nonce;
    this._handlers = handlers;
    this.isOpen = false;
    this._build();
    this._gone = new AbortController();
    /** What parts work with; `signal` is aborted when the widget leaves the page. */
    this.core = {
      signal: this._gone.signal,
      panel: this._panel,
      element,
      icon,
      texts,
      transcript: this._transcript,
      composer: this._composer,
      notice: this._notice,
      textBox: this._text,
      loadPart: this._loadPart,
      part: (name) => this._part(name),
      warn: (text) => this._warn(text),
    };
    // Some pages draw themselves anew and throw out what they do not know; a page that insists has its way.
    let returns = 0;
    this._watch = new MutationObserver(() => {
      if (!this._host.isConnected && returns++ < MOST_RETURNS) this.place(null);
    });
  }

  /** Puts it into `home`, an element; without one beside the body, which page-swapping routers replace. */
  place(home) {
    const parent = home ?? document.documentElement;
    if (this._host.parentNode !== parent) parent.append(this._host);
    this._watch.observe(parent, { childList: true });
  }

  /** One more style sheet; returns a function that changes the media it is for. */
  addStyles(css) {
    return adoptStyles(this._shadow, css, this._nonce);
  }

  _build() {
    const button = (name, attributes, ...children) =>
      element("button", { type: "button", class: name, ...attributes }, ...children);

    this._badge = element("span", { class: "badge", "aria-hidden": "true", hidden: true });
    this._launcherIcon = element("span", {}, icon(ICONS.chat));
    const { onNear } = this._handlers;
    this._launcher = button(
      "launcher",
      { "aria-expanded": "false", onclick: () => this.toggle(), onpointerenter: onNear, onfocus: onNear },
      this._launcherIcon,
    );
    // Beside the button, whose name and description say it all.
    this._corner = element("div", { class: "corner" }, this._launcher, this._badge);

    this._title = element("h1", { class: "title", id: "title", dir: "auto" });
    this._subtitle = element("p", { class: "subtitle", dir: "auto" });
    this._minimize = button("minimize", { onclick: () => this.close() }, icon(ICONS.down));
    this._dot = element("span", { class: "dot" });
    this._status = element("span", { class: "status", role: "status", dir: "auto" });
    this._end = button("end", { onclick: () => this._askEnd() });
    this._alert = element("p", { class: "alert", role: "alert", dir: "auto", hidden: true });
    this._transcript = new Transcript(this._texts);

    this._text = element("textarea", {
      rows: "1",
      dir: "auto",
      enterkeyhint: "send",
      autocomplete: "off",
      oninput: () => this._typed(),
      onkeydown: (event) => this._key(event),
    });
    this._send = button("send", { disabled: true, onclick: () => this._submit() }, icon(ICONS.send));
    this._composer = element(
      "div",
      { class: "composer" },
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
      this._alert,
      this._transcript.node,
      this._composer,
      this._notice,
    );
    this._root = element("div", { class: "widget mute" }, this._panel, this._corner);
    this._root.addEventListener(
      "keydown",
      (event) => event.key === "Escape" && !event.isComposing && (this._dialog ?? this).close(),
    );

    this._host = element("div", { id: "cc-chat-widget" });
    const shadow = (this._shadow = this._host.attachShadow({ mode: "open" }));
    // The host page's shortcuts must not fire while somebody writes here: to them it is no text box.
    for (const type of ["keydown", "keyup", "keypress"]) {
      shadow.addEventListener(type, (event) => event.stopPropagation());
    }
    this.addStyles(STYLES);
    this._setDarkFor = this.addStyles(DARK);
    shadow.append(this._root);
  }

  /**
   * Shows what the chat is, as the options (an Options) would have it. Until its language `isKnown` nothing is
   * said: nobody shall read another one first.
   */
  render(chat, options, isKnown) {
    this._root.classList.toggle("mute", !isKnown);
    this._renderLook(options);
    this._renderTexts(options);
    this._renderLauncher(chat.unread);
    this._dot.className = `dot ${chat.phase === "over" ? "over" : chat.link}`;
    setText(this._status, this._statusText(chat));
    this._renderNotice(chat);
    this._end.hidden = !chat.ids.sessionId || chat.trouble !== null;
    if (this._end.hidden) this._dialog?.close();
    const welcome = options.get("welcomeMessage") ?? (isKnown ? this._texts.get("welcome") : "");
    if (this.isOpen) this._transcript.render(chat, welcome);
  }

  /** `isAsBefore`: on the page before; neither the focus nor the eye is drawn to it. */
  toggle(isOpen = !this.isOpen, isAsBefore = false) {
    if (isOpen === this.isOpen) return;
    this.isOpen = isOpen;
    const hadFocus = this._shadow.activeElement !== null;
    this._dialog?.close();
    this._warn("");
    if (isOpen) this.setVisible(true);
    this._panel.hidden = !isOpen;
    this._root.classList.toggle("opened", isOpen);
    this._launcher.setAttribute("aria-expanded", String(isOpen));
    this._launcherIcon.replaceChildren(icon(isOpen ? ICONS.close : ICONS.chat));
    this._panel.style.animation = isAsBefore ? "none" : "";
    this._handlers.onToggle(isOpen, isAsBefore);
    if (isOpen) {
      this._transcript.scrollToEnd();
      if (!isAsBefore) this._focusInside();
    } else if (hadFocus) {
      this._launcher.focus();
    }
  }

  close() {
    this.toggle(false);
  }

  /** Bubble and window together; a window that is not seen is a closed one. */
  setVisible(isVisible) {
    if (!isVisible) this.close();
    this._root.hidden = !isVisible;
  }

  get isVisible() {
    return !this._root.hidden;
  }

  remove() {
    this._watch.disconnect();
    this._gone.abort();
    this._host.remove();
  }

  _renderLook(options) {
    this._root.classList.toggle("left", options.get("position") === "bottom-left");
    this._corner.hidden = options.get("launcher") === false;
    const theme = options.get("theme") ?? "auto";
    if (theme !== this._theme) this._setDarkFor(DARK_FOR[theme]);
    this._theme = theme;
    this._host.style.setProperty("--cc-z", options.get("zIndex") ?? "");
    this._renderColor(options.get("primaryColor") ?? DEFAULT_COLOR);
  }

  // Whatever a style sheet takes for a colour; what it does not know leaves the one before.
  _renderColor(primaryColor) {
    if (primaryColor === this._primary) return;
    this._primary = primaryColor;
    const { style } = this._root;
    style.color = DEFAULT_COLOR;
    style.color = primaryColor;
    // Of oklch(…) and its like in the terms of the screen.
    style.color = `color-mix(in srgb,${primaryColor} 100%,red)`;
    const rgb = rgbOf(getComputedStyle(this._root).color);
    style.color = "";
    style.setProperty("--primary", `rgb(${rgb})`);
    style.setProperty("--on-primary", readableOn(rgb));
  }

  _renderTexts(options) {
    const text = (name) => this._texts.get(name);
    for (const name of ["lang", "dir"]) this._root[name] = text(name);
    setText(this._title, options.get("title") ?? text("title"));
    setText(this._subtitle, options.get("subtitle") ?? text("subtitle"));
    this._subtitle.hidden = !this._subtitle.textContent;
    setText(this._end, text("endChat"));
    this._text.placeholder = text("placeholder");
    this._text.setAttribute("aria-label", text("message"));
    this._send.setAttribute("aria-label", text("send"));
    this._minimize.setAttribute("aria-label", text("closeChat"));
  }

  _renderLauncher(unread) {
    this._launcher.setAttribute("aria-label", this._texts.get(this.isOpen ? "closeChat" : "openChat"));
    this._badge.hidden = this.isOpen || unread === 0;
    // The button keeps its name; what is new is its description.
    const news = this._badge.hidden ? "" : this._texts.get("unread", { count: unread });
    this._launcher.setAttribute("aria-description", news);
    setText(this._badge, unread > 99 ? "99+" : String(unread));
  }

  _renderNotice(chat) {
    const notice = this._noticeFor(chat);
    const { activeElement } = this._shadow;
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
    this._send.disabled = textProblem(cleanText(this._text.value)) !== null;
  }

  _key(event) {
    // An input method uses Enter to take its suggestion; Safari tells it by keyCode 229 alone.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this._submit();
  }

  _submit() {
    if (!this._handlers.onSend(this._text.value)) return;
    this._text.value = "";
    this._text.dispatchEvent(new Event("input"));
    this._text.focus();
  }

  async _askEnd() {
    const part = await this._part("end_dialog");
    if (!part || this._dialog || this._end.hidden || !this.isOpen) return;
    this._dialog = part.create(this.core, {
      onEnd: this._handlers.onEnd,
      onClose: () => (this._dialog = null),
    });
  }

  // A part's module; null when it could not be loaded, which is told: what asked for it can be tried again.
  async _part(name) {
    this._warn("");
    try {
      return await this._loadPart(name);
    } catch {
      this._warn(this._texts.get("notLoaded"));
      this._handlers.onError("part_not_loaded");
      return null;
    }
  }

  // Until the next thing is tried, or the window is closed.
  _warn(text) {
    setText(this._alert, text);
    this._alert.hidden = !text;
  }

  _statusText({ phase, trouble, link, talk }) {
    const text = (name, values) => this._texts.get(name, values);
    if (phase === "over") return text("chatEnded");
    if (trouble) return this._texts.first(`${trouble}.status`, "notConnected");
    if (link === "waiting") return text(navigator.onLine ? "reconnecting" : "offline");
    if (link !== "ready") return text("connecting");
    const { agent_name: name, queue_position: count } = talk.facts;
    if (name) return text("withAgent", { name });
    return count ? text("inQueue", { count }) : text("connected");
  }

  _noticeFor({ phase, trouble, ended }) {
    const { _texts: texts, _handlers: handlers } = this;
    if (trouble) {
      const text = texts.first(trouble, "unavailable");
      return { text, button: texts.first(`${trouble}.button`, "tryAgain"), action: handlers.onResume };
    }
    if (phase !== "over") return null;
    const text = ended.text || texts.first(`over.${ended.reason}`, "over");
    return { text, button: texts.get("startNew"), action: handlers.onStart };
  }
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
