// The forms' common script: it lets a worker solve the form's challenge and puts the answer into the form.
// Without it, or where the browser has no crypto.subtle (plain http), the form works as well, at a lower limit.
"use strict";
(() => {
  const form = document.querySelector("form[data-challenge]");
  if (!form || !window.Worker || !window.crypto || !window.crypto.subtle) return;
  const status = document.getElementById("status");
  let state = "idle";
  let pressed = null;

  function done(answer) {
    state = "done";
    if (answer) form.elements.proof.value = answer;
    if (!pressed) return;
    status.textContent = "";
    form.requestSubmit(pressed.button);
  }

  function begin() {
    if (state !== "idle") return;
    state = "working";
    const worker = new Worker(form.dataset.solver);
    worker.onmessage = (message) => { worker.terminate(); done(message.data); };
    worker.onerror = () => { worker.terminate(); done(""); };
    worker.postMessage(form.dataset.challenge);
  }

  form.addEventListener("focusin", begin);
  form.addEventListener("submit", (event) => {
    if (state === "done" || (event.submitter && event.submitter.hasAttribute("formaction"))) return;
    event.preventDefault();
    pressed = { button: event.submitter };
    status.textContent = form.dataset.wait;
    begin();
  });
})();
