"""What too many skip goes to the lead."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0110_golds_and_repeats'),
    ]

    operations = [
        migrations.AddField(
            model_name='comparison',
            name='withheld',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='project',
            name='skips_to_lead',
            field=models.PositiveSmallIntegerField(db_default=3, default=3, help_text='When so many have skipped a comparison, it goes to the lead instead of to others; 0: never.'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(('skips_to_lead__lte', 100)), name='project_skips_to_lead_up_to_100'),
        ),
    ]
