import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

REASONS = [
    ("started", "Started"),
    ("accepted", "Accepted"),
    ("assigned", "Assigned"),
    ("transferred", "Transferred"),
    ("agent_gone", "Agent Gone"),
    ("reopened", "Reopened"),
    ("visitor", "Visitor"),
    ("agent", "Agent"),
    ("admin", "Admin"),
    ("idle", "Idle"),
    ("disconnected", "Disconnected"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0006_prechat_form"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="chatsession",
            name="user_agent",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
        migrations.AddField(
            model_name="tenant",
            name="auto_assign",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Give each waiting chat to the available agent who has the fewest and still has room.",
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="offline_form",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="While no agent is there, ask visitors to leave a message and an e-mail address, "
                "instead of letting them wait in the queue.",
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="typing_preview",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Agents see what a visitor is writing before it is sent. Say so in your privacy notice.",
            ),
        ),
        migrations.CreateModel(
            name="SearchText",
            fields=[
                (
                    "session",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search_text",
                        serialize=False,
                        to="sessions_app.chatsession",
                    ),
                ),
                ("words", django.contrib.postgres.search.SearchVectorField()),
            ],
            options={
                "indexes": [django.contrib.postgres.indexes.GinIndex(fields=["words"], name="search_words")],
            },
        ),
        migrations.CreateModel(
            name="Tag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tags",
                        to="sessions_app.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.AddField(
            model_name="chatsession",
            name="tags",
            field=models.ManyToManyField(blank=True, related_name="sessions", to="sessions_app.tag"),
        ),
        migrations.CreateModel(
            name="TrailEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(choices=[("page", "Page"), ("left", "Left"), ("back", "Back")], max_length=8),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ("after_seq", models.PositiveIntegerField()),
                ("url", models.CharField(blank=True, db_default="", default="", max_length=2000)),
                ("title", models.CharField(blank=True, db_default="", default="", max_length=300)),
                ("referrer", models.CharField(blank=True, db_default="", default="", max_length=2000)),
                ("gone_since", models.DateTimeField(blank=True, null=True)),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="trail", to="sessions_app.chatsession"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "trail entries",
                "ordering": ["session", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Note",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("client_message_id", models.UUIDField()),
                ("author_name", models.CharField(max_length=200)),
                ("after_seq", models.PositiveIntegerField()),
                ("body", models.TextField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notes",
                        to="sessions_app.chatsession",
                    ),
                ),
            ],
            options={
                "ordering": ["session", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("session", "client_message_id"), name="note_client_id_unique")
                ],
            },
        ),
        migrations.CreateModel(
            name="OfflineMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("message_id", models.UUIDField()),
                ("name", models.CharField(blank=True, max_length=200)),
                ("email", models.EmailField(max_length=254)),
                ("body", models.TextField()),
                ("page_url", models.CharField(blank=True, max_length=2000)),
                ("page_title", models.CharField(blank=True, max_length=300)),
                ("locale", models.CharField(blank=True, max_length=35)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                (
                    "done_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="offline_messages",
                        to="sessions_app.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("done_at__isnull", True)),
                        fields=["tenant", "id"],
                        name="offline_message_open",
                    ),
                    models.Index(fields=["tenant", "-created_at"], name="offline_message_history"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "message_id"), name="offline_message_id_unique")
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="tag",
            constraint=models.UniqueConstraint(
                models.F("tenant"),
                django.db.models.functions.text.Lower("name"),
                name="tag_name_unique",
                violation_error_message="There is a tag of this name already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="trailentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "back"), _negated=True), ("gone_since__isnull", False), _connector="OR"
                ),
                name="trail_back_says_since_when",
            ),
        ),
        migrations.AlterField(
            model_name="chatsession",
            name="closed_reason",
            field=models.CharField(blank=True, choices=REASONS, max_length=16),
        ),
        migrations.AlterField(
            model_name="sessionevent",
            name="reason",
            field=models.CharField(choices=REASONS, max_length=16),
        ),
    ]
