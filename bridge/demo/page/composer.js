// Where a person writes a message: Enter sends, "/" offers commands, "@" people; files, shortcuts.

import { h, icon, iconButton, menu, popover, toast } from "./dom.js";
import { fileTile } from "./blocks.js";
import { act, channel, isGuest, nameOf, people, piece, upload } from "./state.js";

/** A composer: { node, aim(person, channelId, threadTs) }. What was typed stays with each place. */
export function composer() {
  const drafts = new Map();
  let at = { person: "", channel: "", thread: null };
  let files = [];
  let offered = null;

  const area = h("textarea", { rows: 1, dir: "auto" });
  const picker = h("input", { type: "file", multiple: true, hidden: true });
  const tray = h("div.tray");
  const send = h("button.send", { type: "submit", "aria-label": "Send", title: "Send" }, icon("send", 17));
  const bolt = iconButton("bolt", "Shortcuts", () => menu(bolt, shortcuts(), "Shortcuts", { above: true }));
  bolt.setAttribute("aria-haspopup", "menu");
  const bar = h(
    "div.composer-bar",
    {},
    iconButton("attach", "Attach a file", () => picker.click()),
    iconButton("mention", "Mention somebody", () => insert("@")),
    bolt,
    h("span.keys", {}, h("b", {}, "Enter"), " sends"),
    send,
  );
  const node = h("form.composer", {}, area, tray, bar, picker);

  const place = () => `${at.person} ${at.channel} ${at.thread ?? ""}`;

  function aim(person, channelId, thread = null) {
    const before = place();
    at = { person, channel: channelId, thread };
    const name = `#${channel(channelId)?.name ?? ""}`;
    area.placeholder = thread ? "Reply… (stays inside the team)" : `Message ${name}, / for commands`;
    area.setAttribute("aria-label", thread ? "Reply in the thread" : `Message ${name}`);
    if (before === place()) return;
    drafts.set(before, area.value);
    area.value = drafts.get(place()) ?? "";
    files = [];
    tray.replaceChildren();
    grow();
  }

  function grow() {
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, 180)}px`;
    send.disabled = !area.value.trim() && !files.length;
  }

  function insert(text) {
    area.focus();
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input"));
  }

  const shortcuts = () => {
    const all = piece("shortcuts", []).filter((each) => each.type === "global");
    return all.map((each) => ({ label: each.name, detail: each.description, run: () => tried(act(at.person, "global_shortcut", { callback_id: each.callback_id })) }));
  };

  const tried = (doing) => doing.catch((error) => toast(error.message, "bad"));

  // --- what is offered while typing ---

  function offer() {
    offered?.close();
    offered = null;
    const text = area.value.slice(0, area.selectionStart);
    const command = /^\/\S*$/.test(text) && !at.thread;
    const called = /(?:^|\s)@([\p{L}\p{N}._-]*)$/u.exec(text);
    const rows = command ? commandRows(text) : called ? peopleRows(called[1]) : [];
    if (!rows.length) return;
    const list = h("ul.menu.offer", { role: "listbox", "aria-label": command ? "Commands" : "People" }, rows.map((row, number) => {
      const item = h("li", { role: "option", "aria-selected": String(number === 0) }, h("span", {}, row.label), h("small", {}, row.detail ?? ""));
      item.addEventListener("mousedown", (event) => {
        event.preventDefault();
        take(row);
      });
      return item;
    }));
    offered = { rows, list, number: 0, close: popover(area, list, { above: true }) };
  }

  const commandRows = (text) =>
    piece("commands", []).filter((each) => each.command.startsWith(text) && each.command !== text).map((each) => ({
      label: `${each.command} ${each.usage_hint ?? ""}`, detail: each.description, text: `${each.command} `, from: 0,
    }));

  const peopleRows = (start) =>
    people().filter((each) => each.name !== start && `${nameOf(each)} ${each.name}`.toLowerCase().includes(start.toLowerCase())).map((each) => ({
      label: nameOf(each), detail: isGuest(each) ? "Guest" : "", text: `@${each.name} `, from: area.selectionStart - start.length - 1,
    }));

  function take(row) {
    area.setRangeText(row.text, row.from, area.selectionStart, "end");
    offered?.close();
    offered = null;
    area.focus();
    grow();
  }

  function walk(step) {
    const items = [...offered.list.children];
    offered.number = (offered.number + step + items.length) % items.length;
    items.forEach((item, number) => item.setAttribute("aria-selected", String(number === offered.number)));
    items[offered.number].scrollIntoView({ block: "nearest" });
  }

  area.addEventListener("input", () => {
    grow();
    offer();
  });
  area.addEventListener("blur", () => {
    offered?.close();
    offered = null;
  });
  area.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (offered && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      walk(event.key === "ArrowDown" ? 1 : -1);
    } else if (offered && (event.key === "Tab" || event.key === "Enter")) {
      event.preventDefault();
      take(offered.rows[offered.number]);
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      node.requestSubmit();
    }
  });

  // --- files and sending ---

  picker.addEventListener("change", async () => {
    for (const file of picker.files) {
      try {
        const object = await upload(at.person, file);
        const row = h("div.file-row", {}, fileTile({ name: file.name, type: file.type, size: file.size }));
        row.append(iconButton("close", `Remove ${file.name}`, () => {
          files = files.filter((each) => each !== object);
          row.remove();
          grow();
        }));
        files.push(object);
        tray.append(row);
      } catch (error) {
        toast(error.message, "bad");
      }
    }
    picker.value = "";
    grow();
  });

  /** Names after @ as Slack's tokens. */
  const tokens = (text) => text.replace(/@([\p{L}\p{N}._-]+)/gu, (whole, name) => {
    const found = piece("users", []).find((each) => each.name.toLowerCase() === name.toLowerCase());
    return found ? `<@${found.id}>` : whole;
  });

  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = area.value.trim();
    if (!text && !files.length) return;
    const [, command, rest] = /^(\/\S+)\s*(.*)$/s.exec(text) ?? [];
    const known = command && piece("commands", []).some((each) => each.command === command);
    if (command && at.thread) return toast(`Slack runs ${command} in channels, not in threads.`, "bad");
    if (command && !known) return toast(`${command} is not a valid command.`, "bad");
    const sending = { ...at, files };
    area.value = "";
    files = [];
    tray.replaceChildren();
    grow();
    const doing = command
      ? act(sending.person, "command", { channel: sending.channel, command, text: rest })
      : act(sending.person, "say", { channel: sending.channel, text: tokens(text), thread_ts: sending.thread, files: sending.files });
    try {
      await doing;
    } catch (error) {
      toast(error.message, "bad");
      if (!area.value) area.value = text;
      grow();
    }
    return undefined;
  });

  grow();
  return { node, aim, focus: () => area.focus() };
}
