"""Files, good and bad."""
