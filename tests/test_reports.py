"""Whether a person wrote it, and what a report says: one dialect a row, as the mail system's own prose goes."""

import pytest

from bridge.mail.reports import classify
from bridge.model import Automatic, Bounce

# name, sender, subject, prose, status ("" where none is given; "delayed" for a delay), failed recipient
DIALECTS = (
    (
        "imail",
        "postmaster@im.example",
        "undeliverable mail",
        ("undeliverable to karl@kunde.example\n\nOriginal message follows.\n\nReceived: from x"),
        "",
        "karl@kunde.example",
    ),
    (
        "imail2",
        "Postmaster@im.example",
        "Undeliverable Mail",
        ("Unknown user: karl@kunde.example\n\nRCPT TO generated following response:\n550 5.1.1 not our user\n"),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "imail3",
        "postmaster@im.example",
        "Undeliverable Mail",
        "User mailbox exceeds allowed size: karl@kunde.example\n",
        "5.2.2",
        "karl@kunde.example",
    ),
    (
        "mdaemon",
        "MDaemon@md.example",
        "Permanent Delivery Failure",
        (
            "The following data may contain sections which represent BASE64 data.\n"
            "\n"
            "Failed address: karl@kunde.example\n"
            "\n"
            "--- Session Transcript ---\n"
            " Mon 2025-02-03 10:00: --> RCPT To:<karl@kunde.example>\n"
            " Mon 2025-02-03 10:00: <-- 550 Unknown user karl@kunde.example\n"
            "--- End Transcript ---"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "interscan",
        "imss@is.example",
        "Mail could not be delivered",
        (
            "Sent <<< RCPT TO:<karl@kunde.example>\n"
            "Received >>> 550 5.1.1 <karl@kunde.example>... user unknown\n"
            "\n"
            "Unable to deliver message to <karl@kunde.example>."
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "v5sendmail",
        "MAILER-DAEMON@v5.example",
        "Returned mail: User unknown",
        (
            "   ----- Transcript of session follows -----\n"
            "550 karl@kunde.example... User unknown\n"
            "\n"
            "   ----- Unsent message follows -----\n"
            "Received: from x\n"
            "Message-Id: <q@acme.example>"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "x400",
        "postmaster@sun.example",
        "Delivery Notification: Delivery has failed",
        (
            "This report relates to a message you sent with the following header fields:\n"
            "\n"
            "  Message-id: <q@acme.example>\n"
            "  Date: Mon, 3 Feb 2025 10:00:00 +0100\n"
            "  From: desk <desk@acme.example>\n"
            "  To: karl@kunde.example\n"
            "  Subject: x\n"
            "\n"
            "Your message cannot be delivered to the following recipients:\n"
            "\n"
            "  Recipient address: karl@kunde.example\n"
            "  Reason: Remote SMTP server has rejected address\n"
            "  Diagnostic code: smtp;550 5.1.1 unknown or illegal alias: karl@kunde.example\n"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "courier",
        '"Courier mail server at c.example" <@>',
        "NOTICE: mail delivery status.",
        (
            "This is a delivery status notification from c.example,\n"
            "running the Courier mail server, version 0.65.2.\n"
            "\n"
            "UNDELIVERABLE MAIL\n"
            "\n"
            "Your message to the following recipients cannot be delivered:\n"
            "\n"
            "<karl@kunde.example>:\n"
            "    mx.kunde.example [192.0.2.5]:\n"
            ">>> RCPT TO:<karl@kunde.example>\n"
            "<<< 550 5.1.1 <karl@kunde.example>... User Unknown\n"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "mailmarshal",
        "MailMarshal@mm.example",
        "Undeliverable Mail: x",
        (
            "Your message:\n"
            "   From:    desk@acme.example\n"
            "   Subject: x\n"
            "\n"
            "Could not be delivered because of\n"
            "\n"
            "550 5.1.1 User unknown\n"
            "\n"
            "The following recipients were affected: \n"
            "    karl@kunde.example\n"
            "\n"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "mcafee",
        "MAILER-DAEMON@mc.example",
        "Undeliverable mail: x",
        (
            "Your message was not delivered.\n"
            "\n"
            "--- The following addresses had delivery problems ---\n"
            "\n"
            "<karl@kunde.example>   (User unknown karl@kunde.example)\n"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "surfcontrol",
        "Postmaster@sc.example",
        "Message could not be delivered",
        (
            "Your message could not be sent.\n"
            "A transcript of the attempts to send the message follows.\n"
            "\n"
            "Failed to send to identified host,\n"
            "<karl@kunde.example>: [192.0.2.5], 550 karl@kunde.example... No such user\n"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "kddi",
        "no-reply@phone.example",
        "Mail System Error - Returned Mail",
        (
            "Your mail sent on Thu, 29 Apr 2010 11:04:47 +0900\n"
            "\n"
            "     Could not be delivered to:  <karl@kunde.example>\n"
            "     As their mailbox is full.\n"
        ),
        "5.2.2",
        "karl@kunde.example",
    ),
    (
        "ezweb",
        "Postmaster@ez.example",
        "Mail System Error - Returned Mail",
        (
            "Each of the following recipients was rejected by a remote mail server.\n"
            "The reasons given by the server are included to help you determine why.\n"
            "\n"
            "    Recipient: <karl@kunde.example>\n"
            "    >>> RCPT TO:<karl@kunde.example>\n"
            "    <<< 550 <karl@kunde.example>: User unknown\n"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "notes",
        "Postmaster@n.example",
        "Delivery Failure Report",
        (
            "------- Failure Reasons  --------\n"
            "\n"
            "User not listed in public Name & Address Book\n"
            "karl@kunde.example\n"
            "\n"
            "\n"
            "------- Returned Message --------\n"
            "\n"
            "Received: by x"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "mfilter",
        "postmaster@mf.example",
        "failure notice",
        (
            "YourMessage could not be delivered.\n"
            "-------server message\n"
            "550 5.1.1 unknown user <karl@kunde.example>\n"
            "\n"
            "-------SMTP command\n"
            "DATA\n"
            "\n"
            "-------original message\n"
            "Received: x"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "activehunter",
        "MAILER-DAEMON@ah.example",
        "FAILURE NOTICE :",
        (
            "This is MAILER-DAEMON@ah.example\n"
            "  ----- The following addresses had permanent fatal errors -----\n"
            "\n"
            ">>> karl@kunde.example <karl@kunde.example>\n"
            "\n"
            "550 sorry, no mailbox here by that name (#5.1.1 - chkusr)\n"
            "\n"
            "  ----- original message -----\n"
            "Received: x"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "james",
        "postmaster@j.example",
        "[BOUNCE]",
        (
            "Hi. This is the James mail server at j.example.\n"
            "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
            "This is a permanent error; I've given up. Sorry it didn't work out.\n"
            "\n"
            "RCPT TO = karl@kunde.example\n"
            "Error message below:\n"
            "550 - Requested action not taken: no such user here\n"
            "\n"
            "The original message is attached."
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "nifty",
        "MAILER-DAEMON@nf.example",
        "Returned mail",
        (
            "This message is for your information only.\n"
            "\n"
            "   ----- The following addresses had delivery problems -----\n"
            "<karl@kunde.example>\n"
            "\n"
            "   ----- Non-delivered information -----\n"
            "The number of messages in recipient's mailbox exceeded the local limit.\n"
        ),
        "5.2.2",
        "karl@kunde.example",
    ),
    (
        "gmx",
        "MAILER-DAEMON@gmx.example",
        "Mail delivery failed: returning message to sender",
        (
            "This message was created automatically by mail delivery software.\n"
            "A message that you sent could not be delivered to\n"
            "one or more of its recipients. This is a permanent error.\n"
            "\n"
            "The following address failed:\n"
            "\n"
            '"karl@kunde.example":\n'
            "SMTP error from remote server after RCPT command:\n"
            "host: mx.kunde.example\n"
            "5.1.1 <karl@kunde.example>... User Unknown\n"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "googlegroups",
        "Mail Delivery Subsystem <mailer-daemon@googlegroups.example>",
        "Delivery Status Notification (Failure)",
        (
            "Hello desk@acme.example,\n"
            "\n"
            "We're writing to let you know that the group you tried to contact (crew) may not exist, or you may "
            "not have permission to post messages to the group.\n"
        ),
        "",
        "",
    ),
    (
        "exch55",
        "System Administrator <postmaster@ex.example>",
        "Undeliverable: x",
        (
            "Your message\n"
            "\n"
            "  To:      karl@kunde.example\n"
            "  Subject: x\n"
            "  Sent:    Mon, 3 Feb 2025 10:00\n"
            "\n"
            "did not reach the following recipient(s):\n"
            "\n"
            "karl@kunde.example on Mon, 3 Feb 2025 10:00\n"
            "    The recipient name is not recognized\n"
            "\tThe MTS-ID of the original message is: c=us;a= ;p=x;l=Y\n"
            "    MSEXCH:IMS:X:Y:Z 3550 (000B09B6) 550 5.1.1 User unknown\n"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "hotmail",
        "postmaster@mail.hotmail.example",
        "Delivery Status Notification (Failure)",
        (
            "This is an automatically generated Delivery Status Notification.\n"
            "\n"
            "Delivery to the following recipients failed.\n"
            "\n"
            "       karl@kunde.example\n"
            "\n"
        ),
        "",
        "karl@kunde.example",
    ),
    (
        "att",
        "postmaster@att.example",
        "Undeliverable Message",
        (
            "Could not deliver message to the following recipient(s):\n"
            "\n"
            "    Failed Recipient: [SMTP60:karl@kunde.example]\n"
            "    Reason: Remote host said: 550 Account inactive\n"
        ),
        "5.2.1",
        "karl@kunde.example",
    ),
    (
        "bigrel",
        "MAILER-DAEMON@br.example",
        "Mail Delivery Problem",
        (
            "Message from br.example.\n"
            "Unable to deliver message to the following address(es).\n"
            "\n"
            "<karl@kunde.example>:\n"
            "Sorry, no mailbox here by that name. vpopmail (#5.1.1)\n"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "smtp32",
        "postmaster@s32.example",
        "Undeliverable Mail",
        "Could not connect to mail server for kunde.example: karl@kunde.example\n",
        "5.4.1",
        "karl@kunde.example",
    ),
    (
        "scan",
        "MAILER-DAEMON@tm.example",
        "Undeliverable message",
        (
            "Your message has been bounced because: message too large (size 30000000 exceeds limit 20971520)\n"
            "\n"
            "To: karl@kunde.example\n"
        ),
        "5.3.4",
        "karl@kunde.example",
    ),
    (
        "russian",
        "mailer-daemon@ru.example",
        "Недоставленное сообщение",
        (
            "Это письмо создано автоматически. Ваше письмо не может быть доставлено получателю "
            "karl@kunde.example\n"
            "Причина: пользователь не найден\n"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "telefonica",
        "POSTMASTER@tf.example",
        "Mensaje rechazado",
        "El mensaje para karl@kunde.example no ha podido ser entregado: usuario desconocido",
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "exch_warn",
        "Microsoft Exchange <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@acme.example>",
        "Delivery delayed:Your order",
        (
            "Delivery is delayed to these recipients or distribution lists:\n"
            "\n"
            "karl@kunde.example\n"
            "\n"
            "Subject: Your order\n"
            "\n"
            "This message hasn't been delivered yet. Delivery will continue to be attempted.\n"
            "\n"
            "The server will keep trying to deliver this message for the next 1 days, 19 hours and 52 minutes."
        ),
        "delayed",
        "karl@kunde.example",
    ),
    (
        "simplewarn",
        "mailer-daemon@sw.example",
        "Warning: E-mail to karl delayed",
        (
            "Your message to the following recipient has not been delivered for 4 hours:\n"
            " karl@kunde.example\n"
            "We will keep trying."
        ),
        "delayed",
        "karl@kunde.example",
    ),
    (
        "proofpoint",
        "postmaster@pp.example",
        "Undeliverable: x",
        (
            "Delivery has failed to these recipients or groups:\n"
            "\n"
            "karl@kunde.example<mailto:karl@kunde.example>\n"
            "The e-mail address you entered couldn't be found. Please check the recipient's e-mail address and "
            "try to resend the message.\n"
            "\n"
            "Diagnostic information for administrators:\n"
            "\n"
            "Generating server: x.example\n"
            "\n"
            "karl@kunde.example\n"
            "#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##rfc822;karl@kunde.example\n"
            "\n"
            "Original message headers:\n"
            "\n"
            "Received: from x\n"
            "Message-ID: <q@acme.example>\n"
        ),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "mailru",
        "mailer-daemon@corp.mail.example",
        "Mail failure.",
        (
            "A message that you sent to one or more of its recipients could not be delivered.\n"
            "\n"
            "  **********\n"
            "  This message was created automatically by mail delivery software.\n"
            "\n"
            "  karl@kunde.example\n"
            "    mailbox is full: retry timeout exceeded\n"
        ),
        "5.2.2",
        "karl@kunde.example",
    ),
    (
        "swiss",
        "postmaster@ch.example",
        "Nachricht konnte nicht zugestellt werden",
        "Ihre Nachricht an karl@kunde.example konnte nicht zugestellt werden: Empfänger unbekannt",
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "opensmtpd",
        "Mailer Daemon <MAILER-DAEMON@os.example>",
        "Delivery status notification: error",
        (
            "    Hi!\n"
            "\n"
            "    This is the MAILER-DAEMON, please DO NOT REPLY to this e-mail.\n"
            "\n"
            "    An error has occurred while attempting to deliver a message for\n"
            "    the following list of recipients:\n"
            "\n"
            "karl@kunde.example: 550 5.2.2 <karl@kunde.example>... Mailbox Full\n"
            "\n"
            "    Below is a copy of the original message:\n"
            "\n"
            "Received: x"
        ),
        "5.2.2",
        "karl@kunde.example",
    ),
    (
        "mailgun",
        "Postmaster <postmaster@mg.example>",
        "Undelivered Mail Returned to Sender",
        ("We were unable to deliver your message to: karl@kunde.example\nServer response: 550 mailbox unavailable\n"),
        "5.1.1",
        "karl@kunde.example",
    ),
    (
        "nullunknown",
        "info@weird.example",
        "Ihre E-Mail",
        "550 5.1.1 <karl@kunde.example> User unknown; could not be delivered",
        "5.1.1",
        "karl@kunde.example",
    ),
)


def classified(*headers: tuple[str, str], text: str = "") -> tuple[Automatic, Bounce | None]:
    return classify(headers, text=text, attachments=())


@pytest.mark.parametrize(
    ("sender", "subject", "text", "status", "recipient"), [pytest.param(*row[1:], id=row[0]) for row in DIALECTS]
)
def test_reports_are_understood_in_the_words_of_many_mail_systems(
    sender: str, subject: str, text: str, status: str, recipient: str
) -> None:
    headers = (("Return-Path", "<>"), ("From", sender), ("To", "desk@acme.example"), ("Subject", subject))
    kind, bounce = classify(headers, text=text, attachments=())
    assert kind is (Automatic.DELAYED if status == "delayed" else Automatic.BOUNCE)
    assert bounce is not None
    assert bounce.recipient == recipient
    assert status in {"", "delayed", bounce.status}


@pytest.mark.parametrize(
    "headers",
    [
        (("Return-Path", "<>"), ("From", "win@offers.example"), ("Subject", "You won")),
        (("From", "a@b.example"), ("Subject", "Order"), ("X-Auto-Response-Suppress", "All")),
        (("From", "a@b.example"), ("Subject", "Order"), ("Auto-Submitted", "no")),
        (("From", "a@b.example"), ("Subject", "Order"), ("Auto-Submitted", "No (really)")),
        (("From", "a@b.example"), ("Subject", "Order"), ("X-Autoreply", "no")),
        (("From", "a@b.example"), ("Subject", "Re: Undeliverable: Order")),
        (("From", "a@b.example"), ("Subject", "Office chairs"), ("Precedence", "first-class")),
    ],
)
def test_signs_that_do_not_decide(headers: tuple[tuple[str, str], ...]) -> None:
    """A person's mail is answered, even where it carries a header that some take for a machine's."""
    assert classified(*headers, text="Hello, could you help me?") == (Automatic.NO, None)


def test_a_person_who_quotes_an_error_to_the_desk_is_a_person() -> None:
    headers = (
        ("Return-Path", "<eva@kunde.example>"),
        ("From", "eva@kunde.example"),
        ("Subject", "Mail delivery failed?"),
    )
    assert classified(*headers, text="I got: 550 5.1.1 user unknown, could not be delivered.") == (Automatic.NO, None)


def test_a_parcel_that_could_not_be_delivered_is_no_bounce() -> None:
    headers = (("From", "service@parcel.example"), ("Subject", "Delivery notification: delivery failed"))
    text = "Your parcel could not be delivered. If you got this in error, tell us."
    assert classified(*headers, text=text) == (Automatic.NO, None)


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Order", "Out of Office: Order", "Out of the office until Monday", "Abwesenheitsnotiz: Order",
        "Automatische Antwort: Order", "Réponse automatique : Order", "Respuesta automática: Order",
        "Risposta automatica: Order", "Resposta automática: Order", "Automatisch antwoord: Order", "Autosvar: Order",
        "Automaattinen vastaus: Order", "Odpowiedź automatyczna: Order", "Automatická odpověď: Order",
        "Автоматический ответ: Order", "自動応答: Order", "자동 회신: Order", "自动答复: Order",
        "Otomatik yanıt: Order", "Re: [Auto-Reply] Order", "I am on vacation", "On annual leave",
    ],
)  # fmt: skip
def test_absence_is_known_by_its_subject_in_many_languages(subject: str) -> None:
    assert classified(("From", "a@b.example"), ("Subject", subject))[0] is Automatic.REPLY


@pytest.mark.parametrize(
    "subject", ["Vacation rental inquiry", "Office out of paper", "Leave of absence form", "Auto parts"]
)
def test_subjects_that_only_sound_like_absence_are_a_persons(subject: str) -> None:
    assert classified(("From", "a@b.example"), ("Subject", subject))[0] is Automatic.NO


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ((("Auto-Submitted", "auto-replied"),), Automatic.REPLY),
        ((("Precedence", "auto_reply"),), Automatic.REPLY),
        ((("X-Autorespond", "Order"),), Automatic.REPLY),
        ((("List-Id", "<users.x.example>"),), Automatic.LIST),
        ((("Precedence", "list"),), Automatic.LIST),
        ((("Auto-Submitted", "auto-generated"), ("List-Id", "<x>")), Automatic.LIST),
        ((("Auto-Submitted", "auto-generated"),), Automatic.OTHER),
        ((("Precedence", "bulk"),), Automatic.OTHER),
    ],
)
def test_headers_tell_the_kind_of_a_machine(headers: tuple[tuple[str, str], ...], kind: Automatic) -> None:
    assert classified(("From", "a@b.example"), ("Subject", "Order"), *headers)[0] is kind
