"""What PostgreSQL's planner knows of the tables that intake writes.

Until a table has been looked through, plans are guesses: a claim from a queue that was imported a moment ago would sort
all of it. The server looks by itself, but only after a while, and not at all where other projects hold much more.
"""

from __future__ import annotations

import logging

from django.db import Error, connection

from annotation.models import Comparison, Feedback, Judgment

logger = logging.getLogger(__name__)

# Looking takes up to some tenths of a second: fewer records wait for the server's own look.
MANY = 5_000
# Without the texts, which no plan depends on and which would have to be read.
COLUMNS = {
    Comparison: ["id", "project_id", "prompt_id", "a_id", "b_id", "overlap", "taken", "judged", "priority", "opened"],
    Feedback: ["id", "project_id", "event_id", "feedback_id", "request_id"],
    Judgment: ["id", "project_id", "event_id", "feedback_id", "prompt_id", "comparison_id", "assignment_id"],
}


def look_after(written: int) -> None:
    """Have the tables looked through when that many records were written and they are many.

    What is written stays so whatever comes of it. A table that somebody else is cleaning or looking through is left
    out, so that nobody waits.
    """
    if written < MANY:
        return
    tables = ", ".join(f'"{model._meta.db_table}" ({", ".join(columns)})' for model, columns in COLUMNS.items())
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {tables}")
    except Error as error:
        logger.warning("The tables were not looked through after %d records: %s", written, error)
