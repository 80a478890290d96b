// What a checklist does beyond htmx: the silences one key away, steps between questions, and what a swap leaves behind.
(() => {
  "use strict";

  const silences = {"1": "not-checked", "2": "not-applicable", "3": "access-refused"};

  document.addEventListener("keydown", e => {
    if (!e.altKey || e.ctrlKey || e.metaKey) return;
    const step = {ArrowRight: "on", ArrowLeft: "back"}[e.key];
    if (step) {
      const link = document.querySelector(`[data-step="${step}"]`);
      if (link) {
        e.preventDefault();
        link.click();
      }
      return;
    }
    const silence = silences[e.code.replace(/^(Digit|Numpad)/, "")];
    if (!silence) return;
    const question = document.activeElement.closest?.("[data-question]") ?? document.querySelector("[data-question]");
    const button = question?.querySelector(`[data-silence="${silence}"]`);
    if (button) {
      e.preventDefault();
      button.click();
    }
  });

  // A swap changes what an element says, not what a person chose in it: a choice that was taken back must look so.
  document.addEventListener("htmx:after:swap", () => {
    for (const el of document.querySelectorAll("[data-question] input[type=radio], [data-question] input[type=checkbox]")) {
      if (el !== document.activeElement) el.checked = el.hasAttribute("checked");
    }
  });

  document.addEventListener("kua:focus", e => {
    const id = e.detail?.value ?? e.detail;
    setTimeout(() => {
      const at = document.getElementById(id);
      (at?.querySelector("input:not([type=hidden]),textarea,select") ?? at)?.focus();
    }, 0);
  });
})();
