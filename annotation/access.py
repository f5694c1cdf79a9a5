"""Who may do what in which project."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation.models import Member, Project

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


def _membership(user: User, role: Member.Role | None = None) -> QuerySet[Member]:
    memberships = Member.objects.filter(project=OuterRef("pk"), user=user)
    return memberships.filter(role=role) if role else memberships
