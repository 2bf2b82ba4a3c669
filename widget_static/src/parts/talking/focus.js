const STOPS = "button, textarea, input, select, a[href], [tabindex='0']";

/** Keeps the Tab key in a dialog, and in a window that fills the screen: nobody sees what lies behind. */
export function keepFocus({ panel }) {
  panel.addEventListener("keydown", (event) => {
    const isFull = panel.clientWidth >= document.documentElement.clientWidth;
    if (event.key !== "Tab" || !(isFull || panel.querySelector("[aria-modal]"))) return;
    const stops = [...panel.querySelectorAll(STOPS)].filter(isReachable);
    const ends = [stops[0], stops[stops.length - 1]];
    const [next, last] = event.shiftKey ? ends.reverse() : ends;
    if (panel.getRootNode().activeElement !== last) return;
    event.preventDefault();
    next.focus();
  });
}

const isReachable = (node) => !node.disabled && node.getClientRects().length > 0 && !node.closest("[inert]");
