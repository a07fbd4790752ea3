// The page's script: asks for a token, opens a terminal over /terminal, comes back to it when the connection is lost.
//
// The token stays in a variable of this script. The terminal's id, which is no secret, stands behind the page's # so
// that a page that is loaded again finds it.
"use strict";

const AT_ONCE = 32 * 1024; // bytes that are typed, or said to be read, in one frame
const NORMAL = 1000, POLICY = 1008;
const AGAIN_AFTER = [500, 1000, 2000, 5000]; // ms

const element = (id) => document.getElementById(id);

// The page's policy allows no styles but its own. Those that xterm.js makes are marked with the page's nonce, and those
// that it sets as a text are set as properties.
const nonce = document.querySelector("meta[name=style-nonce]").content;
const create = document.createElement.bind(document);
document.createElement = (name, options) => {
  const made = create(name, options);
  if (made instanceof HTMLStyleElement) made.nonce = nonce;
  return made;
};
const setAttribute = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (name, value) {
  if (name === "style") this.style.cssText = value;
  else setAttribute.call(this, name, value);
};

const terminal = new Terminal({ cursorBlink: true, scrollback: 5000 });
const fit = new FitAddon.FitAddon();
terminal.loadAddon(fit);
terminal.open(element("screen"));

let token = "";
let socket = null;
let wasOpen = false; // the token was good once
let tries = 0;
let unread = 0; // bytes that were shown, and not yet said to be
let replay = 0; // bytes still to come that were shown before: what they ask of a terminal was answered then

function known() {
  return decodeURIComponent(location.hash.slice(1));
}

function remember(id) {
  history.replaceState(null, "", id ? "#" + encodeURIComponent(id) : location.pathname);
}

function tell(text, state) {
  element("status").textContent = text;
  element("status").dataset.state = state;
  element("door").hidden = state === "attached" || state === "connecting" || state === "detached";
  element("detach").hidden = element("end").hidden = state !== "attached";
  element("attach").hidden = state !== "detached";
  element("attach").textContent = known() ? "Attach again" : "New terminal";
}

function connect() {
  const place = new URL("/terminal", location.href);
  place.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  if (known()) place.searchParams.set("id", known());
  tell("connecting …", "connecting");
  try {
    socket = new WebSocket(place, ["openclaw.terminal", "openclaw.bearer." + token]);
  } catch {
    return leave("this is no token");
  }
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    wasOpen = true;
    fit.fit();
    if (!known()) say({ type: "spawn", params: { cols: bounded(terminal.cols, 10, 500), rows: bounded(terminal.rows, 5, 200) } });
  };
  socket.onmessage = ({ data }) => (typeof data === "string" ? control(JSON.parse(data)) : show(new Uint8Array(data)));
  socket.onclose = closed;
}

const bounded = (value, least, most) => Math.min(Math.max(value, least), most);

function say(control) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(control));
}

function show(bytes) {
  terminal.write(bytes, () => {
    replay = Math.max(0, replay - bytes.length);
    unread += bytes.length;
    if (unread < AT_ONCE) return;
    say({ type: "ack", bytes: unread });
    unread = 0;
  });
}

function control(message) {
  switch (message.type) {
    case "attached":
      tries = unread = 0;
      replay = message.replayBytes;
      terminal.reset();
      remember(message.terminalId);
      tell("attached to " + message.terminalId, "attached");
      resize();
      terminal.focus();
      break;
    case "skipped":
      terminal.write(`\r\n[${message.bytes} bytes are not shown]\r\n`);
      break;
    case "exit":
      remember("");
      terminal.write(`\r\n[the terminal has ended: ${message.error || message.reason}]\r\n`);
      break;
    case "error":
      remember("");
      socket.refusal = message.message;
      break;
  }
}

function closed({ code, reason }) {
  const { refusal } = socket;
  socket = null;
  if (code === NORMAL) return tell("the terminal has ended", "detached");
  if (code === POLICY) return leave(refusal || reason);
  if (!wasOpen) return leave("the gateway did not let us in: is the token right?");
  const wait = AGAIN_AFTER[Math.min(tries++, AGAIN_AFTER.length - 1)];
  tell("the connection is lost; trying again …", "connecting");
  setTimeout(connect, wait);
}

// The token has served, or never did: the next one is typed again.
function leave(why) {
  token = "";
  wasOpen = false;
  tell(why, "closed");
}

function resize() {
  fit.fit();
  say({ type: "resize", cols: terminal.cols, rows: terminal.rows });
}

function type(bytes) {
  for (let at = 0; at < bytes.length; at += AT_ONCE) {
    if (socket && socket.readyState === WebSocket.OPEN) socket.send(bytes.slice(at, at + AT_ONCE));
  }
}

terminal.onData((text) => {
  if (replay === 0) type(new TextEncoder().encode(text));
});
terminal.onBinary((text) => {
  if (replay === 0) type(Uint8Array.from(text, (character) => character.charCodeAt(0)));
});
new ResizeObserver(() => {
  if (socket) resize();
}).observe(element("screen"));

element("door").addEventListener("submit", (event) => {
  event.preventDefault();
  token = element("token").value.trim();
  element("token").value = "";
  tries = 0;
  connect();
});
element("detach").addEventListener("click", () => {
  const left = socket;
  socket = null;
  left.onclose = left.onmessage = null;
  left.close();
  tell("detached: the terminal goes on", "detached");
});
element("attach").addEventListener("click", connect);
element("end").addEventListener("click", () => say({ type: "close" }));
