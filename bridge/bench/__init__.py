"""Benchmarks of the real parts, on this machine and with no account: `bridge bench`.

Slack and the mail servers are the demo's doubles on loopback. What is measured runs in a process of its own wherever
the doubles' work would be counted with it.
"""
