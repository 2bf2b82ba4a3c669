import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0012_idle_periods"),
    ]

    operations = [
        migrations.AlterField(
            model_name="tenant",
            name="is_active",
            field=models.BooleanField(
                default=True,
                help_text="Off: its widgets stop, its agents see nothing of it. A tenant that has chats cannot be deleted: "
                "switch it off instead.",
            ),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="retention_days",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Closed chats are deleted for good after so many days, with messages, files, notes and their part "
                "in the reports; so are messages left while nobody was there, answered or not. Empty: never.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(36500),
                ],
            ),
        ),
    ]
