"""Routing: by tags of annotators, or to one of them, also for those who have walked past."""

from __future__ import annotations

import pytest

from annotation import progress, projects, queue, routing
from annotation.models import Annotator, Comparison, Event, Project
from tests import world
from tests.chance import GOLD, NEITHER, RATES, drawn

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    return world.project(comparisons=4)


@pytest.fixture
def alice(project: Project) -> Annotator:
    return world.annotator(project, "alice")


@pytest.fixture
def bob(project: Project) -> Annotator:
    return world.annotator(project, "bob")


def comparisons(project: Project) -> list[Comparison]:
    return list(project.comparisons.order_by("pk"))


def require(comparison: Comparison, *tags: str, only: Annotator | None = None) -> None:
    routing.route(comparison, requires=tags, reserved_for=only, actor="lena")


def take_all(annotator: Annotator) -> list[int]:
    return [lease.comparison_id for lease in iter(lambda: world.judge_next(annotator), None)]


def test_a_comparison_goes_to_those_who_have_every_tag_that_it_requires(
    project: Project, alice: Annotator, bob: Annotator
) -> None:
    first, second, third, fourth = comparisons(project)
    require(first, "French ", "medicine", "")
    require(second, "french")
    routing.set_tags(alice, ["french"], actor="lena")
    assert take_all(bob) == [third.pk, fourth.pk]
    assert take_all(alice) == [second.pk]
    assert not project.comparisons.get(pk=first.pk).taken


def test_who_has_not_begun_yet_can_be_tagged(project: Project) -> None:
    world.person("carol")
    for name in ("carol", "api:critic"):
        assert routing.tag(project, name, ["French"], actor="lena").tags == ["french"]
    assert list(Annotator.objects.order_by("name").values_list("name", "tags")) == [
        ("api:critic", ["french"]), ("carol", ["french"]),
    ]  # fmt: skip
    assert queue.annotator_for_program(project, "critic").tags == ["french"]
    for nobody in ("dave", "api:", "", "api:" + "x" * 197):
        with pytest.raises(routing.NobodyError):
            routing.tag(project, nobody, [], actor="lena")


def test_who_gets_a_tag_is_given_what_was_passed_over(project: Project, alice: Annotator) -> None:
    first, second, *rest = comparisons(project)
    require(first, "french")
    require(second, "german")
    assert take_all(alice) == [one.pk for one in rest]
    routing.set_tags(alice, ["french"], actor="lena")
    assert take_all(alice) == [first.pk]


def test_what_somebody_has_walked_past_comes_back_when_it_is_routed_to_them(
    project: Project, alice: Annotator, bob: Annotator
) -> None:
    first, second, *rest = comparisons(project)
    require(first, "french")
    require(second, only=bob)
    assert take_all(alice) == [one.pk for one in rest]
    require(first)
    require(second, only=alice)
    assert take_all(bob) == [first.pk]
    assert take_all(alice) == [second.pk]


def test_who_holds_it_keeps_it(project: Project, alice: Annotator, bob: Annotator) -> None:
    (lease,) = queue.hold(alice, count=1)
    require(lease.comparison, only=bob)
    assert world.judge_next(alice) == lease


def test_a_project_may_require_tags_of_everybody(project: Project, alice: Annotator, bob: Annotator) -> None:
    routing.set_tags(alice, ["french", "law"], actor="lena")
    projects.change_project(project, {"requires": "French"}, actor="lena")
    bob.refresh_from_db()
    assert queue.hold(bob, count=1) == []
    assert progress.annotator_progress(bob).total == 0
    assert progress.left_for(bob.user_id, [project.pk])[project.pk] == progress.Left()
    assert len(take_all(alice)) == 4


def test_what_is_left_counts_only_what_one_may_be_given(project: Project, alice: Annotator, bob: Annotator) -> None:
    first, second, *_ = comparisons(project)
    require(first, "french")
    require(second, only=alice)
    routing.set_tags(alice, ["french"], actor="lena")
    for annotator, left in ((alice, 4), (bob, 2)):
        assert progress.annotator_progress(annotator).total == left
        assert progress.left_for(annotator.user_id, [project.pk])[project.pk].offered == left


def test_golds_are_routed_alike(project: Project, alice: Annotator, bob: Annotator) -> None:
    (gold,) = world.add_golds(project, 1)
    require(gold, "french")
    routing.set_tags(alice, ["french"], actor="lena")
    projects.change_project(project, RATES, actor="lena")
    with drawn(GOLD):
        assert queue.hold(bob, count=1)[0].comparison_id != gold.pk
        assert queue.hold(alice, count=1)[0].comparison_id == gold.pk
    with drawn(NEITHER):
        assert gold.pk not in take_all(bob)


def test_each_change_is_one_event(project: Project, alice: Annotator) -> None:
    first, *_ = comparisons(project)
    for _ in range(2):
        routing.set_tags(alice, ["law", "French", "law"], actor="lena")
        require(first, "law", only=alice)
    told = Event.objects.filter(kind__in=["annotator.tagged", "comparison.routed"]).order_by("pk")
    assert list(told.values_list("actor", "subject", "payload")) == [
        ("lena", "annotator:alice", {"tags": ["french", "law"]}),
        ("lena", f"comparison:{first.uid}", {"requires": ["law"], "for": "alice"}),
    ]


@pytest.mark.parametrize("tags", [["x" * 51], [f"t{n}" for n in range(21)], ["a,b"], ["a\0b"]])
def test_what_is_no_tag_is_refused(project: Project, alice: Annotator, tags: list[str]) -> None:
    with pytest.raises(routing.TagError):
        routing.set_tags(alice, tags, actor="lena")
    with pytest.raises(routing.TagError):
        require(comparisons(project)[0], *tags)
    assert not Event.objects.filter(kind__in=["annotator.tagged", "comparison.routed"]).exists()


def test_a_comparison_is_not_for_somebody_of_another_project(project: Project) -> None:
    stranger = world.annotator(world.project("other"), "eve")
    with pytest.raises(routing.TagError, match="no annotator of the project"):
        require(comparisons(project)[0], only=stranger)
