"""The clock: which task runs when, whatever the task does."""
