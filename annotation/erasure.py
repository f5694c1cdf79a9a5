"""Erasing what a project keeps of a person: texts, metadata, digests and salts are blanked, and for good.

Ids, outcomes and times stay, so that the log still gives the same judgments; they count nowhere any more. This is the
one change that the database lets facts go through. Each batch is a transaction and an event of its own, which names the
records, who erased them and why, and never the person.

Locks in the order of annotation.intake and annotation.pairing: turns, that of pairing, annotator, lease, comparison.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from annotation import canonical, judging, log, queue
from annotation.erased import KIND, Erased
from annotation.intake import joining
from annotation.intake.outcomes import take_turns
from annotation.intake.retrying import until_settled
from annotation.models import Assignment, Comparison, Project
from annotation.pairing import making

REQUESTS = 200  # erased together, with their outputs
RECORDS = 1_000  # of feedback
MAX_REASON = 200

Row = tuple[Any, ...]

# `left` as in the indexes.
INFERENCES = """
SELECT p.id, p.request_id FROM annotation_prompt p
WHERE p.project_id = %(project)s AND left(p.metadata ->> 'user_id', 200) = left(%(user)s, 200)
  AND p.metadata ->> 'user_id' = %(user)s AND p.erasure_id IS NULL
"""
ON_REQUESTS = """
SELECT f.id FROM annotation_feedback f
WHERE f.project_id = %(project)s AND f.request_id = ANY (%(requests)s) AND f.erasure_id IS NULL
"""
BY_SOURCE = """
SELECT f.id FROM annotation_feedback f
WHERE f.project_id = %(project)s AND f.source_type = 'end_user' AND f.source_id = %(user)s AND f.erasure_id IS NULL
"""
BY_METADATA = """
SELECT f.id FROM annotation_feedback f
WHERE f.project_id = %(project)s AND left(f.body #>> '{metadata,user_id}', 200) = left(%(user)s, 200)
  AND f.body #>> '{metadata,user_id}' = %(user)s AND f.erasure_id IS NULL
"""
# With all that follows: what names an output that an edit made, and what heuristics saw in signals.
FOLLOWS = """
, follows AS (
    SELECT id FROM said UNION SELECT n.id FROM follows JOIN annotation_feedback f USING (id)
    LEFT JOIN annotation_judgment j ON j.feedback_id = f.id AND f.kind = 'edit'
    LEFT JOIN annotation_candidate c ON c.id = j.chosen_id
    JOIN annotation_feedback n ON n.project_id = f.project_id AND n.request_id = f.request_id
    WHERE f.kind IN ('edit', 'implicit') AND n.erasure_id IS NULL AND CASE f.kind
        WHEN 'edit' THEN strpos(n.body::text, c.output_id) > 0
        ELSE n.source_type = 'heuristic' AND n.body #>> '{metadata,derived_from}' = f.feedback_id END
)
"""
WITH_FOLLOWING = f"""
WITH RECURSIVE said AS (SELECT unnest(%(feedback)s::bigint[]) AS id) {FOLLOWS} SELECT id FROM follows
"""  # noqa: S608 - made of the statement above
# An edited text stands in its record and as an output.
OUTPUTS = """
SELECT c.id, c.prompt_id, c.output_id, c.index, c.model_name, c.model_version FROM annotation_candidate c
WHERE c.id IN (
    SELECT id FROM annotation_candidate WHERE prompt_id = ANY (%(prompts)s)
    UNION SELECT j.chosen_id FROM annotation_judgment j JOIN annotation_feedback f ON f.id = j.feedback_id
    WHERE f.id = ANY (%(feedback)s) AND f.kind = 'edit')
  AND c.erasure_id IS NULL
ORDER BY c.output_id COLLATE "C"
"""
JUDGMENTS = "SELECT count(*) FROM annotation_judgment WHERE feedback_id = ANY (%(feedback)s)"
COUNT = f"""
WITH RECURSIVE prompts AS MATERIALIZED ({INFERENCES}
), said AS MATERIALIZED (
    SELECT f.id FROM annotation_feedback f JOIN prompts p ON f.project_id = %(project)s AND f.request_id = p.request_id
    WHERE f.erasure_id IS NULL UNION {BY_SOURCE} UNION {BY_METADATA}
) {FOLLOWS}, outputs AS (
    SELECT c.id FROM prompts p JOIN annotation_candidate c ON c.prompt_id = p.id WHERE c.erasure_id IS NULL
    UNION SELECT j.chosen_id FROM follows JOIN annotation_feedback f USING (id)
    JOIN annotation_judgment j ON j.feedback_id = f.id WHERE f.kind = 'edit'
)
SELECT (SELECT count(*) FROM prompts), (SELECT count(*) FROM outputs), (SELECT count(*) FROM follows),
    (SELECT count(*) FROM annotation_judgment j JOIN follows ON follows.id = j.feedback_id)
"""  # noqa: S608 - made of the statements above

REQUESTS_OF = """
SELECT id, request_id FROM annotation_prompt WHERE id = ANY (%(prompts)s) AND erasure_id IS NULL
ORDER BY request_id COLLATE "C"
"""
RECORDS_OF = """
SELECT f.id, f.feedback_id, f.request_id, f.body ->> 'retracts' FROM annotation_feedback f
WHERE f.id = ANY (%(feedback)s) AND f.erasure_id IS NULL ORDER BY f.feedback_id COLLATE "C"
"""
ON_OPEN_COMPARISONS = """
SELECT DISTINCT j.feedback_id FROM annotation_judgment j JOIN annotation_comparison c ON c.id = j.comparison_id
WHERE j.feedback_id = ANY (%(feedback)s) AND NOT c.closed
"""
# A source's id is blanked where events do not tell it (annotation.judging.is_of_user). Judgments first: they ask the
# record for that.
BLANK = (
    "SELECT set_config('prefapp.erasure', %(event)s::text, true)",
    """
UPDATE annotation_judgment j SET erasure_id = %(event)s, source_id = CASE
    WHEN f.source_type = 'end_user' OR f.body #> '{metadata,user_id}' = to_jsonb(f.source_id) THEN ''
    ELSE j.source_id END
FROM annotation_feedback f WHERE f.id = j.feedback_id AND f.id = ANY (%(feedback)s)
""",
    """
UPDATE annotation_feedback SET erasure_id = %(event)s, source_id = CASE
    WHEN source_type = 'end_user' OR body #> '{metadata,user_id}' = to_jsonb(source_id) THEN '' ELSE source_id END,
    body = '{}', record_digest = '', salt = ''
WHERE id = ANY (%(feedback)s)
""",
    """
UPDATE annotation_candidate SET erasure_id = %(event)s, content = 'null', digest = '', salt = '', model = '{}',
    parameters = '{}', metadata = '{}', generated_at = NULL
WHERE id = ANY (%(outputs)s)
""",
    """
UPDATE annotation_prompt SET erasure_id = %(event)s, content = 'null', tools = '[]', metadata = '{}', digest = '',
    record_digest = '', salt = '', occurred_at = NULL
WHERE id = ANY (%(prompts)s)
""",
    "SELECT set_config('prefapp.erasure', '', true)",
)


class _StillAskedError(Exception):
    """Comparisons have to be closed before, in transactions of their own: an edit's, or such as were made just now."""

    def __init__(self, about: Q) -> None:
        super().__init__()
        self.about = about


class ReasonError(ValueError):
    """The reason cannot stand in the log."""


def count_records(project: Project, user_id: str) -> Erased:
    """How much of a person there is to erase."""
    return Erased(*_rows(COUNT, project=project.pk, user=user_id)[0])


def erase(
    project: Project, user_id: str, *, actor: str, reason: str = "", tell: Callable[[Erased], None] = lambda _: None
) -> Erased:
    """Erase everything of a person that was accepted before the call; return how much it was.

    That is: inferences whose metadata has this `user_id`, with all their outputs and all feedback on them; feedback of
    this end user, or whose own metadata has the `user_id`; and what was derived of any of it. The comparisons of these
    inferences are asked of nobody any more, and slots of the person's own answers are free again.

    Batches stay when it is broken off, and doing it again erases the rest. `tell` is told of each. Raises ReasonError.
    """
    if not user_id:
        raise ValueError("No user_id: nobody is meant.")
    check_reason(user_id, reason)
    erasing = _Erasing(project, user_id, actor, reason, tell)
    # What is accepted meanwhile is found by going through it once more.
    while erasing.go_through():
        pass
    return erasing.done


def check_reason(user_id: str, reason: str) -> None:
    """Raises ReasonError for a reason that the log, which nothing is ever erased from, must not hold."""
    if len(reason) > MAX_REASON or re.search(rf"(?<!\w){re.escape(user_id)}(?!\w)", reason):
        raise ReasonError(f"must have at most {MAX_REASON} characters and not name the person: it stays in the log")


class _Erasing:
    """One erasure at work."""

    def __init__(self, project: Project, user_id: str, actor: str, reason: str, tell: Callable[[Erased], None]) -> None:
        self.done = Erased()
        self._project = project
        self._who: dict[str, Any] = {"project": project.pk, "user": user_id}
        self._actor = actor
        self._reason = reason
        self._tell = tell

    def go_through(self) -> bool:
        """Erase all that is found; whether that was anything."""
        before = self.done
        while prompts := _rows(f"{INFERENCES} ORDER BY p.id LIMIT {REQUESTS}", **self._who):
            self._erase_requests([pk for pk, _ in prompts], [request_id for _, request_id in prompts])
        for found in (BY_SOURCE, BY_METADATA):
            self._erase_feedback(found, self._who)
        return self.done != before

    def _erase_requests(self, prompts: list[int], requests: list[str]) -> None:
        until_settled(partial(queue.close, Q(prompt__in=prompts)))
        # There may be any number of records on them; what is more than a batch goes before.
        self._erase_feedback(ON_REQUESTS, {"project": self._project.pk, "requests": requests}, beyond=RECORDS)
        self._blank([], prompts, requests)

    def _erase_feedback(self, query: str, parameters: dict[str, Any], *, beyond: int = 0) -> None:
        """Erase the records of a query until no more than `beyond` are left."""
        some = f"{query} ORDER BY f.id LIMIT {RECORDS + beyond}"
        while len(found := _column(some, **parameters)) > beyond:
            self._blank(found[:RECORDS], [], [])

    def _blank(self, feedback: list[int], prompts: list[int], requests: list[str]) -> None:
        while True:
            try:
                erased = until_settled(partial(self._blank_together, feedback, prompts, requests))
                break
            except _StillAskedError as asked:
                until_settled(partial(queue.close, asked.about))
        self.done += erased
        self._tell(erased)

    @transaction.atomic
    def _blank_together(self, feedback: list[int], prompts: list[int], requests: list[str]) -> Erased:
        known = _column(WITH_FOLLOWING, feedback=feedback)
        ids = {id_ for _, *ids in _rows(RECORDS_OF, feedback=known) for id_ in ids if id_}
        take_turns(self._project, {*requests, *ids})
        # Nobody makes comparisons meanwhile, and erasures of a project come one after the other: in the order of their
        # events' ids.
        making.take_turn(self._project)
        # As it is now that nobody else writes any of it, with what has come in on the requests since.
        came = _column(ON_REQUESTS, project=self._project.pk, requests=requests)
        inferences = _rows(REQUESTS_OF, prompts=prompts)
        prompts = [pk for pk, _ in inferences]
        records = _rows(RECORDS_OF, feedback=_column(WITH_FOLLOWING, feedback=[*feedback, *came]))
        if not inferences and not records:
            return Erased()
        feedback = [pk for pk, *_ in records]
        outputs = _rows(OUTPUTS, prompts=prompts, feedback=feedback)
        _expect_closed([pk for pk, *_ in outputs], {prompt for _, prompt, *_ in outputs})
        joining.forget(feedback)
        judging.vacate(_column(ON_OPEN_COMPARISONS, feedback=feedback))
        erased = Erased(len(inferences), len(outputs), len(records), *_column(JUDGMENTS, feedback=feedback))
        payload = {
            "requests": [request_id for _, request_id in inferences],
            "feedback": [feedback_id for _, feedback_id, *_ in records],
            "outputs": {"count": erased.outputs, "digest": canonical.digest([list(left) for _, _, *left in outputs])},
            "judgments": erased.judgments,
            **({"reason": self._reason} if self._reason else {}),
        }
        subject = f"project:{self._project.uid}"
        (event,) = log.append(self._project, [log.NewEvent(KIND, self._actor, subject, payload)])
        rows = {"prompts": prompts, "outputs": [pk for pk, *_ in outputs], "feedback": feedback}
        with connection.cursor() as cursor:
            for statement in BLANK:
                cursor.execute(statement, {"event": event, **rows})
        return erased


def _expect_closed(outputs: Collection[int], prompts: Collection[int]) -> None:
    """Raises _StillAskedError when somebody is asked about one of some outputs, or could be."""
    about = Q(Q(a__in=outputs) | Q(b__in=outputs), prompt__in=prompts)
    held = Exists(Assignment.objects.filter(comparison=OuterRef("pk"), state=Assignment.State.LEASED))
    if Comparison.objects.filter(about).filter(Q(closed=False) | held).exists():
        raise _StillAskedError(about)


def _rows(query: str, **parameters: Any) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[Row] = cursor.fetchall()
        return rows


def _column(query: str, **parameters: Sequence[Any] | int) -> list[Any]:
    return [value for (value,) in _rows(query, **parameters)]
