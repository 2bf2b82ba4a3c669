import django.core.validators
import django.db.models.functions.datetime
from django.db import migrations, models


# Until now only the form knew these limits, and no longest heartbeat interval.
WITHIN_LIMITS = """
UPDATE sessions_app_tenant SET
  disconnect_timeout_seconds = GREATEST(disconnect_timeout_seconds, 150),
  session_expiry_seconds = GREATEST(session_expiry_seconds, disconnect_timeout_seconds, 150),
  heartbeat_interval_seconds = LEAST(GREATEST(heartbeat_interval_seconds, 10), 75)
"""
HIDDEN_TABS = (
    "Browsers let a hidden tab report only once a minute: with less than 150 seconds, visitors who are there would be "
    "abandoned."
)
HEARTBEATS_FIT = (
    "Between 10 and 75 seconds: a visitor counts as gone 150 seconds after the last heartbeat, and one that gets lost "
    "must not decide that."
)


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0008_restoration"),
    ]

    operations = [
        migrations.RunSQL(WITHIN_LIMITS, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="SweepRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "started_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("finished_at", models.DateTimeField(editable=False, null=True)),
                ("examined", models.PositiveIntegerField(default=0)),
                ("idle", models.PositiveIntegerField(default=0)),
                ("disconnected", models.PositiveIntegerField(default=0)),
                ("skipped_locks", models.PositiveIntegerField(default=0)),
                ("lag_ms", models.PositiveBigIntegerField(default=0)),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.AddField(
            model_name="chatsession",
            name="erased_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="chatsession",
            name="held_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="tenant",
            name="abandonment_message",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="What the visitor reads when a chat was closed because nobody wrote or the connection was lost. "
                "Empty: the widget says it, in the visitor's language.",
                max_length=500,
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="expiry_warning_seconds",
            field=models.PositiveIntegerField(
                db_default=120,
                default=120,
                help_text="So long before the idle rule closes a chat, visitor and agent see the seconds count down.",
                validators=[django.core.validators.MinValueValidator(30)],
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="retention_days",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Closed chats are deleted for good after so many days, with messages, files, notes and their part "
                "in the reports. Empty: never.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(36500),
                ],
            ),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="disconnect_timeout_seconds",
            field=models.PositiveIntegerField(
                default=300,
                help_text=f"A visitor not seen for this long frees the agent. {HIDDEN_TABS}",
                validators=[django.core.validators.MinValueValidator(150, HIDDEN_TABS)],
            ),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="heartbeat_interval_seconds",
            field=models.PositiveIntegerField(
                default=30,
                help_text="So often the widget reports that its visitor is there.",
                validators=[
                    django.core.validators.MinValueValidator(10, HEARTBEATS_FIT),
                    django.core.validators.MaxValueValidator(75, HEARTBEATS_FIT),
                ],
            ),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="session_expiry_seconds",
            field=models.PositiveIntegerField(
                default=1800,
                help_text="A chat is kept this long after the last activity: a message, a page load, use of the page.",
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(("disconnect_timeout_seconds__gte", 150)),
                name="tenant_disconnect_spares_hidden_tabs",
                violation_error_message=HIDDEN_TABS,
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(("heartbeat_interval_seconds__range", (10, 75))),
                name="tenant_heartbeats_fit",
                violation_error_message=HEARTBEATS_FIT,
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("expiry_warning_seconds__gte", 30),
                    ("expiry_warning_seconds__lt", models.F("session_expiry_seconds")),
                ),
                name="tenant_warning_before_expiry",
                violation_error_message="The expiry warning has to be shorter than the session expiry.",
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(("retention_days__isnull", True), ("retention_days__range", (1, 36500)), _connector="OR"),
                name="tenant_retention_fits",
                violation_error_message="Chats are kept for 1 to 36500 days, or for ever.",
            ),
        ),
    ]
