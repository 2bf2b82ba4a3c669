/**
 * Watches over the start of the console. A plain script and no module: when one module does not arrive, none of them
 * runs, and the page would say "Connecting…" for ever. console.js takes the notice away once all is running.
 */
(() => {
  const AGAIN_AFTER_MS = 3000;
  const notice = document.getElementById("not-started");

  /** Whether the server hands out all modules. One after the other: a server in trouble is asked for one. */
  async function isComplete() {
    for (const { href } of document.querySelectorAll("link[rel=modulepreload]")) {
      const answer = await fetch(href, { cache: "no-store" }).catch(() => null);
      if (!answer?.ok) return false;
    }
    return true;
  }

  /** Loads the page again once that would help; some time apart, since all consoles do so. */
  function tryAgain() {
    setTimeout(
      async () => {
        if (await isComplete()) location.reload();
        else tryAgain();
      },
      AGAIN_AFTER_MS * (0.5 + Math.random()),
    );
  }

  // In the capturing phase: what fails to load tells its own element only.
  addEventListener(
    "error",
    ({ target }) => {
      // What fails in a console that runs is not the start's.
      if (!notice.isConnected) return;
      notice.classList.add("is-certain");
      // The window's are of a module that came and failed: loaded again, it would fail again.
      if (target instanceof HTMLScriptElement && target.type === "module") tryAgain();
    },
    true,
  );
})();
