"""Bridge: a shared inbox in Slack."""

__version__ = "0.1.0"
