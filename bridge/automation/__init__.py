"""What the bridge does by itself, by the clock: it acknowledges, reminds, closes, and tells of what stands still."""
