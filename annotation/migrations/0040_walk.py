"""Claims walk the queue: an index for each order, and the transaction that last opened a comparison, kept by a trigger."""

import django.db.models.expressions
import django.db.models.functions.comparison
from django.db import migrations, models

# Whoever opens a comparison, and however, those who have walked past it find it again.
OPENS = """
CREATE FUNCTION annotation_comparison_opens() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.opened := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;
CREATE TRIGGER opens BEFORE UPDATE ON annotation_comparison FOR EACH ROW
WHEN (NEW.taken < OLD.taken OR NEW.overlap > OLD.overlap OR NEW.priority <> OLD.priority)
EXECUTE FUNCTION annotation_comparison_opens();
"""
OPENS_NOT = """
DROP TRIGGER opens ON annotation_comparison;
DROP FUNCTION annotation_comparison_opens();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0020_surplus_leases'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='comparison',
            name='comparison_open_fifo',
        ),
        migrations.RemoveIndex(
            model_name='comparison',
            name='comparison_open_random',
        ),
        migrations.AddField(
            model_name='annotator',
            name='walk',
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='comparison',
            name='opened',
            field=models.BigIntegerField(db_default=django.db.models.functions.comparison.Cast(django.db.models.functions.comparison.Cast(models.Func(function='pg_current_xact_id'), models.TextField()), models.BigIntegerField()), editable=False),
        ),
        migrations.AlterField(
            model_name='project',
            name='order',
            field=models.CharField(choices=[('fifo', 'First in, first out'), ('random', 'Random'), ('least_judged', 'Least judged first')], default='fifo', max_length=20),
        ),
        migrations.AddIndex(
            model_name='comparison',
            index=models.Index(models.F('project'), django.db.models.expressions.CombinedExpression(models.Value(0), '-', models.F('priority')), models.F('id'), condition=models.Q(('taken__lt', models.F('overlap'))), name='comparison_by_age'),
        ),
        migrations.AddIndex(
            model_name='comparison',
            index=models.Index(models.F('project'), django.db.models.expressions.CombinedExpression(models.Value(0), '-', models.F('priority')), models.F('shuffle'), models.F('id'), condition=models.Q(('taken__lt', models.F('overlap'))), name='comparison_by_chance'),
        ),
        migrations.AddIndex(
            model_name='comparison',
            index=models.Index(models.F('project'), django.db.models.expressions.CombinedExpression(models.Value(0), '-', models.F('priority')), models.F('taken'), models.F('id'), condition=models.Q(('taken__lt', models.F('overlap'))), name='comparison_by_need'),
        ),
        migrations.AddIndex(
            model_name='comparison',
            index=models.Index(condition=models.Q(('taken__lt', models.F('overlap'))), fields=['project', 'opened'], name='comparison_opened'),
        ),
        migrations.AddConstraint(
            model_name='comparison',
            constraint=models.CheckConstraint(condition=models.Q(('priority__gt', -2147483648)), name='comparison_priority_has_a_rank'),
        ),
        migrations.RunSQL(OPENS, OPENS_NOT),
    ]
