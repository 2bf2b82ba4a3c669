/** The console's addresses: what is on the screen, to be reloaded, shared and walked back through. Pure. */

// What each view can be narrowed by, in the order in which it stands in the address.
export const FILTERS = {
  inbox: [],
  all: ["q", "agent", "tag", "tenant", "page"],
  history: ["q", "status", "reason", "stage", "agent", "tag", "tenant", "from", "to", "page"],
  messages: ["done", "page"],
  team: [],
};

// The inbox stands at the base itself; these have no chat open.
const FOLDERS = { inbox: "chats", all: "all", history: "history" };
const PAGES = ["messages", "team"];
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** `{view, chat, filters}`; null for an address that is another page's. `chat` is a session id or null. */
export function parseAddress(base, { pathname, search = "" }) {
  if (!pathname.startsWith(base)) return null;
  const place = parsePath(pathname.slice(base.length));
  return place && { ...place, filters: parseFilters(place.view, search) };
}

function parsePath(path) {
  const [folder, id, ...rest] = path.replace(/\/$/, "").split("/");
  if (rest.length) return null;
  if (folder === "") return { view: "inbox", chat: null };
  if (PAGES.includes(folder)) return id === undefined ? { view: folder, chat: null } : null;
  const view = Object.keys(FOLDERS).find((name) => FOLDERS[name] === folder);
  if (!view || (id === undefined ? view === "inbox" : !ID.test(id))) return null;
  return { view, chat: id ?? null };
}

function parseFilters(view, search) {
  return cleanFilters(view, Object.fromEntries(new URLSearchParams(search)));
}

/** Of `filters`, what the view knows and what says something. The first page is no filter. */
export function cleanFilters(view, filters) {
  const clean = {};
  for (const name of FILTERS[view]) {
    const value = String(filters[name] ?? "").trim();
    if (value && isSaid(name, value)) clean[name] = value;
  }
  return clean;
}

function isSaid(name, value) {
  return name !== "page" || (/^[1-9]\d{0,4}$/.test(value) && value !== "1");
}

/** Path and query of a place: the opposite of parseAddress. */
export function formatAddress(base, { view, chat = null, filters = {} }) {
  const folder = view === "inbox" && !chat ? "" : `${FOLDERS[view] ?? view}/`;
  const query = new URLSearchParams(cleanFilters(view, filters)).toString();
  return `${base}${folder}${chat ? `${chat}/` : ""}${query && `?${query}`}`;
}

/** The same list narrowed otherwise, from its first page. */
export function narrowed(address, changes) {
  const filters = { ...address.filters, page: "", ...changes };
  return { ...address, filters: cleanFilters(address.view, filters) };
}

/** The query of `GET sessions` for what the view All or History is narrowed by. */
export function sessionsQuery({ view, filters }) {
  const { agent, ...rest } = cleanFilters(view, filters);
  const query = { [view === "history" ? "history" : "open"]: "true", ...rest };
  if (agent) query.assigned = agent;
  // The rows tell times of the reader's day, which is another one on the server.
  if (rest.from) query.from = toISO(rest.from, "T00:00");
  if (rest.to) query.to = toISO(rest.to, "T23:59:59.999");
  return new URLSearchParams(query).toString();
}

function toISO(day, time) {
  const at = new Date(day + time);
  return Number.isNaN(at.getTime()) ? day : at.toISOString();
}
