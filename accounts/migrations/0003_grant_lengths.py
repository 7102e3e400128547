"""How long a grant may last: at most by role, and less for contractors."""

import django.core.validators
import django.utils.timezone
from django.db import migrations, models


def limit_shipped_roles(apps, schema_editor):
    """The shipped roles that change something are held for a quarter at most; edited ones keep what fits them."""
    for role in apps.get_model("accounts", "Role").objects.filter(
        slug__in=["field-operator", "shift-supervisor", "maintenance-engineer"], default_days__lte=92
    ):
        role.longest_days = 92
        role.save(update_fields=["longest_days"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_shipped_roles")]
    operations = [
        migrations.AddField(
            model_name="role",
            name="created",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        ),
        migrations.AddField(
            model_name="role",
            name="longest_days",
            field=models.PositiveSmallIntegerField(
                default=366,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(366),
                ],
                help_text="How many days a grant of this role may last at most. Grants given before keep their end.",
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="is_contractor",
            field=models.BooleanField(
                default=False,
                verbose_name="contractor",
                help_text="Works for another company: holds a role for 7 days unless its giver says otherwise, 31 at most.",
            ),
        ),
        migrations.RunPython(limit_shipped_roles, migrations.RunPython.noop),
    ]
