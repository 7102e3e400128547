"""The six roles Sightline ships with."""

from django.db import migrations

from accounts.roles import seed_roles


def seed(apps, schema_editor):
    seed_roles(apps.get_model("accounts", "Role"))


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
