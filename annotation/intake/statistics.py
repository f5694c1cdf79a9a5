"""What PostgreSQL's planner knows of the tables that intake writes.

Until a table has been looked through, plans are guesses: a claim from a queue that was imported a moment ago would sort
all of it. The server looks by itself, but only after a while, and not at all where other projects hold much more.
"""

from __future__ import annotations

from django.db import connection

from annotation.models import Candidate, Comparison, Event, Feedback, Judgment, Prompt

# Looking takes some tenths of a second: it has to pay off. What are fewer waits for the server's own look.
MANY = 2_000
SHARE = 0.05  # of the events that the planner knows of
KNOWN = "SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = to_regclass('annotation_event')"
# Without the texts, which no plan depends on and which would have to be read.
COLUMNS = {
    Prompt: ["id", "project_id", "request_id"],
    Candidate: ["id", "project_id", "prompt_id", "output_id"],
    Comparison: ["id", "project_id", "prompt_id", "a_id", "b_id", "overlap", "taken", "judged", "priority", "opened"],
    Event: ["id", "project_id", "uid"],
    Feedback: ["id", "project_id", "event_id", "feedback_id", "request_id"],
    Judgment: ["id", "project_id", "event_id", "feedback_id", "prompt_id", "comparison_id", "assignment_id"],
}


def look_after(written: int) -> None:
    """Have the tables looked through when that many records were written and they are many.

    Those that somebody else is cleaning or looking through are left out, so that nobody waits.
    """
    if written < MANY:
        return
    tables = ", ".join(f'"{model._meta.db_table}" ({", ".join(columns)})' for model, columns in COLUMNS.items())
    with connection.cursor() as cursor:
        cursor.execute(KNOWN)
        if written >= cursor.fetchone()[0] * SHARE:
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {tables}")
