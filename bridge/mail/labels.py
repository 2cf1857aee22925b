"""The header fields of a part that is a file, named twice so that every mail program finds its name (pure).

Content-Disposition has the name as RFC 2231 says, which is what Gmail, Apple Mail and Thunderbird read. Older Outlooks
and some webmail read no name there that goes on over several lines or is in another script; they read encoded words in
Content-Type's "name", as mail programs wrote them before (and as RFC 2047 does not foresee).
"""

from email.headerregistry import ContentTypeHeader
from email.policy import EmailPolicy
from typing import Any

from bridge.mail.fields import encoded_words

_FOLD = "\r\n "


class Labels(EmailPolicy):
    """How a composed mail's parts are written down: as the standard library does, but for a file's second name."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        """One header field, folded, its line end included."""
        if isinstance(value, ContentTypeHeader) and "name" in value.params:
            return _content_type(name, value)
        folded: bytes = super().fold_binary(name, value)
        return folded


def _content_type(name: str, value: ContentTypeHeader) -> bytes:
    """The type of a file; its name holds no quotes and no backslashes, see `compose`."""
    others = [f'{key}="{said}"' for key, said in value.params.items() if key != "name"]
    file = str(value.params["name"])
    simple = file.isascii() and "=?" not in file
    called = f'name="{file if simple else _FOLD.join(encoded_words(file))}"'
    return f"{name}: {'; '.join([value.content_type, *others])};{_FOLD}{called}\r\n".encode("ascii")
