"""Orders from files: reading, checking, writing."""
