"""The sentences by which mail systems say that they are one, and what went wrong, in the languages that they speak.

Only tables: regular expressions over lines of a report, a subject or a sender, each of bounded length, so that matching
stays linear. `bridge.mail.bounces` and `bridge.mail.reports` decide what follows from them.
"""

import re


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


# --- who speaks -----------------------------------------------------------------------------------------------------

DAEMON_ADDRESS = re.compile(
    r"(?:mailer[-_.]?daemon|mail[-_.]?daemon|mdaemon|post-?master|mail-?adm(?:in)?|mailerdaemon|maildelivery"
    r"|mail-delivery"
    r"|mmdf|smtp-?gateway|bounces?(?:-?handler)?|ndr|nondeliver\w*"
    r"|microsoftexchange[0-9a-f]{8,40})(?:[+=_-][^@]{0,200})?(?:@|$)",
    re.IGNORECASE,
)
DAEMON_NAME = _any(
    r"mail(?:er)?[- ]?(?:delivery|daemon)",
    r"mail delivery (?:sub)?system",
    r"delivery (?:sub)?system",
    r"^(?:the )?mail (?:system|administrator|router|gateway)",
    r"^internet mail (?:delivery|service)|mail server at\b|^mail administrator|^electronic postmaster",
    r"^(?:e-?mail|message) (?:delivery|router|gateway)",
    r"^system ?administrator|^systemadministrator|^administrateur syst|^administrador del sistema|^amministratore",
    r"^systeembeheerder|^administrador do sistema|^システム管理者|^시스템 관리자|^系统管理员|^系統管理員",
    r"^microsoft (?:outlook|exchange)$|^post ?master|^lotus notes|^non-?delivery",
    r"^邮件(?:投递|系统|管理)|^メール配信|^mail undeliverable",
)

# --- subjects -------------------------------------------------------------------------------------------------------

FAILED_SUBJECT = _any(
    r"undeliver(?:able|ed)",
    r"(?:mail|message|e-?mail)[\w -]{0,20}(?:delivery|transport)?[\w -]{0,12}(?:fail|error|problem|refused"
    r"|rejected|returned|bounced)",
    r"(?:mail|message|e-?mail)[\w ]{0,20}(?:could not|cannot|was not|not|couldn't|wasn't"
    r"|can't) ?(?:be )?(?:delivered|sent)",
    r"deliver(?:y|ed)[\w :-]{0,24}(?:fail|error|problem|unsuccess|impossible)",
    r"delivery status (?:notification|report)|mail delivery status|^delivery report",
    r"fail(?:ure|ed)[ -](?:notice|notification|delivery|to deliver|mail)|failure: ",
    r"returned (?:e-?)?mail|mail returned|return(?:ed)? to sender|returning (?:mail|message)",
    r"^(?:ndn|ndr)\b|non-?deliver",
    r"^mail system error|^mail error|nondeliverable|^rejected:|^blocked:|^bounce(?:d)?\b|^mail failure",
    r"unknown (?:user|recipient|address)|user unknown|^could not send message|^message status|^mailer-daemon",
    r"unzustellbar|zustellung[\w ]{0,24}(?:fehl|nicht|abgelehnt)|nicht (?:zugestellt|zustellbar|übermittelt)",
    r"zustellungsproblem",
    r"non (?:remis|distribu|livr)|échec (?:de |d')?(?:la )?(?:remise|distribution|livraison|envoi)|echec",
    r"impossible de remettre",
    r"no se (?:puede|pudo|ha podido) entregar|no entregado|no se entreg|error de entrega|devuelto|mensaje rechazado",
    r"non recapitat|mancat[oa] (?:recapito|consegna)|impossibile recapitare|non consegnat|consegna fallita",
    r"errore di consegna",
    r"não (?:é possível|foi possível|pôde|pode) (?:ser )?(?:entreg|envi)|não entregue|falha (?:na|de) entrega",
    r"não entreg|devolvid",
    r"onbestelbaar|niet (?:bezorgd|afgeleverd|bezorgbaar)|bezorging mislukt|kan niet worden bezorgd",
    r"недостав|не (?:удается|удалось|может быть) доставл?|не доставлено|niedostarcz|nie można dostarczyć|nedoručiteln",
    r"ikke leveret|kan ikke leveres|kunde inte levereras|gick inte att leverera|kunne ikke leveres",
    r"toimitus epäonnistui|ikke levert|nelze doručit|αδυναμία παράδοσης|δεν παραδόθηκε|kézbesíthetetlen|kézbesítés sikertelen",
    r"nu (?:se|a) (?:poate|putut) (?:fi )?livra|nelivrabil|не вдалося доставити|недоставлен",
    r"teslim edilemedi|配信不能|配信(?:でき|に失敗|エラー)|送信(?:でき|失敗|エラー)|不達|未配信|送達でき|戻り",
    r"届きませんでした",
    r"전송 ?(?:실패|오류)|배달 ?(?:못|되지|실패|불가)|전달(?:되지|할 수|실패)|반송|발송 ?실패",
    r"退信|无法(?:投递|送达|传递|传送)|未(?:传递|送达|能送达)|投递(?:失败|错误)|发送失败",
    r"無法(?:傳遞|投遞|送達|傳送)|未傳遞|傳送失敗|投遞失敗",
)
DELAYED_SUBJECT = _any(
    r"delay(?:ed)?\b|^warning: |warning: (?:could not|message)|still (?:being )?(?:retr|tr|queued)",
    r"not (?:yet )?delivered yet|deferred",
    r"verzögert|verspätet|noch nicht zugestellt|retardé|différé|retrasad|retraso|ritardat|in ritardo|vertraagd",
    r"vertraging",
    r"atrasad|atraso|задерж|opóźni|forsinke|försenad|viivästy|gecik",
    r"遅延|遅れ|지연|延迟|延遲",
)
DELIVERED_SUBJECT = _any(
    r"^delivered: |^relayed: |success(?:ful)? mail delivery|delivery (?:status )?notification \(success\)"
    r"|^(?:zugestellt|remis|entregado|recapitato): "
)
READ_SUBJECT = re.compile(
    r"(?:not read|read|unread|disposition notification|return receipt(?: \(displayed\))?|read receipt|gelesen"
    r"|nicht gelesen"
    r"|ungelesen|lu|non lu|leído|no leído|letto|non letto|lido|gelezen|läst|læst|lest|luettu|przeczytano|přečteno"
    r"|прочитано"
    r"|okundu|開封済み|開封|既読|읽음|已读|已讀|lesebestätigung|accusé de (?:réception|lecture)|confirma(?:ción"
    r"|ção) de le\w+"
    r"|conferma di lettura|ricevuta di ritorno|leesbevestiging)\s*[:：(\[-]",
    re.IGNORECASE,
)
READ_TEXT = _any(
    r"was (?:read|displayed|opened) on|has been (?:read|displayed|opened)|was deleted without being read",
    r"this is a return receipt",
    r"wurde (?:am .{0,60})?(?:gelesen|angezeigt|geöffnet)|ungelesen gelöscht|a été (?:lu|affiché|ouvert)",
    r"fue (?:leído|mostrado)",
    r"è stato (?:letto|visualizzato)|foi (?:lida?|exibida?)|is gelezen|開封(?:されました|済み|しました)",
    r"已(?:被)?(?:阅读|閱讀)",
)
REPLY_SUBJECT = re.compile(
    r"(?:(?:re|aw|sv|antw?|rép|tr|fwd?)\s*[:：]\s*){0,3}[\[(*\"]{0,2}\s*"
    r"(?:auto(?:matic|mated|mat)?[- ]?(?:generated )?(?:re(?:ply|sponse|sponder|spond)|answer|acknowledg\w+)"
    r"|out[ -]of[ -](?:the[ -])?office|ooo\b|(?:i am |i'm )?(?:currently )?(?:away from|out of) (?:my"
    r"|the) (?:office|desk|mail|email)"
    r"|vacation (?:reply|message|notice|auto|response)|(?:i am |i'm )?(?:currently )?on vacation"
    r"|(?:i am |i'm )?on (?:annual |maternity "
    r"|parental |sick )?leave\b|away:|absence notice"
    r"|(?:annual|maternity|parental|paternity|sick) leave\b(?=\s*(?:[:(-]|re:|$))"
    r"|auto: .{1,80}(?:is (?:currently )?(?:out of|away|on)|außer haus|nicht im|abwesend|absent|ausente|returning)"
    r"|.{0,100}[\[(]auto[- ]?repl(?:y|ied)[\])]\s*$|\(auto\) reply"
    r"|auto(?:m\.|matische)? ?(?:antwort|rückantwort|eingangsbestätigung|abwesenheit)|abwesen|urlaubs(?:benachricht|notiz|meldung)|(?:ich bin )?(?:nicht im büro"
    r"|außer haus|im urlaub)|ferienabwesenheit|eingangsbestätigung"
    r"|réponse automatique|(?:message d')?absen(?:ce|t)e?\b(?=\s*(?:[:(\[-]|$|du\b|de mon|de mes|de la soc|from\b|until\b|jusqu|le\b|au\b|pour\b|prolong|tempor))"
    r"|message d'absence|notification d'absence|congés?\s*(?:[:(]|$)|accusé de réception automatique"
    r"|respuesta (?:autom|de ausencia)|vacaciones\s*(?:[:(]|$)"
    r"|fuera de (?:la )?oficina|ausente(?=\s*(?:[:(]|$|d[eao]\b|hasta|até))|contestación automática"
    r"|risposta automatica|fuori (?:sede|ufficio)|assente dall|resposta autom|ausência(?=\s*(?:[:(]|$|do escr|tempor))|fora do escritório"
    r"|automatisch(?:e)? (?:antwoord|beantwoord\w*)|afwezig(?=\s*(?:[:(]|$|tot\b|van\b|op\b|heid))"
    r"|auto(?:matiskt?)?[- ]?svar|frånvar(?:o|ande)|fravær(?:ende?|smelding)?\b|ikke på kontoret|ej på kontoret|automaattinen (?:vastaus"
    r"|poissaolo)|poissa(?:olo)?"
    r"|(?:odpowiedź automatyczna|automatyczna odpowiedź|autoodpowiedź|nieobecność|poza biurem)|mimo kancelář|házon kívül|răspuns automat|automatická odpověď"
    r"|nepřítomnost|automatikus válasz|automatická odpoveď"
    r"|автоматический ответ|автоответ|вне офиса|отсутствую|автоматична відповідь|автовідповід|автоматичен отговор"
    r"|otomatik (?:yanıt|cevap)|ofis dışında|αυτόματη απάντηση|εκτός γραφείου|מחוץ למשרד|خارج المكتب|پاسخ خودکار"
    r"|trả lời tự động|balasan otomatis|automaatvastus|samodejni odgovor|automatski odgovor|automatinis atsak"
    r"|automātiskā? atbild|ตอบกลับอัตโนมัติ|休假中"
    r"|תשובה אוטומטית|رد تلقائي"
    r"|自動(?:応答|返信|回覆|回复)|【?不在(?=の?(?:お知らせ|連絡|ご連絡|ため)|通知|届|\s*[:：】(]|$|です|につき|中)|休暇中|자동 ?(?:응답|회신|답장)|부재 ?중|自动(?:回复|答复|应答)"
    r"|不在办公室|外出)",
    re.IGNORECASE,
)
CHALLENGE = _any(
    r"(?:please )?(?:confirm|verify|authenticate) (?:that )?(?:you(?:r|'re| are) (?:a )?(?:human|real person"
    r"|message|e-?mail|identity))",
    r"requires? (?:your )?(?:verification|confirmation|authori[sz]ation) (?:of|before|verify)|\bverify ?#[\w-]{4,60}",
    r"\[boxbe\]|boxbe|spam ?arrest|tmda|mailblocks|bluebottle",
    r"sender (?:address )?verification (?:required|request)|choicemail|spamblocker",
    r"challenge[-/ ]response|uol antispam|antispam uol|mail ?in ?black|vade ?retro|0spam|knowspam|qurb|digiportal",
    r"(?:to|prove) .{0,20}not a (?:spammer|robot)",
    r"your (?:message|e-?mail) (?:is|was|has been) (?:being )?(?:held|quarantined) (?:until|pending) (?:you"
    r"|verif|confirm)",
    r"(?:click|reply)[\w ,.]{0,60} (?:so|in order) (?:that )?(?:your|the) (?:e-?mail|message) (?:can|will"
    r"|may) be delivered",
    r"destinataire .{0,60}protège sa (?:boîte|messagerie)|authentifi(?:er|cation) .{0,40}(?:expéditeur|cliquez)",
)

# One of these stands in every challenge: looking for them costs a hundredth of what the expression costs.
CHALLENGE_HINTS = (
    "verif", "confirm", "authenti", "authori", "boxbe", "arrest", "tmda", "challenge", "spam", "blocks", "bottle",
    "choicemail", "mailinblack", "mail in black", "qurb", "digiportal", "retro", "can be delivered",
    "will be delivered", "may be delivered", "protège",
)  # fmt: skip

# --- what the text says ---------------------------------------------------------------------------------------------

FAILED_TEXT = _any(
    r"(?:could|can|was|were|did|has|have|is|will)(?: ?not|n't)(?: yet)? (?:be |been )?(?:deliver|sent|relay"
    r"|reach|accept|process)",
    r"(?:unable|not able|not possible|failed|failure|impossible) to (?:be )?(?:deliver|send|relay|reach"
    r"|transfer|connect)",
    r"undeliver(?:able|ed)|delivery[\w :,.-]{0,40}(?:fail|error|problem|not possible|has been aborted|unsuccessful)",
    r"(?:permanent|fatal|delivery) (?:fatal )?(?:error|failure)",
    r"(?:returned|bounced|rejected|blocked|refused|bouncing)[\w ]{0,30}(?:to|by|message|mail|sender)",
    r"returned (?:e-?)?mail|mail (?:delivery )?(?:has )?fail|could not be (?:found|delivered)",
    r"couldn't be (?:found|delivered)|was ?n[o']t found",
    r"user unknown|unknown user|no such (?:user|recipient|mailbox|address)",
    r"mailbox (?:is )?(?:full|unavailable|not found|disabled)|(?:over|exceeded?) .{0,20}quota",
    r"does(?: not|n't) exist|invalid (?:recipient|address)|recipient (?:address )?(?:rejected|unknown|not found)",
    r"address rejected|giving up",
    r"(?:smtp|remote|server|host)[\w ().-]{0,40}(?:error|said|responded|replied|returned|reply|response)",
    r"did not reach the following|following (?:recipient|address|message|destination)",
    r"transcript of session follows|reason for (?:the )?(?:failure|return|bounce)",
    r"nicht (?:zugestellt|zustellbar|ausgeliefert|übermittelt|gesendet|erreicht)|unzustellbar",
    r"zustellung[\w ]{0,30}(?:fehl|nicht|abgebrochen)|empfänger (?:unbekannt|existiert)|konnte .{0,80}nicht",
    r"n'a (?:pas )?pu être|n'ont? pas pu|non remis|non distribu|échec|impossible (?:de|d')|n'existe pas|n’a pas pu",
    r"inconnu",
    r"no (?:se )?(?:ha |han )?(?:puede|pudo|podido|pudieron) (?:ser )?entreg|no (?:se )?entreg|no existe",
    r"no ha podido|no pudo|rechazad|error de (?:entrega|env)",
    r"non (?:è stato possibile|è stat[oa]|può essere|ha potuto|recapitat|consegnat)|impossibile|non esiste",
    r"mancato recapito|sconosciut",
    r"não (?:foi|pôde|pode|é|existe|p[oô]de ser)|falha|impossível",
    r"niet (?:worden |kunnen |kan )?(?:bezorgd|afgeleverd|worden bezorgd)|onbestelbaar|mislukt|bestaat niet|onbekend",
    r"配信(?:でき|されません|不能|に失敗|エラー)|送信(?:でき|に失敗|エラー)|届(?:けること|きません)|見つかりません",
    r"存在しません|お届けできません|戻され",
    r"전송(?:하지|되지|할 수|에 실패|실패)|배달(?:되지|하지|할 수|못)|전달(?:되지|하지|할 수)|존재하지|찾을 수 없",
    r"실패|반송",
    r"无法(?:投递|送达|传递|发送|投送|送到)|未能|投递失败|退(?:信|回)|不存在|失败|無法(?:傳遞|投遞|送達|傳送)",
    r"投遞失敗|找不到",
    r"mislykk|misslyck|gick inte att leverera|kunne ikke leveres|epäonnistu|teslim edileme|başarısız|selhal|nelze doručit",
    r"απέτυχε|sikertelen|nem sikerült|nu a putut fi|nie powiod|не вдалося",
    r"не (?:удалось|может|была? доставлен|доставлен)|не существует|nie (?:można|mógł|została?)",
    r"\b5[0-5]\d[ -]#?5\.\d\.\d",
)
DELAYED_TEXT = _any(
    r"(?:will|shall|server|system|we|still|mail) (?:be |is |are |will )?(?:keep |continue "
    r"|continuing )?(?:to )?(?:retry|retried|retrying|trying)",
    r"being retried",
    r"(?:has|have|was|is|been) (?:been )?(?:delayed|deferred)",
    r"delivery (?:is |was |has been )?(?:temporarily )?(?:delayed|deferred)|not yet been delivered",
    r"could not (?:yet )?be delivered (?:yet|for the past|since)",
    r"this is a warning message only|you do not need to resend|no action is required on your part",
    r"could not send message for past",
    r"weitere (?:zustell)?versuche|wird (?:weiterhin|erneut|noch) versuch|verzögert|nur eine warnung",
    r"noch nicht zugestellt",
    r"(?:de nouve(?:lles|aux)|d'autres) tentatives|retardé|seguir[áa](?:n)? intentando|retrasad",
    r"ulteriori tentativi|ritard|zal blijven proberen|vertraagd",
    r"continuar[áã]o? tentando|atrasad|再送を|再試行|遅延|다시 시도|지연|继续尝试|重试|延迟|繼續嘗試",
)
GAVE_UP = _any(
    r"giving up|gave up|given up|no further (?:attempts|delivery)",
    r"(?:delivery|retry) (?:attempts? )?(?:time|timeout|period)[\w ]{0,20}(?:exceeded|expired|over)",
    r"permanent (?:fatal )?error|failed permanently|will not (?:be )?retr",
    r"has been (?:returned|removed from the queue)|i've given up|undeliverable",
    r"keine weiteren (?:zustell)?versuche|endgültig|abandon|définitif",
)

# Where the report ends and the mail that it speaks of begins.
ORIGINAL = re.compile(
    r"^[ \t>*]{0,8}(?:"
    r"-{2,}[ \t]*(?:below this line is a copy|this is a copy|original message|the message header|returned message"
    r"|unsent message|undelivered message"
    r"|original mail|message headers?(?: follow)?|the following (?:is|are)|enclosed is"
    r"|begin(?:ning)? of (?:message|original)|(?:the )?header(?:s)? of (?:the )?original"
    r"|ursprüngliche nachricht|message d'origine|mensaje original|messaggio originale|mensagem original"
    r"|oorspronkelijk bericht|forwarded message)"
    r"|-{2,}[ \t]*(?:原始|元の|원본)"
    r"|(?:the )?(?:original|returned|undelivered|failed|your) (?:message|mail|e-?mail)(?:'s)?(?: (?:headers?|text"
    r"|content))?(?: (?:follows?|is|was)(?: (?:included|attached|shown|below).{0,30})?)?[ \t]*:?[ \t]*-*$"
    r"|original message (?:headers?|follows?|below)|(?:message|original) headers?(?: follow)?:?$|received: (?:from"
    r"|by|\()|return-path: "
    r"|(?:ursprünglicher nachrichtenheader|en-têtes? (?:de message )?d'origine"
    r"|encabezados (?:de )?mensaje original|kopfzeilen der|intestazioni (?:del )?messaggio).{0,40}"
    r")",
    re.IGNORECASE | re.MULTILINE,
)

# What a failure's words mean, as the subject and detail of an enhanced status code (RFC 3463); the first that fits
# counts, so the specific ones stand first.
MEANINGS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "2.2",
        _any(
            r"(?:mail ?box|inbox|account|mail ?folder|mail drop)[\w' ]{0,30}(?:is |was )?(?:too )?(?:full"
            r"|exceed|over)",
            r"(?:over|exceed\w*|out of|insufficient|not enough|no)[\w' -]{0,30}(?:quota|storage|disk space"
            r"|mailbox space)",
            r"quota[\w ]{0,20}(?:exceed|full|violat|reached)|disk full",
            r"exceed\w* (?:their|its|his|her|the(?:ir)?) (?:mail ?box|quota|storage|disk|allotted)",
            r"no (?:more )?(?:room|space) (?:left|in)|(?:insufficient )?system storage|mail ?box size limit|disk space limit",
            r"too much mail data|(?:recipient|storage|user)[\w ]{0,20}(?:full|quota|has exceeded)|recipient's maximum size",
            r"zu ?viele (?:e-?)?mails",
            r"(?:mail ?box|recipient)[\w' ]{0,30}(?:has )?(?:reached|exceeded)|over the maximum allowed mailbox",
            r"too many messages in (?:the )?mailbox|mailfolder is full",
            r"postfach[\w ]{0,20}(?:ist )?voll|speicherplatz|boîte[\w àáâéèê]{0,40} pleine|quota dépassé",
            r"buzón[\w ]{0,30} lleno|cuota excedida|casella[\w ]{0,30} piena|caixa[\w ]{0,40} cheia|quota excedida",
            r"postvak[\w ]{0,30} vol",
            r"容量(?:を超|が|オーバー|制限)|メールボックスが.{0,12}(?:一杯|いっぱい)|가득|용량|已满|已滿|容量已",
            r"空间不足|空間不足|переп[оі]внен|переполнен|post ?kasse[\w ]{0,30} ful[dl]|brevlåda[\w ]{0,30} full",
            r"postilaatikko[\w ]{0,30} täynnä|skrzynka[\w ]{0,30} pełna|schránka[\w ]{0,30} plná|kutusu[\w ]{0,20} dolu",
            r"γραμματοκιβώτιο[\w ]{0,30} (?:είναι )?πλήρες|postafiók[\w ]{0,30} megtelt",
        ),
    ),
    (
        "2.1",
        _any(
            r"(?:mail ?box|account|user|recipient|address|e-?mail)[\w' ]{0,30}(?:disabled|inactive|suspended"
            r"|deactivated|locked|expired|closed|terminated|blocked|not active)",
            r"(?:disabled|inactive|suspended|deactivated|closed|discontinued) (?:mail ?box|account|user"
            r"|recipient|e-?mail)",
            r"no longer (?:active|available|in use|on this|works?|accept|valid|exists?|with|employed)",
            r"deaktiviert|gesperrt|nicht mehr (?:aktiv|gültig|verfügbar)|désactivé|desactivad|disattivat",
            r"not currently being accepted|extended inactivity|uitgeschakeld|停止され|無効|비활성|휴면|정지|停用|禁用|冻结",
        ),
    ),
    (
        "1.1",
        _any(
            r"(?:user|recipient|mail ?box|addressee|account|alias|address|person"
            r"|customer)[\w'’ ().:=-]{0,40}(?:unknown|not found|not exist|n't exist|not recogni[sz]ed"
            r"|n't found|invalid|not known|not listed|unavailable|not valid|undeliverable|does not have)",
            r"(?:unknown|invalid|no such|nonexist\w*|non-?exist\w*|bad|illegal|undefined|unable to find"
            r"|couldn't find|cannot find|no local|not a (?:valid|known|local)|no)[\w' ()-]{0,20}(?:user|recipient"
            r"|mail ?box|addressee|account|alias|address|person|receiver|user ?id|local[- ]?part|customer)",
            r"could(?: not|n't) find \S{1,100}@|unknown address|bad destination mailbox",
            r"(?:recipient|user) reject|user not local|user \([^()\n]{1,100}\) unknown|no mailbox here|not our customer|may not exist|(?:could|was)(?:n't| not) (?:be )?found|not listed in",
            r"(?<!domain )(?<!host )(?<!server )does(?:n't| not) (?:exist|have an? (?:\S{1,40} )?account|like recipient)|no ?(?:one|body) by that name|can(?:not|'t) find (?:the |a )?(?:user|mailbox)",
            r"unknown or illegal alias|recipnotfound|no valid recipients|unrecogni[sz]ed recipient",
            r"empfänger(?:adresse)?[\w „“\"'@.<>-]{0,60} (?:unbekannt|existiert|nicht|ungültig)",
            r"unbekannter (?:empfänger|benutzer)|existiert (?:nicht|dort nicht)",
            r"kein(?:e)? (?:solche[rs]? )?(?:mailbox|postfach|benutzer)|nicht gefunden",
            r"adresse[\w ]{0,30}(?:unbekannt|ungültig|falsch)",
            r"n'existe pas|n’existe pas|utilisateur inconnu|destinataire[\w ]{0,30}inconnu",
            r"adresse[\w ]{0,40}(?:inconnue|introuvable|invalide|incorrecte)|introuvable|n'a pas été trouvé",
            r"no existe|usuario desconocido|destinatario desconocido|no se (?:encontró|encuentra|ha encontrado)",
            r"dirección[\w ]{0,40}(?:no válida|incorrecta|desconocida)",
            r"non esiste|inesistente|utente sconosciuto|destinatario sconosciuto|non (?:è stato )?trovat",
            r"indirizzo[\w ]{0,40}(?:errato|non valido)|não existe|não (?:foi )?encontrad|usuário desconhecido",
            r"destinatário[\w ]{0,30}(?:desconhecido|inválido)",
            r"bestaat niet|onbekende? (?:gebruiker|ontvanger|adres)|niet gevonden|ontvanger[\w ]{0,30}onbekend",
            r"存在しません|見つかりません|存在しない|宛先(?:不明|が)|ユーザー?が|該当.{0,20}(?:なし|ありません)",
            r"존재하지|찾을 수 없|수신인 없음|없는 (?:사용자|계정|주소)|알 수 없는|不存在|找不到|没有(?:找到|此)",
            r"无此用户|查無此|不正确|ikke (?:fundet|funnet)|hittades inte|ei löyt|bulunamadı|nebyla? nalezen|nenalezen|impossibile trovare|δεν βρέθηκε|nem található|nu a fost găsit|nie znaleziono|не знайдено|(?:findes|finnes|eksisterer) ikke|finns inte|не существует|не найден|nie istnieje|neexistuje",
        ),
    ),
    (
        "1.2",
        _any(
            r"(?:host|domain|server|destination|mx|name)[\w ().:'-]{0,40}(?:unknown|not found|n't found"
            r"|does not exist|doesn't exist|not resolve|unresolv|invalid|not exist)",
            r"(?:unknown|no such|unable to resolve|cannot find|bad|invalid) (?:destination )?(?:host|domain|mx)",
            r"domain must resolve|unable to resolve|no dns data",
            r"nxdomain|unrout(?:e)?able|name service error|dns (?:error|failure|server|query|lookup)|no mx",
            r"illegal host|all relevant mx|misspelled domain|couldn't find any host",
            r"(?:domain|server)[\w ]{0,30}(?:nicht gefunden|existiert nicht|unbekannt)|unknown_domain",
            r"ドメイン(?:が|名)|도메인|域名",
        ),
    ),
    (
        "3.4",
        _any(
            r"(?:message|mail|size|content|data)[\w' ()-]{0,40}(?:too (?:large|big|long)|exceed\w*|larger than"
            r"|over the (?:size|limit))",
            r"(?:exceed\w*|over)[\w ]{0,30}(?:size|message limit|maximum)|size limit|maximum (?:message )?size",
            r"too (?:large|big) (?:message|mail|to)",
            r"zu groß|trop (?:volumineux|gros|grand|lourd)|demasiado grande|troppo grande|muito grande|te groot",
            r"サイズ(?:が|制限|オーバー)|크기|过大|過大|超过.{0,10}大小|太大",
        ),
    ),
    (
        "4.6",
        _any(
            r"too many (?:hops|received)|(?:mail|routing|message|forwarding)[ -]?loop|loop(?:s|ing)? (?:detected"
            r"|back)|hop count|mailschleife"
        ),
    ),
    (
        "7.1",
        _any(
            r"spam|junk|black ?list|block(?:ed|list)|\bdnsbl\b|\brbl\b|spamhaus|reputation|policy",
            r"not (?:allowed|authori[sz]ed|permitted|accepted)",
            r"(?:access|relay(?:ing)?|permission|mail) (?:access )?(?:denied|refused|prohibited|not allowed)",
            r"prohibited",
            r"relaying|relay|unauthenticated|authentication|dmarc|dkim|\bspf\b|virus|malware|restricted",
            r"(?:host|sender|client)(?: address)? reject|administratively|rejected (?:by|for|due|as)|content (?:filter|rejected|restrict)|we do not relay",
            r"forbidden|only accepts|(?<!connection )(?<!connection was )refused|not accepting (?:mail|messages)|suspicious|unsolicited",
            r"abgelehnt|verweigert|nicht erlaubt|refusé|rejeté|rechazad|rifiutat|rejeitad|recusad|geweigerd",
            r"geblokkeerd|拒否|迷惑メール|거부|차단|스팸|拒绝|拒收|垃圾|拒絕",
        ),
    ),
    (
        "4.7",
        _any(
            r"(?:(?<!connection )(?:time ?out|(?<!operation )timed out)|expired|too long|retry time|retry timeout|queue (?:too|life)|time limit"
            r"|max(?:imum)? (?:queue|retry)|(?:days|hours) (?:old|in the queue)|delivery time"
            r"|(?:could not be|unable to be|unable to) deliver(?:ed)?(?: this message)? (?:for|in|within|since|after) (?:\d|the (?:past|last)|more|over|about|several))",
            r"zeitüberschreitung|abgelaufen|délai|expiré|caducad|tiempo de espera|scadut|tempo (?:limite|esgotado)",
            r"verlopen|タイムアウト|時間切れ|시간 ?초과|超时|逾時",
        ),
    ),
    (
        "4.1",
        _any(
            r"lost connection|operation timed out|connection (?:timed? ?out|refused|reset|failed|dropped|closed|lost)",
            r"(?:could|can|unable|not able|cannot|failed)[\w' ]{0,12} ?(?:to )?(?:connect|establish|contact|reach)",
            r"did(?: not|n't) accept our (?:requests? to connect|connection)|temporary problem",
            r"no answer from|no route to host|network (?:is )?unreachable|not reachable|not respond|unreachable",
            r"host (?:is )?down",
            r"nicht erreichbar|verbindung|injoignable|no responde|non risponde|não responde|onbereikbaar|接続|연결",
            r"连接|連線",
        ),
    ),
)
