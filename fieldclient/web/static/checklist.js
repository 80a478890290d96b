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

  // A swap changes what an element says, not what a person did to it. A choice that was taken back must look so, and what
  // was chosen since an answer was sent must not: its own answer comes next.
  let turn = 0;
  const touched = new Map(), sent = new Map(); // by question: the turn of the last touch, and of the last that was sent
  const idOf = el => el?.closest?.("[data-question]")?.id;
  for (const name of ["input", "change"]) {
    document.addEventListener(name, e => touched.set(idOf(e.target), ++turn), true); // before htmx hears of it
  }
  document.addEventListener("htmx:before:request", e => {
    const id = idOf(e.detail.ctx.sourceElement);
    sent.set(id, touched.get(id));
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const q of document.querySelectorAll("[data-question]")) {
      if (touched.get(q.id) !== sent.get(q.id)) continue;
      for (const el of q.querySelectorAll(".field input[type=radio], .field input[type=checkbox]")) el.checked = el.defaultChecked;
      if (!q.classList.contains("silent")) continue;
      for (const el of q.querySelectorAll('.field [id^="i"]:is(input:not([type=checkbox]), textarea, select)')) el.value = "";
    }
  });

  // A ranking is drawn anew with each move, and its rows change places: the keys stay with the button that was pressed.
  document.addEventListener("click", e => {
    if (!e.target.closest?.('.rank [aria-disabled="true"]')) return;
    e.preventDefault();
    e.stopImmediatePropagation();
  }, true);
  let pressed = null;
  document.addEventListener("htmx:before:swap", () => { pressed = document.activeElement?.closest?.(".rank button")?.id ?? null; });
  document.addEventListener("htmx:after:swap", () => {
    if (pressed && document.activeElement === document.body) document.getElementById(pressed)?.focus();
    pressed = null;
  });

  document.addEventListener("kua:focus", e => {
    const id = e.detail?.value ?? e.detail;
    setTimeout(() => {
      const at = document.getElementById(id);
      (at?.querySelector("input:not([type=hidden]),textarea,select") ?? at)?.focus();
    }, 0);
  });
})();
