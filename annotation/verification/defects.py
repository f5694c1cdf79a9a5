"""What is said when the log does not hold."""

from __future__ import annotations


class BrokenLogError(Exception):
    """The first thing that does not hold, with its position in the log where it has one."""

    def __init__(self, reason: str, position: int | None = None) -> None:
        super().__init__(f"position {position}: {reason}" if position is not None else reason)
        self.position = position
