"""A raw mail becomes a `Message` (RFC 5322, 2045-2049, 2183, 2387).

`parse` never raises, whatever the bytes, and its time is linear in their number. It decides which parts are the letter
and which are files; it does not part new words from quotes (`bridge.mail.quotes`), and changes nothing outside.

What counts as the letter: text/plain and text/html without a name and not marked as attachments, in their order (Apple
Mail puts pictures between them); of a multipart/alternative its plain and its HTML form; the root of a
multipart/related. Every other part is a file, a `message/*` part as a whole; winmail.dat and uuencoded files in the
text are opened. Nothing is dropped but empty nameless parts and further alternatives that say the same.

An attached mail is a file whose content is the mail as it was sent: `parse` of that content reads it, and so on inward.
"""

import html as entities
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from urllib.parse import unquote

from bridge.mail import files, risks, smime, spam, tnef
from bridge.mail.authenticity import authenticity
from bridge.mail.calendar import invitation
from bridge.mail.charset import declared_in_html, decode
from bridge.mail.decode import clean, filename, words
from bridge.mail.envelope import envelope
from bridge.mail.flowed import unwrap
from bridge.mail.html import CUT
from bridge.mail.mime import Part, head, tree
from bridge.mail.pieces import HTML_DOCUMENT, Piece, html_form, lines, paired, plain_form
from bridge.mail.reports import classify
from bridge.mail.transfer import uuencoded
from bridge.model import Address, Attachment, Invitation, Message
from bridge.sentences import mark, say

# Further forms of the same letter, which add nothing beside its plain or HTML form.
_SPARE = frozenset({"text/enriched", "text/richtext", "text/x-amp-html", "text/watch-html", "text/x-watch-html"})
_BODY = frozenset({"text/plain", "text/html"}) | _SPARE
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_LONGEST_FIELD = 100_000  # characters of a header field
_LONGEST_ID = 998  # characters of a Content-ID: a line's
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_CALENDARS = frozenset({"text/calendar", "application/ics"})
# Signed mails within signed mails; honest ones have one, or two where a gateway signs too.
_MOST_ENVELOPES = 3
# Files of one mail: text or a winmail.dat that would bring more stays as it is. Parts are counted by `mime`.
_MOST_FILES = 200
_CID = re.compile(r"""(?:cid:|src\s*=\s*["']?)([^"'\s>)]+)""", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]{0,2000}>|<!--", re.IGNORECASE)
_ENRICHED = re.compile(r"<(?:param>.{0,1000}?</param|/?[a-z-]{1,60})>", re.IGNORECASE | re.DOTALL)


def parse(raw: bytes, *, trusted: Collection[str] = ()) -> Message:
    """The mail that `raw` holds, read as far as it can be read.

    `trusted`: names (authserv-ids, lower case) of the servers whose Authentication-Results are believed.
    """
    root, odd = tree(raw)
    headers = tuple((name, clean(words(value[:_LONGEST_FIELD]))) for name, value in root.headers)
    said = envelope(root.headers, headers)
    letter = _Letter(odd, author=said.author)
    pieces = paired(letter.read(root))
    text, html = plain_form(pieces), html_form(pieces)
    if html and text.endswith(CUT):
        letter.notes.append(mark("The HTML is longer than what is read of it: the end of the text is missing."))
    named = html and any(attachment.content_id for attachment in letter.attachments)
    shown = frozenset(_references(html)) if named else frozenset()
    attachments = tuple(
        risks.judged(replace(one, inline=one.content_id.lower() in shown) if one.content_id else one)
        for one in letter.attachments
    )
    automatic, bounce = classify(headers, text=text, attachments=attachments)
    return replace(
        said,
        text=text,
        html=html or None,
        attachments=attachments,
        automatic=automatic,
        bounce=bounce,
        invitation=_invitation(attachments),
        authenticity=authenticity(
            headers,
            trusted=trusted,
            author=said.author,
            reply_to=said.reply_to,
            attachments=attachments,
        ),
        verdict=spam.verdict(headers),
        notes=tuple(dict.fromkeys((*said.notes, *letter.notes))),
    )


def _invitation(attachments: Iterable[Attachment]) -> Invitation | None:
    """What the first calendar of the mail asks for."""
    calendar = next((one for one in attachments if one.content_type in _CALENDARS), None)
    return invitation(decode(calendar.content, "utf-8")) if calendar else None


class _Letter:
    """One walk over a mail's parts: gathers files and notes, gives the pieces of the letter."""

    def __init__(self, notes: list[str], *, author: Address) -> None:
        self.notes = notes
        self.author = author
        self.attachments: list[Attachment] = []
        self.has_text = False
        self.envelopes = 0
        self.charset = ""
        self.default_names: dict[str, int] = {}

    def read(self, part: Part) -> list[Piece]:
        """The pieces of the letter within `part`, in their order."""
        if not part.children:
            return list(self._leaf(part, beside_others=False))
        return self._multipart(part)

    def _multipart(self, part: Part) -> list[Piece]:
        if part.type == "multipart/encrypted":
            self.notes.append(mark("The mail is encrypted (OpenPGP): its content cannot be read here."))
        elif part.type == "multipart/signed" and "pkcs7" in part.parameters.get("protocol", ""):
            self._verify_apart(part)
        elif part.type == "multipart/signed":
            self.notes.append(mark("The mail is signed (OpenPGP); the signature was not verified."))
        if part.type == "multipart/alternative":
            return self._alternative(part)
        root = _root(part) if part.type == "multipart/related" else None
        pieces: list[Piece] = []
        for child in part.children:
            if child.children:
                pieces += self._multipart(child)
            elif root is not None and child is not root and (child.content_id or child.name):
                self._attach(child)
            else:
                pieces += self._leaf(child, beside_others=part.type != "multipart/related")
        return pieces

    def _alternative(self, part: Part) -> list[Piece]:
        """One piece from several forms of the same: the plain form and the HTML form."""
        position = len(self.attachments)
        texts: list[str] = []
        htmls: list[str] = []
        spare = ""
        for child in part.children:
            pieces = self._multipart(child) if child.children else list(self._leaf(child, beside_others=False))
            if child.type in _SPARE:
                spare = spare or plain_form(pieces)
            elif any(piece.html for piece in pieces):
                htmls.append(html_form(pieces))
                texts += [piece.text for piece in pieces if piece.text and piece.html]
            elif pieces:
                texts.append(plain_form(pieces))
        text, html = next(iter(texts), ""), next(reversed(htmls), "")
        text = text if text or html else spare
        return [Piece(text=text, html=html, position=position)] if text or html else []

    def _leaf(self, part: Part, *, beside_others: bool) -> Iterator[Piece]:
        """A part without children: a piece of the letter, or files."""
        if part.type in _TNEF or part.name.lower() == "winmail.dat":
            yield from self._winmail(part)
            return
        if part.type in _SMIME and "sign" not in part.parameters.get("smime-type", ""):
            self.notes.append(mark("The mail is encrypted (S/MIME): its content cannot be read here."))
        elif part.type in _SMIME:
            yield from self._signed(part)
            return
        if not self._is_letter(part, beside_others=beside_others):
            self._attach(part)
            return
        content = part.content()
        if files.content_type("text/plain", name="", content=content).partition("/")[0] != "text":
            self._attach(part)
            return
        position = len(self.attachments)
        if b"begin " in content:
            content = self._without_uuencoded(content)
        piece = self._piece(part, content)
        if piece.text.strip() or piece.html.strip():
            self.has_text = True
            yield replace(piece, position=position)

    def _signed(self, part: Part) -> Iterator[Piece]:
        """A letter within its signature (RFC 8551 section 3.5.2)."""
        signed = part.content()
        content = smime.signed_content(signed) if self.envelopes < _MOST_ENVELOPES else None
        if content is None:
            self.notes.append(mark("The mail is signed (S/MIME) in a form that cannot be read here."))
            self._attach(part)
            return
        self.envelopes += 1
        self._note_signature(smime.verify(signed, content))
        inner, odd = tree(content)
        self.notes += odd
        yield from self.read(inner)

    def _verify_apart(self, part: Part) -> None:
        """Verify the signature that stands beside what it signs (RFC 1847, RFC 8551 section 3.5.3)."""
        self.envelopes += 1
        if len(part.children) < 2 or self.envelopes > _MOST_ENVELOPES:
            self._note_signature(smime.Signature(outcome=smime.Outcome.UNKNOWN))
            return
        content = _BARE_LINE_FEED.sub(b"\r\n", bytes(part.children[0].entity))  # as it was on the wire
        self._note_signature(smime.verify(part.children[1].content(), content))

    def _note_signature(self, signature: smime.Signature) -> None:
        """Say what became of an S/MIME signature, and whose it is."""
        if signature.outcome is smime.Outcome.UNKNOWN:
            self.notes.append(mark("The mail is signed (S/MIME); the signature was not verified."))
        elif signature.outcome is smime.Outcome.BROKEN:
            self.notes.append(
                mark("The signature (S/MIME) is not of this text: the mail was changed, or it is forged.")
            )
        elif self.author.email.lower() in signature.signers:
            self.notes.append(
                mark("The mail is signed (S/MIME) with its author's certificate; its issuer was not checked.")
            )
        else:
            signer = ", ".join(map(clean, signature.signers)) or say("somebody without an address")
            self.notes.append(say("The mail is signed (S/MIME) by {signer}, who is not its author.", signer=signer))

    def _is_letter(self, part: Part, *, beside_others: bool) -> bool:
        if part.disposition == "attachment":
            return False
        if part.type.startswith("multipart/"):
            return True
        if part.type not in _BODY:
            return part.type.startswith("text/") and not (beside_others or part.name or part.type in files.TEXT_FILES)
        if not part.name:
            return True
        # A body with a name but without a disposition: some mailers name every part.
        return not part.disposition and not (beside_others and self.has_text)

    def _piece(self, part: Part, content: bytes) -> Piece:
        charset = part.parameters.get("charset", "")
        within = declared_in_html(content) if part.type == "text/html" and not content.isascii() else ""
        charset = charset or within
        text = lines(decode(content, charset, hint=within or self.charset))
        self.charset = self.charset or charset
        if part.type == "text/html":
            return Piece(html=text) if _TAG.search(text) else Piece(text=entities.unescape(text))
        if part.type in _SPARE:
            return Piece(text=_ENRICHED.sub("", text).replace("<<", "<"))
        if part.type in {"text/plain", "text/markdown"} and HTML_DOCUMENT.match(text):
            return Piece(html=text)
        if part.parameters.get("format", "").strip().lower() == "flowed":
            text = unwrap(text, delsp=part.parameters.get("delsp", ""))
        if "-----BEGIN PGP MESSAGE-----" in text:
            self.notes.append(mark("The mail is encrypted (OpenPGP): its content cannot be read here."))
        elif "-----BEGIN PGP SIGNED MESSAGE-----" in text:
            self.notes.append(mark("The mail is signed (OpenPGP); the signature was not verified."))
        return Piece(text=text)

    def _without_uuencoded(self, content: bytes) -> bytes:
        """A text without the files that stand uuencoded in it, which become attachments."""
        room = self._room()
        found, rest = uuencoded(content, most=room + 1)
        if len(found) > room:
            self.notes.append(
                say("The text holds more than {most} uuencoded files: they were left in it.", most=_MOST_FILES)
            )
            return content
        for name, data in found:
            named = filename(decode(name))
            self._add(named, files.content_type("application/octet-stream", name=named, content=data), data)
        return rest

    def _winmail(self, part: Part) -> Iterator[Piece]:
        contents = tnef.read(part.content(), most=self._room())
        if contents is None:
            self.notes.append(mark("The mail holds a winmail.dat that could not be opened."))
            self._attach(part)
            return
        if not contents.complete:
            self.notes.append(
                say("The mail holds a winmail.dat with more than {most} files: it was not opened.", most=_MOST_FILES)
            )
            self._attach(part)
        for file in contents.files:
            name = filename(file.name)
            kind = files.content_type(file.content_type or "application/octet-stream", name=name, content=file.content)
            self._add(name, kind, file.content, content_id=file.content_id[:_LONGEST_ID])
        if self.has_text:
            return
        if contents.text.strip() or contents.html.strip():
            self.has_text = True
            yield Piece(text=lines(contents.text), html=lines(contents.html), position=len(self.attachments))
        elif contents.rtf:
            self._add("message.rtf", "application/rtf", contents.rtf)

    def _room(self) -> int:
        """How many files more may come out of one part."""
        return max(0, _MOST_FILES - len(self.attachments))

    def _attach(self, part: Part) -> None:
        """Keep a part as a file."""
        content = part.content()
        name = filename(part.name)
        if part.type.startswith("message/"):
            name = name or _mail_name(part.type, content)
            kind = part.type
        else:
            if not content.strip() and not name:
                return
            name = name or _name_elsewhere(part)
            kind = files.content_type(part.type, name=name, content=content)
        self._add(name, kind, content, content_id=clean(part.content_id)[:_LONGEST_ID])

    def _add(self, name: str, kind: str, content: bytes, *, content_id: str = "") -> None:
        if not name:
            name = files.default_name(kind)
            count = self.default_names[name] = self.default_names.get(name, 0) + 1
            stem, dot, ending = name.rpartition(".")
            name = f"{stem}-{count}{dot}{ending}" if count > 1 else name
        self.attachments.append(Attachment(filename=name, content_type=kind, content=content, content_id=content_id))


def _root(part: Part) -> Part:
    """The root of a multipart/related (RFC 2387): the part that `start` names, else the first."""
    start = part.parameters.get("start", "").strip("<> ")
    return next((child for child in part.children if start and child.content_id == start), part.children[0])


def _mail_name(kind: str, content: bytes) -> str:
    """The name of a nameless `message/*` part: an attached mail goes by its subject."""
    if kind not in {"message/rfc822", "message/global", "message/news"}:
        return ""
    subject = next((value for name, value in head(content[:65_536]) if name.lower() == "subject"), "")
    return files.mail_name(clean(words(subject)))


def _name_elsewhere(part: Part) -> str:
    """The name of a part that declares none: Outlook's `image001.png@...` as Content-ID, a location or description."""
    for text in (
        part.header("content-location"),
        part.content_id.partition("@")[0],
        part.header("content-description"),
    ):
        name = filename(unquote(words(text).partition("?")[0]))
        if files.is_named(name):
            return name
    return ""


def _references(html: str) -> Iterable[str]:
    """What the HTML shows from the mail itself, as Content-IDs in lower case."""
    return (unquote(entities.unescape(found)).lower().removeprefix("cid:") for found in _CID.findall(html))
