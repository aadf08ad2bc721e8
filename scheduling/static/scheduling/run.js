// Keeps the page of a run that goes on as it stands: the bar moves, and where
// anything else has changed the page is read again.
"use strict";

(() => {
  const PAUSE_MS = 2000;
  const box = document.querySelector("[data-progress]");
  if (!box) return;
  const bar = box.querySelector("progress");
  const words = box.querySelector(".words");

  function show(answer) {
    if (answer.version !== box.dataset.version) {
      window.location.reload();
      return;
    }
    if (answer.words) {
      bar.max = answer.total;
      bar.value = answer.done;
      words.textContent = answer.words;
      words.parentElement.hidden = false;
    }
    window.setTimeout(look, PAUSE_MS);
  }

  function stop() {
    box.querySelector("[role=status]").textContent =
      "The site did not answer. Read the page again to see where the run stands.";
  }

  async function look() {
    if (document.hidden) {
      document.addEventListener("visibilitychange", look, { once: true });
      return;
    }
    try {
      const answer = await fetch(box.dataset.progress, { redirect: "error" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      show(await answer.json());
    } catch {
      stop();
    }
  }

  window.setTimeout(look, PAUSE_MS);
})();
