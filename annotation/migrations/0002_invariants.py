"""What a model's Meta cannot say: append-only facts, pairs of one prompt, and the row that every event waits with."""

from django.db import migrations

FACTS = ["prompt", "candidate", "feedback", "judgment", "retraction", "event", "seal", "guidelineversion"]

REFUSE = """
CREATE FUNCTION annotation_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', HINT = 'A correction is a new row.';
END $$;
"""
UNREFUSE = "DROP FUNCTION annotation_refuse_change();"

# Statement-level, so that TRUNCATE and statements that match no row are refused as well.
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON annotation_{table}
FOR EACH STATEMENT EXECUTE FUNCTION annotation_refuse_change();
"""
CHANGEABLE = "DROP TRIGGER append_only ON annotation_{table};"

# A pair's candidates answer its prompt: (candidate, prompt) refers to the candidate's own (id, prompt).
PAIRS = [("comparison", "a"), ("comparison", "b"), ("judgment", "first"), ("judgment", "second")]
OF_PROMPT = """
ALTER TABLE annotation_{table} ADD CONSTRAINT {table}_{column}_of_prompt
FOREIGN KEY ({column}_id, prompt_id) REFERENCES annotation_candidate (id, prompt_id) DEFERRABLE INITIALLY DEFERRED;
"""
OF_ANY_PROMPT = "ALTER TABLE annotation_{table} DROP CONSTRAINT {table}_{column}_of_prompt;"

WAIT = """
CREATE FUNCTION annotation_event_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO annotation_unsealedevent (event_id, project_id) SELECT id, project_id FROM written;
    RETURN NULL;
END $$;
CREATE TRIGGER wait_for_seal AFTER INSERT ON annotation_event REFERENCING NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION annotation_event_waits();
"""
UNWAIT = "DROP TRIGGER wait_for_seal ON annotation_event; DROP FUNCTION annotation_event_waits();"


class Migration(migrations.Migration):
    dependencies = [("annotation", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE, UNREFUSE),
        *[migrations.RunSQL(APPEND_ONLY.format(table=t), CHANGEABLE.format(table=t)) for t in FACTS],
        *[
            migrations.RunSQL(OF_PROMPT.format(table=t, column=c), OF_ANY_PROMPT.format(table=t, column=c))
            for t, c in PAIRS
        ],
        migrations.RunSQL(WAIT, UNWAIT),
    ]
