// The share page's own script: it copies the link, counts what is left of the note, and keeps the mail's preview.
// Without it the link can be marked, the server counts, and the preview opens in a window of its own.
"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const [link, copy, copied] = ["link", "copy", "copied"].map(find);
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    let done = true;
    link.select();
    try { await navigator.clipboard.writeText(link.value); } catch { done = document.execCommand("copy"); }
    copied.textContent = done ? copied.dataset.done : copied.dataset.marked;
  });

  const [note, left, place, button] = ["note", "note-left", "preview", "preview-button"].map(find);
  const form = note.form;
  function count() {
    const written = [...note.value.normalize("NFC").replace(/\r\n?/g, "\n").trim()].length;
    left.textContent = left.dataset.left.replace("#", note.dataset.letters - written);
  }
  left.hidden = false;
  note.addEventListener("input", count);
  count();

  // Each preview is a new frame: the old one stays until the new one is there, and Back leads away from the page.
  let number = 0, waits = 0;
  function show() {
    const frame = document.createElement("iframe");
    const old = [...place.querySelectorAll("iframe")];
    frame.name = `preview-${++number}`;
    frame.title = place.dataset.title;
    frame.className = "mail-frame";
    frame.hidden = old.length > 0;
    place.append(frame);
    place.hidden = false;
    frame.addEventListener("load", () => {
      const inside = frame.contentDocument;  // null: the mail, which has an origin of its own
      if (inside && inside.URL === "about:blank") return;
      frame.hidden = false;
      old.forEach((each) => each.remove());
    });
    button.formTarget = frame.name;
    form.requestSubmit(button);
  }
  button.addEventListener("click", (event) => {
    event.preventDefault();
    show();
    place.scrollIntoView({ block: "nearest" });
  });
  form.addEventListener("input", () => {
    clearTimeout(waits);
    waits = setTimeout(show, 700);
  });
  form.addEventListener("submit", (event) => { if (event.submitter !== button) clearTimeout(waits); });
})();
