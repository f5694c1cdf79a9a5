"""Facts and their events get one time, that of their transaction; versions of guidelines get their events."""

import hashlib
import secrets
import uuid

import django.contrib.postgres.functions
import django.db.models.deletion
import orjson
from django.db import migrations, models

# The rows that were written before got two times, some milliseconds apart.
SAME_TIME = """
ALTER TABLE annotation_{table} DISABLE TRIGGER append_only;
UPDATE annotation_{table} f SET received_at = e.at FROM annotation_event e
WHERE e.id = f.event_id AND f.received_at <> e.at;
ALTER TABLE annotation_{table} ENABLE TRIGGER append_only;
"""


def write_events(apps, schema_editor):
    """Tell the log of the guidelines that were written before it was told of them, as annotation.projects does."""
    versions = apps.get_model("annotation", "GuidelineVersion").objects
    events = apps.get_model("annotation", "Event").objects
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE annotation_guidelineversion DISABLE TRIGGER append_only")
        for version in versions.order_by("project", "version"):
            salt = secrets.token_hex(16)
            fact = orjson.dumps({"text": version.text, "version": version.version}, option=orjson.OPT_SORT_KEYS)
            commitment = hashlib.sha256(bytes.fromhex(salt) + fact).hexdigest()
            event = events.create(
                uid=uuid.uuid4(), project_id=version.project_id, kind="guidelines.written", at=version.created_at,
                actor="migration", subject=f"guidelines:{version.version}",
                payload={"version": version.version, "commitment": commitment},
            )
            versions.filter(pk=version.pk).update(event=event, salt=salt)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE annotation_guidelineversion ENABLE TRIGGER append_only")


def received_at():
    return models.DateTimeField(
        db_default=django.contrib.postgres.functions.TransactionNow(), help_text="The time of its event."
    )


def event(**options):
    return models.ForeignKey(
        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="annotation.event", **options
    )


class Migration(migrations.Migration):
    dependencies = [('annotation', '0080_keys')]

    operations = [
        migrations.AlterField(
            "event", "at", models.DateTimeField(db_default=django.contrib.postgres.functions.TransactionNow())
        ),
        migrations.AlterField("prompt", "received_at", received_at()),
        migrations.AlterField("feedback", "received_at", received_at()),
        migrations.AlterField("guidelineversion", "created_at", received_at()),
        *[migrations.RunSQL(SAME_TIME.format(table=t), migrations.RunSQL.noop) for t in ("prompt", "feedback")],
        migrations.AddField("guidelineversion", "event", event(null=True)),
        migrations.AddField("guidelineversion", "salt", models.CharField(max_length=32, default=""), False),
        migrations.RunPython(write_events, migrations.RunPython.noop),
        migrations.AlterField("guidelineversion", "event", event()),
    ]
