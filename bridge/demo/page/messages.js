// A list of messages as Slack draws them: avatars, names, times, blocks, files, reactions, thread footers, what only
// one person sees; and the menu that floats over a message.

import { bodyOf, fileTile } from "./blocks.js";
import { avatar, clock, dayOf, h, icon, iconButton, menu, reconcile, toast } from "./dom.js";
import { emoji } from "./emoji.js";
import { act, isGuest, nameOf, now, piece, user } from "./state.js";

const TOGETHER = 300; // seconds: messages of one author within these share a head

/** Who wrote it: { name, app, guest, icon }. */
export function authorOf(message) {
  const person = user(message.user ?? message.bot_id);
  return {
    name: message.username || message.bot_profile?.name || nameOf(person),
    app: Boolean(message.bot_id || person.is_bot),
    guest: isGuest(person),
    icon: message.icons?.emoji ? emoji(message.icons.emoji.replaceAll(":", "")) : null,
  };
}

/** The square beside a message: the app's mark, an emoji of its choice, or a person's initials. */
export function face(author, size = 36) {
  if (!author.app || author.icon) {
    const node = avatar(author.name, size);
    if (author.icon) {
      node.textContent = author.icon;
      node.classList.add("symbol");
    }
    return node;
  }
  const node = h("span.avatar.app", { "aria-hidden": "true" }, h("img", { src: "/page/icon.svg", alt: "" }));
  node.style.setProperty("--size", `${size}px`);
  return node;
}

/** Rows of a list: day lines, and messages with or without a head. */
function rowsOf(messages) {
  const rows = [];
  let before = null;
  for (const message of messages) {
    const day = dayOf(Number(message.ts));
    if (!before || dayOf(Number(before.ts)) !== day) rows.push({ key: `day ${day}`, day });
    const follows =
      rows.at(-1).message === before && before && before.user === message.user && before.username === message.username &&
      !before.is_ephemeral && !message.is_ephemeral && !message.blocks?.some((block) => block.type !== "rich_text") &&
      Number(message.ts) - Number(before.ts) < TOGETHER && !before.reply_count;
    rows.push({ key: message.ts, message, follows });
    before = message;
  }
  return rows;
}

/** Draw `messages` into `box`. `context`: person(), channel, openThread(ts) or null within a thread. */
export function drawMessages(box, messages, context) {
  const signature = (row) => (row.day ? row.day : JSON.stringify([row.message, row.follows, context.person(), piece("users", []).length]));
  const build = (row) => (row.day ? h("div.day", { role: "separator" }, h("span", {}, row.day)) : messageNode(row, context));
  reconcile(box, rowsOf(messages), { key: (row) => row.key, signature, build });
}

function messageNode({ message, follows }, context) {
  if (message.subtype === "tombstone") return h("article.message.gone", {}, h("div.gutter", {}, icon("close", 16)), h("div.content", {}, "This message was deleted.", footer(message, context)));
  const author = authorOf(message);
  const time = clock(Number(message.ts));
  const acting = {
    person: context.person,
    press: (actionId, value) => act(context.person(), "click", { channel: context.channel, ts: message.ts, action_id: actionId, value }),
    choose: (actionId, value) => act(context.person(), "choose", { channel: context.channel, ts: message.ts, action_id: actionId, value }),
  };
  const head = follows ? null : h(
    "header",
    {},
    h("strong.author", { dir: "auto" }, author.name),
    author.app ? h("span.badge", {}, "APP") : null,
    author.guest ? h("span.badge.guest", {}, "GUEST") : null,
    h("time", {}, time),
  );
  const whisper = message.is_ephemeral ? h("div.whisper", {}, icon("eye", 14), "Only visible to you") : null;
  const replied = message.subtype === "thread_broadcast" && context.openThread ? repliedTo(message, context) : null;
  const files = message.files?.length ? h("div.files", {}, message.files.map(fileTile)) : null;
  const edited = message.edited && !message.bot_id ? h("span.edited", {}, "(edited)") : null;
  const node = h(
    `article.message${follows ? ".follows" : ""}${message.is_ephemeral ? ".ephemeral" : ""}`,
    { "aria-label": `${author.name}, ${time}`, tabIndex: -1 },
    whisper,
    h("div.gutter", {}, follows ? h("time", {}, time.replace(/ [AP]M/, "")) : face(author)),
    h("div.content", {}, head, replied, bodyOf(message, acting), edited, files, reactions(message), footer(message, context)),
    message.is_ephemeral ? null : hoverBar(message, author, context),
  );
  node.dataset.ts = message.ts;
  return node;
}

const reactions = (message) =>
  message.reactions?.length ? h("div.reactions", {}, message.reactions.map((each) => h("span.reaction", { title: each.users.map((id) => nameOf(user(id))).join(", ") }, emoji(each.name) ?? `:${each.name}:`, h("b", {}, String(each.count))))) : null;

/** The line over a reply that shows in the channel too: what it answers, one click from its thread. */
function repliedTo(message, context) {
  const parent = piece(`messages:${context.channel}`, { top: [] }).top.find((each) => each.ts === message.thread_ts);
  return h("button.replied", { type: "button", onclick: () => context.openThread(message.thread_ts) }, "replied to a thread: ", h("b", {}, parent?.text ?? "…"));
}

function footer(message, context) {
  if (!message.reply_count || !context.openThread) return null;
  const faces = (message.reply_users ?? []).slice(0, 4).map((id) => face({ name: nameOf(user(id)), app: user(id).is_bot }, 22));
  const count = `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`;
  return h(
    "button.thread-footer",
    { type: "button", onclick: () => context.openThread(message.ts) },
    h("span.faces", {}, faces),
    h("b", {}, count),
    h("small", {}, `Last reply ${whenOf(Number(message.latest_reply))}`),
  );
}

function whenOf(seconds) {
  const minutes = Math.round((now() / 1000 - seconds) / 60);
  if (minutes < 1) return "just now";
  return minutes < 60 ? `${minutes} min ago` : `${dayOf(seconds).toLowerCase()} at ${clock(seconds)}`;
}

function hoverBar(message, author, context) {
  const tried = (doing) => doing.catch((error) => toast(error.message, "bad"));
  const more = iconButton("more", "More actions", () => {
    const at = { channel: context.channel, ts: message.ts };
    const items = piece("shortcuts", []).filter((each) => each.type === "message").map((each) => ({
      label: each.name, detail: nameOf(user(piece("team").appUser)), run: () => tried(act(context.person(), "message_shortcut", { callback_id: each.callback_id, ...at })),
    }));
    items.push({ label: "Copy text", run: () => navigator.clipboard.writeText(message.text ?? "") });
    if (message.user === context.person() && !message.bot_id) {
      items.push("-", { label: "Edit message", run: () => edit(message, context) });
      items.push({ label: "Delete message", danger: true, run: () => tried(act(context.person(), "delete", at)) });
    }
    menu(more, items, `Actions on the message of ${author.name}`);
  });
  more.setAttribute("aria-haspopup", "menu");
  const thread = context.openThread ? iconButton("thread", "Reply in thread", () => context.openThread(message.thread_ts ?? message.ts)) : null;
  return h("div.hover-bar", {}, thread, more);
}

/** Change one's own message in its place. */
function edit(message, context) {
  const node = document.querySelector(`article[data-ts="${message.ts}"] .blocks`);
  const area = h("textarea.text-input", { rows: 3, value: message.text, "aria-label": "Edit message", dir: "auto" });
  const back = () => form.replaceWith(node);
  const form = h("form.edit", {}, area, h("div.edit-bar", {}, h("button.button", { type: "button", onclick: back }, "Cancel"), h("button.button.primary", { type: "submit" }, "Save")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await act(context.person(), "edit", { channel: context.channel, ts: message.ts, text: area.value });
    } catch (error) {
      toast(error.message, "bad");
    }
    back();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") back();
  });
  node.replaceWith(form);
  area.focus();
}
