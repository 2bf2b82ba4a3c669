import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# Chats from before the column: the first time that somebody took them.
ACCEPTED = """
UPDATE sessions_app_chatsession AS session SET accepted_at = taken.at
FROM (SELECT session_id, min(at) AS at FROM sessions_app_sessionevent WHERE to_status = 'active' GROUP BY 1) AS taken
WHERE taken.session_id = session.id
"""


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
        migrations.RunSQL(ACCEPTED, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="chatsession",
            index=models.Index(
                fields=["tenant", "created_at"],
                include=(
                    "id",
                    "status",
                    "closed_at",
                    "accepted_at",
                    "first_visitor_message_at",
                    "first_agent_message_at",
                ),
                name="session_started",
            ),
        ),
        migrations.AddIndex(
            model_name="chatsession",
            index=models.Index(
                condition=models.Q(("status", "abandoned")),
                fields=["tenant", "created_at"],
                include=("id", "session_id", "closed_at", "closed_reason", "stage"),
                name="session_abandoned",
            ),
        ),
        migrations.AddIndex(
            model_name="chatsession",
            index=models.Index(
                condition=models.Q(("previous_outcome", ""), _negated=True),
                fields=["tenant", "created_at"],
                include=("previous_outcome", "previous_session_id"),
                name="session_not_restored",
            ),
        ),
        migrations.AddIndex(
            model_name="sessionevent",
            index=models.Index(
                condition=models.Q(("to_status", "abandoned")),
                fields=["session", "at"],
                include=("waited_ms", "queue_position"),
                name="event_abandoned",
            ),
        ),
        migrations.AddIndex(
            model_name="sessionevent",
            index=models.Index(condition=models.Q(("reason", "reopened")), fields=["session"], name="event_reopened"),
        ),
    ]
