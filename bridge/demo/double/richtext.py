"""What Slack accepts as rich text, in a block or as an input's first value. Source: Slack's reference of rich text."""

import re

from bridge.demo.double.shape import Rule, flag, items, matching, number, one_of, record, string, variant

URL_MOST = 3000  # characters
ELEMENTS_MOST = 1000  # Slack names no limit; the size of all blocks ends it earlier

url = matching(
    re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+\Z").match, most=URL_MOST, sentence="must be a valid URL with a scheme"
)
action_id = string(most=255)

_STYLES = ("bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink")
_style = record(optional=dict.fromkeys(_STYLES, flag))
_id = string(most=255)
_text = record(required={"text": string(most=40_000)}, optional={"style": _style})
_link = record(required={"url": url}, optional={"text": string(most=40_000, least=0), "unsafe": flag, "style": _style})
_inline = variant(
    {
        "text": _text,
        "link": _link,
        "user": record(required={"user_id": _id}, optional={"style": _style}),
        "usergroup": record(required={"usergroup_id": _id}, optional={"style": _style}),
        "channel": record(required={"channel_id": _id}, optional={"style": _style}),
        "team": record(required={"team_id": _id}, optional={"style": _style}),
        "emoji": record(
            required={"name": _id},
            optional={"unicode": _id, "skin_tone": number(least=1, most=6), "style": _style},
        ),
        "date": record(
            required={"timestamp": number(least=0, most=10**11), "format": string(most=300)},
            optional={"url": url, "fallback": string(most=300), "style": _style},
        ),
        "broadcast": record(required={"range": one_of("here", "channel", "everyone")}, optional={"style": _style}),
        "color": record(required={"value": _id}, optional={"style": _style}),
    }
)


def _run(inline: Rule) -> Rule:
    return items(inline, least=0, most=ELEMENTS_MOST)


_section = record(required={"elements": _run(_inline)})
_border = number(least=0, most=1)
_list = record(
    required={
        "elements": items(variant({"rich_text_section": _section}), most=ELEMENTS_MOST),
        "style": one_of("bullet", "ordered"),
    },
    optional={"indent": number(least=0, most=8), "offset": number(least=0, most=10**6), "border": _border},
)
_preformatted = record(
    required={"elements": _run(variant({"text": _text, "link": _link}))},
    optional={"border": _border, "language": string(most=255)},
)
_quote = record(required={"elements": _run(_inline)}, optional={"border": _border})

rich_text = record(
    required={
        "elements": items(
            variant(
                {
                    "rich_text_section": _section,
                    "rich_text_list": _list,
                    "rich_text_preformatted": _preformatted,
                    "rich_text_quote": _quote,
                }
            ),
            most=ELEMENTS_MOST,
        )
    },
    optional={"block_id": string(most=255)},
)
"""A whole `rich_text` value: paragraphs, lists, quotations and code."""
