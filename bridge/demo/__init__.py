"""The demo: a Slack workspace, a mail world and a page, all on this machine."""
