"""The servers of well-known mail providers, by an address's domain: settings nobody should have to look up.

Pure data and a few questions. The hosts are those the providers publish for IMAP (RFC 3501) and submission (RFC 6409);
implicit TLS (RFC 8314) where a provider offers it, else STARTTLS. Nothing is asked of the network.
"""

from dataclasses import dataclass
from typing import Literal

from bridge.sentences import say

Security = Literal["tls", "starttls", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Where a provider's customers fetch and hand in their mail.

    `smtp_security` decides the port too: 465 for "tls", 587 for "starttls". IMAP is always implicit TLS on 993.
    """

    imap: str
    smtp: str
    smtp_security: Security = "tls"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Where a provider's accounts are signed in to by OAuth2 (RFC 6749), and what is asked for.

    `{tenant}` in an address stands for the organisation. No `device_url`: it gives no mail to devices (RFC 8628).
    """

    authorize_url: str
    token_url: str
    device_url: str = ""
    scopes: tuple[str, ...]


_GOOGLE = Provider(imap="imap.gmail.com", smtp="smtp.gmail.com")
_OUTLOOK = Provider(imap="outlook.office365.com", smtp="smtp-mail.outlook.com", smtp_security="starttls")
_MICROSOFT_365 = Provider(imap="outlook.office365.com", smtp="smtp.office365.com", smtp_security="starttls")
_YAHOO = Provider(imap="imap.mail.yahoo.com", smtp="smtp.mail.yahoo.com")
_ICLOUD = Provider(imap="imap.mail.me.com", smtp="smtp.mail.me.com", smtp_security="starttls")
_FASTMAIL = Provider(imap="imap.fastmail.com", smtp="smtp.fastmail.com")
_GMX = Provider(imap="imap.gmx.net", smtp="mail.gmx.net", smtp_security="starttls")
_GMX_COM = Provider(imap="imap.gmx.com", smtp="mail.gmx.com", smtp_security="starttls")
_WEB_DE = Provider(imap="imap.web.de", smtp="smtp.web.de", smtp_security="starttls")
_ZOHO = Provider(imap="imap.zoho.com", smtp="smtp.zoho.com")
_ZOHO_EU = Provider(imap="imap.zoho.eu", smtp="smtp.zoho.eu")
_YANDEX = Provider(imap="imap.yandex.com", smtp="smtp.yandex.com")
_NAVER = Provider(imap="imap.naver.com", smtp="smtp.naver.com")
_DAUM = Provider(imap="imap.daum.net", smtp="smtp.daum.net")
_KAKAO = Provider(imap="imap.kakao.com", smtp="smtp.kakao.com")
_AOL = Provider(imap="imap.aol.com", smtp="smtp.aol.com")
_MAILBOX_ORG = Provider(imap="imap.mailbox.org", smtp="smtp.mailbox.org")
_POSTEO = Provider(imap="posteo.de", smtp="posteo.de")
_T_ONLINE = Provider(imap="secureimap.t-online.de", smtp="securesmtp.t-online.de")
_MAIL_RU = Provider(imap="imap.mail.ru", smtp="smtp.mail.ru")
_QQ = Provider(imap="imap.qq.com", smtp="smtp.qq.com")

_MICROSOFT_SIGN_IN = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0"
_SIGN_INS: dict[Provider, SignIn] = {
    _GOOGLE: SignIn(
        # Without these two, an account that was signed in before is given no refresh token.
        authorize_url="https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&prompt=consent",
        token_url="https://oauth2.googleapis.com/token",  # noqa: S106 - an address
        scopes=("https://mail.google.com/",),
    ),
    **dict.fromkeys(
        (_OUTLOOK, _MICROSOFT_365),
        SignIn(
            authorize_url=f"{_MICROSOFT_SIGN_IN}/authorize",
            token_url=f"{_MICROSOFT_SIGN_IN}/token",
            device_url=f"{_MICROSOFT_SIGN_IN}/devicecode",
            scopes=(
                "https://outlook.office.com/IMAP.AccessAsUser.All",
                "https://outlook.office.com/SMTP.Send",
                "offline_access",
            ),
        ),
    ),
}

_BY_DOMAIN: dict[str, Provider] = {
    **dict.fromkeys(("gmail.com", "googlemail.com"), _GOOGLE),
    **dict.fromkeys(("outlook.com", "outlook.de", "outlook.fr", "outlook.kr", "outlook.jp"), _OUTLOOK),
    **dict.fromkeys(("hotmail.com", "hotmail.co.uk", "hotmail.de", "hotmail.fr", "live.com", "msn.com"), _OUTLOOK),
    **dict.fromkeys(("yahoo.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "yahoo.es", "yahoo.it", "ymail.com"), _YAHOO),
    **dict.fromkeys(("icloud.com", "me.com", "mac.com"), _ICLOUD),
    **dict.fromkeys(("fastmail.com", "fastmail.fm"), _FASTMAIL),
    **dict.fromkeys(("gmx.net", "gmx.de", "gmx.at", "gmx.ch"), _GMX),
    "gmx.com": _GMX_COM,
    "web.de": _WEB_DE,
    **dict.fromkeys(("zoho.com", "zohomail.com"), _ZOHO),
    **dict.fromkeys(("zoho.eu", "zohomail.eu"), _ZOHO_EU),
    **dict.fromkeys(("yandex.com", "yandex.ru", "ya.ru"), _YANDEX),
    "naver.com": _NAVER,
    **dict.fromkeys(("daum.net", "hanmail.net"), _DAUM),
    "kakao.com": _KAKAO,
    **dict.fromkeys(("aol.com", "aim.com"), _AOL),
    "mailbox.org": _MAILBOX_ORG,
    **dict.fromkeys(("posteo.de", "posteo.net"), _POSTEO),
    "t-online.de": _T_ONLINE,
    **dict.fromkeys(("mail.ru", "inbox.ru", "list.ru", "bk.ru"), _MAIL_RU),
    **dict.fromkeys(("qq.com", "foxmail.com"), _QQ),
}

# How the Authentication-Results begin that the provider itself writes; Microsoft's name no server.
_RESULTS_BY: dict[str, tuple[str, ...]] = {_GOOGLE.imap: ("mx.google.com",), _OUTLOOK.imap: ("",)}
_FILE_SENT_MAIL_THEMSELVES = frozenset(provider.smtp for provider in (_GOOGLE, _OUTLOOK, _MICROSOFT_365))


def provider_of(address: str) -> Provider | None:
    """The provider of an address (`local@domain`), or None where its domain is not a well-known one."""
    domain = address.rpartition("@")[2].lower()
    if domain.endswith(".onmicrosoft.com"):
        return _MICROSOFT_365
    return _BY_DOMAIN.get(domain)


def results_by(imap_host: str) -> tuple[str, ...]:
    """The authserv-ids (RFC 8601) of a provider, by its IMAP server; none where they are not known for certain."""
    return _RESULTS_BY.get(imap_host.lower(), ())


def well_known() -> frozenset[str]:
    """The domains of the well-known providers' addresses."""
    return frozenset(_BY_DOMAIN)


_OWN_PAGE = "Use an app password, not the account's own: {}."
_ADVICE: dict[Provider, str] = {
    _GOOGLE: _OWN_PAGE.format(
        "switch on 2-Step Verification, then make one at https://myaccount.google.com/apppasswords"
    ),
    **dict.fromkeys(
        (_OUTLOOK, _MICROSOFT_365),
        "Microsoft takes no passwords from mail programs any more: use OAuth2 (docs/oauth.md tells how), and have an "
        "admin allow authenticated SMTP for the mailbox.",
    ),
    _YAHOO: _OWN_PAGE.format("make one under Account Security at https://login.yahoo.com/account/security"),
    _AOL: _OWN_PAGE.format("make one under Account Security at https://login.aol.com/account/security"),
    _ICLOUD: _OWN_PAGE.format("make one under Sign-In and Security at https://account.apple.com"),
    _FASTMAIL: _OWN_PAGE.format("make one under Settings, Privacy & Security, in Fastmail"),
}


def token_refused(words: str) -> str:
    """The sentence for a server that refuses a token which is fresh, in these words."""
    return say(
        "The mail server refused the sign-in by token ({words}): sign in as the account of this mailbox with "
        "`bridge login`, and see that it may use IMAP and authenticated SMTP.",
        words=words,
    )


def sign_in_advice(host: str) -> str:
    """What the password for a server of this name has to be; empty where nothing is known of it."""
    return next((text for provider, text in _ADVICE.items() if host.lower() in {provider.imap, provider.smtp}), "")


def takes_passwords(host: str) -> bool:
    """Whether the provider whose IMAP or SMTP server has this name takes passwords from mail programs at all."""
    return host.lower() not in {name for one in (_OUTLOOK, _MICROSOFT_365) for name in (one.imap, one.smtp)}


def sign_in_of(host: str) -> SignIn | None:
    """How the provider whose IMAP or SMTP server has this name signs in by OAuth2; None where that is not known."""
    return next((one for provider, one in _SIGN_INS.items() if host.lower() in {provider.imap, provider.smtp}), None)


def files_sent_mail(smtp_host: str) -> bool:
    """Whether what is handed in at this host turns up in Sent by itself, so that a copy of ours would be a second."""
    return smtp_host.lower() in _FILE_SENT_MAIL_THEMSELVES
