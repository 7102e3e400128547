from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def keys_are_as_old_as_the_conduit(apps: Any, schema_editor: Any) -> None:
    apps.get_model("sites", "Conduit").objects.update(
        send_key_changed=models.F("created"), listen_key_changed=models.F("created")
    )


class Migration(migrations.Migration):
    dependencies = [("sites", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="conduit",
            name="send_key_changed",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddField(
            model_name="conduit",
            name="listen_key_changed",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddField(
            model_name="conduit",
            name="listen_slot",
            field=models.CharField(
                choices=[("primary", "Primary"), ("secondary", "Secondary")], default="primary", max_length=9
            ),
        ),
        migrations.AddField(
            model_name="conduit",
            name="listen_rotation",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="ConduitChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("what", models.CharField(max_length=300)),
                ("by", models.CharField(max_length=150)),
                (
                    "conduit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="sites.conduit"
                    ),
                ),
            ],
            options={"ordering": ["-at", "-pk"]},
        ),
        migrations.RunPython(keys_are_as_old_as_the_conduit, migrations.RunPython.noop),
    ]
