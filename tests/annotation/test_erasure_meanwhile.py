"""An erasure beside everybody who writes: nothing that came before it remains, nobody is held up, the log holds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import combinations

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from annotation import answers, erasure, judging, queue, verification
from annotation.intake import joining
from annotation.intake.feedback import accept_feedback, check_feedback
from annotation.intake.receiving import FEEDBACK, INFERENCES, Sender, receive_one
from annotation.models import Candidate, Comparison, Judgment, Project, Prompt
from annotation.pairing import Terms, naming
from annotation.replay import replay
from annotation.scales import CHOICES
from tests import world
from tests.annotation.person import (
    OTHER,
    SECRET,
    SPOKEN,
    USER,
    edit,
    give_feedback,
    inference,
    live,
    log_inferences,
    preference,
    remains,
)

pytestmark = pytest.mark.django_db(transaction=True)

SENDER = Sender("test", manages=True)
ROUNDS = 6


@pytest.fixture
def project(transactional_db) -> Project:
    return world.project(overlap=3, heuristics="copied_over_not")


class Crowd:
    """Threads that do something each, and what went wrong in any of them."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self._threads: list[threading.Thread] = []

    def add(self, work: Callable[[], object]) -> None:
        def run() -> None:
            try:
                work()
            except Exception as error:
                self.errors.append(error)
            finally:
                connections.close_all()

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "it waits for ever"
        assert self.errors == []


def send(project: Project, n: int) -> None:
    """What a service sends of the person and of others, feedback before and after its inference, some of it twice."""
    mine, theirs = f"p{n}", f"o{n}"
    for stage, record in (
        (FEEDBACK, preference(f"f-{mine}-early", mine)),
        (INFERENCES, inference(mine)),
        (INFERENCES, inference(theirs, user=OTHER, text="rhinoceros")),
        (FEEDBACK, edit(f"f-{mine}-edit", mine)),
        (FEEDBACK, edit(f"f-{theirs}-edit", theirs)),
        (FEEDBACK, preference(f"f-{theirs}", theirs, source={"type": "end_user", "id": OTHER}, rationale="So.")),
        (FEEDBACK, preference(f"f-{mine}-early", mine)),
        (FEEDBACK, {"feedback_id": f"f-{mine}-back", "kind": "retraction", "source": {"type": "end_user", "id": USER},
                    "retracts": f"f-{mine}-edit"}),
    ):  # fmt: skip
        receive_one(project, stage, record, SENDER)


def work(project: Project, name: str) -> None:
    """An annotator who judges, undoes and skips whatever there is."""
    annotator = queue.annotator_for_program(project, name)
    for n in range(ROUNDS * 3):
        for lease in queue.hold(annotator, count=2)[:1]:
            try:
                if n % 5 == 4:
                    queue.skip(annotator, lease.uid, reason="x")
                else:
                    choice = CHOICES["ab"[n % 2]]
                    answers.judge(annotator, lease.uid, choice, feedback_id=f"{name}-{n}")
                if n % 5 == 3:
                    answers.undo(annotator)
            except (queue.LeaseLostError, answers.NothingToUndoError):
                continue  # erased in this moment


@pytest.mark.slow
def test_beside_writers_and_annotators(project):
    for n in range(ROUNDS):
        send(project, n)
    before = list(Prompt.objects.filter(request_id__startswith="p").values_list("request_id", flat=True))
    crowd = Crowd()
    for k in range(2):
        crowd.add(lambda k=k: [send(project, 100 * (k + 1) + n) for n in range(ROUNDS)])
        crowd.add(lambda k=k: work(Project.objects.get(pk=project.pk), f"critic-{k}"))
        crowd.add(lambda: erasure.erase(Project.objects.get(pk=project.pk), USER, actor="test"))
    crowd.wait()
    assert not Prompt.objects.filter(request_id__in=before, erasure=None).exists()
    erasure.erase(project, USER, actor="test")
    assert remains(*SPOKEN) == []
    assert Comparison.objects.filter(prompt__erasure__isnull=False, closed=False).count() == 0
    assert not Judgment.objects.filter(prompt__erasure__isnull=False, erasure=None).exists()
    assert not queue.Assignment.objects.filter(state="leased", comparison__closed=True).exists()
    verification.verify(project)
    assert replay(project).differences == []


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    made = Crowd()
    yield made
    made.wait()


BLOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"


def until_it_waits(crowd: Crowd) -> None:
    """Until another session waits for this one."""
    for _ in range(1_000):
        with connection.cursor() as cursor:
            cursor.execute(BLOCKED)
            if cursor.fetchone()[0]:
                return
        threading.Event().wait(0.01)
    raise AssertionError(f"nobody waited: {crowd.errors}")


def test_feedback_that_is_being_written_is_waited_for_and_erased(project, crowd):
    live(project)
    record = preference("f-slow", "p0", source={"type": "reward_model", "id": "rm"}, critique=f"Says {SPOKEN}.")
    with transaction.atomic():
        now = timezone.now()
        accept_feedback(project, [check_feedback(record, now=now)], actor="test", now=now)
        crowd.add(lambda: erasure.erase(Project.objects.get(pk=project.pk), USER, actor="test"))
        until_it_waits(crowd)
    crowd.wait()
    assert remains(*SPOKEN) == []


def test_a_judgment_that_is_being_written_is_waited_for_and_erased(project, crowd):
    log_inferences(project, inference("p0"))
    alice = world.annotator(project, "alice")
    (lease,) = queue.hold(alice, count=1)
    with transaction.atomic():
        answers.judge(alice, lease.uid, CHOICES["a"], feedback_id="f-slow")
        crowd.add(lambda: erasure.erase(Project.objects.get(pk=project.pk), USER, actor="test"))
        until_it_waits(crowd)
    crowd.wait()
    assert Judgment.objects.get().erasure is not None
    assert remains(*SPOKEN) == []
    verification.verify(project)


def test_an_undo_that_is_being_written_leaves_no_live_lease(project, crowd):
    log_inferences(project, inference("p0"))
    alice = world.annotator(project, "alice")
    world.judge_next(alice)
    with transaction.atomic():
        lease = answers.undo(alice)
        crowd.add(lambda: erasure.erase(Project.objects.get(pk=project.pk), USER, actor="test"))
        until_it_waits(crowd)
    crowd.wait()
    lease.refresh_from_db()
    assert lease.state == "erased"
    verification.verify(project)
    assert replay(project).differences == []


def test_an_inference_that_is_being_joined_forgets_what_was_erased(project, crowd, monkeypatch):
    """The writer has the feedback of the person in hand while the erasure asks for it."""
    give_feedback(project, preference("f-waits", "r"))
    join = judging.join

    def slow_join(*args, **options):
        crowd.add(lambda: erasure.erase(Project.objects.get(pk=project.pk), USER, actor="test"))
        until_it_waits(crowd)
        return join(*args, **options)

    monkeypatch.setattr(joining.judging, "join", slow_join)
    log_inferences(project, inference("r", user=OTHER, text="rhinoceros"))
    crowd.wait()
    assert remains(*SPOKEN) == []
    assert Judgment.objects.get().erasure is not None
    verification.verify(project)


def test_a_comparison_that_is_being_made_is_waited_for_and_closed(project, crowd, monkeypatch):
    """The comparisons of the inference are closed already when somebody makes one more."""
    log_inferences(
        project, inference("p0", outputs=[{"content": f"{n} {SECRET}", "output_id": f"x{n}"} for n in range(3)])
    )
    close, times = queue.close, []

    def close_and_make(which):
        close(which)
        times.append(which)
        if len(times) == 1:
            made = [
                naming.name_pair(project, "p0", pair, Terms("test")) for pair in combinations(["x0", "x1", "x2"], 2)
            ]
            assert sum(is_new for _, is_new in made) == 2
            queue.hold(world.annotator(project, "alice"), count=2)

    monkeypatch.setattr(queue, "close", close_and_make)
    erasure.erase(project, USER, actor="test")
    assert len(times) == 2
    assert set(Comparison.objects.values_list("closed", "overlap")) == {(True, 0)}
    assert set(queue.Assignment.objects.values_list("state", flat=True)) == {"erased"}
    verification.verify(project)


def test_comparisons_of_the_persons_edit_are_closed(project):
    log_inferences(project, inference("o0", user=OTHER, text="rhinoceros"))
    give_feedback(project, edit("f-edit", "o0"))
    edited = Candidate.objects.exclude(edit_event=None).get()
    naming.name_pair(project, "o0", ["o0-0", edited.output_id], Terms("test"))
    queue.hold(world.annotator(project, "alice"), count=2)
    erasure.erase(project, USER, actor="test")
    states = {
        lease.comparison.b_id == edited.pk: (lease.state, lease.comparison.closed)
        for lease in queue.Assignment.objects.select_related("comparison")
    }
    assert states == {False: ("leased", False), True: ("erased", True)}
    assert remains(*SPOKEN) == []
    verification.verify(project)
