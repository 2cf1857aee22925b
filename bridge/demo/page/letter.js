// Writing a letter in the customer's mail program: new, or an answer above the quoted letter.

import { fileTile } from "./blocks.js";
import { clock, dayOf, h, icon, iconButton } from "./dom.js";
import { piece, sendMail } from "./state.js";

const whole = (address) => (address.name ? `${address.name} <${address.email}>` : address.email);

/** Whom an answer goes to: the letter's author, or where the customer wrote it themselves, those it went to. */
function recipients(answered, customer) {
  if (!answered) return whole(piece("mailboxes", [])[0] ?? { email: "" });
  const own = answered.from?.[0]?.email?.toLowerCase() === customer.email.toLowerCase();
  return (own ? answered.to : answered.from).map(whole).join(", ");
}

function quoted(letter) {
  const author = letter.from?.[0] ? letter.from[0].name || letter.from[0].email : "";
  const lines = letter.text.trimEnd().split("\n").map((line) => (line.startsWith(">") ? `>${line}` : `> ${line}`));
  return `\n\n\n${dayOf(letter.at)} at ${clock(letter.at)}, ${author} wrote:\n${lines.join("\n")}\n`;
}

/** The form; `done(sent)` hears that it was sent or given up. */
export function writer({ customer, answered, done }) {
  const field = (name, label, value) => {
    const input = h("input", { name, value, dir: "auto", autocomplete: "off" });
    return h("label.line", {}, h("span", {}, label), input);
  };
  const subject = answered ? (/^re:/i.test(answered.subject) ? answered.subject : `Re: ${answered.subject}`) : "";
  const text = h("textarea", { name: "text", "aria-label": "Text", dir: "auto", placeholder: "Write your mail…", value: answered ? quoted(answered) : "" });
  const picker = h("input", { type: "file", multiple: true, hidden: true });
  const tray = h("div.files");
  const problem = h("p.error", { role: "alert", hidden: true });
  const files = [];
  const send = h("button.button.primary", { type: "submit" }, icon("send", 15), h("span", {}, "Send"));
  const form = h(
    "form.letter-form",
    { noValidate: true },
    h("div.reading-bar", {}, h("button.back", { type: "button", onclick: () => done(false) }, icon("back", 16), "Discard"), h("strong", {}, answered ? "Answer" : "New mail")),
    field("to", "To", recipients(answered, customer)),
    field("cc", "Cc", ""),
    field("subject", "Subject", subject),
    text,
    tray,
    problem,
    h("footer", {}, send, iconButton("attach", "Attach files", () => picker.click()), picker, h("small", {}, `From ${customer.email}`)),
  );

  picker.addEventListener("change", () => {
    for (const file of picker.files) {
      const row = h("div.file-row", {}, fileTile({ name: file.name, type: file.type, size: file.size }));
      row.append(iconButton("close", `Remove ${file.name}`, () => {
        files.splice(files.indexOf(file), 1);
        row.remove();
      }));
      files.push(file);
      tray.append(row);
    }
    picker.value = "";
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    problem.hidden = true;
    const body = new FormData();
    body.append("from", customer.email);
    for (const name of ["to", "cc", "subject", "text"]) body.append(name, form.elements[name].value);
    for (const file of files) body.append("files", file);
    if (answered) {
      body.append("in_reply_to", answered.messageId);
      body.append("references", (answered.references ?? []).join(" "));
    }
    try {
      await sendMail(body);
      done(true);
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
      send.disabled = false;
    }
  });
  text.setSelectionRange(0, 0);
  return form;
}
