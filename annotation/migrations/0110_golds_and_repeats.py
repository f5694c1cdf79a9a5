"""Golds and repeats: comparisons of a kind of their own, and the leases of them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0100_pairing'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='comparison',
            name='comparison_pair_once',
        ),
        migrations.AddField(
            model_name='assignment',
            name='is_mixed_in',
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name='comparison',
            name='for_annotator',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.annotator'),
        ),
        migrations.AddField(
            model_name='comparison',
            name='gold_chosen',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.candidate'),
        ),
        migrations.AddField(
            model_name='comparison',
            name='kind',
            field=models.CharField(choices=[('plain', 'Plain'), ('gold', 'Gold'), ('repeat', 'Repeat')], db_default='plain', default='plain', max_length=6),
        ),
        migrations.AddField(
            model_name='comparison',
            name='repeats',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='repeated_by', to='annotation.comparison'),
        ),
        migrations.AddField(
            model_name='project',
            name='gold_rate',
            field=models.FloatField(db_default=0, default=0, help_text='Share of what annotators are given that is a gold, 0 to 0.5.'),
        ),
        migrations.AddField(
            model_name='project',
            name='repeat_rate',
            field=models.FloatField(db_default=0, default=0, help_text='Share that they have judged before, at least 20 comparisons ago, and now see with sides swapped, 0 to 0.5.'),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=models.Index(condition=models.Q(('is_mixed_in', True)), fields=['annotator', 'state', 'ended_at'], name='assignment_mixed_in'),
        ),
        migrations.AddIndex(
            model_name='comparison',
            index=models.Index(condition=models.Q(('kind', 'gold')), fields=['project', 'shuffle'], name='comparison_golds'),
        ),
        migrations.AddConstraint(
            model_name='comparison',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'repeat'), _negated=True), fields=('a', 'b'), name='comparison_pair_once'),
        ),
        migrations.AddConstraint(
            model_name='comparison',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'repeat')), fields=('repeats', 'for_annotator'), name='comparison_repeated_once'),
        ),
        migrations.AddConstraint(
            model_name='comparison',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('gold_chosen', None), ('kind', 'plain'), ('repeats', None)), models.Q(('gold_chosen__isnull', False), ('kind', 'gold'), ('overlap', 0), ('repeats', None)), models.Q(('gold_chosen', None), ('kind', 'repeat'), ('overlap', 0), ('repeats__isnull', False), ('for_annotator__isnull', False)), _connector='OR'), name='comparison_is_of_its_kind'),
        ),
        migrations.AddConstraint(
            model_name='comparison',
            constraint=models.CheckConstraint(condition=models.Q(('gold_chosen', models.F('a')), ('gold_chosen', models.F('b')), _connector='OR'), name='comparison_gold_is_of_the_pair'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(('gold_rate__range', (0, 0.5))), name='project_gold_rate_up_to_half'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(('repeat_rate__range', (0, 0.5))), name='project_repeat_rate_up_to_half'),
        ),
    ]
