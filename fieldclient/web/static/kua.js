// What the screens do in the browser beyond htmx: lock, notice that somebody is there, keep a page's token, say what is
// saved. Nothing is ever put into a store of the browser.
(() => {
  "use strict";
  if (window.htmx) document.documentElement.classList.add("scripted"); // what is typed saves itself

  const meta = name => document.querySelector(`meta[name="${name}"]`)?.content ?? "";
  const unlocked = meta("unlocked") === "true";
  let gone = false; // this page has been told to forget

  // --- requests ---------------------------------------------------------------------------------------------------

  // A browser lets a request outlive its page, but no more than 64 KiB of them at once.
  const carries = 60000;
  let carried = 0;
  const post = async (path, body) => {
    const text = String(body), outlives = carried + text.length <= carries;
    if (outlives) carried += text.length;
    try {
      return await fetch(path, {
        method: "POST", body: text, keepalive: outlives, credentials: "same-origin", redirect: "manual",
        headers: {"X-Kua-Form": meta("csrf"), "Content-Type": "application/x-www-form-urlencoded"},
      });
    } finally {
      if (outlives) carried -= text.length;
    }
  };

  document.addEventListener("htmx:config:request", e => {
    e.detail.ctx.request.headers["X-Kua-Form"] = meta("csrf");
  });

  const wait = ms => new Promise(done => setTimeout(done, ms));

  // --- saving -----------------------------------------------------------------------------------------------------

  // A field that was typed into and not yet answered is dirty; what says "saved" is the answer, after the disk has it.
  // A silence is an answer to the field beside it.
  const fieldOf = el => el?.closest?.("[data-field]") ?? el?.closest?.(".silences")?.closest("[data-question]")?.querySelector("[data-field]");
  const formOf = f => f?.closest("form") ?? f?.querySelector("form");
  const dirty = new Set();

  // Whoever types without a pause is saved on the way, too: this often.
  const onTheWay = 3000;
  const since = new Map(); // by field: when the first key came that no save has taken
  document.addEventListener("input", e => {
    const f = fieldOf(e.target);
    if (!f) return;
    f.dataset.state = "typing";
    const now = performance.now();
    if (!dirty.has(f.id)) since.set(f.id, now);
    dirty.add(f.id);
    if (now - since.get(f.id) < onTheWay) return;
    since.set(f.id, now);
    formOf(f)?.dispatchEvent(new Event("ontheway"));
  });
  document.addEventListener("kua:settled", e => dirty.delete(e.detail)); // by something else that its person did
  const underway = new Set();
  document.addEventListener("htmx:before:request", e => {
    const ctx = e.detail.ctx, f = fieldOf(ctx.sourceElement);
    if (!f) return;
    // It may have waited for the answer to an earlier save of the same field, and says what the field shows only now.
    if (f.tagName === "FORM" && ctx.request.body instanceof URLSearchParams) ctx.request.body = typedIn(f);
    f.dataset.state = "saving";
    dirty.delete(f.id);
    underway.add(f.id);
  });
  document.addEventListener("htmx:finally:request", e => {
    const f = fieldOf(e.detail.ctx.sourceElement);
    if (f) underway.delete(f.id);
  });
  const unsaved = e => {
    const f = fieldOf(e.detail?.ctx?.sourceElement);
    if (!f || gone) return;
    f.dataset.state = "unsaved";
    dirty.add(f.id);
  };
  document.addEventListener("htmx:error", unsaved);
  document.addEventListener("htmx:response:error", unsaved);

  // flush posts what was typed in the last moment. Whoever locks must not lose it.
  const flush = (gone = false) => Promise.allSettled([...dirty].map(async id => {
    for (let i = 0; !gone && underway.has(id) && i < 40; i++) await wait(20); // a page that is gone never wakes up
    const form = formOf(document.getElementById(id));
    dirty.delete(id);
    return form && !form.querySelector("[data-emptied]") ? post(form.getAttribute("hx-post") ?? form.action, typedIn(form)) : null;
  }));
  const typedIn = form => new URLSearchParams(new FormData(form));

  // leaving lets a script of a page bring home what is no field, such as the last words of a recording.
  const leaving = () => {
    const work = [];
    document.dispatchEvent(new CustomEvent("kua:leaving", {detail: work}));
    return work;
  };

  // Whoever goes back, reloads or closes the window in that moment must not lose it either.
  window.addEventListener("pagehide", () => { if (!gone) flush(true); });

  // A text that is too long to outlive its page is saved while the browser asks whether to leave; what was refused, and
  // stands only on the screen, is worth that question, too.
  let hiding = false; // to lock or to wipe, which nothing may hold up
  window.addEventListener("beforeunload", e => {
    if (gone || hiding) return;
    const size = [...dirty].reduce((sum, id) => {
      const form = formOf(document.getElementById(id));
      return sum + (form ? String(typedIn(form)).length : 0);
    }, carried);
    if (size > carries) flush();
    else if (!document.querySelector('[data-field][data-state="unsaved"]')) return;
    e.preventDefault();
  });

  // --- locking ----------------------------------------------------------------------------------------------------

  const hide = () => {
    hiding = true;
    document.documentElement.classList.add("hidden");
  };

  const answered = async () => { do await wait(20); while (underway.size); };

  let stream = null; // of the program's events

  const lock = async () => {
    if (gone || !unlocked) return;
    hide();
    document.activeElement?.blur?.(); // a field that loses the focus saves itself: now, and not while the program ends
    await Promise.race([Promise.allSettled([flush(), ...leaving()]).then(answered), wait(1500)]);
    const sent = post("/lock", "").then(() => true, () => true); // it may end while it answers
    if (!await Promise.race([sent, wait(1000)])) {
      stream?.close(); // all connections of the browser are taken, and the lock waits for one: it gets this one
      await Promise.race([sent, wait(4000)]);
    }
    await wait(stream?.readyState === EventSource.CLOSED ? 0 : 4000);
    if (!gone) location.replace("/"); // the stream was not there
  };

  // forget empties the page. With a ticket it comes back to the process that follows.
  const forget = (why, ticket) => {
    gone = true;
    hide();
    dirty.clear();
    document.title = "Kua";
    document.body.replaceChildren();
    if (!ticket) {
      location.replace("about:blank");
      return;
    }
    const form = document.createElement("form");
    form.method = "post";
    form.action = "/launch";
    const input = document.createElement("input");
    input.type = "hidden";
    input.name = "token";
    input.value = ticket;
    form.append(input);
    document.body.append(form);
    setTimeout(() => form.submit(), 150);
  };

  if (window.EventSource && meta("csrf")) {
    stream = new EventSource("/events");
    let ending = null;
    let flushed = null;
    stream.addEventListener("end", e => {
      ending = e.data.split(" ");
      hide();
      flushed = flush();
    });
    stream.addEventListener("error", async () => {
      if (!ending || gone) return;
      stream.close();
      gone = true; // one farewell is enough
      await Promise.race([flushed, wait(1000)]);
      forget(...ending);
    });
    window.addEventListener("pagehide", () => stream.close());
  }
  window.addEventListener("pageshow", e => { if (e.persisted) location.reload(); });

  // On a narrow screen the rail runs sideways: the part that is shown is brought into sight.
  const part = document.querySelector(".rail [aria-current]"), strip = part?.closest("ul");
  if (!location.hash) part?.scrollIntoView({block: "nearest", inline: "center"});
  const middle = () => {
    if (!strip?.isConnected) return;
    const at = part.getBoundingClientRect(), of = strip.getBoundingClientRect();
    strip.scrollLeft += at.left - of.left - (of.width - at.width) / 2;
  };
  document.fonts?.ready.then(middle); // words are as wide as their letters
  matchMedia("(max-width: 50rem)").addEventListener("change", middle);

  // --- keys -------------------------------------------------------------------------------------------------------

  document.addEventListener("keydown", e => {
    if (e.key === "F9" && e.shiftKey) {
      e.preventDefault();
      wipe();
    } else if (e.key === "F9" || (e.key === "." && (e.ctrlKey || e.metaKey))) {
      e.preventDefault();
      lock();
    }
  }, true);

  const submitTo = action => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = action;
    const input = document.createElement("input");
    input.type = "hidden";
    input.name = "csrf";
    input.value = meta("csrf");
    form.append(input);
    document.body.append(form);
    form.submit();
  };
  const wipe = () => { hide(); submitTo("/wipe"); };

  const countdown = document.querySelector("[data-countdown]");
  if (countdown) {
    let left = Number(countdown.dataset.countdown);
    setInterval(() => { countdown.textContent = String(Math.max(0, --left)); }, 1000);
  }

  // --- somebody is there ------------------------------------------------------------------------------------------

  let told = performance.now();
  const here = () => {
    if (gone || !unlocked || performance.now() - told < 15000) return;
    told = performance.now();
    post("/alive", "").catch(() => {});
  };
  for (const name of ["keydown", "pointermove", "pointerdown", "wheel", "touchstart"]) {
    document.addEventListener(name, here, {passive: true});
  }

  // --- small helps ------------------------------------------------------------------------------------------------

  document.addEventListener("click", e => {
    const el = e.target.closest?.("[data-lock],[data-now],[data-fill],[data-print]");
    if (!el) return;
    if (el.hasAttribute("data-lock")) {
      e.preventDefault();
      lock();
    } else if (el.hasAttribute("data-now")) {
      const input = document.getElementById(el.dataset.now);
      const now = new Date();
      input.value = [now.getHours(), now.getMinutes()].map(n => String(n).padStart(2, "0")).join(":");
      input.dispatchEvent(new Event("input", {bubbles: true}));
      input.dispatchEvent(new Event("change", {bubbles: true}));
    } else if (el.hasAttribute("data-fill")) {
      const text = document.getElementById(el.dataset.fill).textContent.trim();
      for (const id of el.dataset.into.split(" ")) document.getElementById(id).value = text;
    } else {
      window.print();
    }
  });
  document.addEventListener("change", e => {
    const named = e.target.dataset?.named;
    if (named) document.getElementById(named).textContent = (e.target.files[0]?.name ?? "").replace(/\p{Bidi_Control}/gu, "⟪?⟫");
    const ids = e.target.dataset?.reveal;
    if (!ids) return;
    for (const id of ids.split(" ")) document.getElementById(id).type = e.target.checked ? "text" : "password";
  });

  // One press makes one thing: neither a double click nor a key that is held down makes another, nor a press while the
  // first is under way. A form that htmx sends is ready again with its answer; one that leaves the page never is.
  const sent = new WeakSet();
  document.addEventListener("submit", e => {
    if (!e.target.hasAttribute("data-once")) return;
    if (sent.has(e.target)) {
      e.preventDefault();
      e.stopImmediatePropagation();
      return;
    }
    sent.add(e.target);
    if (!e.target.hasAttribute("hx-post")) e.target.dataset.sent = "true"; // how it looks
    for (const b of e.target.querySelectorAll("[data-busy]")) b.hidden = false;
  }, true);
  document.addEventListener("htmx:finally:request", e => sent.delete(e.detail.ctx.sourceElement));
  const again = e => {
    if (e.target.closest?.("form[data-once] button, form[data-once] [type=submit]")) e.preventDefault();
  };
  document.addEventListener("click", e => { if (e.detail > 1) again(e); }, true);
  document.addEventListener("keydown", e => { if (e.repeat && (e.key === "Enter" || e.key === " ")) again(e); }, true);
})();
