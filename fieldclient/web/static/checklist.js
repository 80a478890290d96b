// What a checklist does beyond htmx: the silences one key away, steps between questions, and what a swap leaves behind.
(() => {
  "use strict";

  const silences = {"1": "not-checked", "2": "not-applicable", "3": "access-refused"};

  // meant is the question that a key is for: the one with the focus, or that was pressed last, or the only one; never one
  // that is not in sight.
  let pressedIn = null;
  document.addEventListener("pointerdown", e => { pressedIn = e.target.closest?.("[data-question]")?.id; }, true);
  const meant = () => {
    const all = document.querySelectorAll("[data-question]:not([hidden])");
    const q = document.activeElement.closest?.("[data-question]") ?? document.getElementById(pressedIn) ?? (all.length === 1 ? all[0] : null);
    const at = q?.getBoundingClientRect();
    return at && at.bottom > 0 && at.top < innerHeight ? q : null;
  };

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
    const button = meant()?.querySelector(`[data-silence="${silence}"]`);
    if (button) {
      e.preventDefault();
      button.click();
    }
  });

  // A swap changes what an element says, not what a person did to it. A choice that was taken back must look so, and what
  // was chosen since an answer was sent must not: its own answer comes next.
  let turn = 0;
  const touched = new Map(), answered = new Map(); // by question: the turn of the last touch, and of the last that was answered
  const idOf = el => el?.closest?.("[data-question]")?.id;
  for (const name of ["input", "change"]) {
    document.addEventListener(name, e => { // before htmx hears of it
      touched.set(idOf(e.target), ++turn);
      if (name === "input") delete e.target.dataset.emptied;
    }, true);
  }
  document.addEventListener("htmx:config:request", e => {
    const ctx = e.detail.ctx;
    ctx.question = idOf(ctx.sourceElement);
    ctx.turn = touched.get(ctx.question);
  });
  document.addEventListener("htmx:before:request", e => { // it may have waited for the answer to another part
    const form = e.detail.ctx.sourceElement, body = e.detail.ctx.request.body;
    const field = form.querySelector?.('[id^="i"]:is(input:not([type=checkbox]), textarea)');
    if (!field || !(body instanceof URLSearchParams)) return;
    if ("emptied" in field.dataset) { // a silence has come between, and nobody has taken it back
      e.preventDefault();
      form.closest("[data-field]").dataset.state = "saved";
    } else {
      body.set("value", field.value);
      e.detail.ctx.turn = touched.get(e.detail.ctx.question);
    }
  });
  document.addEventListener("htmx:after:swap", e => {
    const ctx = e.detail.ctx, field = ctx.sourceElement.closest?.("[hx-morph-skip] [data-field]");
    if (field?.dataset.state === "saving") field.dataset.state = "saved"; // no swap says so there
    if (ctx.question) answered.set(ctx.question, ctx.turn);
    for (const q of document.querySelectorAll("[data-question]")) {
      if (touched.get(q.id) !== answered.get(q.id)) continue;
      for (const el of q.querySelectorAll(":scope > .field :is(input[type=radio], input[type=checkbox])")) el.checked = el.defaultChecked;
      if (!q.classList.contains("silent")) continue;
      for (const el of q.querySelectorAll('.field [id^="i"]:is(input:not([type=checkbox]), textarea, select)')) {
        if (el.value !== "") {
          const field = el.closest("[data-field]");
          el.dataset.emptied = field.dataset.state = "";
          document.dispatchEvent(new CustomEvent("kua:settled", {detail: field.id}));
        }
        el.value = "";
      }
    }
  });

  // What stands below an answer is fetched when it is opened, and stays as it is: somebody may be typing in it. Only what was
  // opened before the page was ready is fetched now, and what had to wait for an answer in its own place.
  window.addEventListener("load", () => {
    for (const more of document.querySelectorAll("details.more[open]:not(:has(.morebody)) summary")) more.dispatchEvent(new CustomEvent("kua:more"));
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const later of document.querySelectorAll(".question:has(> .field[data-state=saved]) > details.more[open] [data-later]:not([data-asked])")) {
      later.dataset.asked = "";
      later.dispatchEvent(new CustomEvent("kua:more"));
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

  // A form says which statements its person had before their eyes. One that waited for the answer to an earlier save of
  // the same question says so anew; one that is being typed into has not shown what a swap brings, unless its own page
  // wrote that.
  const marks = form => [...form.querySelectorAll('input[name="seen"]')];
  document.addEventListener("htmx:before:request", e => {
    const form = e.detail.ctx.sourceElement, body = e.detail.ctx.request.body;
    if (!form.matches?.("[data-question] form") || !(body instanceof URLSearchParams)) return;
    body.delete("seen");
    for (const m of marks(form)) body.append("seen", m.value);
  });
  let typing = [];
  document.addEventListener("htmx:before:swap", () => {
    typing = [...document.querySelectorAll('[data-question] [data-state="typing"] form')].map(form => [form, marks(form).map(m => m.value)]);
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const [form, knew] of typing) {
      const now = marks(form), place = now[0]?.parentNode ?? form;
      const known = new Set([...knew, ...now.filter(m => m.hasAttribute("data-own")).map(m => m.value)]);
      for (const m of now) m.remove();
      for (const value of known) place.append(Object.assign(document.createElement("input"), {type: "hidden", name: "seen", value}));
    }
    typing = [];
  });

  // Where one question is shown at a time, the keys go to it.
  const alone = document.querySelector("[data-alone]");
  if (alone && document.activeElement === document.body) {
    const field = 'input:not([type="hidden"], :disabled), textarea, select:not(:disabled), .rank button';
    (alone.querySelector("input:checked") ?? alone.querySelector(field))?.focus({preventScroll: true});
  }

  document.addEventListener("kua:focus", e => {
    const id = e.detail?.value ?? e.detail;
    setTimeout(() => {
      const at = document.getElementById(id);
      (at?.querySelector("input:not([type=hidden]),textarea,select") ?? at)?.focus();
    }, 0);
  });
})();
