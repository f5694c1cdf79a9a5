"""Whether a gold or a repeat was given back, and is to come again."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0120_critics'),
    ]

    operations = [
        migrations.AddField(
            model_name='annotator',
            name='interrupted',
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
