"""The language and the units that a person chose for the screens."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_second_factor_help")]
    operations = [
        migrations.AddField(
            model_name="user",
            name="language",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Of the screens; empty: what the person's browser asks for.",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="units",
            field=models.CharField(
                choices=[("site", "as the site sends them"), ("si", "SI"), ("us", "US")],
                default="site",
                help_text="Of the values on the screens.",
                max_length=4,
            ),
        ),
    ]
