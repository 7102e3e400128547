from django.db import migrations

from hmi.shifts.triggers import triggers_for


def make(apps, schema_editor):
    for statement, _ in triggers_for(schema_editor.connection.vendor):
        schema_editor.execute(statement)


def drop(apps, schema_editor):
    for _, statement in reversed(triggers_for(schema_editor.connection.vendor)):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("shifts", "0001_hand_overs")]
    operations = [migrations.RunPython(make, drop)]
