"""Tags of annotators, and what requires them; what becomes another's to judge is opened, as what comes back is."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


OPENS = """
DROP TRIGGER opens ON annotation_comparison;
CREATE TRIGGER opens BEFORE UPDATE ON annotation_comparison FOR EACH ROW
WHEN (NEW.taken < OLD.taken OR NEW.overlap > OLD.overlap OR NEW.priority <> OLD.priority {routed})
EXECUTE FUNCTION annotation_comparison_opens();
"""
ROUTED = "OR NEW.requires IS DISTINCT FROM OLD.requires OR NEW.reserved_for_id IS DISTINCT FROM OLD.reserved_for_id"


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0113_overlap_sample'),
    ]

    operations = [
        migrations.AddField(
            model_name='annotator',
            name='tags',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=50), blank=True, db_default=[], default=list, size=20),
        ),
        migrations.AddField(
            model_name='comparison',
            name='requires',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=50), null=True, size=20),
        ),
        migrations.AddField(
            model_name='comparison',
            name='reserved_for',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reserved', to='annotation.annotator'),
        ),
        migrations.AddField(
            model_name='project',
            name='requires',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=50), blank=True, db_default=[], default=list, help_text='Tags that annotators must have to be given anything.', size=20),
        ),
        migrations.RunSQL(OPENS.format(routed=ROUTED), OPENS.format(routed="")),
    ]
