"""A mailbox in numbers."""
