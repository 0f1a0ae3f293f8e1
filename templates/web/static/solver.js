// Solves an ALTCHA challenge (PBKDF2, SHA-256): tries counters until the derived key begins as it is asked to.
// In: the challenge as JSON text. Out: the answer as the form sends it, base64 of JSON.
"use strict";
const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

self.onmessage = async (message) => {
  const challenge = JSON.parse(message.data);
  const asked = challenge.parameters;
  const salt = bytes(asked.salt);
  const nonce = bytes(asked.nonce);
  const password = new Uint8Array(nonce.length + 4);
  password.set(nonce);
  for (let counter = 0; ; counter += 1) {
    new DataView(password.buffer).setUint32(nonce.length, counter);
    const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations: asked.cost };
    const derivedKey = hex(await crypto.subtle.deriveBits(how, key, asked.keyLength * 8));
    if (derivedKey.startsWith(asked.keyPrefix)) {
      self.postMessage(btoa(JSON.stringify({ challenge, solution: { counter, derivedKey } })));
      return;
    }
  }
};
