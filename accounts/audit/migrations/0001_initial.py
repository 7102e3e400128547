"""The tables of the audit trail, append-only from the first row on."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

from accounts.audit.triggers import triggers_for


def put_triggers(apps: Any, schema_editor: Any) -> None:
    for create, _drop in triggers_for(schema_editor.connection.vendor):
        schema_editor.execute(create)


def take_triggers(apps: Any, schema_editor: Any) -> None:
    for _create, drop in reversed(triggers_for(schema_editor.connection.vendor)):
        schema_editor.execute(drop)


_SIGNATURE = [("key", models.CharField(max_length=43)), ("sig", models.CharField(max_length=86))]


class Migration(migrations.Migration):
    initial = True
    dependencies: list[Any] = []
    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.BigIntegerField()),
                ("tag", models.CharField(max_length=80)),
                ("result", models.CharField(max_length=8)),
                ("actor", models.CharField(blank=True, max_length=36)),
                ("username", models.CharField(blank=True, max_length=150)),
                ("site_id", models.CharField(blank=True, max_length=36)),
                ("site", models.CharField(blank=True, max_length=150)),
                ("subject", models.CharField(blank=True, max_length=150)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("source", models.CharField(blank=True, max_length=64)),
                ("request_id", models.CharField(blank=True, max_length=40)),
                ("facts", models.TextField(default="{}")),
                ("previous", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
            ],
            options={
                "db_table": "audit_event",
                "ordering": ["-seq"],
                "indexes": [
                    models.Index(fields=["site_id", "seq"], name="audit_event_site"),
                    models.Index(fields=["tag", "seq"], name="audit_event_tag"),
                    models.Index(fields=["actor", "seq"], name="audit_event_actor"),
                    models.Index(fields=["at"], name="audit_event_at"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("chain", models.CharField(max_length=150)),
                ("seq", models.BigIntegerField()),
                ("hash", models.CharField(max_length=64)),
                ("at", models.BigIntegerField()),
                *_SIGNATURE,
            ],
            options={
                "db_table": "audit_checkpoint",
                "ordering": ["chain", "seq"],
                "indexes": [models.Index(fields=["chain", "seq"], name="audit_checkpoint_chain")],
            },
        ),
        migrations.CreateModel(
            name="RetiredSegment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first_seq", models.BigIntegerField()),
                ("last_seq", models.BigIntegerField(unique=True)),
                ("last_hash", models.CharField(max_length=64)),
                ("file_hash", models.CharField(max_length=64)),
                ("at", models.BigIntegerField()),
                *_SIGNATURE,
            ],
            options={"db_table": "audit_retired", "ordering": ["last_seq"]},
        ),
        migrations.RunPython(put_triggers, take_triggers),
        # From here on the tables are nobody's to empty: `manage.py flush` clears managed tables only.
        migrations.AlterModelOptions(name="event", options={"managed": False, "ordering": ["-seq"]}),
        migrations.AlterModelOptions(name="checkpoint", options={"managed": False, "ordering": ["chain", "seq"]}),
        migrations.AlterModelOptions(name="retiredsegment", options={"managed": False, "ordering": ["last_seq"]}),
    ]
