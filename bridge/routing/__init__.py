"""Rules: what is done with mail as it comes in, by who wrote what to whom."""
