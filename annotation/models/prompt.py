"""Prompt and its candidates: what a model was asked and what models answered. Append-only by trigger.

The one change that the triggers let through is an erasure (annotation.erasure): it blanks a row, once, and names its
event in `erasure`.

A foreign key is checked row by row and costs a hot table as much as an index or two. So a trigger looks at all rows
of a statement together instead: that outputs have their prompt, and that pairs are of one (migration 0130). Unchecked
are those that cannot go wrong: projects are never deleted, and an event is written by the same function as its fact
(verify_log finds a fact without one).
"""

from __future__ import annotations

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.models.fields.json import KT
from django.db.models.functions import Left
from django.db.models.lookups import IsNull

from annotation.models.event import Event
from annotation.models.project import Project

# White space of all scripts, as the escapes that JSON paths and PostgreSQL's strings share.
SPACES = (
    r" \t\n\r\f\u000b\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b"
    r"\u2028\u2029\u202f\u205f\u3000\ufeff"
)

# As much of a user's id as an index takes in; PostgreSQL refuses rows whose entry in an index is too long.
ID_INDEXED = 200


def erasure_field() -> models.ForeignKey[Event | None, Event | None]:
    """The event by which a row was erased."""
    return models.ForeignKey(
        Event, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False, db_index=False,
        help_text="The event that blanked this row; empty for a row that stands.",
    )  # fmt: skip


def erased_rows(name: str) -> models.Index:
    """The index for what an erasure blanked, and for a project's last one; it costs nothing until there is one."""
    return models.Index(fields=["project", "erasure"], name=name, condition=models.Q(erasure__isnull=False))


def of_user(column: str) -> Left:
    """The beginning of the user's id in a column of JSON, as the index for erasures has it."""
    return Left(KT(column), ID_INDEXED)


# What HasImages and IsBlank say stands in the tables: another wording needs a migration that makes the columns anew.
class HasImages(models.Func):
    """Whether a logged content holds a part that is no text."""

    template = """jsonb_path_exists(%(expressions)s, '$[*].content[*] ? (@.type != "text")')"""
    output_field = models.BooleanField()


class IsBlank(models.Func):
    """Whether a logged content says nothing: no message has a character that shows, and none calls a tool."""

    # Most texts begin with a letter; to trim one looks at all of it.
    template = rf"""
        CASE WHEN jsonb_typeof(%(expressions)s) <> 'string' THEN NOT (
            jsonb_path_exists(%(expressions)s, '$[*].content ? (@ like_regex "[^{SPACES}]")')
            OR jsonb_path_exists(%(expressions)s, '$[*].content[*].text ? (@ like_regex "[^{SPACES}]")')
            OR jsonb_path_exists(%(expressions)s, '$[*].tool_calls[*] ? (@ != null)'))
        WHEN ascii(%(expressions)s #>> '{{}}') BETWEEN 33 AND 126 THEN false
        ELSE btrim(%(expressions)s #>> '{{}}', E'{SPACES}') = '' END"""
    output_field = models.BooleanField()


def of_content(what: type[models.Func], help_text: str) -> models.GeneratedField:
    """A column that PostgreSQL keeps of the content, so that whoever asks need not read the content itself."""
    return models.GeneratedField(
        expression=what("content"), output_field=models.BooleanField(), db_persist=True, help_text=help_text
    )


class Prompt(models.Model):
    """What was asked, in full, under the client's request_id, which later feedback joins on."""

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="prompts", db_constraint=False, db_index=False
    )
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    request_id = models.CharField(max_length=200)
    content = models.JSONField(help_text="A string or a list of messages, as logged.")
    images = of_content(HasImages, "Whether it holds parts that are no text.")
    tools = models.JSONField(default=list)
    metadata = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the canonical content.")
    record_digest = models.CharField(max_length=64, help_text="SHA-256 of the record as received (RFC 8785).")
    salt = models.CharField(max_length=32)
    occurred_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(db_default=TransactionNow(), help_text="The time of its event.")
    erasure = erasure_field()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "request_id"], name="prompt_request_id_once")]
        indexes = [
            # erasure: what belongs to a user
            models.Index(
                "project",
                of_user("metadata__user_id"),
                "id",
                name="prompt_by_user",
                condition=models.Q(IsNull(of_user("metadata__user_id"), False)),
            ),
            erased_rows("prompt_erased"),
        ]

    def __str__(self) -> str:
        return self.request_id


class Candidate(models.Model):
    """One output with the model and parameters that made it; or a user's edit of one, which has `edit_event`."""

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    # Checked by a trigger, found by the index of candidate_index_once.
    prompt = models.ForeignKey(
        Prompt, on_delete=models.PROTECT, related_name="candidates", db_constraint=False, db_index=False
    )
    output_id = models.CharField(max_length=200)
    index = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Place in the logged record, from 0; empty for an edit that came later."
    )
    edit_event = models.ForeignKey(
        Event, on_delete=models.PROTECT, null=True, related_name="+", db_index=False,
        help_text="The event that tells of the edit; an output of a model is told of by its prompt's.",
    )  # fmt: skip
    content = models.JSONField(help_text="A string or a list of messages, as logged.")
    images = of_content(HasImages, "Whether it holds parts that are no text.")
    blank = of_content(IsBlank, "Whether it says nothing: white space alone, and no tool calls.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the canonical content.")
    salt = models.CharField(max_length=32)
    model_name = models.CharField(max_length=200)
    model_version = models.CharField(max_length=200)
    model = models.JSONField(default=dict, help_text="The model as logged: name, version, checkpoint, …")
    parameters = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)
    generated_at = models.DateTimeField(null=True)
    erasure = erasure_field()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "output_id"], name="candidate_output_id_once"),
            models.UniqueConstraint(fields=["prompt", "index"], name="candidate_index_once"),
            models.CheckConstraint(
                condition=models.Q(index=None) ^ models.Q(edit_event=None), name="candidate_logged_or_edited"
            ),
        ]
        indexes = [
            # verification: the edit that an event tells of
            models.Index(fields=["edit_event"], name="candidate_edited", condition=models.Q(edit_event__isnull=False)),
            erased_rows("candidate_erased"),
        ]

    def __str__(self) -> str:
        return self.output_id

    @property
    def model_label(self) -> str:
        """Name and version of the model as one word for lists."""
        return f"{self.model_name} {self.model_version}".strip()
