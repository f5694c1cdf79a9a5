"""A person of whom a project keeps everything that it can keep of one, among others."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.utils import timezone

from annotation.intake.feedback import accept_feedback, check_feedback
from annotation.intake.inferences import accept_inferences, check_inference
from annotation.intake.outcomes import Outcome
from annotation.models import Project

USER = "user-4711-of-the-shop"
OTHER = "user-12-of-the-shop"
SECRET = "hippopotamus"  # in every text of the person
SPOKEN = {USER, SECRET}


def log_inferences(project: Project, *records: dict[str, Any]) -> list[Outcome]:
    """Accept inference records."""
    now = timezone.now()
    return accept_inferences(project, [check_inference(project, one, now=now) for one in records], actor="test")


def give_feedback(project: Project, *records: dict[str, Any], **options: Any) -> list[Outcome]:
    """Accept feedback records."""
    now = timezone.now()
    checked = [check_feedback(one, now=now) for one in records]
    return accept_feedback(project, checked, actor="test", now=now, **options)


def inference(request_id: str, *, user: str = USER, text: str = SECRET, **fields: Any) -> dict[str, Any]:
    """An inference of a user with two outputs; the text stands everywhere that a text can stand."""
    return {
        "request_id": request_id,
        "occurred_at": "2026-05-01T10:00:00Z",
        "prompt": [{"role": "user", "content": f"My {text}, what is it?"}],
        "tools": [{"name": text}],
        "metadata": {"user_id": user, "language": "en", "note": text},
        "outputs": [
            {
                "output_id": f"{request_id}-{n}",
                "content": f"{word} {text}.",
                "model": {"name": model, "version": "1"},
                "parameters": {"stop": text},
                "metadata": {"note": text},
                "generated_at": "2026-05-01T10:00:01Z",
            }
            for n, (word, model) in enumerate([("A grey", "aurora"), ("Some", "basalt")])
        ],
        **fields,
    }


def preference(feedback_id: str, request_id: str, **fields: Any) -> dict[str, Any]:
    """The first output is preferred, with words."""
    return {
        "feedback_id": feedback_id,
        "request_id": request_id,
        "kind": "preference",
        "source": {"type": "end_user", "id": USER},
        "outcome": "chosen",
        "chosen": f"{request_id}-0",
        "rejected": f"{request_id}-1",
        "rationale": f"Because of the {SECRET}.",
        **fields,
    }


def of_kind(kind: str, feedback_id: str, request_id: str, **fields: Any) -> dict[str, Any]:
    """A record of the person of another kind."""
    source = {"type": "end_user", "id": USER}
    return {"feedback_id": feedback_id, "request_id": request_id, "kind": kind, "source": source, **fields}


def edit(feedback_id: str, request_id: str, **fields: Any) -> dict[str, Any]:
    """The person's edit of the first output."""
    return of_kind("edit", feedback_id, request_id, output=f"{request_id}-0", edited=f"Better, {SECRET}.", **fields)


def live(project: Project) -> None:
    """Inferences and feedback of the person, of others on the person's, and of the person on others'."""
    others = [inference(f"o{n}", user=OTHER, text="rhinoceros") for n in range(2)]
    log_inferences(project, *(inference(f"p{n}") for n in range(3)), *others)
    model = {"type": "reward_model", "id": "rm-7", "version": "3"}
    elsewhere = {"type": "human", "id": USER}
    give_feedback(
        project,
        preference("f-own", "p0"),
        edit("f-edit", "p1"),
        of_kind("implicit", "f-signals", "o0", signals={"copied": ["o0-0"]}),
        preference("f-of-model", "p0", source=model, critique=f"Says {SECRET}."),
        preference("f-on-other", "o0"),
        edit("f-edit-of-other", "o1"),
        preference("f-by-metadata", "o1", source=elsewhere, metadata={"user_id": USER}),
        preference("f-waits", "not-yet"),
        preference(
            "f-of-other", "o1", source={"type": "end_user", "id": OTHER}, rationale="Because of the rhinoceros."
        ),
        {"feedback_id": "f-back", "kind": "retraction", "source": preference("", "")["source"], "retracts": "f-own"},
    )


def remains(*words: str) -> list[str]:
    """Every column of the database in which one of the words stands."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns "
            "JOIN information_schema.tables USING (table_schema, table_name) "
            "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, table, column in cursor.fetchall():
            for word in words:
                # Of bytea the text is hexadecimal.
                cursor.execute(
                    f'SELECT count(*) FROM "{schema}"."{table}" '
                    f'WHERE "{column}"::text ILIKE %s OR "{column}"::text ILIKE %s',
                    [f"%{word}%", f"%{word.encode().hex()}%"],
                )
                if cursor.fetchone()[0]:
                    found.append(f"{table}.{column}: {word}")
    return found
