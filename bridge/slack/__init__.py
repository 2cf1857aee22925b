"""Slack, the outside world the agents live in: what it is shown and what it says."""
