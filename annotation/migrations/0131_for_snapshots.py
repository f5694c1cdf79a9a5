"""What rules ask of a content is kept beside it, so that snapshots choose without texts; settings have an index."""

import annotation.models.prompt
from django.db import migrations, models

SPACES = (
    r" \t\n\r\f\u000b\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b"
    r"\u2028\u2029\u202f\u205f\u3000\ufeff"
)
IMAGES = """images boolean GENERATED ALWAYS AS (
    jsonb_path_exists(content, '$[*].content[*] ? (@.type != "text")')) STORED"""
BLANK = rf"""blank boolean GENERATED ALWAYS AS (
    CASE WHEN jsonb_typeof(content) <> 'string' THEN NOT (
        jsonb_path_exists(content, '$[*].content ? (@ like_regex "[^{SPACES}]")')
        OR jsonb_path_exists(content, '$[*].content[*].text ? (@ like_regex "[^{SPACES}]")')
        OR jsonb_path_exists(content, '$[*].tool_calls[*] ? (@ != null)'))
    WHEN ascii(content #>> '{{}}') BETWEEN 33 AND 126 THEN false
    ELSE btrim(content #>> '{{}}', E'{SPACES}') = '' END) STORED"""
# A table is written anew once, however many such columns it gets.
ADD = [
    (f"ALTER TABLE annotation_candidate ADD COLUMN {BLANK}, ADD COLUMN {IMAGES}",
     "ALTER TABLE annotation_candidate DROP COLUMN blank, DROP COLUMN images"),
    (f"ALTER TABLE annotation_prompt ADD COLUMN {IMAGES}", "ALTER TABLE annotation_prompt DROP COLUMN images"),
]

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
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(add, drop) for add, drop in ADD],
            state_operations=[
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
            ],
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(condition=models.Q(('kind__in', ['project.created', 'project.changed'])), fields=['project'], name='event_of_settings'),
        ),
        only_erase("prompt"),
        only_erase("candidate"),
    ]
