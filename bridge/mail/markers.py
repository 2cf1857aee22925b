"""The marks that mail programs leave in their HTML around quotes, signatures and forwards.

Each is a label for `html.labelled`. What a mark is worth is decided in `quotes`; nothing here looks at text.
"""

import re
from collections.abc import Mapping
from enum import IntEnum


class Mark(IntEnum):
    """What a mail program says about an element: the bits of a label."""

    QUOTE = 1
    """A quoted mail, whole: everything in it is quoted."""
    BOX = 2
    """A box around attribution and quote; answers between quotes may stand in it too."""
    HEAD = 4
    """The header block of a quoted mail: it and all that follows is history."""
    ATTRIBUTION = 8
    SIGNATURE = 16
    FORWARD = 32
    """A forwarded mail, whole."""


_CLASSES: Mapping[str, int] = {
    "gmail_quote": Mark.BOX,
    "gmail_quote_container": Mark.BOX,
    "gmail_attr": Mark.ATTRIBUTION,
    "gmail_signature": Mark.SIGNATURE,
    "gmail_signature_prefix": Mark.SIGNATURE,
    "yahoo_quoted": Mark.QUOTE,
    "protonmail_quote": Mark.BOX,
    "protonmail_signature_block": Mark.SIGNATURE,
    "moz-cite-prefix": Mark.ATTRIBUTION,
    "moz-signature": Mark.SIGNATURE,
    "moz-forward-container": Mark.FORWARD,
    "tutanota_quote": Mark.QUOTE,
    "front-blockquote": Mark.QUOTE,
    "freshdesk_quote": Mark.BOX,
    "outlookmessageheader": Mark.HEAD,
    "airmail_on": Mark.ATTRIBUTION,
    "clean_bq": Mark.QUOTE,
    "zmail_extra": Mark.QUOTE,
    "appleoriginalcontents": Mark.QUOTE,
    "ms-outlook-mobile-signature": Mark.SIGNATURE,
}
_IDS: Mapping[str, int] = {
    "divrplyfwdmsg": Mark.HEAD,
    "mail-editor-reference-message-container": Mark.QUOTE,
    "ms-outlook-mobile-signature": Mark.SIGNATURE,
    "olk_src_body_section": Mark.QUOTE,
    "reply-intro": Mark.ATTRIBUTION,
    "isreplycontent": Mark.QUOTE,
    "isforwardcontent": Mark.FORWARD,
    "signature": Mark.SIGNATURE,
    "composer_signature": Mark.SIGNATURE,
    "applemailsignature": Mark.SIGNATURE,
    "protonmail_mobile_signature_block": Mark.SIGNATURE,
}
_NAMES: Mapping[str, int] = {
    "quote": Mark.QUOTE,
    "messagereplysection": Mark.BOX,
    "messagesignaturesection": Mark.SIGNATURE,
}
_DATA_MARKERS: Mapping[str, int] = {
    "__QUOTED_TEXT__": Mark.QUOTE,
    "__HEADERS__": Mark.HEAD,
    "__SIG_PRE__": Mark.SIGNATURE,
    "__SIG_POST__": Mark.SIGNATURE,
}
_FASTMAIL = re.compile(r"sig\d{4,12}")
_RULED_TOP = re.compile(r"border\s*:\s*none\s*;\s*border-top\s*:\s*solid", re.IGNORECASE)
_MAX_STYLE = 300  # characters of a style that are looked at


def mark(tag: str, attributes: Mapping[str, str | None]) -> int:
    """The marks of one element."""
    found = 0
    if (classes := attributes.get("class")) is not None:
        for name in classes.lower().split(maxsplit=10)[:10]:
            # Outlook on the web puts "x_" before the names in what it quotes.
            found |= _CLASSES.get(
                name.removeprefix("x_"), Mark.SIGNATURE if name.endswith(("-signature", "_signature")) else 0
            )
    if (identity := attributes.get("id")) is not None:
        identity = identity.lower()
        signs = identity.endswith("-signature") or _FASTMAIL.fullmatch(identity)
        found |= _IDS.get(identity.removeprefix("x_"), Mark.SIGNATURE if signs else 0)
    if tag == "blockquote":
        # In a box, the blockquotes are what is quoted; their depth tells them apart.
        found &= ~Mark.BOX
        if (attributes.get("type") or "").lower() == "cite" or "cite" in attributes:
            found |= Mark.QUOTE
    elif tag == "div":
        found |= _NAMES.get((attributes.get("name") or "").lower(), 0)
        if _RULED_TOP.search((attributes.get("style") or "")[:_MAX_STYLE]):
            found |= Mark.HEAD
    found |= _DATA_MARKERS.get(attributes.get("data-marker") or "", 0)
    return found
