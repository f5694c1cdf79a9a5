"""Who may do what in which project."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation import prepared
from annotation.models import Annotator, GuidelineVersion, Member, Project

Person = User | AbstractBaseUser | AnonymousUser


def led_projects(user: Person) -> QuerySet[Project]:
    """The projects that a person leads; a superuser leads all."""
    if not isinstance(user, User) or not user.is_active:
        return Project.objects.none()
    if user.is_superuser:
        return Project.objects.all()
    return Project.objects.filter(Exists(_membership(user, Member.Role.LEAD)))


def annotated_projects(user: Person) -> QuerySet[Project]:
    """The projects that a person may annotate: as a member, as a lead, or because it is open to every annotator."""
    if not isinstance(user, User) or not user.is_active:
        return Project.objects.none()
    if user.is_superuser:
        return Project.objects.all()
    closed_group = Member.objects.filter(project=OuterRef("pk"), role=Member.Role.ANNOTATOR)
    return Project.objects.filter(Q(Exists(_membership(user))) | ~Q(Exists(closed_group)))


PROJECT = tuple(field.attname for field in Project._meta.concrete_fields)
ANNOTATOR = ("id", "project_id", "user_id", "name", "tags", "judged", "side_balance")
GUIDELINES = ("id", "project_id", "version")
ENTER = f"""
SELECT {
    ", ".join(
        f"{alias}.{name}" for alias, names in (("p", PROJECT), ("n", ANNOTATOR), ("g", GUIDELINES)) for name in names
    )
}
FROM annotation_project p
JOIN annotation_annotator n ON n.project_id = p.id AND n.user_id = %(user)s
LEFT JOIN LATERAL (
    SELECT * FROM annotation_guidelineversion g WHERE g.project_id = p.id ORDER BY g.version DESC LIMIT 1) g ON true
WHERE p.slug = %(slug)s AND (%(may_all)s
  OR EXISTS (SELECT FROM annotation_member m WHERE m.project_id = p.id AND m.user_id = %(user)s)
  OR NOT EXISTS (SELECT FROM annotation_member m WHERE m.project_id = p.id AND m.role = 'annotator'))
"""  # noqa: S608 - made of the names of columns


def known_annotator(user: Person, slug: str) -> Annotator | None:
    """The annotator that a person is already in a project of `annotated_projects`, with project and guidelines.

    One statement for what every request of the comparison page begins with.
    """
    if not isinstance(user, User) or not user.is_active:
        return None
    rows = prepared.run(ENTER, {"user": user.pk, "slug": slug, "may_all": user.is_superuser})
    for values in rows:
        at = len(PROJECT) + len(ANNOTATOR)
        project = Project.from_db(connection.alias, PROJECT, values[: len(PROJECT)])
        annotator = Annotator.from_db(connection.alias, ANNOTATOR, values[len(PROJECT) : at])
        latest = GuidelineVersion.from_db(connection.alias, GUIDELINES, values[at:]) if values[at] else None
        project.guidelines_at_hand = [latest]
        annotator.project = project
        return annotator
    return None


def _membership(user: User, role: Member.Role | None = None) -> QuerySet[Member]:
    memberships = Member.objects.filter(project=OuterRef("pk"), user=user)
    return memberships.filter(role=role) if role else memberships
