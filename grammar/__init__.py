"""Text formats in, Grammar out; left-to-right matching."""
