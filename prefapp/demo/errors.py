"""What ends a demo."""


class DemoError(Exception):
    """The demo cannot start or go on; the text is one line that says why."""


class Stopped(BaseException):
    """Somebody asked the demo to stop. Not an Exception, so that nothing on the way takes it for an error."""
