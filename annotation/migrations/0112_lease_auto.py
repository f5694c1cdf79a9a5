"""Leases follow the time that a judgment takes, in new projects."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0111_skips_to_lead'),
    ]

    operations = [
        migrations.AddField(
            model_name='project',
            name='lease_auto',
            field=models.BooleanField(db_default=True, default=True, help_text='That time follows how long a judgment takes: twenty times the median, from 5 minutes to 2 hours.'),
        ),
        # Those that are there keep what somebody may have set.
        migrations.RunSQL("UPDATE annotation_project SET lease_auto = false", migrations.RunSQL.noop),
    ]
