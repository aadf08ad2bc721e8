"""The clock's tables, in the order in which they changed."""
