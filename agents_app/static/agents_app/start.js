/**
 * Watches over the start of the console. A plain script and no module: when one module does not arrive, none of them
 * runs, and the page would say "Connecting…" for ever. console.js takes the notice away once all is running.
 */
(() => {
  const AGAIN_AFTER_MS = 3000;

  function tell() {
    document.getElementById("not-started")?.classList.add("is-certain");
  }

  /** Loads the page again as soon as the server hands out `address`; some time apart, since all consoles do so. */
  function tryAgain(address) {
    setTimeout(
      async () => {
        const answer = await fetch(address, { cache: "no-store" }).catch(() => null);
        if (answer?.ok) location.reload();
        else tryAgain(address);
      },
      AGAIN_AFTER_MS * (0.5 + Math.random()),
    );
  }

  // In the capturing phase: what fails to load tells its own element only.
  addEventListener(
    "error",
    ({ target }) => {
      if (target instanceof HTMLScriptElement) {
        tell();
        tryAgain(target.src);
        // Or one that came and failed: loaded again, it would fail again. Later errors are not the start's.
      } else if (target === window) tell();
    },
    true,
  );
})();
