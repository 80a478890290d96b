// Photos, files and recordings: they go from the page into the sealed store as they come. Nothing is kept in the browser.
(() => {
  "use strict";

  const meta = name => document.querySelector(`meta[name="${name}"]`)?.content ?? "";
  const slice = 2000;            // milliseconds of sound that go at once
  const longest = 5 * 60 * 1000; // of one recording: what a battery that dies can take away
  const headers = () => ({"X-Kua-Form": meta("csrf"), "HX-Request": "true"});

  // show puts the card that the program answered with on top of the list beside the box, or of the page's.
  const show = (box, html) => {
    const list = box.parentElement.querySelector(".proofs") ?? document.getElementById("evidence-list");
    list.querySelector("[data-none]")?.remove();
    list.insertAdjacentHTML("afterbegin", html);
    window.htmx?.process(list.firstElementChild);
  };

  const say = html => { document.getElementById("notices").innerHTML = html; };

  const setUp = box => {
    const one = name => box.querySelector(`[data-${name}]`);
    const alert = name => {
      for (const n of ["nomicrophone", "toolarge", "broken"]) one(n).hidden = n !== name;
    };
    const restricted = () => one("restricted").checked ? "yes" : "";

    // --- files ----------------------------------------------------------------------------------------------------

    const send = file => new Promise(done => {
      const form = new FormData();
      form.append("link", box.dataset.link);
      form.append("restricted", restricted());
      form.append("file", file); // last: what is said of it comes before it
      const request = new XMLHttpRequest();
      request.open("POST", box.dataset.url + "/evidence");
      for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
      request.upload.onprogress = e => {
        const percent = e.lengthComputable ? Math.floor(100 * e.loaded / e.total) : 0;
        one("going").querySelector("progress").value = percent;
        one("percent").textContent = percent + " %";
      };
      request.onload = () => {
        if (request.status === 200) show(box, request.responseText);
        else say(request.responseText);
        done(request.status === 200);
      };
      request.onerror = () => { alert("broken"); done(false); };
      request.send(form);
    });

    let sending = Promise.resolve();
    for (const input of box.querySelectorAll("[data-pick]")) {
      input.addEventListener("change", () => {
        const chosen = [...input.files];
        sending = sending.then(async () => {
          alert("");
          for (const file of chosen) {
            if (file.size > Number(box.dataset.most)) {
              alert("toolarge");
              continue;
            }
            one("going").hidden = false;
            one("name").textContent = file.name.replace(/\p{Bidi_Control}/gu, "⟪?⟫"); // it may turn itself round
            if (!await send(file)) break;
          }
          one("going").hidden = true;
          input.value = ""; // the same photo may be chosen again
        });
      });
    }

    // --- recordings -----------------------------------------------------------------------------------------------

    const media = ["audio/webm", "audio/ogg", "audio/mp4"].find(m => window.MediaRecorder?.isTypeSupported(m));
    if (media && navigator.mediaDevices?.getUserMedia) one("record").hidden = false;

    const post = (path, body, type) => fetch(box.dataset.url + "/recordings" + path, {
      method: "POST", body, credentials: "same-origin", headers: {...headers(), "Content-Type": type},
    });
    const form = fields => [new URLSearchParams(fields), "application/x-www-form-urlencoded"];

    // record makes one recording, until stop is called; it is over when its card is shown.
    const record = async (stream, stopped) => {
      const began = await post("", ...form({link: box.dataset.link, restricted: restricted(), media}));
      if (!began.ok) {
        say(await began.text());
        return null;
      }
      const id = await began.text();
      const recorder = new MediaRecorder(stream, {mimeType: media});
      let next = 0;
      let told = false;
      let queue = Promise.resolve(true);
      const push = bytes => {
        queue = queue.then(async going => {
          if (!going) return false;
          const n = next++;
          for (let tries = 0; tries < 3; tries++) {
            try {
              const answer = await post(`/${id}/${n}`, bytes, "application/octet-stream");
              if (!answer.ok) { // said at once, not when somebody presses stop
                say(await answer.text());
                told = true;
                stopped();
              }
              return answer.ok;
            } catch { /* once more */ }
          }
          return false;
        });
      };
      recorder.addEventListener("dataavailable", e => { if (e.data.size > 0) push(e.data); });
      const over = new Promise(done => {
        recorder.addEventListener("stop", async () => {
          const whole = await queue;
          const answer = await post(`/${id}/end`, "", "application/x-www-form-urlencoded").catch(() => null);
          done(); // without an answer the laptop has locked: it has saved what came
          if (!whole && !told) alert("broken");
          if (!answer) return;
          const html = await answer.text();
          if (answer.ok) show(box, html);
          else if (!told) say(html);
        });
      });
      recorder.start(slice);
      return {over, stop: () => { if (recorder.state !== "inactive") recorder.stop(); return over; }};
    };

    let running = null; // {stop}
    let active = performance.now();
    for (const name of ["keydown", "pointermove", "pointerdown", "wheel", "touchstart"]) {
      document.addEventListener(name, () => { active = performance.now(); }, {passive: true});
    }

    const begin = async () => {
      alert("");
      let stream;
      try {
        stream = await navigator.mediaDevices.getUserMedia({audio: true});
      } catch {
        alert("nomicrophone");
        return;
      }
      let on = true;
      const started = performance.now();
      let part = await record(stream, () => end());
      let since = performance.now();
      const end = async () => {
        if (!on) return part?.over;
        on = false;
        clearInterval(tick);
        const last = part?.stop();
        one("record").hidden = false;
        one("stop").hidden = true;
        one("warn").hidden = true;
        await last;
        for (const t of stream.getTracks()) t.stop();
        running = null;
      };
      const tick = setInterval(async () => {
        const seconds = Math.floor((performance.now() - started) / 1000);
        one("clock").textContent = Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0");
        const left = Number(meta("idle")) * 60000 - (performance.now() - active);
        one("warn").hidden = left > 45000;
        if (on && part && performance.now() - since > longest) {
          since = performance.now();
          const before = part;
          part = null;
          await before.stop();
          if (on) part = await record(stream, () => end());
          if (on && !part) end();
        }
      }, 1000);
      if (!part) {
        end();
        return;
      }
      running = {stop: end};
      one("record").hidden = true;
      one("stop").hidden = false;
    };

    one("record").addEventListener("click", begin);
    one("stop").addEventListener("click", () => running?.stop());
    document.addEventListener("kua:leaving", e => { if (running) e.detail.push(running.stop()); });
  };

  // Saving a picture or a sound from the browser would write it into a folder in clear.
  document.addEventListener("contextmenu", e => { if (e.target.closest?.("img, audio")) e.preventDefault(); });

  const all = () => {
    for (const box of document.querySelectorAll("[data-evidence]:not([data-ready])")) {
      box.dataset.ready = "";
      setUp(box);
    }
  };
  all();
  document.addEventListener("htmx:after:swap", all); // a checklist brings the one of a question when it is opened
})();
