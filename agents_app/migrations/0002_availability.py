import agents_app.models
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents_app", "0001_initial"),
        ("sessions_app", "0007_work_of_agents"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="agent",
            options={
                "ordering": ["user__username"],
                "permissions": [
                    ("supervise", "Can supervise: reassign and end chats that others have, and see the reports")
                ],
            },
        ),
        migrations.AddField(
            model_name="agent",
            name="availability",
            field=models.CharField(
                choices=[("online", "Online"), ("away", "Away"), ("offline", "Offline")],
                db_default="online",
                default="online",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="agent",
            name="capacity",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="So many chats at once, at most, are given to the agent automatically. Empty: no limit.",
                null=True,
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
        migrations.AddField(
            model_name="agent",
            name="last_active_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="agent",
            name="picture",
            field=models.ImageField(
                blank=True,
                db_default="",
                help_text="Visitors see it beside the agent's name. PNG, JPEG or WebP.",
                upload_to=agents_app.models.picture_path,
            ),
        ),
        migrations.CreateModel(
            name="CannedReply",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shortcut", models.SlugField(help_text="Typed after a slash, as /hello.", max_length=40)),
                (
                    "text",
                    models.TextField(
                        validators=[django.core.validators.MaxLengthValidator(agents_app.models.longest_message)]
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="canned_replies",
                        to="sessions_app.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "canned replies",
                "ordering": ["tenant", "shortcut"],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("tenant"),
                        django.db.models.functions.text.Lower("shortcut"),
                        name="canned_reply_shortcut_unique",
                        violation_error_message="There is a reply of this shortcut already.",
                    )
                ],
            },
        ),
    ]
