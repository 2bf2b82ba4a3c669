/** Calls `take(config)` with each answer to what the tenant has set up: the widget asks again where it got none. */
export function whenConfigured({ api, chat }, take) {
  let asked = null;
  async function look() {
    if (asked === api.configured) return;
    asked = api.configured;
    try {
      take(await asked);
    } catch {
      // There will be another one.
    }
  }
  chat.addEventListener("change", look);
  look();
}
