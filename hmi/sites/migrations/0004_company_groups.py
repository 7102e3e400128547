"""Groups of a company sign-on as roles at sites, and which grants came from them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_grant_lengths"), ("sites", "0003_grant_approval")]
    operations = [
        migrations.CreateModel(
            name="CompanyGroup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "company",
                    models.CharField(help_text="The provider's id, as in SIGHTLINE_COMPANIES.", max_length=30),
                ),
                (
                    "group",
                    models.CharField(
                        help_text="The group's name or id, exactly as the provider sends it.", max_length=200
                    ),
                ),
                (
                    "role",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.role"
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sites.site"),
                ),
            ],
            options={
                "ordering": ["company", "group"],
                "constraints": [
                    models.UniqueConstraint(fields=("company", "group", "role", "site"), name="one_row_of_each_group")
                ],
            },
        ),
        migrations.CreateModel(
            name="GroupGrant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("company", models.CharField(max_length=30)),
                ("group", models.CharField(max_length=200)),
                (
                    "grant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="from_group", to="sites.grant"
                    ),
                ),
            ],
        ),
    ]
