"""Runs of AI critics."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0114_routing'),
    ]

    operations = [
        migrations.CreateModel(
            name='CriticRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('name', models.CharField(help_text='The annotator’s name, without “api:”.', max_length=196)),
                ('endpoint', models.CharField(help_text='Base URL of the API, without /chat/completions.', max_length=500)),
                ('model', models.CharField(max_length=150)),
                ('key_variable', models.CharField(blank=True, max_length=100)),
                ('principles', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), blank=True, default=list, help_text='Empty: the project’s guidelines, as they are then.', size=None)),
                ('parameters', models.JSONField(default=dict, help_text='Of each request, such as temperature.')),
                ('parallel', models.PositiveSmallIntegerField(default=4, help_text='Comparisons asked about at once.')),
                ('per_minute', models.PositiveIntegerField(default=0, help_text='Requests a minute at most; 0: no limit.')),
                ('most', models.PositiveIntegerField(help_text='Comparisons to take at most; empty: all that there are.', null=True)),
                ('price_in', models.DecimalField(decimal_places=6, default=0, help_text='Of a million tokens read.', max_digits=12)),
                ('price_out', models.DecimalField(decimal_places=6, default=0, help_text='Of a million tokens written.', max_digits=12)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('done', 'Done'), ('stopped', 'Stopped'), ('failed', 'Failed')], default='queued', max_length=10)),
                ('attempt', models.PositiveIntegerField(default=0)),
                ('broken_off', models.PositiveSmallIntegerField(default=0)),
                ('heartbeat_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('judged', models.PositiveIntegerField(default=0)),
                ('disagreed', models.PositiveIntegerField(default=0, help_text='Of those judged: ties because the two orders gave different answers.')),
                ('skipped', models.PositiveIntegerField(default=0, help_text='Refused by the model, or not understood.')),
                ('skips_in_a_row', models.PositiveIntegerField(default=0, help_text='Since it last judged one.')),
                ('lost', models.PositiveIntegerField(default=0, help_text='Answered after the lease had ended otherwise.')),
                ('requests', models.PositiveBigIntegerField(default=0)),
                ('retries', models.PositiveBigIntegerField(default=0, help_text='Of those requests: asked again after an error.')),
                ('tokens_in', models.PositiveBigIntegerField(default=0)),
                ('tokens_out', models.PositiveBigIntegerField(default=0)),
                ('error', models.TextField(blank=True)),
                ('created_by', models.CharField(max_length=300)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('project', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='critic_runs', to='annotation.project')),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['project', '-id'], name='critic_run_by_project'), models.Index(condition=models.Q(('state__in', ['queued', 'running'])), fields=['heartbeat_at'], name='critic_run_unfinished')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['queued', 'running'])), fields=('project', 'name'), name='critic_run_one_at_work'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='critic_run_failed_has_reason')],
            },
        ),
    ]
