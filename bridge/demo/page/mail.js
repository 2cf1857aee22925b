// The customer's mail program: choose a customer, their mail in a list, one letter to read, one to write.

import { fileTile } from "./blocks.js";
import { avatar, clock, dayOf, h, icon, menu, reconcile, redraw } from "./dom.js";
import { writer } from "./letter.js";
import { onChange, piece, piecesOf } from "./state.js";

const nameOf = (address) => address.name || address.email;
const listOf = (addresses) => (addresses ?? []).map(nameOf).join(", ");
const whole = (address) => (address.name ? `${address.name} <${address.email}>` : address.email);

/** Fill `root` with the mail program. */
export function mail(root) {
  const at = { customer: "", folder: "all", letter: 0, writing: false };
  const seen = new Set(); // ids of the letters that were opened

  const who = h("button.identity", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => menu(who, customerRows(), "Customer") });
  const fresh = h("button.button.primary.compose", { type: "button", onclick: () => write(null) }, icon("write", 15), h("span", {}, "New mail"));
  const folders = h("div.folders", { role: "tablist", "aria-label": "Folder" }, [["all", "All mail"], ["received", "Inbox"], ["written", "Sent"]].map(([name, label]) => {
    const tab = h("button", { type: "button", role: "tab", onclick: () => show({ folder: name, letter: 0 }) }, label);
    tab.dataset.folder = name;
    return tab;
  }));
  const list = h("div.letters", { role: "list", "aria-label": "Letters" });
  const reading = h("article.reading", { hidden: true, tabIndex: -1 });
  const writing = h("div.writing", { hidden: true });
  root.append(h("header.mail-head", {}, who, fresh), folders, list, reading, writing);

  const letters = () => piecesOf("letter:").filter((letter) => letter.owner === at.customer.toLowerCase()).sort((one, other) => other.at - one.at || other.id - one.id);
  const unseen = (owner) => piecesOf("letter:").filter((letter) => letter.owner === owner.toLowerCase() && letter.direction === "received" && !seen.has(letter.id)).length;

  function customerRows() {
    return piece("customers", []).map((each) => {
      const waiting = unseen(each.email);
      return { label: nameOf(each), detail: waiting ? `${waiting} new` : each.email, run: () => show({ customer: each.email, letter: 0, writing: false }) };
    });
  }

  function show(change) {
    Object.assign(at, change);
    draw();
  }

  function draw() {
    const customer = piece("customers", []).find((each) => each.email === at.customer);
    if (!customer) return;
    const others = piece("customers", []).filter((each) => each !== customer).reduce((sum, each) => sum + unseen(each.email), 0);
    redraw(who, [customer, others], () => [
      avatar(nameOf(customer), 32),
      h("span.who", {}, h("strong", { dir: "auto" }, nameOf(customer)), h("small", {}, customer.email)),
      others ? h("b.count", { title: "New mail for other customers" }, String(others)) : null,
      icon("down", 14),
    ]);
    const waiting = unseen(at.customer);
    for (const tab of folders.children) {
      tab.setAttribute("aria-selected", String(tab.dataset.folder === at.folder));
      if (tab.dataset.folder === "received") tab.replaceChildren("Inbox", ...(waiting ? [h("b.count", {}, String(waiting))] : []));
    }
    const letter = piece(`letter:${at.letter}`);
    folders.hidden = list.hidden = Boolean(letter) || at.writing;
    reading.hidden = !letter || at.writing;
    writing.hidden = !at.writing;
    fresh.hidden = at.writing;
    drawList();
    drawLetter(letter);
  }

  function drawList() {
    const shown = letters().filter((letter) => at.folder === "all" || letter.direction === at.folder);
    const signature = (letter) => JSON.stringify([letter.id, seen.has(letter.id), at.customer]);
    const rows = shown.length ? shown : [{ id: "none" }];
    reconcile(list, rows, { key: (letter) => letter.id, signature, build: (letter) => (letter.id === "none" ? nothing() : row(letter)) });
  }

  const nothing = () => h("p.empty", {}, icon("mail", 28), h("span", {}, "No mail here yet. Answers from the team arrive by themselves."));

  function row(letter) {
    const received = letter.direction === "received";
    const fresh = received && !seen.has(letter.id);
    const others = received ? listOf(letter.from) : `To ${listOf(letter.to)}`;
    const node = h(
      `button.letter${fresh ? ".fresh" : ""}`,
      { type: "button", onclick: () => open(letter) },
      h("span.row", {}, received ? h("i.dot") : icon("reply", 13), h("strong", { dir: "auto" }, others), h("time", {}, whenOf(letter.at))),
      h("span.subject", { dir: "auto" }, letter.subject || "(no subject)"),
      h("span.snippet", { dir: "auto" }, snippetOf(letter), letter.files.length ? icon("file", 13) : null),
    );
    return h("div", { role: "listitem" }, node);
  }

  function open(letter) {
    seen.add(letter.id);
    show({ letter: letter.id });
    reading.focus();
  }

  function drawLetter(letter) {
    if (reading.dataset.letter === String(letter?.id ?? "")) return;
    reading.dataset.letter = letter?.id ?? "";
    reading.replaceChildren();
    if (!letter) return;
    const author = letter.from?.[0] ?? { name: "", email: "unknown" };
    const body = letter.html ? framed(letter) : h("div.letter-text", { dir: "auto", tabIndex: 0 }, plain(letter.text));
    const line = (label, people) => (people?.length ? h("div.people", {}, h("span", {}, label), h("bdi", { title: people.map(whole).join(", ") }, listOf(people))) : null);
    reading.append(
      h("div.reading-bar", {}, h("button.back", { type: "button", onclick: () => show({ letter: 0 }) }, icon("back", 16), "Back"), h("button.button", { type: "button", onclick: () => write(letter) }, icon("reply", 15), h("span", {}, letter.direction === "received" ? "Answer" : "Write again"))),
      h("h1.subject", { dir: "auto" }, letter.subject || "(no subject)"),
      h("div.letter-head", {}, avatar(nameOf(author), 36), h("div", {}, h("div.author", {}, h("strong", { dir: "auto" }, nameOf(author)), h("small", {}, author.email)), line("to", letter.to), line("cc", letter.cc)), h("time", {}, `${dayOf(letter.at)}, ${clock(letter.at)}`)),
      body,
      letter.files.length ? h("div.files", { "aria-label": "Files" }, letter.files.map(fileTile)) : "",
    );
  }

  function write(answered) {
    const customer = piece("customers", []).find((each) => each.email === at.customer);
    writing.replaceChildren(writer({ customer, answered, done: (sent) => show(sent ? { writing: false, letter: 0, folder: "all" } : { writing: false }) }));
    show({ writing: true });
    writing.querySelector(answered ? "textarea" : "input[name=subject]")?.focus();
  }

  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (at.writing) show({ writing: false });
    else if (at.letter) show({ letter: 0 });
  });
  onChange((names) => {
    if (!at.customer) at.customer = piece("customers", [])[0]?.email ?? "";
    if ([...names].some((name) => name.startsWith("letter:") || name === "customers")) draw();
  });
  return { newMail: () => write(null) };
}

/** A letter's HTML: nothing in it runs or is fetched; its links open in a tab of their own. */
function framed(letter) {
  const frame = h("iframe.letter-html", { title: `Letter: ${letter.subject}`, referrerPolicy: "no-referrer" });
  frame.setAttribute("sandbox", "allow-popups allow-popups-to-escape-sandbox");
  frame.src = letter.html;
  return frame;
}

const whenOf = (seconds) => (dayOf(seconds) === "Today" ? clock(seconds) : dayOf(seconds));

const snippetOf = (letter) => letter.text.split("\n").filter((line) => line.trim() && !line.startsWith(">")).join(" ").slice(0, 120);

/** Plain text with its quoted lines set apart and its addresses made links. */
function plain(text) {
  return text.split("\n").map((line) => {
    const words = line.replace(/^> ?/, "");
    return h(line.startsWith(">") ? "div.quoted" : "div", {}, words ? linked(words) : h("br"));
  });
}

const linked = (line) =>
  line.split(/(https?:\/\/[^\s<>"]+)/).map((part, place) => (place % 2 ? h("a", { href: part, target: "_blank", rel: "noreferrer noopener" }, part) : part));

