"""What a snapshot's rules ask of a content is kept beside it, so that choosing its rows reads no texts; settings are found."""

import annotation.models.prompt
from django.db import migrations, models

# What a row has once it is erased, as in 0091. Before triggers see no value of a generated column.
BLANKED = {
    "prompt": """{"content": null, "tools": [], "metadata": {}, "digest": "", "record_digest": "", "salt": "",
        "occurred_at": null}""",
    "candidate": """{"content": null, "digest": "", "salt": "", "model": {}, "parameters": {}, "metadata": {},
        "generated_at": null}""",
}
GENERATED = {"prompt": '{"images": null}', "candidate": '{"images": null, "blank": null}'}
ONLY_ERASE = """
DROP TRIGGER only_erase ON annotation_{table};
CREATE TRIGGER only_erase BEFORE UPDATE ON annotation_{table}
FOR EACH ROW EXECUTE FUNCTION annotation_only_erase('{blanked}');
"""


def only_erase(table: str) -> migrations.RunSQL:
    blanked = BLANKED[table]
    with_generated = blanked.rstrip("}") + ", " + GENERATED[table].lstrip("{")
    return migrations.RunSQL(
        ONLY_ERASE.format(table=table, blanked=with_generated), ONLY_ERASE.format(table=table, blanked=blanked)
    )


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0130_of_one_prompt'),
    ]

    operations = [
        migrations.AddField(
            model_name='candidate',
            name='blank',
            field=models.GeneratedField(db_persist=True, expression=annotation.models.prompt.IsBlank('content'), help_text='Whether it says nothing: white space alone, and no tool calls.', output_field=models.BooleanField()),
        ),
        migrations.AddField(
            model_name='candidate',
            name='images',
            field=models.GeneratedField(db_persist=True, expression=annotation.models.prompt.HasImages('content'), help_text='Whether it holds parts that are no text.', output_field=models.BooleanField()),
        ),
        migrations.AddField(
            model_name='prompt',
            name='images',
            field=models.GeneratedField(db_persist=True, expression=annotation.models.prompt.HasImages('content'), help_text='Whether it holds parts that are no text.', output_field=models.BooleanField()),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(condition=models.Q(('kind__in', ['project.created', 'project.changed'])), fields=['project'], name='event_of_settings'),
        ),
        only_erase("prompt"),
        only_erase("candidate"),
    ]
