"""Logs: one sentence and its fields per line, on stderr, for people ("console") or for machines ("json").

Everything passes one last processor that hides mail addresses and secrets, whoever logged them: our own modules
through structlog, the libraries through `logging`, tracebacks too. It is the second fence; the first is to log neither.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_HIDDEN = "[hidden]"
_SECRET_FIELDS = re.compile(r"(?i)token|password|secret|authorization|cookie|api_?key")
_OPEN_FIELDS = frozenset({"message_id", "references", "in_reply_to"})
"""Message-IDs look like addresses and are needed to follow a mail through its servers' logs."""

_SECRETS = re.compile(
    r"""xox[a-z]{1,2}[-.][\w.-]+ | xapp-[\w-]+  # Slack's tokens
    | (?<=://)[^\s/:@]{0,64}:[^\s/@]{1,256}(?=@)  # a URL's user and password
    | (?<=hooks\.slack\.com/)\S+  # a response_url: whoever has it may post
    | (?i:(?<=bearer\s)|(?<=ticket=)|(?<=token=)|(?<=password=)|(?<=secret=))[^\s&"',;]+""",
    re.VERBOSE,
)
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[\w-]{1,63}\.)*[\w-]{1,63}")
"""Every repetition is bounded, so hostile text costs linear time."""


def configure(form: Literal["console", "json"], *, level: int = logging.INFO) -> None:
    """Send all logs to stderr in this form; ours from `level` up, the libraries' from WARNING up."""
    stamped: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if form == "console":
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=stamped,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("bridge").setLevel(level)
    structlog.configure(
        processors=[*stamped, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_bridge_logger,
    )


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: the same event without mail addresses and secrets, at any depth."""
    return {key: _redacted(key, value) for key, value in event.items()}


def _redacted(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SECRET_FIELDS.search(key):
        return _HIDDEN
    if isinstance(value, Mapping):
        return {str(inner): _redacted(str(inner), what) for inner, what in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(key, what) for what in value]
    text = _SECRETS.sub(_HIDDEN, str(value) if isinstance(value, str) else repr(value))
    return text if key in _OPEN_FIELDS else _ADDRESS.sub("[address]", text)


def _bridge_logger(*_: object) -> logging.Logger:
    return logging.getLogger("bridge")
