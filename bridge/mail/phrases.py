"""What mail programs write around quotes, forwards and signatures, in 22 languages: the words and how to tell them.

Every question looks at one line (or at one attribution, joined) that `normal` made plain, in time linear in its length.
It must not decide what is folded: that takes the lines around, see `quotes`.

English, German, French, Spanish, Italian, Portuguese, Dutch, Danish, Swedish, Norwegian, Finnish, Polish, Czech,
Russian, Ukrainian, Turkish, Greek, Hebrew, Arabic, Chinese, Japanese, Korean.
"""

import re

MAX_CHARS = 400
"""Longest line or attribution that is looked at, in characters: a name, an address and a date need less."""


def _phrases(text: str) -> frozenset[str]:
    """The phrases in a text, which are parted by commas; in lower case, as `_folded` compares them."""
    return frozenset(" ".join(phrase.split()).casefold() for phrase in text.split(","))


_DIRECTIONS = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]+")
_SPACES = re.compile(r"\s+")
_DIVIDER_ENDS = " \t-=_*~#>|:：.…—–─━[]()\"'"

_VERBS = re.compile(
    r"\b(?:wrote|writes|said|spake|schrieb|schrieben|geschrieben|schreibt|[ée]crit|[ée]crivait|escribi[óo]|escribe|escrito|"
    r"scritto|scrive|escreveu|escreve|schreef|schrijft|geschreven|skrev|skriver|skrevet|kirjoitti|kirjoittaa|"
    r"napisała?|pisze|napsala?|píše|napísala?|"
    r"написала?|пишет|писала?|написав|пише|yazdı|yazmış|έγραψε|έγραψαν|γράφει|כתב|כתבה|כותב|מאת|كتب|كتبت|كتابة|"
    r"quoting|zitat von|said the following|вы писали|ви писали|wiadomość napisana|نوشت|écris|"
    r"írta|a scris|va escriure|đã viết|menulis|napisao|написа|rašė|kirjutas)\b"
    r"|napisał\(a\)|napsal\(a\)|написал\(а\)|написав\(ла\)|写道|寫道|写到|書きました|書いた|のメール|からのメール|작성|님이|썼습니다|쓴 글|님의 말|เขียน",
    re.IGNORECASE,
)
_OPENERS = re.compile(
    r"(?:on|at|am|le|el|il(?: giorno)?|em|no dia|a|op|den|på|w dniu|dnia|wiadomość napisana|dne|στις|την|в|на|у|vào|pada tanggal|în|dana|เมื่อ|در تاریخ|בתאריך|ב|في|在|於|于|"
    r"(?:mon|tue|wed|thu|fri|sat|sun|dien|mitt|donn|frei|sams|sonn|lun|mar|mer|mié|jeu|jue|ven|vie|sam|sáb|sab|dim|dom|"
    r"gio|seg|ter|qua|qui|sex|maa|die|woe|don|vri|zat|zon|man|tir|ons|tor|fre|lør|lör|søn|sön|tis|"
    r"пон|вто|сре|чет|пят|суб|вос|вів|сер|нед|п.ят|paz|pzt|sal|çar|per|cum|cmt)\w*|"
    r"mo|di|mi|do|fr|sa|so|пн|вт|ср|чт|пт|сб|нд|вс|pon|wt|śr|czw|pt|sob|niedz|ma|ti|ke|to|pe|la|su|po|út|st|čt|pá|ne)"
    r"(?:[\s.,:،]|(?=\d)).{0,60}?\d"
    r"|ב-\d|\"?\d{1,4}(?:[./년年-]|\. ?\w| \w{3,12}\.? \d{4})",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"(?:on|at|am|le|el|il|il giorno|em|no dia|a|op|den|på|w dniu|dnia|dne|στις|την|в|на|у|în|vào|pada tanggal)"
    r"(?: (?:\w{1,12}[.,]{0,2}|\d{1,2})){0,3}|\w{2,12}[.,]{1,2}(?: \d{1,2}\.?)?"
    r"|in a message dated .{1,60}",
    re.IGNORECASE,
)
_LONGEST_OPENING = 60  # characters: "On Wednesday, the 30th of September 2020" is 40
_EMAIL = re.compile(r"[^\s<>@:]@[^\s<>@]+\.[^\s<>@]")
_TIME = re.compile(r"\d{1,2}\s?[:.h時时시]\s?\d{2}|\b\d{1,2}\s?[ap]\.?m\b", re.IGNORECASE)
_YEAR = re.compile(
    r"(?<!\d)(?:19|20)\d\d(?!\d)|\b\d{1,2}-[a-z]{3}-\d\d\b|[۰-۹٠-٩]{4}|\d{1,2}[./-] ?\d{1,2}[./-] ?\d\d(?!\d)",
    re.IGNORECASE,
)
_DASHED_VERB = re.compile(r"-{3,}.{1,120}[:：]? ?-{3,}")
_BRACKETED_EMAIL = re.compile(r"[<(\[][^\s<>]{1,100}@[^\s<>]{1,100}[>)\]]")
_ADDRESS_LAST = re.compile(r"@[^\s<>@]+[>)\]]+\s?[:：]\Z")
_MOMENT = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4},? \d{1,2}[:.]\d\d(?:[:.]\d\d)?(?: ?[ap]m)?(?: [a-z]{2,5})?", re.IGNORECASE
)
_OLD_GMAIL = re.compile(r"\d{4}[/-]\d{1,2}[/-]\d{1,2} .*<[^<>]*@[^<>]*>")

_FIELDS = {
    "from": """
        from, von, de, da, van, fra, från, frå, lähettäjä, od, odesílatel, от, від, kimden, gönderen, από,
        מאת, من, 发件人, 發件人, 寄件人, 寄件者, 差出人, 送信者, 送信元, 보낸 사람, 보낸사람, 발신,
        expéditeur, remitente, mittente, remetente, afzender, afsender, avsender, avsändare, nadawca,
        отправитель, відправник, від кого, 发件者
    """,
    "date": """
        sent, date, gesendet, gesendet am, datum, envoyé, envoyé le, date d'envoi, enviado, enviado el,
        enviada, enviada em, enviado em, enviada a, inviato, inviato il, data, fecha, verzonden, sendt, dato,
        skickat, lähetetty, päivämäärä, päiväys, wysłano, wysłane, data wysłania, odesláno, отправлено, дата,
        надіслано, дата отправки, gönderildi, gönderme tarihi, tarih, στάλθηκε, εστάλη, ημερομηνία, נשלח,
        תאריך, التاريخ, تاريخ, مرسل, أُرسلت, أرسلت بتاريخ, تاريخ الإرسال, تم الإرسال, 发送时间, 發送時間,
        日期, 时间, 傳送日期, 寄件日期, 日付, 日時, 送信日時, 送信日, 보낸 날짜, 보낸날짜, 날짜, 일시,
        sent at date, envoyée
    """,
    "to": """
        to, an, à, para, a, aan, til, till, vastaanottaja, do, komu, кому, kime, alıcı, προς, אל, إلى, الى,
        收件人, 收件者, 宛先, 받는 사람, 받는사람, 수신, destinataire, destinatario, per, pour, odbiorca,
        получатель
    """,
    "cc": """
        cc, bcc, kopie, copie, copie à, kopia, kopi, kopio, dw, копия, копія, bilgi, κοιν, κοινοποίηση, עותק,
        نسخة, 抄送, 副本, 参考, 참조, cópia, copia, ccn, cci
    """,
    "subject": """
        subject, betreff, betrifft, objet, sujet, asunto, oggetto, assunto, onderwerp, emne, ämne, aihe,
        temat, předmět, тема, konu, θέμα, נושא, الموضوع, موضوع, 主题, 主題, 主旨, 件名, 题目, 제목
    """,
}
_FIELD_OF = {name: field for field, names in _FIELDS.items() for name in _phrases(names)}
_FIELD = re.compile(r"[\s*_|]*([^\s:：*_|][^:：*_|@<]{0,24}?)\s*[*_]*\s*[:：]\s*[*_]*\s*(.*)")

_ORIGINAL = _phrases(
    """
    original message, original mail, original email, reply message, ursprüngliche nachricht,
    originalnachricht, original-nachricht, original nachricht, ursprüngliche mitteilung, message d'origine,
    message original, message initial, mensaje original, mensaje de origen, messaggio originale,
    messaggio originario, mensagem original, mensagem de origem, oorspronkelijk bericht, origineel bericht,
    oprindelig meddelelse, oprindelig besked, original besked, den oprindelige meddelelse,
    ursprungligt meddelande, originalmeddelande, ursprungsmeddelande, opprinnelig melding, original melding,
    opprinnelig e-post, alkuperäinen viesti, wiadomość oryginalna, oryginalna wiadomość, wiadomość pierwotna,
    původní zpráva, původní e-mail, исходное сообщение, оригинальное сообщение, первоначальное сообщение,
    исходное письмо, оригінальне повідомлення, початкове повідомлення, вихідне повідомлення,
    орігінальне повідомлення, orijinal mesaj, özgün ileti, orijinal ileti, özgün mesaj, αρχικό μήνυμα,
    πρωτότυπο μήνυμα, הודעה מקורית, ההודעה המקורית, الرسالة الأصلية, رسالة أصلية, الرسالة الاصلية, 原始邮件,
    原始郵件, 原邮件, 原始信件, 原始消息, 邮件原件, 回复的原邮件, 元のメッセージ, 元のメール,
    オリジナルメッセージ, 元メール, 원본 메시지, 원본 메일, 원본메시지, 원본메일, 원본 이메일, 원본이메일,
    원본 메일 내용, 보낸 메일 내용, 받은 메일 내용, 보낸 메시지, original e-mail, original appointment
    """
)
_FORWARD = _phrases(
    """
    forwarded message, forwarded mail, forwarded email, begin forwarded message, start of forwarded message,
    weitergeleitete nachricht, weitergeleitete mail, anfang der weitergeleiteten nachricht,
    anfang der weitergeleiteten e-mail, beginn der weitergeleiteten nachricht, message transféré,
    message transmis, message réexpédié, début du message réexpédié, début du message transféré,
    mensaje reenviado, inicio del mensaje reenviado, mensaje remitido, messaggio inoltrato,
    inizio messaggio inoltrato, inizio del messaggio inoltrato, mensagem encaminhada, mensagem reencaminhada,
    início da mensagem encaminhada, início da mensagem reencaminhada, doorgestuurd bericht,
    begin doorgestuurd bericht, begin van doorgestuurd bericht, videresendt meddelelse, videresendt besked,
    start på videresendt besked, start på videresendt meddelelse, vidarebefordrat meddelande,
    vidarebefordrat mejl, vidarebefordrat brev, börja på vidarebefordrat meddelande,
    början på vidarebefordrat meddelande, vidarebefordrat mail, videresendt melding,
    start på videresendt melding, begynnelse på videresendt melding, videresendt e-post, välitetty viesti,
    edelleenlähetetty viesti, välitetty viesti alkaa, välitetty sähköposti, przekazana wiadomość,
    wiadomość przekazana, przesłana wiadomość, początek przekazywanej wiadomości,
    początek przekazanej wiadomości, przekazywana wiadomość, wiadomość przekazana dalej, přeposlaná zpráva,
    předaná zpráva, začátek přeposlané zprávy, přeposlaný e-mail, začátek předané zprávy,
    пересылаемое сообщение, пересланное сообщение, начало переадресованного сообщения,
    начало пересылаемого сообщения, пересылаемое письмо, пересланное письмо, перенаправленное сообщение,
    переслане повідомлення, пересланий лист, початок листа що пересилається,
    початок переадресованого повідомлення, переадресоване повідомлення, yönlendirilen mesaj, iletilen mesaj,
    yönlendirilmiş ileti, iletilmiş mesaj, iletilen ileti, yönlendirilen ileti, iletilmiş ileti başlangıcı,
    yönlendirilmiş mesaj, yönlendirilen mesajın başı, προωθημένο μήνυμα, έναρξη προωθημένου μηνύματος,
    αρχή προωθημένου μηνύματος, μήνυμα που προωθήθηκε, הודעה שהועברה, הודעה מועברת, תחילת ההודעה שהועברה,
    رسالة محولة, رسالة معاد توجيهها, الرسالة المعاد توجيهها, الرسالة المحولة, رسالة مُعاد توجيهها,
    رسالة تمت إعادة توجيهها, بدء الرسالة المحولة, رسالة مُحوّلة, الرسالة المُعاد توجيهها,
    بداية الرسالة المُعاد توجيهها, 转发的邮件, 转发邮件, 转发邮件信息, 已转发邮件, 转发的消息, 被转发邮件信息,
    以下是转发的邮件, 轉寄郵件, 轉寄的郵件, 轉寄的信件, 以下是轉寄的郵件, 已轉寄的郵件, 轉寄訊息,
    開始轉寄郵件, 开始转发邮件, 转发邮件开始, 転送されたメッセージ, 転送メッセージ, 転送済みメッセージ,
    転送メール, 転送されたメール, 転送されたメッセージ ここから, 転送されたメールの先頭, 전달된 메시지,
    전달된 메일, 전달한 메시지, 전달받은 메일, 전달된 메시지 시작, forwarded by
    """
)
_FORWARD_SUBJECT = re.compile(
    r"\s*\[?(?:fwd?|wg|wtr|tr|rv|i|enc|encaminhada|doorst|vb|videresendt|vl|välitetty|pd|"
    r"пересл|ilt|πρθ|προωθ|הועבר|העברה|إعادة توجيه|转发|轉寄|轉發|転送|전달)\s*(?:\[\d+\])?\s*[:：]",
    re.IGNORECASE,
)
_DEVICE = (
    r"i\s?phone|i\s?pad|i\s?pod|ios|iphon\w*|ipad\w*|android|galaxy|samsung|huawei|xiaomi|redmi|pixel|oneplus|nokia|"
    r"lumia|blackberry|windows phone|htc|sony|xperia|motorola|smartphone|mobil\w*|handy|phone|tablet|outlook|"
    r"yahoo|gmail|proton\w*|tutanota|tuta|k-9|fairphone|mailspring|thunderbird|windows|mail|spark|aol|superhuman|airmail|edison|"
    r"bluemail|blue mail|gmx|web\.de|mailbird|zoho|hey|fastmail|mobitel|telef\w+|mobile|portable|cellulare|celular|"
    r"tel[eé]f\w*|matkapuh\w*|puhelim\w*|телефон\w*|смартфон\w*|почт\w*|приложени\w*|스마트폰|휴대폰|갤럭시|메일|앱|メール\w*|手机|手機|客户端|大师|邮箱|手機版"
)
_SENT_FROM = re.compile(
    r"(?:sent|composed|typed|written) (?:securely |on the go )?(?:from|via|with|using|by|on) "
    r"(?:my\b|.{0,60}?(?:" + _DEVICE + r"))"
    r"|(?:get|download|try) (?:outlook|bluemail|yahoo|proton|the mail app)\b.{0,30}"
    r"|(?:(?:mit |von |mobil |diese (?:nachricht|e-?mail) wurde ).{0,60})?(?:gesendet|verschickt|geschickt|versendet) "
    r"(?:von|mit|über|via|aus) .{0,60}?(?:" + _DEVICE + r")"
    r"|(?:von|vom|mit|diese (?:nachricht|e-?mail) wurde)\b.{0,80}?(?:" + _DEVICE + r").{0,30}"
    r"\b(?:gesendet|geschickt|verschickt|verfasst|versendet)\b"
    r"|(?:envoyée?|écrit) (?:de|depuis|du|à partir|par|avec|via)\b.{0,60}?(?:" + _DEVICE + r")"
    r"|(?:obtenez|télécharge[rz]|holen sie sich|laden sie|obtenir|obtener|obtenga|obtén|scarica|ottieni|obter|"
    r"obtenha|baixar|hämta|skaffa|hanki|hent|få|pobierz|získejte|скачайте|завантажте|download)(?: o| program)? outlook\b"
    r"|outlook (?:voor|for) \w{2,10} ?(?:downloaden|krijgen|を入手|받기|다운로드)"
    r"|(?:please |pls )?(?:excuse|pardon|forgive|ignore) .{0,40}(?:typos?|brevity|errors?|mistakes|spelling|thumbs).{0,60}"
    r"|enviad[oa] (?:desde|de|do|da|con|com|a partir|mediante|via|através|pelo)\b.{0,60}?(?:" + _DEVICE + r")"
    r"|inviat[oa] (?:da|dal|con|tramite|via)\b.{0,60}?(?:" + _DEVICE + r")"
    r"|(?:verzonden|verstuurd) (?:vanaf|van|met|via|door|vanuit)\b.{0,60}?(?:" + _DEVICE + r")"
    r"|(?:sendt|skickat|skickades) (?:fra|från|via|med)\b.{0,60}?(?:" + _DEVICE + r")"
    r"|lähetetty .{0,60}?(?:" + _DEVICE + r")"
    r"|wysłan[eoy] (?:z|ze|za|przy)\b.{0,60}?(?:" + _DEVICE + r")|odesláno ze? .{0,60}?(?:" + _DEVICE + r")"
    r"|(?:отправлено|надіслано|відправлено|написано) (?:с|со|з|із|зі|из|от|через|в|від|за)\b.{0,60}?(?:"
    + _DEVICE
    + r")"
    r"|.{0,60}?(?:" + _DEVICE + r").{0,30}?(?:gönderildi|から送信|より送信|에서 보냄|에서 전송|에서 보냈습니다)"
    r"|(?:στάλθηκε|εστάλη) από .{0,60}?(?:" + _DEVICE + r")"
    r"|נשלח.{0,20}?(?:"
    + _DEVICE
    + r"|סלולרי|נייד|טלפון)|(?:أُرسلت|أرسلت|مرسل|تم الإرسال|مُرسل).{0,30}?(?:"
    + _DEVICE
    + r"|هاتف)"
    r"|(?:发自|發自|來自|来自|從我的|从我的|傳送自|发送自).{0,40}|(?:从|從).{1,30}(?:发送|傳送|寄出)",
    re.IGNORECASE,
)
# Any program's name after these words, which then stand alone.
_SENT_WITH = re.compile(r"Sent (?:from|with|via|using) (?:the |my )?[A-Z][\w.!'-]*(?: [\w.!'-]+){0,3}\.?")
_LEGAL = re.compile(
    r"[*_\s(\[]*(?:"
    r"confidentiality\b.{0,40}(?:notice|note|warning|statement)|confidential(?:ity)?\s*[:：]|"
    r"disclaimer\s*(?:[:：*_]|\Z)|legal (?:notice|disclaimer)|"
    r"(?:(?:the (?:information|contents?) .{0,20})?this (?:e-?mail|message|communication|transmission|electronic)|"
    r"the information transmitted).{0,120}?"
    r"(?:confidential|privileged|intended (?:only|solely|exclusively)|intended recipient|legally protected)|"
    r"if you (?:are not the (?:intended|named)|have received this (?:e-?mail|message|communication) (?:in|by) error)|"
    r"please (?:consider|think (?:of|about)) (?:the|your) .{0,20}environment|"
    r"think before you print|p please consider|"
    r"virus-free\b|virenfrei\b|(?:garanti )?sans virus\b|libre de virus|privo di virus|livre de vírus|"
    r"this e-?mail has been (?:checked|scanned|virus)|diese e-?mail wurde .{0,60}viren|l'absence de virus|"
    r"el software de antivirus|questa e-?mail è stata (?:controllata|scansionata)|"
    r"(?:important|notice|warning)[^:]{0,20}:.{0,80}(?:confidential|privileged|intended)|"
    r".{0,60}\bregistered (?:in (?:england|scotland|wales|ireland)|office)|"
    r"you (?:are receiving|received|are getting) this (?:e-?mail|message|because)|"
    r"to (?:unsubscribe|stop receiving|view this discussion)\b|reply to this e-?mail directly|"
    r"antes de imprimir|pense (?:bem )?antes de imprimir|prima di stampare|"
    r"diese (?:e-?mail|nachricht).{0,80}?vertraulich|vertraulichkeits?hinweis|der inhalt dieser (?:e-?mail|nachricht)|"
    r"bitte (?:denken sie|prüfen sie).{0,60}(?:umwelt|drucken)|"
    r"ce (?:message|courriel|mail|courrier).{0,120}?(?:confidentiel|destinataire)|avis de confidentialité|"
    r"(?:pensez à l'environnement|avant d'imprimer)|"
    r"(?:este|el presente) (?:mensaje|correo).{0,120}?(?:confidencial|destinatario)|"
    r"aviso (?:legal|de confidencialidad)|"
    r"(?:quest[oa]|il presente|la presente) (?:messaggio|e-?mail|comunicazione).{0,120}?(?:riservat|confidenzial|destinatari)|"
    r"avviso di riservatezza|"
    r"esta mensagem.{0,120}?(?:confidencia|destinat)|"
    r"(?:deze|dit) (?:e-?mail|bericht).{0,120}?(?:vertrouwelijk|bestemd)|"
    r"denne (?:e-?mail|meddelelse|e-?post|melding).{0,100}?(?:fortrolig|konfidensiel)|"
    r"(?:detta|denna) (?:e-?post|meddelande|mejl|e-?mail).{0,100}?(?:konfidentiell|sekretess)|"
    r"tämä (?:viesti|sähköposti).{0,100}?luottamukselli|"
    r"(?:ta|niniejsza) wiadomość.{0,120}?(?:poufn|adresat)|tato zpráva.{0,120}?důvěrn|"
    r"(?:это|данное|настоящее) (?:сообщение|письмо).{0,120}?конфиденциал|це повідомлення.{0,120}?конфіденц|"
    r"bu (?:e-?posta|mesaj|ileti).{0,120}?(?:gizli|özel)|"
    r"(?:本邮件|本郵件|此邮件|此電子郵件|本电子邮件|本電子郵件).{0,80}?(?:保密|机密|機密)|このメール.{0,60}?(?:機密|秘密)|"
    r"(?:본|이) (?:메일|이메일|전자우편).{0,60}?(?:비밀|기밀)"
    r")",
    re.IGNORECASE,
)
_REPLY_ABOVE = re.compile(
    r"(?:please )?(?:type |write |enter )?(?:your )?(?:reply|replies|response|respond|answer).{0,20}"
    r"above (?:this|the) line"
    r"|bitte (?:antworten|schreiben) sie (?:ober|über).{0,40}(?:linie|zeile)|.{0,20}oberhalb dieser (?:linie|zeile)"
    r"|.{0,40}(?:répondre|réponse).{0,30}au-dessus de cette ligne|.{0,40}(?:encima|arriba) de esta línea"
    r"|.{0,40}sopra questa (?:riga|linea)|.{0,40}acima desta linha|.{0,40}boven deze (?:lijn|regel)"
    r"|(?:please )?do not (?:write|reply|type) below this line|.{0,60}oberhalb dieser (?:linie|zeile)"
    r"|.{0,40}(?:over denne linje|ovanför den här raden|powyżej tego wiersza|над этой строкой|tämän rivin yläpuolelle)"
    r"|.{0,20}(?:この行より上|在此行上方|在此行以上|이 줄 위에).{0,20}",
    re.IGNORECASE,
)


def normal(text: str) -> str:
    """One line, or what may be looked at of it, without marks of direction and its whitespace collapsed."""
    return _SPACES.sub(" ", _DIRECTIONS.sub("", text[:MAX_CHARS].replace("&nbsp;", " "))).strip()


def _folded(text: str) -> str:
    """Without case and commas; the dotted capital I of Turkish would else become two characters."""
    return text.replace("İ", "i").replace(",", "").casefold()


def header_field(text: str) -> str:
    """Which field of a quoted mail's header the line is: from, date, to, cc, subject, or nothing."""
    match = _FIELD.match(text)
    return _FIELD_OF.get(_folded(match[1].strip()), "") if match else ""


def looks_like_field(text: str) -> bool:
    """Whether the line is a short name, a colon and a value, in whatever language."""
    return _FIELD.match(text) is not None


def is_original(text: str) -> bool:
    """Whether the line is "-----Original Message-----" or the like."""
    bare = _folded(text.strip(_DIVIDER_ENDS))
    return bare in _ORIGINAL and (len(bare) < len(text) or "-" in text)


def is_forward(text: str) -> bool:
    """Whether the line is "---------- Forwarded message ---------" or the like."""
    bare = _folded(text.strip(_DIVIDER_ENDS))
    if bare in _FORWARD:
        return len(bare) < len(text)
    return text[:3] == "---" and bare.startswith(("forwarded by ", "forwarded message from "))


def is_moment(text: str) -> bool:
    """Whether the line is a date and a time and nothing else, as Notes puts below a name."""
    return _MOMENT.fullmatch(text) is not None


def is_reply_above(text: str) -> bool:
    """Whether the line asks to write above it, as help desks do."""
    return _REPLY_ABOVE.match(text.strip(_DIVIDER_ENDS)) is not None


def is_forwarded_subject(subject: str) -> bool:
    """Whether the outermost mark of the subject says that the mail is a forward."""
    return _FORWARD_SUBJECT.match(subject) is not None


def is_sent_from(text: str) -> bool:
    """Whether the line is "Sent from my iPhone" or the like, which the program wrote."""
    if len(text) > 120:
        return False
    bare = text.strip(_DIVIDER_ENDS)
    return _SENT_FROM.match(bare) is not None or _SENT_WITH.fullmatch(bare) is not None


def is_legal(text: str) -> bool:
    """Whether a notice about confidentiality begins with this line."""
    return _LEGAL.match(text) is not None


def opens_attribution(text: str) -> bool:
    """Whether an attribution may begin with this line: a word like "On" and a number, or a date."""
    return _OPENERS.match(text.lstrip("-=_ ")) is not None


def goes_on(text: str, following: str) -> bool:
    """Whether an attribution that seems to begin with the line `following` began with the one above it, `text`.

    That one is then no more than "On Tuesday,", or holds the address or the date that the other has not.
    """
    if _OPENING.fullmatch(text):
        return True
    if _EMAIL.search(following) is None and _BRACKETED_EMAIL.search(text) and text[-1:] not in "!?:":
        return True
    if text[-1:] in ".!?:" or len(text) > _LONGEST_OPENING or _YEAR.search(following):
        return False
    return _YEAR.search(text) is not None and opens_attribution(text)


def is_attribution(text: str, *, certain: bool) -> bool:
    """Whether the text is a whole "On Monday, Bob wrote:".

    `certain` is asked for where nothing quoted follows that would confirm it: it then has to name a moment (without
    an address, a date), and to open like an attribution or hold an address.
    """
    bare = text.strip("-=_* ")
    colon = bare.endswith((":", "："))
    verb = _VERBS.search(bare) is not None
    email = _EMAIL.search(bare) is not None
    dated = _YEAR.search(bare) is not None
    moment = dated or _TIME.search(bare) is not None
    opens = opens_attribution(bare)
    if certain:
        if _OLD_GMAIL.fullmatch(bare) or (verb and _DASHED_VERB.fullmatch(text)):
            return True
        if not (colon or (verb and bare != text)):
            return False
        addressed = email and (opens or _ADDRESS_LAST.search(bare) is not None)
        if (verb and email) or (moment and addressed) or (dated and verb and opens):
            return True
        return dated and _TIME.search(bare) is not None and (verb or _BRACKETED_EMAIL.search(bare) is not None)
    if colon:
        return verb or email or (moment and (opens or (dated and _TIME.search(bare) is not None)))
    return _OLD_GMAIL.fullmatch(bare) is not None or (verb and moment and opens)
