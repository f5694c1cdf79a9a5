"""The queue: claim, renew, release, skip, expire, close. The only writer of leases and of a comparison's counts.

Rows are locked in one order everywhere: annotator, lease, comparison.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from annotation import log
from annotation.claiming import claim
from annotation.mixing import mix_in
from annotation.models import Annotator, Assignment, Comparison, Flag, Project
from annotation.settling import settle_live

State = Assignment.State
GIVEN_BACK = (State.RELEASED, State.EXPIRED)
WITHDRAWN = "The answer was retracted."


class LeaseLostError(Exception):
    """The lease is not (or no longer) this annotator's live lease."""


def annotator_for_user(project: Project, user: User) -> Annotator:
    """The annotator that a signed-in person is in a project."""
    defaults = {"name": user.get_username()}
    return Annotator.objects.get_or_create(project=project, user=user, defaults=defaults)[0]


def annotator_for_program(project: Project, name: str) -> Annotator:
    """The annotator that a program is; programs are named apart from people."""
    return Annotator.objects.get_or_create(project=project, name=f"api:{name}")[0]


def hold(annotator: Annotator, *, count: int) -> list[Assignment]:
    """The annotator's live leases, oldest first, topped up to `count` from the queue.

    Shorter than `count` when nothing is left for this annotator or the project is not open. Each comes with its
    comparison, prompt and candidates loaded.
    """
    with transaction.atomic():
        _lock(annotator)
        return top_up(annotator, count=count, may_wait=True)


def top_up(
    annotator: Annotator, *, count: int, may_wait: bool = False, known: Collection[uuid.UUID] = ()
) -> list[Assignment]:
    """As `hold`, in a transaction that has locked the annotator; without `may_wait` only what is to be had at once.

    Of `known` leases no more may be loaded than the lease itself.
    """
    if annotator.project.status != Project.Status.OPEN or not annotator.qualifies:
        live = annotator.assignments.filter(state=State.LEASED)
        return list(live.select_related("comparison__prompt", "left", "right").order_by("pk")[:count])
    claimed, held = _take(annotator, count=count, may_wait=may_wait, known=known)
    while claimed and len(held) < count:
        # Waiting for a comparison while this transaction has locked another one would be a deadlock.
        claimed, held = _take(annotator, count=count, may_wait=False, known=known)
    return held[:count]


def _take(
    annotator: Annotator, *, count: int, may_wait: bool, known: Collection[uuid.UUID]
) -> tuple[bool, list[Assignment]]:
    """Lease one more: by chance a gold or a repeat, and otherwise the next in the order."""
    held = mix_in(annotator, count=count, known=known)
    return (True, held) if held else claim(annotator, count=count, may_wait=may_wait, known=known)


@transaction.atomic
def renew(annotator: Annotator, lease: uuid.UUID) -> dt.datetime:
    """Prolong a live lease by the project's lease time; return when it now expires."""
    live = Assignment.objects.filter(annotator=annotator, uid=lease, state=State.LEASED)
    if not live.update(expires_at=_in(annotator.project.lease_seconds)):
        raise LeaseLostError
    return live.values_list("expires_at", flat=True).get()


def keep(annotator: Annotator) -> None:
    """Prolong the live leases of which a good part of the time is gone."""
    seconds = annotator.project.lease_seconds
    stale = annotator.assignments.filter(state=State.LEASED, expires_at__lt=_in(seconds * 2 / 3))
    stale.update(expires_at=_in(seconds))


def release(annotator: Annotator, lease: uuid.UUID, *, actor: str | None = None) -> None:
    """Give a live lease back; the comparison may be offered to this annotator again. `actor`: a lead who did it."""
    with _live(annotator, lease) as assignment:
        _give_back(assignment, State.RELEASED)
        _tell(annotator, "lease.released", lease, actor=actor)


def release_all(user: User) -> int:
    """Give back everything that a person holds, in whatever project; return how many leases that were."""
    return release_each(Assignment.objects.filter(annotator__user=user))


def release_each(leases: QuerySet[Assignment]) -> int:
    """Give back those of some leases that are live; return how many that were."""
    released = 0
    for lease in leases.filter(state=State.LEASED).select_related("annotator__project").order_by("pk"):
        with suppress(LeaseLostError):
            release(lease.annotator, lease.uid)
            released += 1
    return released


def trim(annotator: Annotator, *, count: int, keep: uuid.UUID) -> None:
    """Give back the live leases beyond `count`, the newest first, but not `keep`.

    Each in a transaction of its own: none waits for a comparison while it has locked another.
    """
    live = annotator.assignments.filter(state=State.LEASED).order_by("pk").values_list("uid", flat=True)
    for lease in live.exclude(uid=keep)[count - 1 :]:
        with suppress(LeaseLostError):
            release(annotator, lease)


def open_page(annotator: Annotator) -> uuid.UUID:
    """Note that the annotator has opened the comparison page; return that page's name."""
    page = uuid.uuid4()
    Annotator.objects.filter(pk=annotator.pk).update(page=page)
    return page


def leave_page(annotator: Annotator, page: uuid.UUID, leases: Iterable[uuid.UUID]) -> None:
    """Give back what a page had preloaded, unless a newer page of this annotator may show it."""
    if not Annotator.objects.filter(pk=annotator.pk, page=page).exists():
        return
    for lease in leases:
        with suppress(LeaseLostError):
            release(annotator, lease)


def skip(annotator: Annotator, lease: uuid.UUID, *, reason: str = "") -> None:
    """Give a live lease back for good: this annotator is never offered that comparison again.

    When as many have skipped it as the project says, nobody else is either, until the lead has looked at it.
    """
    with _live(annotator, lease) as assignment:
        _give_back(assignment, State.SKIPPED, reason=reason)
        _tell(annotator, "lease.skipped", lease)
        if not assignment.is_mixed_in:
            _withhold_if_skipped(assignment)


def flag(annotator: Annotator, lease: uuid.UUID, *, reason: str = "") -> Flag:
    """Tell the lead that something is wrong with a comparison. The lease stays."""
    with _live(annotator, lease) as assignment:
        comparison = assignment.comparison
        _tell(annotator, "comparison.flagged", lease)
        return Flag.objects.create(comparison=comparison, annotator=annotator, reason=reason[:500])


@transaction.atomic
def offer_again(comparison: Comparison, *, actor: str) -> bool:
    """Offer what was withheld of a comparison; False when nothing was, and then nothing changes."""
    withheld = Comparison.objects.filter(pk=comparison.pk, withheld__gt=0, closed=False)
    if not withheld.update(overlap=F("overlap") + F("withheld"), withheld=0):
        return False
    log.append(comparison.project, [log.NewEvent("comparison.offered", actor, f"comparison:{comparison.uid}")])
    return True


@transaction.atomic
def resolve_flag(flag: Flag, *, actor: str) -> bool:
    """Mark a flag as dealt with; False when it was already, and then nothing changes."""
    if not Flag.objects.filter(pk=flag.pk, resolved_at=None).update(resolved_at=Now()):
        return False
    comparison = flag.comparison
    payload = {"annotator": flag.annotator.name}
    event = log.NewEvent("comparison.flag_resolved", actor, f"comparison:{comparison.uid}", payload)
    log.append(comparison.project, [event])
    return True


def expire(*, limit: int = 1_000) -> int:
    """Take back up to `limit` leases whose time is over; return how many."""
    over = Assignment.objects.filter(state=State.LEASED, expires_at__lt=Now())
    expired = 0
    for pk, annotator_id in over.order_by("expires_at").values_list("pk", "annotator_id")[:limit]:
        with transaction.atomic():
            annotator = Annotator.objects.select_for_update(no_key=True).get(pk=annotator_id)
            # It may have been renewed or judged since it was listed.
            assignment = over.select_for_update().filter(pk=pk).first()
            if assignment:
                _give_back(assignment, State.EXPIRED)
                _tell(annotator, "lease.expired", assignment.uid, actor="system")
                expired += 1
    return expired


def settle(annotator: Annotator, lease: uuid.UUID) -> tuple[Assignment, bool]:
    """Mark a lease as judged, for annotation.judging; return it and whether its judgment counts.

    A lease that was lost is taken up again when its slot is still free; otherwise the judgment is surplus. Raises
    LeaseLostError when the annotator never had it, or judged, skipped or released it, or nobody is asked any more.
    """
    settled = settle_live(annotator, lease)
    if settled:
        return settled, True
    _lock(annotator)
    assignment = _locked_assignment(annotator, lease)
    if assignment.state == State.EXPIRED and not _take_up(assignment):
        _end(assignment, State.SURPLUS)
        return assignment, False
    if assignment.state != State.LEASED:
        raise LeaseLostError
    _end(assignment, State.JUDGED)
    _count(assignment, judged=1)
    Annotator.objects.filter(pk=annotator.pk).update(judged=F("judged") + 1)
    return assignment, True


def reopen(annotator: Annotator, lease: uuid.UUID) -> Assignment:
    """Make an answered lease live again with the same sides, its slot kept, for annotation.judging's undo.

    A surplus one had no slot to keep: it is live again when there is one now, and otherwise expired as before. Raises
    LeaseLostError when nobody is asked about the comparison any more.
    """
    _lock(annotator)
    assignment = _locked_assignment(annotator, lease)
    _lock_open(assignment.comparison)
    if assignment.state == State.SURPLUS:
        if not _take_up(assignment):
            _end(assignment, State.EXPIRED)
            return assignment
    elif assignment.state == State.JUDGED:
        assignment.state = State.LEASED
        _count(assignment, judged=-1)
        Annotator.objects.filter(pk=annotator.pk).update(judged=F("judged") - 1)
    else:
        raise LeaseLostError
    expires_at = _in(annotator.project.lease_seconds)
    Assignment.objects.filter(pk=assignment.pk).update(state=State.LEASED, ended_at=None, expires_at=expires_at)
    return assignment


def withdraw(annotator: Annotator, lease: uuid.UUID) -> None:
    """Free the slot of a judged lease whose answer was retracted; this annotator is not offered it again."""
    _lock(annotator)
    assignment = _locked_assignment(annotator, lease)
    if assignment.state == State.JUDGED:
        _count(assignment, judged=-1)
        Annotator.objects.filter(pk=annotator.pk).update(judged=F("judged") - 1)
        _give_back(assignment, State.SKIPPED, reason=WITHDRAWN)
        _tell(annotator, "lease.withdrawn", lease, actor="system")
    elif assignment.state == State.SURPLUS:
        _end(assignment, State.EXPIRED)


def close(which: Q) -> None:
    """Never ask about some comparisons again, and end the leases on them, for annotation.erasure.

    In transactions of its own, none of which waits for a comparison while it has locked another. When it returns, no
    lease on them is live, nor will be. What annotators wrote about them goes as well: it may quote.
    """
    comparisons = Comparison.objects.filter(which)
    asked = comparisons.filter(closed=False)
    while asked.exists():
        with transaction.atomic():
            free = asked.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True)
            locked = list(free) or list(asked.select_for_update(no_key=True).values_list("pk", flat=True)[:1])
            Comparison.objects.filter(pk__in=locked).update(closed=True)
    leases = Assignment.objects.filter(comparison__in=comparisons)
    for lease in leases.filter(state=State.LEASED).select_related("annotator__project").order_by("pk"):
        with suppress(LeaseLostError), _live(lease.annotator, lease.uid) as live:
            _give_back(live, State.ERASED)
            _tell(lease.annotator, "lease.erased", lease.uid, actor="system")
    leases.exclude(reason="").update(reason="")
    Flag.objects.filter(comparison__in=comparisons).exclude(reason="").update(reason="")


def _in(seconds: float) -> Combinable:
    """So many seconds from now, by the database's clock."""
    return Now() + dt.timedelta(seconds=seconds)


def _lock(annotator: Annotator) -> None:
    # Refreshes as well: the project's settings and the balance are read under the lock.
    locked = Annotator.objects.select_related("project").select_for_update(of=("self",), no_key=True)
    current = locked.get(pk=annotator.pk)
    annotator.project, annotator.interrupted = current.project, current.interrupted


def _locked_assignment(annotator: Annotator, lease: uuid.UUID) -> Assignment:
    own = Assignment.objects.select_related("comparison__prompt", "left", "right").filter(annotator=annotator)
    assignment = own.select_for_update(of=("self",)).filter(uid=lease).first()
    if assignment is None:
        raise LeaseLostError
    return assignment


@contextmanager
def _live(annotator: Annotator, lease: uuid.UUID) -> Iterator[Assignment]:
    with transaction.atomic():
        _lock(annotator)
        assignment = _locked_assignment(annotator, lease)
        if assignment.state != State.LEASED:
            raise LeaseLostError
        yield assignment


def _give_back(assignment: Assignment, state: State, *, reason: str = "") -> None:
    _end(assignment, state, reason=reason)
    _count(assignment, taken=-1)
    if assignment.is_mixed_in and state in GIVEN_BACK:
        Annotator.objects.filter(pk=assignment.annotator_id).update(interrupted=True)


def _withhold_if_skipped(assignment: Assignment) -> None:
    """Take what is open of a comparison off its overlap when as many have skipped it as is too many, or twice as many.

    Its row is locked by now: who skips it in this moment is counted after.
    """
    project = assignment.annotator.project
    skipped = Assignment.objects.filter(comparison=assignment.comparison_id, state=State.SKIPPED)
    skips = skipped.exclude(reason=WITHDRAWN).count()
    if not project.skips_to_lead or skips % project.skips_to_lead:
        return
    comparison = Comparison.objects.get(pk=assignment.comparison_id)
    withheld = comparison.overlap - comparison.taken
    Comparison.objects.filter(pk=comparison.pk).update(
        overlap=F("taken"), withheld=F("withheld") + F("overlap") - F("taken")
    )
    Flag.objects.create(comparison=comparison, annotator=assignment.annotator, reason=f"Skipped by {skips} people")
    payload = {"skips": skips, "withheld": withheld}
    log.append(project, [log.NewEvent("comparison.withheld", "system", f"comparison:{comparison.uid}", payload)])


def _end(assignment: Assignment, state: State, *, reason: str = "") -> None:
    assignment.state = state
    Assignment.objects.filter(pk=assignment.pk).update(state=state, ended_at=Now(), reason=reason[:500])


def _take_up(assignment: Assignment) -> bool:
    comparison = _lock_open(assignment.comparison)
    holds_another = (
        Assignment.objects.filter(comparison=comparison, annotator_id=assignment.annotator_id)
        .filter(state__in=[State.LEASED, State.JUDGED, State.SKIPPED])
        .exists()
    )
    is_full = not assignment.is_mixed_in and comparison.taken >= comparison.overlap
    if holds_another or is_full:
        return False
    assignment.state = State.LEASED
    _count(assignment, taken=1)
    return True


def _lock_open(comparison: Comparison) -> Comparison:
    """The comparison as it stands, locked: whoever closes it comes after this transaction. LeaseLostError: it is."""
    locked = Comparison.objects.select_for_update(no_key=True).get(pk=comparison.pk)
    if locked.closed:
        raise LeaseLostError
    return locked


def _count(assignment: Assignment, *, taken: int = 0, judged: int = 0) -> None:
    """Change a comparison's counts, and with `taken` the balance of sides of both. Golds and repeats have no counts."""
    a_left = assignment.left_id == assignment.comparison.a_id
    if not assignment.is_mixed_in:
        comparisons = Comparison.objects.filter(pk=assignment.comparison_id)
        comparisons.update(
            taken=F("taken") + taken, judged=F("judged") + judged, lefts=F("lefts") + (taken if a_left else 0)
        )
        if taken < 0:  # what comes back while the lead looks at it is not offered either
            comparisons.filter(withheld__gt=0).update(overlap=F("overlap") + taken, withheld=F("withheld") - taken)
    if taken:
        balance = F("side_balance") + (taken if a_left else -taken)
        Annotator.objects.filter(pk=assignment.annotator_id).update(side_balance=balance)


def _tell(annotator: Annotator, kind: str, lease: uuid.UUID, *, actor: str | None = None) -> None:
    event = log.NewEvent(kind, actor or f"annotator:{annotator.name}", f"lease:{lease}")
    log.append(annotator.project, [event])
