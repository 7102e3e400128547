"""The flag on a role that asks for a second factor is honoured now."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_grant_lengths")]
    operations = [
        migrations.AlterField(
            model_name="role",
            name="requires_second_factor",
            field=models.BooleanField(
                default=False,
                help_text="Sign-in asks its holders for a second factor even where the setting leaves others alone.",
            ),
        )
    ]
