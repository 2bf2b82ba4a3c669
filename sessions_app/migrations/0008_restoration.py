import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0007_work_of_agents"),
    ]

    operations = [
        migrations.CreateModel(
            name="Restoration",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                (
                    "outcome",
                    models.CharField(choices=[("restored", "Restored"), ("reopened", "Reopened")], max_length=8),
                ),
                ("took_ms", models.PositiveIntegerField()),
                ("recovered", models.PositiveIntegerField()),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="restorations",
                        to="sessions_app.chatsession",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sessions_app.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "indexes": [
                    models.Index(
                        fields=["tenant", "at"],
                        include=("outcome", "took_ms", "recovered"),
                        name="restoration_report",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="chatsession",
            name="accepted_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
