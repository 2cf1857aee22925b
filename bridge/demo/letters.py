"""What a customer's mail program makes of a mail: an outside reader, on the standard library alone.

It reads as the customer would, so what the bridge sent is seen through eyes other than the bridge's own. It shows;
it decides nothing and changes nothing.
"""

import base64
import email
import re
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from html import escape
from typing import Any

from bridge.demo.world import Letter

_CID = re.compile(r"cid:([^\"'\s<>()]+)")

_FRAME = (
    '<!doctype html><meta charset="utf-8"><base target="_blank"><style>'
    "body{margin:0;padding:2px 2px 12px;font:14.5px/1.6 Lato,'Segoe UI',system-ui,'Noto Sans',sans-serif;"
    "color:#22262b;overflow-wrap:anywhere}"
    "img{max-width:100%;height:auto}a{color:#1a5fb4}blockquote{margin:8px 0;padding-left:12px;"
    "border-left:3px solid #d8dde3;color:#59626d}pre,code{font-family:ui-monospace,monospace;font-size:13px;"
    "background:#f3f4f6;border-radius:4px}code{padding:1px 4px}pre{padding:8px 10px;overflow-x:auto}"
    "pre code{padding:0}</style>"
)
"""What goes before a letter's HTML: the mail program's own defaults, as every mail program has some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosed:
    """A file in a letter."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A letter as read: `head` for the list and the top of the page (JSON), text, a whole HTML document, files."""

    head: dict[str, Any]
    text: str
    html: str
    files: tuple[Enclosed, ...]


def read(letter: Letter) -> Reading:
    """Read a letter."""
    mail = email.message_from_bytes(letter.raw, policy=default)
    text = _content(mail, "plain")
    html = _content(mail, "html")
    related, files = _enclosed(mail)
    head = {
        "from": _people(mail, "From"),
        "to": _people(mail, "To"),
        "cc": _people(mail, "Cc"),
        "subject": str(mail["Subject"] or ""),
        "at": _written(mail, letter),
        "messageId": str(mail["Message-ID"] or ""),
        "references": str(mail["References"] or "").split(),
    }
    return Reading(head=head, text=text, html=_document(html, related) if html else "", files=files)


def _content(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def _enclosed(mail: EmailMessage) -> tuple[dict[str, Enclosed], tuple[Enclosed, ...]]:
    """The pictures that the HTML can name, by Content-ID, and the files to be offered for download."""
    related, files = {}, []
    for part in mail.walk():
        name, content_id = part.get_filename(), str(part["Content-ID"] or "").strip("<> ")
        if part.is_multipart() or not (name or content_id):
            continue
        content = part.get_payload(decode=True)
        kept = Enclosed(
            name=name or "file",
            content_type=part.get_content_type(),
            content=content if isinstance(content, bytes) else b"",
        )
        if content_id:
            related[content_id] = kept
        else:
            files.append(kept)
    return related, tuple(files)


def _written(mail: EmailMessage, letter: Letter) -> float:
    """When it was written, seconds since 1970; when it came, where it does not say."""
    date = getattr(mail["Date"], "datetime", None)
    return float((date or letter.at).timestamp())


def _people(mail: EmailMessage, header: str) -> list[dict[str, str]]:
    value = mail[header]
    addresses = getattr(value, "addresses", ())
    return [{"name": address.display_name, "email": address.addr_spec} for address in addresses]


def _document(html: str, related: dict[str, Enclosed]) -> str:
    def embedded(match: re.Match[str]) -> str:
        picture = related.get(match[1])
        if picture is None:
            return match[0]
        return f"data:{escape(picture.content_type)};base64,{base64.b64encode(picture.content).decode('ascii')}"

    return _FRAME + _CID.sub(embedded, html)
