"""What an attachment is and what it is called, where the mail does not say or says something untrue.

Pure decisions from the declared type, the declared name and the first bytes. A declared type stands unless it says
nothing (application/octet-stream) or the content is plainly something else.
"""

import mimetypes
import re

from bridge.mail.decode import filename

# Magic numbers, at their offset. Containers of many formats (ZIP, OLE 2, ISO media) are told apart by the name.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (4, b"ftyphei", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"%!PS", "application/postscript"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"BEGIN:VCALENDAR", "text/calendar"),
    (0, b"BEGIN:VCARD", "text/vcard"),
)
_CONTAINERS = frozenset({"application/zip", "application/x-ole-storage", "video/mp4", "application/gzip"})
# Texts that are files even where they stand alone.
TEXT_FILES = frozenset(
    {"text/calendar", "text/vcard", "text/x-vcard", "text/directory", "text/csv", "text/rfc822-headers"}
)
# Types that say nothing about the content.
_MUTE = re.compile(
    r"application/(?:octet-?stream|x?-?unknown|binary|x-binary|(?:x-)?force-?download|x-download|download|save"
    r"|attachment|x-msdownload|x-octet-stream|data|file|\*)|unknown/.*|.*/unknown|\*/\*|application/x-unknown.*"
)
_ENDINGS = {
    "message/rfc822": ".eml",
    "message/delivery-status": ".txt",
    "message/disposition-notification": ".txt",
    "text/plain": ".txt",
    "text/html": ".html",
    "text/calendar": ".ics",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "text/csv": ".csv",
    "text/xml": ".xml",
    "text/rfc822-headers": ".txt",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/heic": ".heic",
    "image/webp": ".webp",
    "image/tiff": ".tiff",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/amr": ".amr",
    "application/rtf": ".rtf",
    "application/xml": ".xml",
    "application/ics": ".ics",
    "application/x-7z-compressed": ".7z",
    "application/vnd.rar": ".rar",
    "application/octet-stream": ".bin",
    "application/pgp-signature": ".asc",
    "application/pgp-encrypted": ".asc",
    "application/pgp-keys": ".asc",
    "application/pkcs7-signature": ".p7s",
    "application/x-pkcs7-signature": ".p7s",
    "application/pkcs7-mime": ".p7m",
    "application/x-pkcs7-mime": ".p7m",
}
_STEMS = {
    "text/calendar": "invite",
    "application/ics": "invite",
    "message/rfc822": "message",
    "message/delivery-status": "delivery-status",
    "message/disposition-notification": "disposition-notification",
    "text/rfc822-headers": "headers",
    "application/pgp-signature": "signature",
    "application/pgp-encrypted": "version",
    "application/pgp-keys": "key",
    "application/pkcs7-signature": "smime",
    "application/x-pkcs7-signature": "smime",
    "application/pkcs7-mime": "smime",
    "application/x-pkcs7-mime": "smime",
}
_NEWER = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".epub": "application/epub+zip",
    ".msg": "application/vnd.ms-outlook",
    ".eml": "message/rfc822",
    ".ics": "text/calendar",
    ".vcf": "text/vcard",
    ".heic": "image/heic",
    ".webp": "image/webp",
    ".m4a": "audio/mp4",
    ".gz": "application/gzip",
    ".tgz": "application/gzip",
    ".rar": "application/vnd.rar",
    ".7z": "application/x-7z-compressed",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".exe": "application/x-msdownload",
}
# Python's own table, the same on every machine, with what it lacks.
_TYPES = mimetypes.MimeTypes(filenames=())
for _known_ending, _known_type in _NEWER.items():
    _TYPES.add_type(_known_type, _known_ending)


def content_type(declared: str, *, name: str, content: bytes) -> str:
    """The type of a file: as declared (lower case), or by its content and name where that says nothing or lies."""
    actual = _by_magic(content)
    by_name = _TYPES.types_map[1].get(_ending(name).lower(), "")
    by_name = "" if _MUTE.fullmatch(by_name) else by_name
    if _MUTE.fullmatch(declared):
        if actual in _CONTAINERS and by_name:
            return by_name
        return actual or by_name or declared
    if not actual or actual in _CONTAINERS:
        lies = actual == "application/zip" and declared.split("/", maxsplit=1)[0] in {"image", "text"} and not by_name
        return actual if lies else declared
    major = declared.partition("/")[0]
    pictures = {major, actual.partition("/")[0]} == {"image"} and declared not in {
        "image/jpg",
        "image/pjpeg",
        "image/x-png",
    }
    other = major in {"image", "text", "audio", "video"} and actual.partition("/")[0] != major
    return actual if pictures or other or declared == "application/pdf" else declared


def _by_magic(content: bytes) -> str:
    head = content[:64]
    if head.startswith(b"MZ") and b"\0" in head:
        return "application/x-msdownload"
    text = head.lstrip(b"\xef\xbb\xbf\r\n ")
    for offset, magic, kind in _MAGIC:
        if head.startswith(magic, offset) or (offset == 0 and kind[0] in "ta" and text.startswith(magic)):
            return kind
    return ""


def is_named(text: str) -> bool:
    """Whether `text` ends as a file's name does, so that it can serve as one."""
    return _ending(text).lower() in _TYPES.types_map[1]


def _ending(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:] if dot > 0 and len(name) - dot <= 12 else ""


def default_name(kind: str) -> str:
    """A name for a nameless file of that type: "invite.ics", "image.png", "attachment.bin"."""
    major = kind.partition("/")[0]
    stem = _STEMS.get(kind) or (major if major in {"image", "audio", "video"} else "attachment")
    return stem + (_ENDINGS.get(kind) or _TYPES.guess_extension(kind) or ".bin")


def mail_name(subject: str) -> str:
    """A name for an attached mail, from its subject: slashes, which would be read as a path, become hyphens."""
    stem = filename(re.sub(r"[/\\:]+", "-", subject)).strip(" .")
    return filename(f"{stem[:120].strip()}.eml") if stem else "message.eml"
