/** Keeps the window in what is left to see: under a phone's keyboard 100dvh is too tall. */
export function fitViewport({ panel, signal }) {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const fit = () => {
    panel.style.setProperty("--height", `${viewport.height}px`);
    panel.style.setProperty("--top", `${viewport.offsetTop}px`);
  };
  for (const type of ["resize", "scroll"]) viewport.addEventListener(type, fit, { signal });
  fit();
}
