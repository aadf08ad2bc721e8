"""The refusal of a timing."""


class InvalidTimingError(ValueError):
    """An invalid timing: which field is wrong, and how to correct it.

    ``field`` names an attribute of the timing or of its rule; the text is a sentence
    for staff, with the remedy.
    """

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
