"""One erasure as its edges ask for it: annotation erases, exports says what still holds or names the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from annotation.erased import Erased
from annotation.erasure import count_records, erase
from annotation.models import Project
from exports.pipeline.erasures import list_holders, list_naming

# Records that are erased while a caller waits; of more, the caller asks again.
AT_ONCE = 5_000
NOTHING = Erased()


@dataclass(frozen=True)
class Report:
    """What was erased and what is left to erase.

    `snapshots` are the versions whose files hold erased rows, of this person or another; `recipes` are those that name
    this one. Both are looked for when nothing is left.
    """

    erased: Erased
    left: Erased = NOTHING
    snapshots: tuple[int, ...] = ()
    recipes: tuple[str, ...] = ()


class _EnoughError(Exception):
    """So much was erased that the caller should hear of it."""


def erase_person(
    project: Project,
    user_id: str,
    *,
    actor: str,
    reason: str = "",
    limit: int | None = None,
    tell: Callable[[Erased], None] = lambda _: None,
) -> Report:
    """Erase a person of a project, or about `limit` records of theirs. `tell` is told of each batch.

    Raises annotation.erasure.ReasonError.
    """
    done = NOTHING

    def count(batch: Erased) -> None:
        nonlocal done
        done += batch
        tell(batch)
        if limit is not None and done.inferences + done.feedback >= limit:
            raise _EnoughError

    try:
        erase(project, user_id, actor=actor, reason=reason, tell=count)
    except _EnoughError:
        left = count_records(project, user_id)
        if left:
            return Report(done, left)
    snapshots = tuple(snapshot.version for snapshot in list_holders(project))
    return Report(done, snapshots=snapshots, recipes=tuple(list_naming(project, user_id)))
