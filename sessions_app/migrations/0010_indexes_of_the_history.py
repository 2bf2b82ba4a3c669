import django.db.models.functions.text
from django.db import migrations, models

from sessions_app.migrations._indexes import BuildIndex

BATCH = 10_000

# Chats from before the column: the first time that somebody took them.
ACCEPTED = """
UPDATE sessions_app_chatsession AS session SET accepted_at = taken.at
FROM (
  SELECT session_id, min(at) AS at FROM sessions_app_sessionevent
  WHERE session_id > %s AND session_id <= %s AND to_status = 'active' GROUP BY 1
) AS taken
WHERE session.id = taken.session_id AND accepted_at IS NULL
"""


def tell_when_accepted(apps, schema_editor):
    """In batches, each a transaction of its own: whoever writes meanwhile waits for no more than one of them."""
    newest = apps.get_model("sessions_app", "ChatSession").objects.order_by("-pk").values_list("pk", flat=True).first()
    with schema_editor.connection.cursor() as cursor:
        for after in range(0, newest or 0, BATCH):
            cursor.execute(ACCEPTED, [after, after + BATCH])


class Migration(migrations.Migration):
    """What takes its time over a large history, beside the release that serves meanwhile."""

    atomic = False

    dependencies = [
        ("sessions_app", "0009_policies"),
    ]

    operations = [
        # Not the limits of those who serve: an index over millions of rows takes minutes, and waits for whoever writes.
        migrations.RunSQL("SET statement_timeout = 0; SET lock_timeout = 0", migrations.RunSQL.noop),
        migrations.RunPython(tell_when_accepted, migrations.RunPython.noop),
        BuildIndex(
            model_name="chatsession",
            index=models.Index(
                condition=models.Q(("closed_at__isnull", False)),
                fields=["tenant", "closed_reason", "-closed_at"],
                name="session_history_reason",
            ),
        ),
        BuildIndex(
            model_name="chatsession",
            index=models.Index(
                condition=models.Q(("stage", ""), _negated=True),
                fields=["tenant", "stage", "-closed_at"],
                name="session_history_stage",
            ),
        ),
        BuildIndex(
            model_name="chatsession",
            index=models.Index(
                condition=models.Q(("closed_at__isnull", False)),
                fields=["tenant", "assigned_to", "-closed_at"],
                name="session_history_agent",
            ),
        ),
        BuildIndex(
            model_name="chatsession",
            index=models.Index(
                condition=models.Q(("previous_session_id__isnull", False)),
                fields=["previous_session_id"],
                name="session_previous",
            ),
        ),
        BuildIndex(
            model_name="chatsession",
            index=models.Index(
                models.F("tenant"),
                django.db.models.functions.text.Lower("customer_email"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("customer_email", ""), _negated=True),
                name="session_email",
            ),
        ),
        BuildIndex(
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
        BuildIndex(
            model_name="chatsession",
            index=models.Index(
                condition=models.Q(("status", "abandoned")),
                fields=["tenant", "created_at"],
                include=("id", "session_id", "closed_at", "closed_reason", "stage"),
                name="session_abandoned",
            ),
        ),
        BuildIndex(
            model_name="chatsession",
            index=models.Index(
                condition=models.Q(("previous_outcome", ""), _negated=True),
                fields=["tenant", "created_at"],
                include=("previous_outcome", "previous_session_id"),
                name="session_not_restored",
            ),
        ),
        BuildIndex(
            model_name="sessionevent",
            index=models.Index(
                condition=models.Q(("to_status", "abandoned")),
                fields=["session", "at"],
                include=("waited_ms", "queue_position"),
                name="event_abandoned",
            ),
        ),
        BuildIndex(
            model_name="sessionevent",
            index=models.Index(condition=models.Q(("reason", "reopened")), fields=["session"], name="event_reopened"),
        ),
        migrations.RunSQL("RESET statement_timeout; RESET lock_timeout", migrations.RunSQL.noop),
    ]
