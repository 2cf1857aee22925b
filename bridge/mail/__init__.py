"""Mail, the outside world of RFC 5322: reading, composing, fetching and sending it."""
