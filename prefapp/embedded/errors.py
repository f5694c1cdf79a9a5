"""What goes wrong with the embedded servers."""


class EmbeddedError(Exception):
    """An embedded server cannot run here; the text is one line that tells the user what to do."""
