"""What the commands exit with, where several agree."""

#: Ctrl-C ended it; shells say the same of a command that handles no signal.
INTERRUPTED = 130
