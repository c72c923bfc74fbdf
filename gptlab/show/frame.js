// Runs in the notebook's page, once however many frames there are: the frames are sandboxed, so they
// can neither read the theme nor set their own height, and ask for both by message.
(() => {
  "use strict";
  if (window.gptlabFrames) return;
  window.gptlabFrames = true;

  // Up to here a frame grows with its picture; a longer one scrolls inside its frame.
  const MAX_HEIGHT = 760;
  const VARIABLES = {
    "--background": "--jp-layout-color0",
    "--text": "--jp-content-font-color1",
    "--muted": "--jp-content-font-color2",
    "--hover": "--jp-layout-color3",
    "--border": "--jp-border-color0",
  };
  const frames = () => [...document.querySelectorAll("iframe.gptlab-frame")];

  function sendTheme(frame) {
    const style = getComputedStyle(document.body);
    const colours = {};
    for (const [name, source] of Object.entries(VARIABLES)) {
      colours[name] = style.getPropertyValue(source).trim();
    }
    if (!Object.values(colours).every(Boolean)) return;  // not JupyterLab: the frame keeps its own
    const dark = document.body.dataset.jpThemeLight === "false";
    // A sandboxed frame has no origin to name, so any must do; colours are no secret.
    frame.contentWindow.postMessage({ gptlab: "theme", dark, colours }, "*");
  }

  window.addEventListener("message", (event) => {
    if (event.data?.gptlab !== "height") return;
    const frame = frames().find((one) => one.contentWindow === event.source);
    if (!frame || !Number.isFinite(event.data.height)) return;
    frame.style.height = `${Math.min(Math.max(event.data.height, 60), MAX_HEIGHT)}px`;
    // The frame is alive and says the sentence itself.
    const caption = frame.parentElement.querySelector("figcaption");
    if (caption) caption.hidden = true;
    if (event.data.first) sendTheme(frame);
  });
  new MutationObserver(() => frames().forEach(sendTheme)).observe(document.body, {
    attributes: true,
    attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"],
  });
})();
