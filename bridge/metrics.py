"""What is counted, under the names that dashboards scrape: each is part of the contract with operators.

A registry of its own, so that two bridges in one process count apart. The parts that count are handed a `Metrics` and
know nothing of its reader; what is a state rather than a count (jobs, lag, silence) is set when somebody asks.
Format: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bridge.model import MailboxName

CONTENT_TYPE = CONTENT_TYPE_LATEST

_LATENCIES = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""Seconds: from the goal of an idle desk (25 ms) to a mail that waited for Slack's slower pace."""


class Metrics:
    """The counts of one bridge. `mailboxes`: they are shown with a zero before their first mail."""

    def __init__(self, mailboxes: Iterable[MailboxName] = ()) -> None:
        self._registry = CollectorRegistry()
        self._received = Counter(
            "bridge_mail_received", "Mails taken in and shown", ["mailbox"], registry=self._registry
        )
        self._sent = Counter(
            "bridge_mail_sent", "Answers that reached an end", ["mailbox", "outcome"], registry=self._registry
        )
        self._latency = Histogram(
            "bridge_intake_latency_seconds",
            "From a new conversation's mail being pushed to its card standing in Slack",
            buckets=_LATENCIES,
            registry=self._registry,
        )
        self._slack = Counter(
            "bridge_slack_requests", "Calls of Slack's Web API", ["method", "outcome"], registry=self._registry
        )
        self._jobs = Gauge("bridge_jobs", "Jobs in the database", ["state"], registry=self._registry)
        self._lag = Gauge(
            "bridge_job_lag_seconds", "How long the longest waiting job that is due has waited", registry=self._registry
        )
        self._silence = Gauge(
            "bridge_mailbox_last_heard_seconds",
            "Seconds since the mailbox was last heard of",
            ["mailbox"],
            registry=self._registry,
        )
        self._missing = Counter(
            "bridge_ledger_missing",
            "Mails that stood on the server and were not in the ledger",
            ["mailbox"],
            registry=self._registry,
        )
        self._trouble = Gauge(
            "bridge_trouble", "Whether a person must see to it: 1 while so", ["about"], registry=self._registry
        )
        self._round_trip = Gauge(
            "bridge_canary_round_trip_seconds",
            "How long the last mail to ourselves was under way",
            ["mailbox"],
            registry=self._registry,
        )
        self._canary = Gauge(
            "bridge_canary_last_seconds",
            "Seconds since a mail to ourselves last came in",
            ["mailbox"],
            registry=self._registry,
        )
        for name in mailboxes:
            self._missing.labels(name)
            self._received.labels(name)

    def received(self, mailbox: MailboxName, count: int) -> None:
        """So many mails of a mailbox were committed."""
        self._received.labels(mailbox).inc(count)

    def sent(self, mailbox: MailboxName, *, outcome: str) -> None:
        """An answer was sent, failed, or is uncertain."""
        self._sent.labels(mailbox, outcome).inc()

    def missing(self, mailbox: MailboxName, count: int) -> None:
        """A comparison found so many mails on the server that the ledger did not have."""
        self._missing.labels(mailbox).inc(count)

    def card_posted(self, after: timedelta) -> None:
        """A new conversation's card stands in Slack, so long after its mail was pushed."""
        self._latency.observe(max(0.0, after.total_seconds()))

    def slack(self, method: str, outcome: str) -> None:
        """A call of Slack's Web API was answered, or failed."""
        self._slack.labels(method, outcome).inc()

    def set_jobs(self, counts: Mapping[str, int], *, lag: timedelta) -> None:
        """How many jobs stand in each state, and how long the longest waiting one has waited."""
        for state, count in counts.items():
            self._jobs.labels(state).set(count)
        self._lag.set(lag.total_seconds())

    def forget_jobs(self) -> None:
        """Show nothing of the jobs rather than what was true some time ago: the database does not answer."""
        self._jobs.clear()
        self._lag.set(float("nan"))

    def set_silence(self, mailbox: MailboxName, lasts: timedelta) -> None:
        """How long a mailbox has been silent."""
        self._silence.labels(mailbox).set(lasts.total_seconds())

    def set_troubles(self, about: Mapping[str, bool]) -> None:
        """What a person must see to, of all that is watched over."""
        self._trouble.clear()
        for one, lasts in about.items():
            self._trouble.labels(one).set(lasts)

    def set_canary(self, mailbox: MailboxName, *, round_trip: timedelta, since: timedelta) -> None:
        """How long the last mail to ourselves was under way, and how long ago it came."""
        self._round_trip.labels(mailbox).set(round_trip.total_seconds())
        self._canary.labels(mailbox).set(since.total_seconds())

    def text(self) -> bytes:
        """All of it, in Prometheus's text format."""
        return generate_latest(self._registry)
