"""The queue as a state machine: whatever annotators do in whatever order, its invariants hold."""

from __future__ import annotations

import datetime as dt
import uuid
from unittest.mock import patch

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from annotation import answers, mixing, projects, queue, routing
from annotation.models import Annotator, Assignment, Comparison, Judgment, Project
from annotation.scales import CHOICES
from tests import world

NAMES = ("alice", "bob", "carol")
ACTIVE = (Assignment.State.LEASED, Assignment.State.JUDGED)
people = st.sampled_from(NAMES)
tags = st.sets(st.sampled_from(["french", "law"]))
orders = st.sampled_from([*Project.Order])
IN_ORDER = {
    Project.Order.FIFO: ["-priority", "pk"],
    Project.Order.RANDOM: ["-priority", "shuffle", "pk"],
    Project.Order.LEAST_JUDGED: ["-priority", "taken", "pk"],
}


class QueueMachine(RuleBasedStateMachine):
    """Annotators hold, judge, undo, skip, release and let leases lapse; the lead changes the overlap."""

    @initialize(overlap=st.integers(1, 3), order=orders)
    def start(self, overlap: int, order: str) -> None:
        slug = f"p-{uuid.uuid4()}"
        settings = {"gold_rate": 0.5, "repeat_rate": 0.4, "skips_to_lead": 2}
        self.project = world.project(slug, comparisons=3, overlap=overlap, order=order, **settings)
        world.add_golds(self.project, 1)
        self.people = {name: queue.annotator_for_program(self.project, name) for name in NAMES}

    def live(self, name: str) -> Assignment | None:
        return self.people[name].assignments.filter(state=Assignment.State.LEASED).order_by("pk").first()

    @rule(name=people, count=st.integers(1, 2), drawn=st.sampled_from([0.1, 0.6, 0.95]))
    def hold(self, name: str, count: int, drawn: float) -> None:
        annotator = self.people[name]
        before = list(annotator.assignments.filter(state=Assignment.State.LEASED).values_list("pk", flat=True))
        known = annotator.assignments.filter(state__in=[*ACTIVE, "skipped"]).values("comparison")
        open_to_them = Comparison.objects.filter(project=self.project, taken__lt=F("overlap")).exclude(pk__in=known)
        order = IN_ORDER[Project.objects.get(pk=self.project.pk).order]
        expected = [
            comparison.pk
            for comparison in open_to_them.order_by(*order)
            if set(comparison.requires or ()) <= set(annotator.tags)
            and comparison.reserved_for_id in (None, annotator.pk)
        ]
        with patch.object(mixing.chance, "random", lambda: drawn), patch.object(mixing, "APART", 1):
            leases = queue.hold(annotator, count=count)
        new = [lease for lease in leases if lease.pk not in before]
        plain = [lease.comparison_id for lease in new if not lease.is_mixed_in]
        assert plain == expected[: len(plain)], "the first in order"
        assert len(new) == max(count - len(before), 0) or plain == expected, "as many as there are"
        assert expected or not new, "nothing is mixed in at the end"

    @rule(name=people, value=st.sampled_from(["a", "b", "tie", "both_bad"]))
    def judge(self, name: str, value: str) -> None:
        lease = self.live(name)
        if lease:
            feedback_id = str(uuid.uuid4())
            for _ in range(2):
                choice = CHOICES[value]
                answers.judge(self.people[name], lease.uid, choice, feedback_id=feedback_id)

    @rule(name=people)
    def undo(self, name: str) -> None:
        answered = self.people[name].assignments.filter(state__in=Assignment.ANSWERED)
        if answered.exists():
            last = answered.latest("ended_at")
            assert answers.undo(self.people[name]).uid == last.uid
            assert answers.undo(self.people[name], meant=last.uid).uid == last.uid, "twice is once"
        else:
            with pytest.raises(answers.NothingToUndoError):
                answers.undo(self.people[name])

    @rule(name=people, act=st.sampled_from([queue.skip, queue.release]))
    def give_back(self, name: str, act: object) -> None:
        lease = self.live(name)
        if lease:
            act(self.people[name], lease.uid)

    @rule(name=people)
    def lapse(self, name: str) -> None:
        lease = self.live(name)
        if lease:
            Assignment.objects.filter(pk=lease.pk).update(expires_at=timezone.now() - dt.timedelta(seconds=1))
            assert queue.expire() == 1

    @rule(name=people)
    def judge_late(self, name: str) -> None:
        lease = self.people[name].assignments.filter(state=Assignment.State.EXPIRED).order_by("pk").first()
        if lease:
            choice = CHOICES["a"]
            answers.judge(self.people[name], lease.uid, choice, feedback_id=str(uuid.uuid4()))
            with pytest.raises(queue.LeaseLostError):
                answers.judge(self.people[name], lease.uid, choice, feedback_id=str(uuid.uuid4()))

    @rule(overlap=st.integers(1, 3))
    def change_overlap(self, overlap: int) -> None:
        projects.change_project(self.project, {"overlap": overlap}, actor="lena")

    @rule()
    def offer_again(self) -> None:
        for comparison in Comparison.objects.filter(project=self.project, withheld__gt=0):
            wanted = comparison.overlap + comparison.withheld
            assert queue.offer_again(comparison, actor="lena")
            comparison.refresh_from_db()
            assert (comparison.overlap, comparison.withheld) == (wanted, 0)

    @rule(name=people, tags=tags)
    def set_tags(self, name: str, tags: set[str]) -> None:
        routing.set_tags(self.people[name], list(tags), actor="lena")

    @rule(index=st.integers(0, 5), tags=tags, name=st.none() | people)
    def route(self, index: int, tags: set[str], name: str | None) -> None:
        only = self.people[name] if name else None
        for comparison in Comparison.objects.filter(project=self.project).order_by("pk")[index : index + 1]:
            routing.route(comparison, requires=list(tags), reserved_for=only, actor="lena")

    @rule(order=orders)
    def change_order(self, order: str) -> None:
        projects.change_project(self.project, {"order": order}, actor="lena")

    @rule(index=st.integers(0, 5), priority=st.integers(-1, 1))
    def change_priority(self, index: int, priority: int) -> None:
        chosen = Comparison.objects.filter(project=self.project).order_by("pk")[index : index + 1]
        Comparison.objects.filter(pk__in=[comparison.pk for comparison in chosen]).update(priority=priority)

    @precondition(lambda self: Comparison.objects.filter(project=self.project, kind="plain").count() < 6)
    @rule()
    def add(self) -> None:
        world.add_comparisons(self.project, 1)

    @invariant()
    def counts_are_what_the_leases_say(self) -> None:
        if not hasattr(self, "project"):
            return
        golds_and_repeats = Comparison.objects.filter(project=self.project).exclude(kind="plain")
        assert not golds_and_repeats.filter(taken__gt=0).exists()
        for comparison in Comparison.objects.filter(project=self.project, kind="plain"):
            active = comparison.assignments.filter(state__in=ACTIVE)
            assert comparison.taken == active.count() <= comparison.overlap
            assert comparison.taken == comparison.overlap or not comparison.withheld
            assert comparison.judged == active.filter(state=Assignment.State.JUDGED).count()
            assert comparison.lefts == active.filter(left=comparison.a).count()
            assert active.values("annotator").distinct().count() == active.count()

    @invariant()
    def judgments_are_what_the_leases_say(self) -> None:
        if not hasattr(self, "project"):
            return
        counted = Judgment.objects.filter(project=self.project, surplus=False, feedback__retracted_by=None)
        judged = Assignment.objects.filter(annotator__project=self.project, state=Assignment.State.JUDGED)
        assert sorted(counted.values_list("assignment", flat=True)) == sorted(judged.values_list("pk", flat=True))
        surplus = Judgment.objects.filter(project=self.project, surplus=True, feedback__retracted_by=None)
        late = Assignment.objects.filter(annotator__project=self.project, state=Assignment.State.SURPLUS)
        assert sorted(surplus.values_list("assignment", flat=True)) == sorted(late.values_list("pk", flat=True))
        for name, annotator in self.people.items():
            fresh = Annotator.objects.get(pk=annotator.pk)
            assert fresh.judged == judged.filter(annotator=fresh).count(), name
            lefts = fresh.assignments.filter(state__in=ACTIVE, left=F("comparison__a")).count()
            assert fresh.side_balance == 2 * lefts - fresh.assignments.filter(state__in=ACTIVE).count()


def run(examples: int) -> None:
    run_state_machine_as_test(
        QueueMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


@pytest.mark.django_db
def test_the_queue_keeps_its_invariants():
    run(4)


# With transactions that commit, so that a walk goes by what it has seen of them.
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_queue_keeps_its_invariants_over_commits():
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    run(60)
