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
                help_text="Off: its widgets stop, its agents see nothing of it. A tenant that has chats cannot be deleted: switch it off instead.",
            ),
        ),
    ]
