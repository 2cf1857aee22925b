"""The words of the demo's mails, apart from how they are composed (`mails`)."""

MISSING_BAGS = """\
Hi Fernhill team,

our office order arrived this morning, but two of the six bags are missing:

  - 1 x Fernhill House Blend, 1 kg, whole bean
  - 1 x Decaf Huila, 500 g, ground for filter

The packing slip lists all six, and the box was sealed, so I think they never \
went in. We have a client day on Thursday and would love to have the coffee by \
then. Could you send the two bags on, or tell me what to do?

Order number: 10482
Delivery address: 14 Quayside, 3rd floor (the bell says "Northlight Studio")

Thanks a lot,
Dana

--
Dana Reyes
Office Manager, Northlight Studio
+1 555 0142
"""

QUOTED_ANSWER = """\
Hello,

adding to Dana's mail: I found the label on the box. It says "4 of 6", so maybe \
a second parcel is still on its way? The tracking number is FX-7741-2290.

If it is easier, one of us can pick the bags up on Wednesday after 4 pm.

Best,
Priya
"""

KOREAN = """\
안녕하세요, 펀힐 커피 담당자님.

매월 받고 있는 원두 정기배송(구독번호 3391)의 배송지를 변경하고 싶습니다. \
다음 달 1일에 이사를 하게 되어, 12월분부터 아래 주소로 보내 주시면 감사하겠습니다.

  새 주소: 서울특별시 마포구 월드컵북로 21, 302호
  받는 사람: 김민서

혹시 이번 달 발송이 이미 준비되었다면 기존 주소로 보내 주셔도 괜찮습니다.
그리고 분쇄도를 '에스프레소'에서 '핸드드립'으로 바꿀 수 있을까요?

감사합니다.
김민서 드림
"""

DOUBLE_CHARGE = """\
Hello,

my bank shows the invoice FH-2031 twice, both on Monday, 86.40 EUR each.
The invoice is attached; a cutting of the statement is in the text.

Could you check and give one of the two back?

Kind regards
Tomás Ferreira
"""

DOUBLE_CHARGE_HTML = """\
<p>Hello,</p>
<p>my bank shows the invoice <b>FH-2031</b> <i>twice</i>, both on Monday, 86.40&nbsp;EUR each:</p>
<p><img src="cid:statement@ferreira-design" alt="Bank statement: 86.40 EUR twice" width="360" height="120"></p>
<p>The invoice is attached. Could you check and</p>
<ol><li>tell me which of the two is right, and</li><li>give the other one back?</li></ol>
<p>Kind regards<br>Tom&aacute;s Ferreira<br>
<a href="https://ferreira-design.example.org">ferreira-design.example.org</a></p>
"""

INVOICE = (
    "Invoice FH-2031",
    "Fernhill Coffee, 3 Mill Lane",
    "For: Ferreira Design, Rua do Sol 12",
    "",
    "2 x Guatemala Antigua, 1 kg          57.60 EUR",
    "1 x Espresso Forte, 1 kg             28.80 EUR",
    "",
    "Total, paid by card                  86.40 EUR",
    "Thank you for your order.",
)

NEWSLETTER = """\
Harbor Packaging news

Compostable coffee bags, now from 250 pieces. 12% off until Friday with code HARBOR12.
https://harborpackaging.example.com/bags

Unsubscribe: https://harborpackaging.example.com/unsubscribe?u=8841
"""

_BUTTON = (
    '<a href="{href}" style="display:inline-block;padding:12px 22px;background:#1c4a46;color:#ffffff;'
    'text-decoration:none;border-radius:6px;font-weight:bold">{label}</a>'
)

NEWSLETTER_HTML = f"""\
<html><body style="margin:0;background:#f3efe9">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:24px 8px">
<table role="presentation" width="560" cellpadding="0" cellspacing="0"
  style="max-width:100%;background:#ffffff;font-family:Helvetica,Arial,sans-serif;color:#2b2b2b">
<tr><td><img src="cid:hero@harbor" width="560" alt="Evening over the harbor" style="display:block;width:100%"></td></tr>
<tr><td style="padding:28px 32px 8px"><h1 style="margin:0;font-size:24px;color:#1c4a46">Bags that become soil again</h1>
<p style="line-height:1.6">Our new coffee bags are compostable at home, keep the aroma for nine months and are
available <b>from 250 pieces</b>. Printed with your logo in ten working days.</p>
<p>{_BUTTON.format(href="https://harborpackaging.example.com/bags", label="See the bags")}</p></td></tr>
<tr><td style="padding:8px 32px 24px">
<table role="presentation" width="100%" cellpadding="8" cellspacing="0" style="border-top:1px solid #e6e0d6"><tr>
<td width="160"><img src="cid:bags@harbor" width="160" height="110" alt="Two paper bags"></td>
<td style="font-size:14px;line-height:1.5"><b>250 g, kraft</b><br>0.31 EUR each<br>
<s style="color:#9a9488">0.36 EUR</s> until Friday with <code>HARBOR12</code></td></tr></table>
<p>{_BUTTON.format(href="https://harborpackaging.example.com/samples", label="Order free samples")}</p></td></tr>
<tr><td style="padding:16px 32px;background:#f8f5f0;font-size:12px;color:#8a8478">Harbor Packaging, Pier 9 &middot;
<a href="https://harborpackaging.example.com/unsubscribe?u=8841" style="color:#8a8478">Unsubscribe</a></td></tr>
</table></td></tr></table></body></html>
"""

BOUNCE = """\
This is the mail system at host mx.example.net.

I'm sorry to have to inform you that your message could not be delivered to
one recipient. It is attached below.

<h.lindqvist@example.net>: host mx.example.net said:
    550 5.1.1 <h.lindqvist@example.net>: Recipient address rejected:
    User unknown (in reply to RCPT TO command)
"""
