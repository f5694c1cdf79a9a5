"""Outputs have their prompt and pairs are of one: checked by statement instead of row by row, in half of the time.

What is referred to is never deleted and its keys never change, so that a look at what is written is enough.
"""

import django.db.models.deletion
from django.db import migrations, models


# Subqueries, each a walk down an index whatever the planner believes of the tables.
CHECKS = {
    "candidate": (
        "EXISTS (SELECT FROM written w"
        " WHERE (SELECT p.id FROM annotation_prompt p WHERE p.id = w.prompt_id) IS NULL)"
    ),
    **{
        table: (
            "EXISTS (SELECT FROM written w"
            f" WHERE (SELECT c.prompt_id FROM annotation_candidate c WHERE c.id = w.{first}) IS DISTINCT FROM w.prompt_id"
            f" OR w.{second} IS NOT NULL AND"
            f" (SELECT c.prompt_id FROM annotation_candidate c WHERE c.id = w.{second}) IS DISTINCT FROM w.prompt_id)"
        )
        for table, first, second in [("comparison", "a_id", "b_id"), ("judgment", "first_id", "second_id")]
    },
}
CHECK = """
CREATE FUNCTION annotation_{table}_is_of_a_prompt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {wrong} THEN
        RAISE foreign_key_violation USING MESSAGE = 'a {table} is not of one prompt with what it refers to';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER of_a_prompt AFTER INSERT ON annotation_{table} REFERENCING NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION annotation_{table}_is_of_a_prompt();
"""
UNCHECK = "DROP TRIGGER of_a_prompt ON annotation_{table}; DROP FUNCTION annotation_{table}_is_of_a_prompt();"

PAIRS = [("comparison", "a"), ("comparison", "b"), ("judgment", "first"), ("judgment", "second")]
BY_ROW = """
ALTER TABLE annotation_{table} ADD CONSTRAINT {table}_{column}_of_prompt
FOREIGN KEY ({column}_id, prompt_id) REFERENCES annotation_candidate (id, prompt_id) DEFERRABLE INITIALLY DEFERRED;
"""
NOT_BY_ROW = "ALTER TABLE annotation_{table} DROP CONSTRAINT {table}_{column}_of_prompt;"

# The facts refuse every change; of a comparison all else may.
STAYS = """
CREATE TRIGGER stays_of_a_prompt BEFORE UPDATE OF prompt_id, a_id, b_id ON annotation_comparison
FOR EACH STATEMENT EXECUTE FUNCTION annotation_refuse_change();
"""
MOVES = "DROP TRIGGER stays_of_a_prompt ON annotation_comparison;"


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0122_own_overlap'),
    ]

    operations = [
        *[
            migrations.RunSQL(NOT_BY_ROW.format(table=t, column=c), BY_ROW.format(table=t, column=c))
            for t, c in PAIRS
        ],
        migrations.RemoveConstraint(
            model_name='candidate',
            name='candidate_of_prompt',
        ),
        migrations.AlterField(
            model_name='candidate',
            name='edit_event',
            field=models.ForeignKey(db_index=False, help_text="The event that tells of the edit; an output of a model is told of by its prompt's.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.event'),
        ),
        migrations.AlterField(
            model_name='candidate',
            name='prompt',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='candidates', to='annotation.prompt'),
        ),
        *[
            migrations.RunSQL(CHECK.format(table=t, wrong=wrong), UNCHECK.format(table=t))
            for t, wrong in CHECKS.items()
        ],
        migrations.RunSQL(STAYS, MOVES),
        migrations.AlterField(
            model_name='judgment',
            name='assignment',
            field=models.ForeignKey(db_index=False, help_text='The lease it answers.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='judgments', to='annotation.assignment'),
        ),
        migrations.AlterField(
            model_name='judgment',
            name='comparison',
            field=models.ForeignKey(db_index=False, help_text='The comparison it was asked for; empty for votes that came without being asked.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='judgments', to='annotation.comparison'),
        ),
        migrations.AddIndex(
            model_name='candidate',
            index=models.Index(condition=models.Q(('edit_event__isnull', False)), fields=['edit_event'], name='candidate_edited'),
        ),
        migrations.AddIndex(
            model_name='judgment',
            index=models.Index(condition=models.Q(('comparison__isnull', False)), fields=['comparison'], name='judgment_of_comparison'),
        ),
        migrations.AddIndex(
            model_name='judgment',
            index=models.Index(condition=models.Q(('assignment__isnull', False)), fields=['assignment'], name='judgment_of_lease'),
        ),
    ]
