"""What must hold of a whole chain: where it ends, and that no event is outside it and no fact without its event."""

from __future__ import annotations

from django.db import connection
from django.db.models import Exists, OuterRef

from annotation import log
from annotation.models import Event, Project, Seal, UnsealedEvent
from annotation.verification.defects import BrokenLogError

# A fact's event must be of its project, of a kind that tells of such facts, and about it. Each query gives the name of
# a fact of which that does not hold, and the position of the event that it claims, if any.
LOST = """
SELECT {name}, s.position FROM {rows}
LEFT JOIN annotation_event e ON e.id = f.event_id
LEFT JOIN annotation_seal s ON s.event_id = e.id
WHERE {project}.project_id = %(project)s
  AND (e.project_id = {project}.project_id AND e.kind = ANY ('{{{kinds}}}') AND e.subject = {subject}) IS NOT TRUE
ORDER BY s.position LIMIT 1
"""
JUDGING = "feedback.recorded,feedback.joined,feedback.retracted"
OF_FEEDBACK = "LEFT JOIN annotation_feedback r ON r.id = f.feedback_id"
QUERIES = {
    "prompt": LOST.format(
        name="f.request_id", rows="annotation_prompt f", project="f",
        kinds="inference.logged", subject="'inference:' || f.request_id",
    ),
    "feedback": LOST.format(
        name="f.feedback_id", rows="annotation_feedback f", project="f",
        kinds="feedback.recorded,feedback.retracted", subject="'feedback:' || f.feedback_id",
    ),
    "judgment": LOST.format(
        name="f.uid::text", rows=f"annotation_judgment f {OF_FEEDBACK}", project="f",
        kinds=JUDGING, subject="'feedback:' || r.feedback_id",
    ),
    "retraction": LOST.format(
        name="r.feedback_id", rows=f"annotation_retraction f {OF_FEEDBACK}", project="r",
        kinds=JUDGING, subject="'feedback:' || r.feedback_id",
    ),
    "version of the guidelines": LOST.format(
        name="f.version::text", rows="annotation_guidelineversion f", project="f",
        kinds="guidelines.written", subject="'guidelines:' || f.version",
    ),
    "output": """
SELECT f.output_id, NULL FROM annotation_candidate f LEFT JOIN annotation_prompt p ON p.id = f.prompt_id
WHERE f.project_id = %(project)s AND p.project_id IS DISTINCT FROM f.project_id LIMIT 1
""",
    "edited output": """
SELECT f.output_id, s.position FROM annotation_candidate f
LEFT JOIN annotation_event e ON e.id = f.edit_event_id LEFT JOIN annotation_seal s ON s.event_id = e.id
WHERE f.project_id = %(project)s AND f.edit_event_id IS NOT NULL
  AND (e.project_id = f.project_id AND e.payload -> 'edited' ->> 'output_id' = f.output_id) IS NOT TRUE
ORDER BY s.position LIMIT 1
""",
    "comparison": """
SELECT uid::text, NULL FROM annotation_comparison WHERE project_id = %(project)s
EXCEPT SELECT told ->> 'id', NULL FROM annotation_event e, jsonb_array_elements(e.payload -> 'comparisons') AS told
WHERE e.project_id = %(project)s AND e.kind = 'comparisons.created' LIMIT 1
""",
    "gold": """
SELECT lost.uid, (
    SELECT s.position FROM annotation_event e JOIN annotation_seal s ON s.event_id = e.id
    WHERE e.project_id = %(project)s AND e.kind = 'comparisons.created'
      AND e.payload @> jsonb_build_object('comparisons', jsonb_build_array(jsonb_build_object('id', lost.uid))) LIMIT 1)
FROM (
    SELECT uid::text FROM annotation_comparison
    WHERE project_id = %(project)s AND (kind = 'gold' OR gold_chosen_id IS NOT NULL)
    EXCEPT SELECT substr(e.subject, length('comparison:') + 1) FROM annotation_event e
    WHERE e.project_id = %(project)s AND e.kind = 'comparison.made_gold' LIMIT 1) lost
""",
}  # fmt: skip


def check_ends(project: Project | None, head: log.Head, expect: log.Head | None) -> None:
    """Raises BrokenLogError unless the chain ends where it should and everything of it is in it."""
    stored = log.head(project)
    if stored != head:
        raise BrokenLogError(
            f"the chain ends at {head.hash}, but its head says {stored.hash}@{stored.position}", head.position
        )
    if expect and expect.position > head.position:
        raise BrokenLogError(f"the log ends here, but position {expect.position} was seen", head.position)
    sealed = Seal.objects.filter(event=OuterRef("pk"))
    waiting = UnsealedEvent.objects.filter(event=OuterRef("pk"))
    for event in Event.objects.filter(~Exists(sealed), ~Exists(waiting), project=project)[:1]:
        raise BrokenLogError(f"the event {event.uid} ({event.kind}) is neither sealed nor waiting")
    if project:
        _find_lost(project)


def _find_lost(project: Project) -> None:
    with connection.cursor() as cursor:
        for what, query in QUERIES.items():
            cursor.execute(query, {"project": project.pk})
            for name, position in cursor.fetchall():
                raise BrokenLogError(f"the {what} {name} has no event of its own", position)
