"""Which folder is the trash: by SPECIAL-USE (RFC 6154), else by the names that mail programs give (pure)."""

from collections.abc import Iterable, Mapping

from bridge.mail.imap.answers import Folder
from bridge.mail.source import Role

_USES = {
    Role.INBOX: ("\\inbox",),
    Role.SENT: ("\\sent",),
    Role.TRASH: ("\\trash",),
    # Gmail has no archive: a mail that leaves the inbox for "All Mail" is archived.
    Role.ARCHIVE: ("\\archive", "\\all", "\\allmail"),
    Role.JUNK: ("\\junk", "\\spam"),
}

_NAMES: dict[Role, tuple[str, ...]] = {
    # As Outlook, Apple Mail, Thunderbird and the webmails of their countries write them; in the order of trust.
    Role.INBOX: ("INBOX",),
    Role.SENT: (
        *("Sent", "Sent Items", "Sent Messages", "Sent Mail", "Gesendet", "Gesendete Objekte", "Gesendete Elemente"),
        *("Éléments envoyés", "Messages envoyés", "Envoyés", "Enviados", "Elementos enviados", "Posta inviata"),
        *("Inviata", "Verzonden", "Verzonden items", "Skickat", "Sendte elementer", "Sendt", "Wysłane", "Отправленные"),
        *(
            "Gönderilmiş Öğeler",
            "보낸편지함",
            "보낸메일함",
            "보낸 편지함",
            "送信済み",
            "送信済みアイテム",
            "已发送",
            "已发送邮件",
            "寄件備份",
        ),
    ),
    Role.TRASH: (
        *("Trash", "Deleted Items", "Deleted Messages", "Deleted", "Bin", "Papierkorb", "Gelöschte Elemente"),
        *("Gelöschte Objekte", "Corbeille", "Éléments supprimés", "Papelera", "Elementos eliminados", "Lixeira"),
        *("Itens Excluídos", "Cestino", "Posta eliminata", "Prullenbak", "Verwijderde items", "Papperskorgen"),
        *("Slettede elementer", "Kosz", "Корзина", "Удаленные", "Çöp Kutusu", "휴지통", "지운편지함", "ゴミ箱"),
        *("削除済みアイテム", "已删除", "已删除邮件", "垃圾桶"),
    ),
    Role.ARCHIVE: (
        *("Archive", "Archives", "Archiv", "Archivo", "Archivio", "Arquivo", "Archief", "Arkiv", "Archiwum", "Архив"),
        *("Arşiv", "보관함", "보관편지함", "アーカイブ", "归档", "封存"),
    ),
    Role.JUNK: (
        *(
            "Junk",
            "Spam",
            "Junk E-mail",
            "Junk Email",
            "Junk-E-Mail",
            "Spamverdacht",
            "Bulk Mail",
            "Courrier indésirable",
        ),
        *(
            "Indésirables",
            "Correo no deseado",
            "Lixo Eletrônico",
            "Posta indesiderata",
            "Ongewenste e-mail",
            "Skräppost",
        ),
        *("Søppelpost", "Спам", "Gereksiz", "스팸메일함", "스팸편지함", "정크메일", "迷惑メール", "垃圾邮件"),
    ),
}
_ROOTS = {"", "inbox", "[gmail]", "[google mail]"}  # where such folders stand
_UNUSABLE = {"\\noselect", "\\nonexistent"}


def roles(folders: Iterable[Folder], *, chosen: Mapping[Role, str]) -> dict[Role, str]:
    """The name of the folder for each role that there is one for. `chosen` by the operator comes first."""
    usable = [folder for folder in folders if not folder.attributes & _UNUSABLE]
    names = {Role.INBOX: "INBOX"}
    for role in Role:
        if found := _by_use(usable, role) or _by_name(usable, role):
            names.setdefault(role, found)
    return names | dict(chosen)


def _by_use(folders: Iterable[Folder], role: Role) -> str | None:
    ranked = [(use, folder.name) for use in _USES[role] for folder in folders if use in folder.attributes]
    return ranked[0][1] if ranked else None


def _by_name(folders: Iterable[Folder], role: Role) -> str | None:
    there: dict[str, str] = {}
    for folder in folders:
        root, _, last = folder.name.rpartition(folder.delimiter) if folder.delimiter else ("", "", folder.name)
        if root.casefold() in _ROOTS:
            there.setdefault(last.casefold(), folder.name)
    return next((there[name.casefold()] for name in _NAMES[role] if name.casefold() in there), None)
