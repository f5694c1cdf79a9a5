"""Counting a project's log into its pairs of models, carried on from where it was. The only writer of the counts.

What counts is what people say of two outputs by different models, and what the queue was answered: current, not
surplus, no ratings, no golds or repeats. What was retracted or erased is taken out again. A step reads what was sealed
since the one before and nothing else, so it costs as much as there is new.
"""

from __future__ import annotations

from django.db import connection, transaction

from annotation import log
from annotation.models import Project, Tally

# Positions of the log that one transaction counts.
STEP = 100_000

# Whatever is sealed with both its parts, a judgment and its retraction, is counted once and taken out once, whichever
# of the two comes first and whichever steps they fall into.
COUNT = """
WITH sealed AS MATERIALIZED (
    SELECT e.id, e.kind, e.subject, e.payload, s.position
    FROM annotation_seal s JOIN annotation_event e ON e.id = s.event_id
    WHERE s.project_id = %(project)s AND s.position > %(after)s AND s.position <= %(until)s
), voted AS (
    SELECT j.id, 1 AS n FROM sealed e JOIN annotation_judgment j ON j.event_id = e.id
    UNION ALL
    SELECT j.id, -1 FROM sealed e
    JOIN annotation_judgment j ON j.event_id = e.id
    JOIN annotation_retraction r ON r.target_id = j.feedback_id
    JOIN annotation_seal s ON s.event_id = r.event_id AND s.position < e.position
    UNION ALL
    SELECT j.id, -1 FROM sealed e
    JOIN annotation_feedback f
        ON f.project_id = %(project)s AND f.feedback_id = substr(e.subject, length('feedback:') + 1)
    JOIN annotation_retraction r ON r.feedback_id = f.id AND r.event_id = e.id
    JOIN annotation_judgment j ON j.feedback_id = r.target_id
    JOIN annotation_seal s ON s.event_id = j.event_id AND s.position < e.position
    WHERE e.kind IN ('feedback.retracted', 'feedback.joined')
    UNION ALL
    SELECT j.id, -1 FROM sealed e
    JOIN annotation_judgment j ON j.project_id = %(project)s AND j.erasure_id = e.id
    WHERE e.kind = 'records.erased' AND NOT EXISTS (
        SELECT FROM annotation_retraction r JOIN annotation_seal s ON s.event_id = r.event_id
        WHERE r.target_id = j.feedback_id AND s.position < e.position)
), told AS (
    SELECT j.first_id AS one, j.second_id AS two,
        CASE WHEN j.chosen_id = j.first_id THEN n ELSE 0 END AS one_wins,
        CASE WHEN j.chosen_id = j.second_id THEN n ELSE 0 END AS two_wins,
        CASE WHEN j.outcome = 'tie' THEN n ELSE 0 END AS ties,
        CASE WHEN j.outcome = 'both_bad' THEN n ELSE 0 END AS both_bad,
        0 AS asked, CASE WHEN j.comparison_id IS NULL THEN 0 ELSE n END AS answered
    FROM voted JOIN annotation_judgment j ON j.id = voted.id
    WHERE j.second_id IS NOT NULL AND NOT j.surplus AND (j.source_type = 'human' OR j.assignment_id IS NOT NULL)
      AND NOT EXISTS (SELECT FROM annotation_comparison c WHERE c.id = j.comparison_id AND c.kind <> 'plain')
    UNION ALL
    SELECT c.a_id, c.b_id, 0, 0, 0, 0, 1, 0
    FROM sealed e CROSS JOIN jsonb_array_elements(e.payload -> 'comparisons') AS made
    JOIN annotation_comparison c ON c.uid = (made ->> 'id')::uuid
    WHERE e.kind = 'comparisons.created' AND c.kind <> 'repeat'
    UNION ALL
    SELECT c.a_id, c.b_id, 0, 0, 0, 0, -1, 0
    FROM sealed e JOIN annotation_comparison c ON c.uid = substr(e.subject, length('comparison:') + 1)::uuid
    WHERE e.kind = 'comparison.made_gold'
), named AS (
    SELECT told.*, (x.model_name, x.model_version) > (y.model_name, y.model_version) AS swapped,
        x.model_name AS one_name, x.model_version AS one_version,
        y.model_name AS two_name, y.model_version AS two_version
    FROM told JOIN annotation_candidate x ON x.id = one JOIN annotation_candidate y ON y.id = two
    WHERE x.model_name <> '' AND y.model_name <> ''
      AND (x.model_name, x.model_version) <> (y.model_name, y.model_version)
), counted AS (
    SELECT CASE WHEN swapped THEN two_name ELSE one_name END AS a_name,
        CASE WHEN swapped THEN two_version ELSE one_version END AS a_version,
        CASE WHEN swapped THEN one_name ELSE two_name END AS b_name,
        CASE WHEN swapped THEN one_version ELSE two_version END AS b_version,
        sum(CASE WHEN swapped THEN two_wins ELSE one_wins END) AS a_wins,
        sum(CASE WHEN swapped THEN one_wins ELSE two_wins END) AS b_wins,
        sum(ties) AS ties, sum(both_bad) AS both_bad, sum(asked) AS asked, sum(answered) AS answered
    FROM named GROUP BY 1, 2, 3, 4
)
INSERT INTO annotation_modelpair AS p
    (project_id, key, a_name, a_version, b_name, b_version, a_wins, b_wins, ties, both_bad, asked, answered)
SELECT %(project)s,
    encode(sha256(convert_to(jsonb_build_array(a_name, a_version, b_name, b_version)::text, 'UTF8')), 'hex'), counted.*
FROM counted
ON CONFLICT (project_id, key) DO UPDATE SET
    a_wins = p.a_wins + excluded.a_wins, b_wins = p.b_wins + excluded.b_wins, ties = p.ties + excluded.ties,
    both_bad = p.both_bad + excluded.both_bad, asked = p.asked + excluded.asked,
    answered = p.answered + excluded.answered
"""


def catch_up(project: Project) -> None:
    """Count everything that was committed before the call."""
    head = log.seal(project).position
    Tally.objects.get_or_create(project=project)
    while _count_step(project, head):
        pass


def catch_up_all() -> None:
    """Catch up for every project whose rule goes by the counts."""
    for project in Project.objects.filter(pairing=Project.Pairing.INFORMATIVE):
        catch_up(project)


@transaction.atomic
def _count_step(project: Project, head: int) -> bool:
    """Count one step; whether there is more up to the head."""
    tally = Tally.objects.select_for_update().get(project=project)
    if tally.position >= head:
        return False
    until = min(head, tally.position + STEP)
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"project": project.pk, "after": tally.position, "until": until})
    tally.position = until
    tally.save(update_fields=["position"])
    return until < head
