import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0011_holds"),
    ]

    operations = [
        migrations.AddField(
            model_name="chatsession",
            name="has_idle_periods",
            field=models.BooleanField(db_default=False, default=True, editable=False),
        ),
        migrations.AddField(
            model_name="sessionevent",
            name="last_seen_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="IdlePeriod",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="idle_periods",
                        to="sessions_app.chatsession",
                    ),
                ),
            ],
            options={
                "ordering": ["session", "pk"],
            },
        ),
    ]
