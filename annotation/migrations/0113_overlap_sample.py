"""A sample of the comparisons has an overlap of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0112_lease_auto'),
    ]

    operations = [
        migrations.AddField(
            model_name='project',
            name='overlap_sample',
            field=models.PositiveSmallIntegerField(db_default=1, default=1, help_text='Judgments wanted for each of those.'),
        ),
        migrations.AddField(
            model_name='project',
            name='overlap_sample_share',
            field=models.FloatField(db_default=0, default=0, help_text='Share of the comparisons that have another overlap instead, 0 to 1.'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(('overlap_sample__range', (1, 100)), ('overlap_sample_share__range', (0, 1))), name='project_overlap_sample_1_to_100'),
        ),
    ]
