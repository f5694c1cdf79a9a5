"""Who may annotate what: the page's one statement says the same as the rule."""

from __future__ import annotations

import pytest

from annotation import access
from annotation.models import Member
from tests import world

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("is_superuser", [False, True])
@pytest.mark.parametrize("is_active", [False, True])
@pytest.mark.parametrize("own", [None, Member.Role.ANNOTATOR, Member.Role.LEAD])
@pytest.mark.parametrize("others", [None, Member.Role.ANNOTATOR, Member.Role.LEAD])
def test_a_known_annotator_comes_in_where_the_rule_lets_them(is_superuser, is_active, own, others):
    project = world.project(guidelines="Prefer short answers.")
    alice = world.annotator(project, "alice")
    user = alice.user
    user.is_superuser, user.is_active = is_superuser, is_active
    for person, role in ((user, own), (world.person("bob"), others)):
        if role:
            Member.objects.create(project=project, user=person, role=role)
    may = access.annotated_projects(user).filter(slug=project.slug).exists()
    known = access.known_annotator(user, project.slug)
    assert known == (alice if may else None)
    if known:
        assert (known.project, known.name, known.project.current_guidelines().version) == (project, "alice", 1)
