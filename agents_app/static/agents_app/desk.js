/** What surrounds the chats: alerts, availability, keys, palette, settings. Wires them to the console. */

import { Activity } from "./activity.js";
import { Alerts } from "./alerts.js";
import { Attention } from "./attention.js";
import { AvailabilityMenu, LABELS } from "./availability.js";
import { Chime } from "./chime.js";
import { Claims } from "./claims.js";
import { ConnectionLine } from "./connection_line.js";
import { visitorName } from "./format.js";
import { KEYS, Keyboard, isTextField, keyLabel } from "./keys.js";
import { Palette } from "./palette.js";
import { Preferences } from "./preferences.js";
import { SettingsDialog } from "./settings.js";

// Too small to be chosen by name.
const UNLISTED = ["nextRow", "previousRow", "palette", "leave"];
const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

export class Desk {
  #state;
  #api;
  #connection;
  #composer;
  #goTo;
  #alerts;
  #availability;
  #activity;
  #settings;
  #palette;
  #actions;
  #connectionLine;

  /** `goTo({view, chat, filters})` goes to a place of the console. */
  constructor(state, { api, connection, config, composer, goTo }) {
    this.#state = state;
    this.#api = api;
    this.#connection = connection;
    this.#connectionLine = new ConnectionLine(state, connection, { keepsTexts: true });
    this.#composer = composer;
    this.#goTo = goTo;
    const storage = () => localStorage;
    const preferences = new Preferences(storage, config.agent_id);
    const chime = new Chime();
    this.#alerts = new Alerts(state, {
      attention: new Attention(),
      claims: Claims.ofAgent(storage, config.agent_id),
      preferences,
      chime,
      onOpen: (id) => this.#openChat(id),
    });
    this.#availability = new AvailabilityMenu({ save: (changes) => api.changeMe(changes) });
    this.#activity = new Activity({ onUse: () => this.#returned() });
    this.#settings = new SettingsDialog({ preferences, chime, isMac });
    this.#palette = new Palette({
      collect: (add) => this.#choices(add),
      otherwise: (query) => ({
        group: "History",
        text: `Search for “${query}”`,
        run: () => this.#search(query),
      }),
    });
    this.#actions = this.#makeActions();
    new Keyboard(this.#actions, { preferences, isMac });
  }

  /** The payload of a ping. */
  ping() {
    return { visible: document.visibilityState === "visible", active: this.#activity.take() };
  }

  /** To be called with each frame, once the state has taken it. */
  hear(type, payload) {
    if (payload.agent) this.#availability.show(payload.agent);
    if (type === "agent.ready") this.#alerts.update(true);
  }

  /** To be called with each rendering, and once a second. `title` is the view's. */
  tick(title) {
    this.#alerts.update(false);
    this.#alerts.render(title);
    this.#connectionLine.render();
  }

  /** Who was away only because nothing moved need not wait for the next beat. */
  #returned() {
    if (this.#availability.isAutoAway) this.#connection.send("ping", this.ping());
  }

  #openChat(chat) {
    this.#goTo({ view: "inbox", chat });
  }

  /** By the names of KEYS. */
  #makeActions() {
    const state = this.#state;
    const always = () => true;
    return {
      nextRow: { can: () => visibleRows().length > 0, run: () => focusRow(1) },
      previousRow: { can: () => visibleRows().length > 0, run: () => focusRow(-1) },
      nextInQueue: {
        can: () => this.#nextInQueue() !== undefined,
        run: () => this.#openChat(this.#nextInQueue()),
      },
      accept: button("accept"),
      reply: {
        can: () => state.openSession !== null && state.isMine(state.openSession),
        run: () => this.#composer.switchTo("reply"),
      },
      note: { can: () => state.openSession !== null, run: () => this.#composer.switchTo("note") },
      transfer: button("transfer"),
      end: button("end"),
      hold: offered("hold", "keep"),
      search: { can: always, run: () => this.#search() },
      help: { can: always, run: () => this.#settings.showKeys() },
      palette: { can: always, run: () => this.#palette.open() },
      // A filled search box is emptied first, by the browser, as everywhere.
      leave: {
        can: () => !isSearching() && (isWriting() || state.openId !== null),
        run: () => this.#leave(),
      },
    };
  }

  /** Who has waited longest, but for the chat that is open already. */
  #nextInQueue() {
    return this.#state.queue.map(({ session_id }) => session_id).find((id) => id !== this.#state.openId);
  }

  #search(q = "") {
    this.#goTo({ view: "history", chat: null, filters: { q } });
    document.querySelector("#search [name=q]").focus();
  }

  #leave() {
    const { activeElement } = document;
    if (!isWriting()) document.querySelector("#conversation .back:not([hidden] *)").click();
    // The transcript, so that the arrows scroll it and Tab goes on from there.
    else if (activeElement.closest("#chat")) document.getElementById("scroller").focus();
    else activeElement.blur();
  }

  /** What the palette offers, the nearest first; colleagues are asked for and come later. */
  #choices(add) {
    const { queue, mine, agent } = this.#state;
    const chat = (group) => (session) => ({
      group,
      text: visitorName(session),
      about: referenceText(session),
      run: () => this.#openChat(session.session_id),
    });
    const actions = KEYS.filter(({ action }) => !UNLISTED.includes(action) && this.#actions[action].can());
    const letGo = button("let-go");
    const availabilities = Object.entries(LABELS).filter(([value]) => value !== agent?.availability);
    this.#addColleagues(add);
    return [
      ...mine.map(chat("My chat")),
      ...queue.map(chat("Waiting")),
      ...actions.map(({ key, what, action }) => ({
        group: "Do",
        key: keyLabel(key, isMac),
        text: what,
        run: this.#actions[action].run,
      })),
      ...(letGo.can() ? [{ group: "Do", text: "Let the chat go again", run: letGo.run }] : []),
      ...[...document.querySelectorAll(".rail a[data-link]")].map((link) => ({
        group: "View",
        text: link.querySelector("span").textContent,
        run: () => link.click(),
      })),
      ...availabilities.map(([value, label]) => ({
        group: "Do",
        text: `Set me to ${label}`,
        run: () => this.#availability.change({ availability: value }),
      })),
      { group: "Do", text: "Settings: sound, notifications, keys", run: () => this.#settings.open() },
    ];
  }

  async #addColleagues(add) {
    try {
      const { agents } = await this.#api.agents();
      const colleagues = agents.filter(({ id }) => id !== this.#state.agent?.id);
      add(
        colleagues.map(({ id, name, state, load }) => ({
          group: `${LABELS[state]}, ${load} ${load === 1 ? "chat" : "chats"}`,
          text: name,
          run: () => this.#goTo({ view: "all", chat: null, filters: { agent: id } }),
        })),
      );
    } catch {
      // Colleagues cannot be told now; everything else can be chosen.
    }
  }
}

/** The reference, beside a name; whoever has no name is called by it anyway. */
function referenceText(session) {
  return visitorName(session) === session.conversation_id ? "" : session.conversation_id;
}

/** What a button does, while it can be pressed. */
function button(id) {
  const node = () => document.getElementById(id);
  return { can: () => Boolean(node()?.checkVisibility()) && !node().disabled, run: () => node().click() };
}

/** What the one of these buttons does that is offered now, also in the pane that a narrow screen does not show. */
function offered(...ids) {
  const isOffered = (node) => !node.disabled && !node.closest("[hidden]");
  const find = () => ids.map((id) => document.getElementById(id)).find(isOffered);
  return { can: () => find() !== undefined, run: () => find().click() };
}

function visibleRows() {
  return [...document.querySelectorAll("#lists a.row")].filter((row) => row.checkVisibility());
}

/** Moves the focus to the row `step` further, from the one that has it, else from the open chat's. */
function focusRow(step) {
  const rows = visibleRows();
  const from = rows.indexOf(document.activeElement.closest("a.row") ?? rows.find((row) => row.ariaCurrent));
  const first = step > 0 ? 0 : rows.length - 1;
  const to = from < 0 ? first : from + step;
  rows[Math.min(Math.max(to, 0), rows.length - 1)].focus();
}

function isWriting() {
  return isTextField(document.activeElement);
}

function isSearching() {
  const { activeElement } = document;
  return activeElement.type === "search" && activeElement.value !== "";
}
