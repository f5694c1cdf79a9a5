"""An erasure blanks facts, once and only with its event; comparisons can be closed for good."""

import django.db.models.deletion
import django.db.models.fields.json
import django.db.models.functions.text
import django.db.models.lookups
from django.db import migrations, models

# What a row has once it is erased. A source's id is blanked where it is a user's.
BLANKED = {
    "prompt": """{"content": null, "tools": [], "metadata": {}, "digest": "", "record_digest": "", "salt": "",
        "occurred_at": null}""",
    "candidate": """{"content": null, "digest": "", "salt": "", "model": {}, "parameters": {}, "metadata": {},
        "generated_at": null}""",
    "feedback": '{"body": {}, "record_digest": "", "salt": ""}',
    "judgment": "{}",
}

ERASES = """
CREATE FUNCTION annotation_refuse_unless_erasing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('prefapp.erasure', true), '') = '' THEN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation', HINT = 'A correction is a new row.';
    END IF;
    RETURN NULL;
END $$;

-- The setting names the event of the erasure, which must be of this very transaction.
CREATE FUNCTION annotation_only_erase() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erasure bigint := current_setting('prefapp.erasure');
    blanked jsonb := TG_ARGV[0]::jsonb || jsonb_build_object('erasure_id', erasure);
BEGIN
    IF to_jsonb(NEW) ->> 'source_id' = '' THEN
        blanked := blanked || '{"source_id": ""}';
    END IF;
    IF OLD.erasure_id IS NOT NULL
        OR to_jsonb(NEW) IS DISTINCT FROM to_jsonb(OLD) || blanked
        OR NOT EXISTS (
            SELECT FROM annotation_event e WHERE e.id = erasure AND e.project_id = OLD.project_id
                AND e.kind = 'records.erased' AND e.at = transaction_timestamp())
    THEN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation', HINT = 'An erasure blanks a row once, with an event of its own.';
    END IF;
    RETURN NEW;
END $$;
"""
ERASES_NOT = """
DROP FUNCTION annotation_only_erase();
DROP FUNCTION annotation_refuse_unless_erasing();
"""

# In place of the trigger that refused every change.
ERASABLE = """
DROP TRIGGER append_only ON annotation_{table};
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON annotation_{table}
FOR EACH STATEMENT EXECUTE FUNCTION annotation_refuse_change();
CREATE TRIGGER append_only_but_erasable BEFORE UPDATE ON annotation_{table}
FOR EACH STATEMENT EXECUTE FUNCTION annotation_refuse_unless_erasing();
CREATE TRIGGER only_erase BEFORE UPDATE ON annotation_{table}
FOR EACH ROW EXECUTE FUNCTION annotation_only_erase('{blanked}');
"""
NOT_ERASABLE = """
DROP TRIGGER only_erase ON annotation_{table};
DROP TRIGGER append_only_but_erasable ON annotation_{table};
DROP TRIGGER append_only ON annotation_{table};
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON annotation_{table}
FOR EACH STATEMENT EXECUTE FUNCTION annotation_refuse_change();
"""

CLOSES = """
CREATE FUNCTION annotation_comparison_stays_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.overlap := NEW.taken;
    RETURN NEW;
END $$;
CREATE TRIGGER closed BEFORE UPDATE ON annotation_comparison FOR EACH ROW
WHEN (NEW.closed) EXECUTE FUNCTION annotation_comparison_stays_closed();
"""
CLOSES_NOT = """
DROP TRIGGER closed ON annotation_comparison;
DROP FUNCTION annotation_comparison_stays_closed();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0060_lighter_foreign_keys'),
    ]

    operations = [
        migrations.AddField(
            model_name='candidate',
            name='erasure',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, help_text='The event that blanked this row; empty for a row that stands.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.event'),
        ),
        migrations.AddField(
            model_name='comparison',
            name='closed',
            field=models.BooleanField(db_default=False, default=False, help_text='Nobody is asked about it any more.'),
        ),
        migrations.AddField(
            model_name='feedback',
            name='erasure',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, help_text='The event that blanked this row; empty for a row that stands.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.event'),
        ),
        migrations.AddField(
            model_name='judgment',
            name='erasure',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, help_text='The event that blanked this row; empty for a row that stands.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.event'),
        ),
        migrations.AddField(
            model_name='prompt',
            name='erasure',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, help_text='The event that blanked this row; empty for a row that stands.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.event'),
        ),
        migrations.AlterField(
            model_name='assignment',
            name='state',
            field=models.CharField(choices=[('leased', 'Leased'), ('judged', 'Judged'), ('skipped', 'Skipped'), ('released', 'Released'), ('expired', 'Expired'), ('surplus', 'Judged too late'), ('erased', 'Erased')], default='leased', max_length=10),
        ),
        migrations.AddIndex(
            model_name='candidate',
            index=models.Index(condition=models.Q(('erasure__isnull', False)), fields=['project', 'erasure'], name='candidate_erased'),
        ),
        migrations.AddIndex(
            model_name='feedback',
            index=models.Index(condition=models.Q(('source_type', 'end_user')), fields=['project', 'source_id', 'id'], name='feedback_by_end_user'),
        ),
        migrations.AddIndex(
            model_name='feedback',
            index=models.Index(models.F('project'), django.db.models.functions.text.Left(django.db.models.fields.json.KeyTextTransform('user_id', django.db.models.fields.json.KeyTextTransform('metadata', 'body')), 200), models.F('id'), condition=models.Q(django.db.models.lookups.IsNull(django.db.models.functions.text.Left(django.db.models.fields.json.KeyTextTransform('user_id', django.db.models.fields.json.KeyTextTransform('metadata', 'body')), 200), False)), name='feedback_by_user'),
        ),
        migrations.AddIndex(
            model_name='feedback',
            index=models.Index(condition=models.Q(('erasure__isnull', False)), fields=['project', 'erasure'], name='feedback_erased'),
        ),
        migrations.AddIndex(
            model_name='judgment',
            index=models.Index(condition=models.Q(('erasure__isnull', False)), fields=['project', 'erasure'], name='judgment_erased'),
        ),
        migrations.AddIndex(
            model_name='prompt',
            index=models.Index(models.F('project'), django.db.models.functions.text.Left(django.db.models.fields.json.KeyTextTransform('user_id', 'metadata'), 200), models.F('id'), condition=models.Q(django.db.models.lookups.IsNull(django.db.models.functions.text.Left(django.db.models.fields.json.KeyTextTransform('user_id', 'metadata'), 200), False)), name='prompt_by_user'),
        ),
        migrations.AddIndex(
            model_name='prompt',
            index=models.Index(condition=models.Q(('erasure__isnull', False)), fields=['project', 'erasure'], name='prompt_erased'),
        ),
        migrations.RunSQL(ERASES, ERASES_NOT),
        *[
            migrations.RunSQL(ERASABLE.format(table=table, blanked=blanked), NOT_ERASABLE.format(table=table))
            for table, blanked in BLANKED.items()
        ],
        migrations.RunSQL(CLOSES, CLOSES_NOT),
    ]
