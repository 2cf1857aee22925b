// What the page knows: the server's pieces by name, kept current over one WebSocket; and the acts, one POST each.
//
// Pieces: "ahead", "team", "users", "channels", "customers", "mailboxes", "commands", "shortcuts", "messages:C..",
// "ephemerals:U..", "view:U..", "home:U..", "letter:N". Their shapes are in bridge/demo/pieces.py.

const token = document.querySelector('meta[name="demo-token"]').content;
const pieces = new Map();
const listeners = new Set();

/** The piece of that name, or `otherwise` until it has come. */
export const piece = (name, otherwise = null) => pieces.get(name) ?? otherwise;

/** All pieces whose name begins so, in the order in which they first came. */
export const piecesOf = (prefix) => [...pieces].filter(([name]) => name.startsWith(prefix)).map(([, value]) => value);

/** Call `listener(names)` after each change, with the set of the names that changed. */
export const onChange = (listener) => listeners.add(listener);

/** Connect, and connect again whenever the line drops; `told(connected)` hears of both. */
export function connect(told) {
  const socket = new WebSocket(`ws://${location.host}/live`, [token]);
  socket.addEventListener("open", () => told(true));
  socket.addEventListener("message", ({ data }) => {
    const fresh = Object.entries(JSON.parse(data));
    for (const [name, value] of fresh) pieces.set(name, value);
    const names = new Set(fresh.map(([name]) => name));
    for (const listener of listeners) listener(names);
  });
  socket.addEventListener("close", () => {
    told(false);
    setTimeout(() => connect(told), 1500);
  });
}

async function post(path, body, headers = {}) {
  let response;
  try {
    response = await fetch(path, { method: "POST", body, headers: { "X-Demo-Token": token, ...headers } });
  } catch {
    throw new Error("The demo does not answer. Is it still running?");
  }
  if (response.headers.get("Content-Type")?.startsWith("application/json")) {
    const told = await response.json();
    if (response.ok) return told.result;
    throw new Error(told.error);
  }
  throw new Error(await response.text());
}

/** Do what a person does in Slack: a method of `Person` with its own arguments. Throws an Error with a sentence. */
export const act = (person, name, args = {}) =>
  post("/act", JSON.stringify({ person, act: name, arguments: args }), { "Content-Type": "application/json" });

/** Upload a File as that person; gives Slack's file object. */
export const upload = (person, file) =>
  post(`/upload?${new URLSearchParams({ person, name: file.name })}`, file, { "Content-Type": "application/octet-stream" });

/** Send a customer's mail: a FormData with from, to, subject, text, and perhaps cc, files, in_reply_to, references. */
export const sendMail = (form) => post("/mail", form);

/** So many seconds pass at once: what is due by then happens. */
export const later = (seconds) => post("/later", JSON.stringify({ seconds }), { "Content-Type": "application/json" });

/** The demo's time in milliseconds: the browser's, and as much as it was set ahead. */
export const now = () => Date.now() + piece("ahead", 0) * 1000;

// --- who is who -------------------------------------------------------------------------------------------------

/** A Slack user object by id; a stand-in where there is none. */
export const user = (id) => piece("users", []).find((each) => each.id === id) ?? { id, name: id, profile: {} };

/** The name that Slack shows for a user. */
export const nameOf = (person) => person.profile?.real_name || person.real_name || person.profile?.display_name || person.name;

export const isGuest = (person) => Boolean(person.is_restricted || person.is_ultra_restricted);

/** The people one can act as. */
export const people = () => piece("users", []).filter((each) => !each.is_bot && !each.deleted);

/** The language in which Slack draws times: that of the people here. */
export const locale = () => people()[0]?.locale ?? "en-US";

/** The channels that a person sees, direct messages apart. */
export const channelsOf = (id) =>
  piece("channels", []).filter((each) => !each.is_im && !each.is_archived && each.members.includes(id));

export const channel = (id) => piece("channels", []).find((each) => each.id === id);
