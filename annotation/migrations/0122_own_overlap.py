"""Which comparisons have an overlap of their own."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0121_interrupted'),
    ]

    operations = [
        migrations.AddField(
            model_name='comparison',
            name='own_overlap',
            field=models.BooleanField(db_default=False, default=False, help_text='Set for it alone: a change of the project’s leaves it.'),
        ),
    ]
