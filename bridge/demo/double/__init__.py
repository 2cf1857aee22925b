"""One Slack workspace on loopback, as strict as Slack: the demo's, and the other end of every test."""
