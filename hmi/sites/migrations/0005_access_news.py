"""What one web process tells the others about access: docs/access.md, When access ends."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sites", "0004_company_groups")]
    operations = [
        migrations.CreateModel(
            name="AccessNews",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.BigIntegerField()),
                ("origin", models.CharField(max_length=40)),
                (
                    "kind",
                    models.CharField(
                        choices=[("change", "Change"), ("token", "Token"), ("moved", "Moved")], max_length=8
                    ),
                ),
                ("grant_id", models.UUIDField(null=True)),
                ("session", models.CharField(blank=True, max_length=64)),
            ],
        ),
    ]
