"""What a customer newly wrote is shown; what they quoted is folded; nothing is lost."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail.html import lines, plain_lines
from bridge.mail.quotes import plain_reading, read
from bridge.model import Line, Message, Reading


def words(text: str) -> str:
    return " ".join(text.split())


def shown(reading: Reading) -> str:
    return words(plain_lines(reading.new))


def filled(found: tuple[Line, ...]) -> list[Line]:
    return [line for line in found if line.spans]


# How each language's mail programs introduce what they quote: Gmail, Apple Mail, Thunderbird, Outlook, web mailers.
ATTRIBUTIONS = {
    "en Gmail": "On Mon, Jan 6, 2025 at 10:15 AM Ann Lee <ann@example.com> wrote:",
    "en Apple": "On Jan 6, 2025, at 10:15 AM, Ann Lee <ann@example.com> wrote:",
    "en Thunderbird": "On 06.01.25 10:15, Ann Lee wrote:",
    "en Zoho": "---- On Mon, 06 Jan 2025 10:15:00 +0100 Ann Lee <ann@example.com> wrote ----",
    "en NetEase": 'At 2025-01-06 10:15:00, "Ann Lee" <ann@example.com> wrote:',
    "en address first": "Ann Lee <ann@example.com> wrote on Mon, 6 Jan 2025 10:15:",
    "de Gmail": "Am Mo., 6. Jan. 2025 um 10:15 Uhr schrieb Ann Lee <ann@example.com>:",
    "de Apple": "Am 06.01.2025 um 10:15 schrieb Ann Lee <ann@example.com>:",
    "de older": "Ann Lee <ann@example.com> schrieb am 06.01.2025 um 10:15:",
    "de has written": "Ann Lee <ann@example.com> hat am 06.01.2025 10:15 geschrieben:",
    "fr Gmail": "Le lun. 6 janv. 2025 à 10:15, Ann Lee <ann@example.com> a écrit :",
    "fr Apple": "Le 6 janv. 2025 à 10:15, Ann Lee <ann@example.com> a écrit :",
    "es Gmail": "El lun, 6 ene 2025 a las 10:15, Ann Lee (<ann@example.com>) escribió:",
    "es Apple": "El 6 ene 2025, a las 10:15, Ann Lee <ann@example.com> escribió:",
    "it Gmail": "Il giorno lun 6 gen 2025 alle ore 10:15 Ann Lee <ann@example.com> ha scritto:",
    "it Thunderbird": "Il 06/01/2025 10:15, Ann Lee ha scritto:",
    "pt Gmail": "Em seg., 6 de jan. de 2025 às 10:15, Ann Lee <ann@example.com> escreveu:",
    "pt Apple": "No dia 06/01/2025, às 10:15, Ann Lee <ann@example.com> escreveu:",
    "nl Gmail": "Op ma 6 jan 2025 om 10:15 schreef Ann Lee <ann@example.com>:",
    "nl Apple": "Op 6 jan. 2025, om 10:15 heeft Ann Lee <ann@example.com> het volgende geschreven:",
    "da Gmail": "Den man. 6. jan. 2025 kl. 10.15 skrev Ann Lee <ann@example.com>:",
    "sv Gmail": "Den mån 6 jan. 2025 kl 10:15 skrev Ann Lee <ann@example.com>:",
    "sv Apple": "6 jan. 2025 kl. 10:15 skrev Ann Lee <ann@example.com>:",
    "no Gmail": "man. 6. jan. 2025 kl. 10:15 skrev Ann Lee <ann@example.com>:",
    "no Thunderbird": "På 06.01.2025 10:15, skrev Ann Lee:",
    "fi Gmail": "ma 6. tammik. 2025 klo 10.15 Ann Lee (ann@example.com) kirjoitti:",
    "fi Apple": "Ann Lee <ann@example.com> kirjoitti 6.1.2025 kello 10.15:",
    "pl Gmail": "pon., 6 sty 2025 o 10:15 Ann Lee <ann@example.com> napisał(a):",
    "pl Thunderbird": "W dniu 06.01.2025 o 10:15, Ann Lee pisze:",
    "cs Gmail": "po 6. 1. 2025 v 10:15 odesílatel Ann Lee <ann@example.com> napsal:",
    "cs Thunderbird": "Dne 06. 01. 25 v 10:15 Ann Lee napsal(a):",
    "ru Gmail": "пн, 6 янв. 2025 г. в 10:15, Ann Lee <ann@example.com>:",
    "ru Thunderbird": "06.01.2025 10:15, Ann Lee пишет:",
    "ru Yandex": '06.01.2025, 10:15, "Ann Lee" <ann@example.com>:',
    "ru Mail.ru": "Понедельник, 6 января 2025, 10:15 +03:00 от Ann Lee <ann@example.com>:",
    "ru Apple": "6 янв. 2025 г., в 10:15, Ann Lee <ann@example.com> написал(а):",
    "uk Gmail": "пн, 6 січ. 2025 р. о 10:15 Ann Lee <ann@example.com> пише:",
    "tr Gmail": "Ann Lee <ann@example.com>, 6 Oca 2025 Pzt, 10:15 tarihinde şunu yazdı:",
    "el Gmail": "Στις Δευ 6 Ιαν 2025 στις 10:15 π.μ., ο χρήστης Ann Lee <ann@example.com> έγραψε:",
    "he Gmail": (
        "\u202bבתאריך יום ב׳, 6 בינו׳ 2025 ב-10:15 מאת \u202aAnn Lee\u202c\u200f <\u202aann@example.com"
        "\u202c\u200f>:\u202c"
    ),
    "ar Gmail": (
        "في الاثنين، 6 يناير 2025 في 10:15 ص تمت كتابة ما يلي بواسطة \u202aAnn Lee\u202c\u200f <\u202aann@"
        "example.com\u202c\u200f>:"
    ),
    "zh-CN Gmail": "Ann Lee <ann@example.com> 于2025年1月6日周一 10:15写道：",
    "zh-CN NetEase": '在 2025-01-06 10:15:00，"Ann Lee" <ann@example.com> 写道：',
    "zh-TW Gmail": "Ann Lee <ann@example.com> 於 2025年1月6日 週一 上午10:15寫道：",
    "ja Gmail": "2025年1月6日(月) 10:15 Ann Lee <ann@example.com>:",
    "ja Apple": "2025/01/06 10:15、Ann Lee <ann@example.com>のメール:",
    "ko Gmail": "2025년 1월 6일 (월) 오전 10:15, Ann Lee <ann@example.com>님이 작성:",
}

# From, Sent, To, Subject as Outlook writes them; the words of divider and forward.
HEADERS = {
    row.partition(" | ")[0]: row.split(" | ")[1:]
    for row in """
en | From | Sent | To | Subject | Original Message | Forwarded message
de | Von | Gesendet | An | Betreff | Ursprüngliche Nachricht | Weitergeleitete Nachricht
fr | De | Envoyé | À | Objet | Message d'origine | Message transféré
es | De | Enviado el | Para | Asunto | Mensaje original | Mensaje reenviado
it | Da | Inviato | A | Oggetto | Messaggio originale | Messaggio inoltrato
pt | De | Enviada em | Para | Assunto | Mensagem original | Mensagem encaminhada
nl | Van | Verzonden | Aan | Onderwerp | Oorspronkelijk bericht | Doorgestuurd bericht
da | Fra | Sendt | Til | Emne | Oprindelig meddelelse | Videresendt meddelelse
sv | Från | Skickat | Till | Ämne | Ursprungligt meddelande | Vidarebefordrat meddelande
no | Fra | Sendt | Til | Emne | Opprinnelig melding | Videresendt melding
fi | Lähettäjä | Lähetetty | Vastaanottaja | Aihe | Alkuperäinen viesti | Välitetty viesti
pl | Od | Wysłano | Do | Temat | Oryginalna wiadomość | Przekazana wiadomość
cs | Od | Odesláno | Komu | Předmět | Původní zpráva | Přeposlaná zpráva
ru | От | Отправлено | Кому | Тема | Исходное сообщение | Пересылаемое сообщение
uk | Від | Надіслано | Кому | Тема | Оригінальне повідомлення | Переслане повідомлення
tr | Kimden | Gönderildi | Kime | Konu | Özgün İleti | Yönlendirilen mesaj
el | Από | Στάλθηκε | Προς | Θέμα | Αρχικό μήνυμα | Προωθημένο μήνυμα
he | מאת | נשלח | אל | נושא | הודעה מקורית | הודעה שהועברה
ar | من | تاريخ الإرسال | إلى | الموضوع | الرسالة الأصلية | رسالة مُعاد توجيهها
zh | 发件人 | 发送时间 | 收件人 | 主题 | 原始邮件 | 转发的邮件
ja | 差出人 | 送信日時 | 宛先 | 件名 | 元のメッセージ | 転送されたメッセージ
ko | 보낸 사람 | 보낸 날짜 | 받는 사람 | 제목 | 원본 메시지 | 전달된 메시지
""".strip().split("\n")
}

SENT_FROM = [
    "Sent from my iPhone",
    "Sent from Outlook for Android",
    "Sent from Yahoo Mail on Android",
    "Sent with Proton Mail secure email.",
    "Get Outlook for iOS",
    "Von meinem iPhone gesendet",
    "Diese Nachricht wurde von meinem Android-Gerät mit K-9 Mail gesendet.",
    "Envoyé de mon iPhone",
    "Enviado desde mi iPhone",
    "Inviato da iPhone",
    "Enviado do meu iPhone",
    "Verstuurd vanaf mijn iPhone",
    "Sendt fra min iPhone",
    "Skickat från min iPhone",
    "Lähetetty iPhonesta",
    "Wysłane z iPhone'a",
    "Odesláno z iPhonu",
    "Отправлено с iPhone",
    "Надіслано з iPhone",
    "iPhone'umdan gönderildi",
    "Στάλθηκε από το iPhone μου",
    "נשלח מה-iPhone שלי",
    "أُرسلت من الـ iPhone",
    "发自我的 iPhone",
    "iPhoneから送信",
    "나의 iPhone에서 보냄",
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS)
def test_an_attribution_is_folded_with_its_quote(attribution: str) -> None:
    reading = plain_reading(f"Yes, Tuesday works.\n\nSee you\nBob\n\n{attribution}\n\n> Does Tuesday work?\n> Ann\n")
    assert shown(reading) == "Yes, Tuesday works. See you Bob"


@pytest.mark.parametrize("attribution", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS)
def test_an_attribution_without_quote_signs_folds_all_below(attribution: str) -> None:
    reading = plain_reading(f"Yes, Tuesday works.\n\n{attribution}\n\nDoes Tuesday work?\n\nAnn\n")
    assert shown(reading) == "Yes, Tuesday works."


@pytest.mark.parametrize("attribution", [text for text in ATTRIBUTIONS.values() if "<" in text])
def test_an_attribution_may_be_wrapped_before_the_address(attribution: str) -> None:
    wrapped = attribution.replace(" <", "\n<").replace("(<", "\n(<")
    reading = plain_reading(f"Yes, Tuesday works.\n\n{wrapped}\n> Does Tuesday work?\n")
    assert shown(reading) == "Yes, Tuesday works."


@pytest.mark.parametrize("attribution", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS)
def test_an_answer_below_the_quote_is_shown_alone(attribution: str) -> None:
    reading = plain_reading(f"{attribution}\n> Does Tuesday work?\n> Ann\n\nYes, Tuesday works.\n")
    assert shown(reading) == "Yes, Tuesday works."


@pytest.mark.parametrize(("sender", "sent", "to", "subject", "_divider", "_forward"), HEADERS.values(), ids=HEADERS)
def test_a_header_block_begins_history(
    sender: str, sent: str, to: str, subject: str, _divider: str, _forward: str
) -> None:
    head = f"{sender}: Ann Lee <ann@example.com>\n{sent}: 06.01.2025 10:15\n{to}: Bob\n{subject}: Tuesday"
    for rule in ("", "________________________________\n"):
        reading = plain_reading(f"Yes, Tuesday works.\n\n{rule}{head}\n\nDoes Tuesday work?\n")
        assert shown(reading) == "Yes, Tuesday works."
        starred = "\n".join(f"*{line.replace(':', ':*', 1)}" for line in head.split("\n"))
        assert (
            shown(plain_reading(f"Yes, Tuesday works.\n\n{rule}{starred}\n\nDoes Tuesday work?\n"))
            == "Yes, Tuesday works."
        )


@pytest.mark.parametrize(("sender", "sent", "_to", "_subject", "divider", "_forward"), HEADERS.values(), ids=HEADERS)
def test_a_divider_begins_history(sender: str, sent: str, _to: str, _subject: str, divider: str, _forward: str) -> None:
    head = f"-----{divider}-----\n{sender}: Ann\n{sent}: Monday"
    reading = plain_reading(f"Yes, Tuesday works.\n\n{head}\n\nDoes Tuesday work?\n")
    assert shown(reading) == "Yes, Tuesday works."
    assert shown(plain_reading(f"Yes.\n\n-----{divider}-----\n> Does Tuesday work?\n")) == "Yes."


@pytest.mark.parametrize(("sender", "sent", "to", "subject", "_divider", "forward"), HEADERS.values(), ids=HEADERS)
def test_a_forwarded_mail_is_content(
    sender: str, sent: str, to: str, subject: str, _divider: str, forward: str
) -> None:
    text = (
        f"Please have a look.\n\n---------- {forward} ---------\n{sender}: Ann <ann@example.com>"
        f"\n{sent}: Monday\n{subject}: Tuesday\n{to}: Bob\n\nDoes it work?"
    )
    assert shown(plain_reading(text)) == words(text)
    quoted = (
        "Done.\n\nOn Mon, Jan 6, 2025 at 10:15 Bob <bob@example.com> wrote:\n"
        f"\n> Please look.\n>\n> ---------- {forward} ---------\n> {sender}: Ann\n"
        "> Does it work?\n"
    )
    assert shown(plain_reading(quoted)) == "Done."


@pytest.mark.parametrize("line", SENT_FROM)
def test_a_program_s_own_line_is_folded(line: str) -> None:
    assert shown(plain_reading(f"Yes, Tuesday works.\n\n{line}\n")) == "Yes, Tuesday works."
    assert shown(plain_reading(f"Yes.\n\n{line}\n\n> Does Tuesday work?\n")) == "Yes."


PLAIN = {
    "nothing to fold": ("Hello,\n\nwhere is my order?\n\nAnn", "Hello, where is my order? Ann"),
    "signature": ("Hello\n\n-- \nAnn Lee\nHead of Everything", "Hello"),
    "signature without its space": ("Hello\n--\nAnn Lee", "Hello"),
    "signature after an answer below": ("> Works?\n\nYes\n\n-- \nBob", "Yes"),
    "signature then quote": ("Yes\n\n-- \nBob\n\nOn 6 Jan 2025, Ann wrote:\n> Works?", "Yes"),
    "dashed name": ("Oh, thanks.\n\n-Ann Lee\n\nOn 6 Jan 2025, Bob wrote:\n> Hi", "Oh, thanks."),
    "sign-off stays": ("Yes\n\nBest regards,\nBob", "Yes Best regards, Bob"),
    "list footer": (
        (
            "Yes\n\nOn 6 Jan 2025, Ann wrote:\n> Works?\n\n_______________________________________________\n"
            "riders mailing list\nriders@lists.example.org\nhttp://lists.example.org/riders"
        ),
        "Yes",
    ),
    "inline answers": (
        "Hi Ann,\n\nOn 6 Jan 2025, Ann wrote:\n> Tuesday?\n\nYes.\n\n> At ten?\n\nNo, eleven.\n\n> Ann",
        "Hi Ann, On 6 Jan 2025, Ann wrote: > Tuesday? Yes. > At ten? No, eleven.",
    ),
    "inline answers without introduction": (
        "> Tuesday?\nYes.\n> At ten?\nNo, eleven.\n\n-- \nBob",
        "> Tuesday? Yes. > At ten? No, eleven.",
    ),
    "a picked quote stays": ("You ask:\n\n> At ten?\n\nYes, at ten.", "You ask: > At ten? Yes, at ten."),
    "quote above and text below": ("> Works?\n\nYes", "Yes"),
    "wrapped lines of a quote": (
        (
            "Yes\n\nOn 6 Jan 2025, Ann wrote:\n> a long line that the program of the sender broke into two, as"
            " old\nones do\n> and more"
        ),
        "Yes",
    ),
    "only a quote": ("> Works?\n> Ann", "> Works? > Ann"),
    "only history": ("-----Original Message-----\nFrom: Ann\n\nWorks?", "-----Original Message----- From: Ann Works?"),
    "only a signature": ("-- \nAnn", "-- Ann"),
    "double dash in prose": ("Two things -- both small.\nDone", "Two things -- both small. Done"),
    "a traveller's from and to": (
        "Please book:\n\nFrom: Berlin\nTo: Paris\nDate: 6 May 2025\n\nThanks",
        "Please book: From: Berlin To: Paris Date: 6 May 2025 Thanks",
    ),
    "prose that begins like an attribution": (
        "On Monday we met.\nOn Tuesday Bob wrote a list:\n\n1. Tea\n2. Milk",
        "On Monday we met. On Tuesday Bob wrote a list: 1. Tea 2. Milk",
    ),
    "prose with an address and a colon": (
        "Please write to ann@example.com before 10:00 on the following points:\n\nTea\nMilk",
        "Please write to ann@example.com before 10:00 on the following points: Tea Milk",
    ),
    "sent is also a verb": ("Sent you the phone bill yesterday.", "Sent you the phone bill yesterday."),
    "sent from, further up": (
        "Sent from my iPhone was in it.\n\nThat was all.\n\nAnn",
        "Sent from my iPhone was in it. That was all. Ann",
    ),
    "confidentiality": (
        (
            "Yes\n\nThis e-mail and any attachments are confidential and intended only for the addressee.\n"
            "If you are not the intended recipient, delete it."
        ),
        "Yes",
    ),
    "confidentiality in German": ("Ja\n\nDiese E-Mail kann vertrauliche Informationen enthalten.", "Ja"),
    "confidentiality in French": ("Oui\n\nCe message et ses pièces jointes sont confidentiels.", "Oui"),
    "printing": ("Yes\n\nPlease consider the environment before printing this email.", "Yes"),
    "virus-free": ("Yes\n\nVirus-free. www.avast.com", "Yes"),
    "a question about confidentiality": ("Is this e-mail confidential?\n\nAnn", "Is this e-mail confidential? Ann"),
    "quoted reply over two levels": (
        "Third\n\nOn 6 Jan 2025, Bob wrote:\n> Second\n>\n> On 5 Jan 2025, Ann wrote:\n>> First",
        "Third",
    ),
    "Outlook's line of underscores": (
        (
            "Yes\n\n________________________________\nFrom: Ann <ann@example.com>\n"
            "Sent: Monday\nTo: Bob\nSubject: x\n\nWorks?"
        ),
        "Yes",
    ),
    "Hotmail's order": (
        "Yes\n\n> Date: Mon, 6 Jan 2025\n> From: ann@example.com\n> To: bob@example.com\n> Subject: x\n>\n> Works?",
        "Yes",
    ),
    "date first": (
        "Yes\n\nDate: Mon, 6 Jan 2025\nFrom: ann@example.com\nTo: bob@example.com\nSubject: x\n\nWorks?",
        "Yes",
    ),
    "Lotus Notes": ("Yes\n\n-----Ann Lee <ann@example.com> wrote: -----\n\nTo: Bob\nWorks?", "Yes"),
    "GroupWise": ("Yes\n\n>>> Ann Lee <ann@example.com> 06.01.2025 10:15 >>>\n> Works?", "Yes"),
    "old Gmail": ("Yes\n\n2012/1/6 Ann Lee <ann@example.com>\n\n> Works?", "Yes"),
    "Apple forward in quote signs": (
        "See below\n\nBegin forwarded message:\n\n> From: Ann <ann@example.com>\n> Subject: x\n>\n> Works?",
        "See below Begin forwarded message: > From: Ann <ann@example.com> > Subject: x > > Works?",
    ),
    "signature above a forward": (
        "See below\n\n-- \nBob\n\n---------- Forwarded message ---------\nFrom: Ann\n\nWorks?",
        "See below ---------- Forwarded message --------- From: Ann Works?",
    ),
    "help desk's line": ("Yes\n\n##- Please type your reply above this line -##\n\nYour request (12)", "Yes"),
    "carriage returns": ("Yes\r\n\r\nOn 6 Jan 2025, Ann wrote:\r\n> Works?\r\n", "Yes"),
    "a line that only looks quoted": ("Hello\n\n>From here on it rains.\n\nAnn", "Hello From here on it rains. Ann"),
    "three dashes": ("Yes\n\n---\nAnn Lee\nAcme", "Yes"),
    "a longer notice in one line": ("Yes\n\nThis message is confidential. " + "It is long. " * 80, "Yes"),
    "a person who asks to keep a secret": (
        "Hi,\n\nThis information is confidential: I move.\n\nAnn",
        "Hi, This information is confidential: I move. Ann",
    ),
    "Gmail with its zone": ("Yes\n\n2014-10-17 11:28 GMT+03:00 Ann <ann@example.com>:\n\nWorks?", "Yes"),
    "over three lines": (
        "Yes\n\nOn Tue, 21 Feb 2012 13:44:06 +0530\nAnn Lee\n<ann@example.com> wrote:\n> Works?",
        "Yes",
    ),
    "a language that is none of ours": ("Yes\n\nVào 12:00 4 tháng 2, 2015, Ann <ann@example.com>:\n\nWorks?", "Yes"),
    "a quote that holds its introduction": ("Yes\n\n> On Jan 5, 2014, at 10:00 AM, Ann wrote:\n>\n> Works?", "Yes"),
    "code with arrows": ("Try:\n\n    a -> b\n    c >= d\n\nAnn", "Try: a -> b c >= d Ann"),
}


@pytest.mark.parametrize(("text", "expected"), PLAIN.values(), ids=PLAIN)
def test_plain_text(text: str, expected: str) -> None:
    assert shown(plain_reading(text)) == expected


ATTRIBUTION = (
    "On Mon, Jan 6, 2025 at 10:15 AM Ann Lee &lt;<a href='mailto:ann@example.com'>ann@example.com</a>&gt; wrote:"
)
OUTLOOK_HEAD = (
    "<b>{}:</b> Ann Lee &lt;ann@example.com&gt;<br><b>{}:</b> Monday 10:15<br><b>{}:</b> Bob<br><b>{}:</b> Tuesday"
)

HTML = {
    "Gmail": (
        "<div dir=ltr>Yes.<div>Bob</div></div><br><div class='gmail_quote gmail_quote_container'>"
        f"<div class=gmail_attr>{ATTRIBUTION}<br></div><blockquote class=gmail_quote>"
        "Works?</blockquote></div>"
    ),
    "Gmail in a language unknown to us": (
        "<div>Yes. Bob</div><div class=gmail_quote><div class=gmail_attr>Ann Lee rakstīja pirmdien:</div>"
        "<blockquote class=gmail_quote>Works?</blockquote></div>"
    ),
    "Gmail signature": "<div>Yes. Bob<br>-- <br><div class=gmail_signature>Bob<br>Acme</div></div>",
    "older Gmail": (
        f"<div>Yes. Bob</div><div class=gmail_extra><br><div class=gmail_quote>{ATTRIBUTION}<br>"
        "<blockquote class=gmail_quote>Works?</blockquote></div></div>"
    ),
    "Gmail, answer below in the box": (
        f"<div class=gmail_quote><div class=gmail_attr>{ATTRIBUTION}</div><blockquote class=gmail_quote>"
        "Works?</blockquote><div>Yes. Bob</div></div>"
    ),
    "Outlook": (
        "<p class=MsoNormal>Yes.<o:p></o:p></p><p class=MsoNormal>Bob</p><div><div style='border:none;bord"
        "er-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal>"
    )
    + OUTLOOK_HEAD.format("From", "Sent", "To", "Subject")
    + "</p></div></div><p class=MsoNormal>Works?</p>",
    "Outlook in a language unknown to us": "<p>Yes. Bob</p><div style='border:none;border-top:solid #E1E1E1 1.0pt'><p>"
    + OUTLOOK_HEAD.format("No", "Nosūtīts", "Kam", "Temats")
    + "</p></div><p>Works?</p>",
    "Outlook web": "<div>Yes. Bob</div><div id=appendonsend></div><hr><div id=divRplyFwdMsg dir=ltr>"
    + OUTLOOK_HEAD.format("De", "Envoyé", "À", "Objet")
    + "</div><div>Works?</div>",
    "Outlook web signature": "<div>Yes. Bob</div><div id=Signature>Bob<br>Acme</div><hr><div id=divRplyFwdMsg>"
    + OUTLOOK_HEAD.format("From", "Sent", "To", "Subject")
    + "</div><div>Works?</div>",
    "new Outlook": "<div>Yes. Bob</div><div id=mail-editor-reference-message-container><div>"
    + OUTLOOK_HEAD.format("From", "Date", "To", "Subject")
    + "</div><div>Works?</div></div>",
    "Apple Mail": (
        f"<div>Yes.</div><div>Bob<br><div><br><blockquote type=cite><div>{ATTRIBUTION}</div>"
        "<br><div>Works?</div></blockquote></div></div>"
    ),
    "iPhone": (
        "<div>Yes. Bob<br><br><div id=AppleMailSignature>Sent from my iPhone</div>"
        f"</div><div><br>{ATTRIBUTION}<br><br></div><blockquote type=cite><div>Works?</div>"
        "</blockquote>"
    ),
    "Thunderbird": (
        "<p>Yes.</p><p>Bob</p><div class=moz-cite-prefix>Am 06.01.25 um 10:15 schrieb Ann Lee:<br>"
        "</div><blockquote type=cite cite='mid:1@example.com'>Works?</blockquote>"
    ),
    "Thunderbird signature": "<p>Yes. Bob</p><pre class=moz-signature cols=72>-- \nBob\nAcme</pre>",
    "Thunderbird in a language unknown to us": (
        "<p>Yes. Bob</p><div class=moz-cite-prefix>Ann Lee rakstīja:<br></div><blockquote type=cite>Works?</blockquote>"
    ),
    "Yahoo": (
        f"<div>Yes. Bob</div><div id=ydp12yahoo_quoted class=yahoo_quoted><div>{ATTRIBUTION}</div>"
        "<div>Works?</div></div>"
    ),
    "Proton": (
        "<div>Yes. Bob</div><div class=protonmail_signature_block><div>Sent with Proton Mail</div>"
        "</div><div class=protonmail_quote>On Monday, January 6th, 2025 at 10:15, Ann &lt;ann@example.com&"
        "gt; wrote:<br><blockquote class=protonmail_quote type=cite>Works?</blockquote>"
        "</div>"
    ),
    "GMX": (
        "<div>Yes. Bob</div><div name=quote style='border-left:2px solid'><div><b>"
        "Gesendet:</b> Montag</div><div><b>Von:</b> Ann</div><div>Works?</div></div>"
    ),
    "Zimbra": "<div>Yes. Bob</div><hr data-marker=__DIVIDER__><div data-marker=__HEADERS__>"
    + OUTLOOK_HEAD.format("From", "To", "Sent", "Subject")
    + "</div><div data-marker=__QUOTED_TEXT__>Works?</div>",
    "Tutanota": (
        "<div>Yes. Bob</div><br>6. Jan. 2025, 10:15 von ann@example.com:<br><blockquote class=tutanota_quo"
        "te>Works?</blockquote>"
    ),
    "Roundcube": (
        "<p>Yes. Bob</p><p id=reply-intro>Am 2025-01-06 10:15, schrieb Ann:</p><blockquote type=cite>"
        "Works?</blockquote>"
    ),
    "Yandex": (
        '<div>Yes. Bob</div><div>06.01.2025, 10:15, "Ann" &lt;ann@example.com&gt;:</div>'
        "<blockquote><p>Works?</p></blockquote>"
    ),
    "NetEase": (
        '<div>Yes. Bob</div><p>At 2025-01-06 10:15:00, "Ann" &lt;ann@example.com&gt; wrote:</p>'
        "<blockquote id=isReplyContent>Works?</blockquote>"
    ),
    "QQ": (
        "<div>Yes. Bob</div><div>------------------&nbsp;原始邮件&nbsp;------------------</div>"
        "<div><b>发件人:</b> Ann</div><div><b>发送时间:</b> 2025</div><div>Works?</div>"
    ),
    "Spark": (
        "<div>Yes. Bob</div><div name=messageSignatureSection>Bob, Acme</div><div name=messageReplySection"
        f">{ATTRIBUTION}<br><blockquote type=cite>Works?</blockquote></div>"
    ),
    "Samsung": (
        "<div>Yes. Bob</div><div id=composer_signature>Sent from my Galaxy</div>"
        "<div>-------- Original message --------</div><div>From: Ann</div><div>Works?</div>"
    ),
    "Airmail": (
        f"<div>Yes. Bob</div><p class=airmail_on>{ATTRIBUTION}</p><blockquote type=cite class=clean_bq>"
        "Works?</blockquote>"
    ),
    "no mark at all": f"<p>Yes. Bob</p><p>{ATTRIBUTION}</p><p>Works?</p>",
    "Windows Mail": (
        "<div>Yes. Bob</div><div>Sent from Mail for Windows</div><div style='border:none;border-top:solid "
        "#E1E1E1 1.0pt'><p>"
    )
    + OUTLOOK_HEAD.format("From", "Sent", "To", "Subject")
    + "</p></div><p>Works?</p>",
}


@pytest.mark.parametrize("source", HTML.values(), ids=HTML)
def test_html(source: str) -> None:
    assert shown(read(Message(html=source))) == "Yes. Bob"


FORWARDS = {
    "Gmail": (
        "<div>Look</div><div class=gmail_quote><div class=gmail_attr>---------- Forwarded message --------"
        "-<br>From: Ann<br></div>Works?</div>"
    ),
    "Apple Mail": (
        "<div>Look</div><blockquote type=cite><div>Begin forwarded message:</div>"
        "<div>From: Ann</div><div>Works?</div></blockquote>"
    ),
    "Thunderbird": (
        "<p>Look</p><div class=moz-forward-container>-------- Forwarded Message --------<table>"
        "<tr><th>From: </th><td>Ann</td></tr></table>Works?</div>"
    ),
    "Outlook": "<p>Look</p><div style='border:none;border-top:solid #E1E1E1 1.0pt'><p>"
    + OUTLOOK_HEAD.format("From", "Sent", "To", "Subject")
    + "</p></div><p>Works?</p>",
}


@pytest.mark.parametrize("source", FORWARDS.values(), ids=FORWARDS)
@pytest.mark.parametrize("subject", ["Fwd: Tuesday", "FW: Tuesday", "WG: Tuesday", "TR : Tuesday", "RV: Tuesday"])
def test_a_forward_in_html_is_content(source: str, subject: str) -> None:
    reading = read(Message(html=source, subject=subject))
    assert reading.folded == ()
    assert shown(reading).startswith("Look")
    assert shown(reading).endswith("Works?")


def test_an_answer_to_a_forward_is_an_answer() -> None:
    source = FORWARDS["Outlook"]
    assert shown(read(Message(html=source, subject="RE: FW: Tuesday"))) == "Look"


def test_inline_answers_in_html_stay_with_their_quotes() -> None:
    source = (
        "<div>Hi</div><blockquote type=cite>Tuesday?</blockquote><div>Yes</div><blockquote type=cite>"
        "Ten?</blockquote><div>No</div><blockquote type=cite>Ann</blockquote>"
    )
    assert shown(read(Message(html=source))) == "Hi > Tuesday? Yes > Ten? No"


def test_html_without_any_text_gives_way_to_the_plain_text() -> None:
    assert shown(read(Message(html="<img src='https://x.example/p.gif' width=1>", text="Yes"))) == "Yes"


def test_html_is_preferred_for_its_formatting() -> None:
    reading = read(Message(html="<p>A <b>bold</b> word</p>", text="A bold word"))
    assert [span.bold for span in reading.new[0].spans] == [False, True, False]


mailish = st.lists(
    st.sampled_from(
        [
            *ATTRIBUTIONS.values(),
            *(f"-----{row[4]}-----" for row in HEADERS.values()),
            *(f"---------- {row[5]} ---------" for row in HEADERS.values()),
            *SENT_FROM,
            "-- ",
            "________________________________",
            "From: Ann <ann@example.com>",
            "Sent: Monday",
            "To: Bob",
            "Subject: x",
            "> quoted",
            ">> twice",
            "",
            "  text",
            "This e-mail is confidential.",
        ]
    ),
    max_size=30,
)


@given(mailish)
def test_nothing_is_lost_and_the_order_stays(parts: list[str]) -> None:
    """Every line is in one of the two halves, and merging them by order gives the text again."""
    text = "\n".join(parts)
    reading = plain_reading(text)
    whole = [line for line in text.split("\n") if line.strip(" >")]
    new = [line.text for line in filled(reading.new)]
    folded = [line.text for line in filled(reading.folded)]
    assert len(new) + len(folded) == len(whole)
    for line in whole:
        bare = line.lstrip("> ") if line.startswith(">") else line.rstrip()
        if new and new[0] == bare:
            new.pop(0)
        elif folded and folded[0] == bare:
            folded.pop(0)
    assert sorted(new) == sorted(folded) or not (new or folded)


@given(mailish)
def test_something_is_always_shown(parts: list[str]) -> None:
    text = "\n".join(parts)
    assert bool(filled(plain_reading(text).new)) == bool(text.strip(" \n>"))


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    plain_reading(text)
    read(Message(text=text, html=text, subject=text))


def test_html_loses_no_line_either() -> None:
    for source in HTML.values():
        reading = read(Message(html=source))
        assert sorted(line.text for line in filled(reading.new) + filled(reading.folded)) == sorted(
            line.text for line in filled(lines(source))
        )


HOSTILE = {
    "20,000 lines that begin like attributions": "On Monday, 6 Jan 2025 it was\n",
    "attributions": "On Mon, Jan 6, 2025 at 10:15 AM Ann Lee <ann@example.com>\nwrote:\n",
    "headers": "From: a@example.com\n",
    "quotes and answers": "> a\nb\n",
    "deep quotes": ">" * 200 + "\n",
    "signatures": "-- \n",
    "notices": "\nThis e-mail is confidential\n",
    "device lines": "Sent from my iPhone\n",
    "one endless line": "Sent from my ",
    "colons": "a:",
    "blank": "\n",
    "rules": "_____\n",
    "original": "-----Original Message-----\n> x\n",
}


@pytest.mark.parametrize("part", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_with_the_text_and_no_faster(part: str) -> None:
    def seconds(copies: int) -> float:
        text = part * copies
        best = 1e9
        for _ in range(3):
            start = time.perf_counter()
            plain_reading(text)
            best = min(best, time.perf_counter() - start)
        return best

    small, large = seconds(3_000), seconds(12_000)
    assert large < 12 * small + 0.05
