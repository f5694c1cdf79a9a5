"""Making and changing projects: settings, guidelines, members. The only writer of projects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import BigIntegerField, F, IntegerField, QuerySet
from django.db.models.functions import Cast, Greatest

from annotation import canonical, facts, log, pairing
from annotation.models import Comparison, GuidelineVersion, Member, Project
from annotation.models.project import LOT_FACTOR, LOTS

COLUMNS = (
    *(
        "name",
        "scale",
        "overlap",
        "overlap_sample_share",
        "overlap_sample",
        "lease_seconds",
        "lease_auto",
        "skips_to_lead",
        "order",
    ),
    *("pairing", "pairing_n", "pairing_models", "status"),
    *("requires", "gold_rate", "repeat_rate", "implicit_rate", "heuristics", "orphan_hours"),
)
OVERLAPS = {"overlap", "overlap_sample_share", "overlap_sample"}
SETTINGS = (*COLUMNS, "guidelines", "members")
# The database has them as constraints; here they get a name that people know.
LIMITS: dict[str, tuple[float, float]] = {
    "overlap": (1, 100),
    "overlap_sample_share": (0, 1),
    "overlap_sample": (1, 100),
    "lease_seconds": (1, 604_800),
    "skips_to_lead": (0, 100),
    "pairing_n": (1, pairing.MOST_N),
    "gold_rate": (0, 0.5),
    "repeat_rate": (0, 0.5),
    "orphan_hours": (0, 87_600),
}


class SettingError(Exception):
    """A setting that cannot be taken: which, and why."""

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(f"{setting}: {reason}")
        self.setting = setting
        self.reason = reason


def read_settings(project: Project) -> dict[str, Any]:
    """Every setting of a project under its name in `manage.py project`."""
    guidelines = project.current_guidelines()
    members = Member.objects.filter(project=project, role=Member.Role.ANNOTATOR).order_by("user__username")
    return {
        "slug": project.slug,
        **{name: getattr(project, name) for name in COLUMNS},
        "guidelines": guidelines.text if guidelines else "",
        "members": list(members.values_list("user__username", flat=True)),
    }


@transaction.atomic
def create_project(slug: str, *, settings: Mapping[str, Any] | None = None, actor: str) -> Project:
    """Make a project; unnamed settings keep their defaults. Raises SettingError, also for a slug that is taken."""
    project = draft_project(slug)
    store_project(project, actor=actor)
    change_project(project, settings or {}, actor=actor)
    return project


def draft_project(slug: str) -> Project:
    """A new project that is not stored yet, with every setting at its default. Raises SettingError."""
    project = Project(slug=slug, name=slug)
    if Project.objects.filter(slug=slug).exists():
        raise SettingError("slug", f"“{slug}” is taken")
    _clean(project)
    return project


@transaction.atomic
def store_project(project: Project, *, actor: str) -> None:
    """Store a drafted project. Raises SettingError when another has taken its slug meanwhile."""
    try:
        with transaction.atomic():
            project.save(force_insert=True)
    except IntegrityError:
        raise SettingError("slug", f"“{project.slug}” is taken") from None
    payload = {"slug": project.slug, **{name: getattr(project, name) for name in COLUMNS}}
    log.append(project, [log.NewEvent("project.created", actor, f"project:{project.uid}", payload)])


@transaction.atomic
def change_project(project: Project, settings: Mapping[str, Any], *, actor: str) -> None:
    """Set some of SETTINGS, all or nothing. Values may be strings. Raises SettingError naming the one that is wrong.

    Whoever sets `lease_seconds` and says nothing of `lease_auto` sets the latter off.
    """
    if "lease_seconds" in settings:
        settings = {"lease_auto": False, **settings}
    unknown = set(settings) - set(SETTINGS)
    if unknown:
        raise SettingError(min(unknown), f"is no setting; there are {', '.join(SETTINGS)}")
    # No key update: a claim or a judgment at work on a comparison needs the project's key while this waits for it.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    # What others changed since this project was loaded stays.
    project.refresh_from_db(fields=COLUMNS)
    before = read_settings(project)
    for name in COLUMNS:
        if name in settings:
            setattr(project, name, READ[name](settings[name]) if name in READ else settings[name])
    _clean(project)
    project.save(update_fields=COLUMNS)
    if "guidelines" in settings:
        _set_guidelines(project, str(settings["guidelines"]), actor)
    if "members" in settings:
        _set_members(project, settings["members"], actor)
    after = read_settings(project)
    changed = {name: after[name] for name in SETTINGS if after[name] != before[name]}
    if OVERLAPS & changed.keys():
        _apply_overlap(project)
    if "guidelines" in changed:
        # The text stands in its version, under the commitment of its own event; here the log only names it.
        latest = project.current_guidelines()
        changed["guidelines"] = latest.version if latest else None
    if changed:
        log.append(project, [log.NewEvent("project.changed", actor, f"project:{project.uid}", changed)])


@transaction.atomic
def add_member(project: Project, user: User, role: Member.Role, *, actor: str) -> Member:
    """Give a person a role in a project. Doing it again changes nothing."""
    member, added = Member.objects.get_or_create(project=project, user=user, role=role)
    if added:
        log.append(project, [_member_event("member.added", member, actor)])
    return member


@transaction.atomic
def remove_member(member: Member, *, actor: str) -> None:
    """Take a role from a person. Doing it again changes nothing."""
    removed, _ = Member.objects.filter(pk=member.pk).delete()
    if removed:
        log.append(member.project, [_member_event("member.removed", member, actor)])


def _member_event(kind: str, member: Member, actor: str) -> log.NewEvent:
    payload = {"user": member.user.get_username(), "role": str(member.role)}
    return log.NewEvent(kind, actor, f"project:{member.project.uid}", payload)


def _clean(project: Project) -> None:
    try:
        project.full_clean(exclude=["uid"], validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise SettingError(name, " ".join(messages)) from None
    for name, reason in find_limits_passed({name: getattr(project, name) for name in COLUMNS}).items():
        raise SettingError(name, reason)


def find_limits_passed(settings: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with numbers and models among some settings, by their names; what is None is left out."""
    found = {
        name: f"must be from {least:,} to {most:,}"
        for name, (least, most) in LIMITS.items()
        if settings.get(name) is not None and not least <= settings[name] <= most
    }
    rate = settings.get("implicit_rate")
    if rate is not None and not 0 < rate <= 1:
        found["implicit_rate"] = "must be above 0, and 1 at most"
    wrong = pairing.what_is_wrong(settings.get("pairing_models") or (), settings.get("pairing"))
    if wrong:
        found["pairing_models"] = wrong
    return found


def _set_guidelines(project: Project, text: str, actor: str) -> None:
    latest = project.current_guidelines()
    if (latest.text if latest else "") == text:
        return
    version, salt = latest.version + 1 if latest else 1, canonical.new_salt()
    fact = facts.guideline_fact(version=version, text=text)
    payload = {"version": version, "commitment": canonical.commitment(salt, fact)}
    (event,) = log.append(project, [log.NewEvent("guidelines.written", actor, f"guidelines:{version}", payload)])
    GuidelineVersion.objects.create(project=project, event_id=event, version=version, text=text, salt=salt)


def listed(names: str | Sequence[str]) -> list[str]:
    """Names of a list, which may be one text with commas."""
    return [name.strip() for name in (names.split(",") if isinstance(names, str) else names) if name.strip()]


def read_models(names: str | Sequence[str]) -> list[str]:
    """Models for pairs, which may be one text with commas. Raises SettingError for one that is named twice."""
    models = listed(names)
    for place, model in enumerate(models):
        if model in models[:place]:
            raise SettingError("pairing_models", f"names {model} twice")
    return models


def _true_or_false(value: object) -> object:
    """A truth value, which may be a word; what is none is left as it is, to be refused."""
    return value.strip().capitalize() if isinstance(value, str) else value


# How those of the columns are read that may come as one text; Django reads the rest.
READ: dict[str, Callable[[Any], object]] = {
    "pairing_models": read_models,
    "heuristics": listed,
    "requires": lambda tags: sorted({tag.lower() for tag in listed(tags)}),
    "lease_auto": _true_or_false,
}


def _set_members(project: Project, names: str | Sequence[str], actor: str) -> None:
    wanted = listed(names)
    users = {user.get_username(): user for user in get_user_model().objects.filter(username__in=wanted)}
    missing = [name for name in wanted if name not in users]
    if missing:
        raise SettingError("members", f"there is no user “{missing[0]}”")
    members = list(Member.objects.filter(project=project, role=Member.Role.ANNOTATOR).select_related("project", "user"))
    removed = [member for member in members if member.user not in users.values()]
    present = {member.user for member in members}
    added = [
        Member(project=project, user=user, role=Member.Role.ANNOTATOR) for user in users.values() if user not in present
    ]
    Member.objects.filter(pk__in=[member.pk for member in removed]).delete()
    Member.objects.bulk_create(added, ignore_conflicts=True)
    events = [_member_event("member.removed", member, actor) for member in removed]
    log.append(project, events + [_member_event("member.added", member, actor) for member in added])


# As Project.overlap_of draws it.
LOT = Cast("shuffle", BigIntegerField()) * LOT_FACTOR % LOTS


def _apply_overlap(project: Project) -> None:
    comparisons = Comparison.objects.filter(project=project, kind="plain", closed=False, own_overlap=False)
    comparisons = comparisons.alias(lot=LOT)
    _want(project.overlap_sample, comparisons.filter(lot__lt=project.sampled_below))
    _want(project.overlap, comparisons.filter(lot__gte=project.sampled_below))


def _want(overlap: int, comparisons: QuerySet[Comparison]) -> None:
    # A comparison that already has more than the new overlap keeps what it has; what is with the lead stays there.
    offered = comparisons.filter(withheld=0).exclude(overlap=overlap)
    offered.update(overlap=Greatest("taken", overlap))
    comparisons.filter(withheld__gt=0).update(withheld=Greatest(overlap - F("taken"), 0, output_field=IntegerField()))


# A lease lasts so many times what a judgment takes, within these bounds, in steps; a small difference changes nothing.
TIMES_MEDIAN, SHORTEST_LEASE, LONGEST_LEASE, LEASE_STEP, WORTH_CHANGING = 20, 300, 7_200, 30, 0.2
JUDGMENTS_NEEDED = 20

# Of the last day, and of each annotator no more than fifty.
MEDIAN = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY j.duration_ms) / 1000, count(*)
FROM annotation_annotator n
CROSS JOIN LATERAL (
    SELECT x.id FROM annotation_assignment x
    WHERE x.annotator_id = n.id AND x.state IN ('judged', 'surplus') AND x.ended_at > now() - interval '1 day'
    ORDER BY x.ended_at DESC LIMIT 50
) x
JOIN annotation_judgment j ON j.assignment_id = x.id AND j.duration_ms IS NOT NULL
WHERE n.project_id = %s
"""


def fit_leases() -> int:
    """Let the leases of projects that want it last as their judgments of late say; return how many were changed."""
    open_ones = Project.objects.filter(lease_auto=True, status=Project.Status.OPEN)
    return sum(_fit_lease(project) for project in open_ones.iterator())


def _fit_lease(project: Project) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(MEDIAN, [project.pk])
        median, judged = cursor.fetchone()
    if judged < JUDGMENTS_NEEDED:
        return False
    wanted = min(max(TIMES_MEDIAN * median, SHORTEST_LEASE), LONGEST_LEASE)
    if abs(wanted - project.lease_seconds) <= WORTH_CHANGING * project.lease_seconds:
        return False
    seconds = round(wanted / LEASE_STEP) * LEASE_STEP
    change_project(project, {"lease_seconds": seconds, "lease_auto": True}, actor="system")
    return True
