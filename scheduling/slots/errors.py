"""The refusal of a timing."""


class InvalidTimingError(ValueError):
    """A timing that has no meaning: which field is wrong, and what would be right.

    ``field`` names an attribute of the timing or of its rule; the text is a sentence
    for staff, with the remedy.
    """

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
