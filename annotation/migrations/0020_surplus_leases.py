"""Leases that were judged too late end in a state of their own; an annotator knows the page that was opened last."""

from django.db import migrations, models


# Until now such a lease stayed expired.
JUDGED_TOO_LATE = """
UPDATE annotation_assignment x SET state = 'surplus' WHERE state = 'expired' AND EXISTS (
    SELECT FROM annotation_judgment j
    WHERE j.assignment_id = x.id AND j.surplus
      AND NOT EXISTS (SELECT FROM annotation_retraction r WHERE r.target_id = j.feedback_id))
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0090_whole_log'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='assignment',
            name='assignment_judged',
        ),
        migrations.AddField(
            model_name='annotator',
            name='page',
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='assignment',
            name='state',
            field=models.CharField(choices=[('leased', 'Leased'), ('judged', 'Judged'), ('skipped', 'Skipped'), ('released', 'Released'), ('expired', 'Expired'), ('surplus', 'Judged too late')], default='leased', max_length=10),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=models.Index(condition=models.Q(('state__in', ['judged', 'surplus'])), fields=['annotator', 'ended_at'], name='assignment_answered'),
        ),
        migrations.RunSQL(JUDGED_TOO_LATE, "UPDATE annotation_assignment SET state = 'expired' WHERE state = 'surplus'"),
    ]
