from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0003_rating"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="event",
            field=models.JSONField(blank=True, null=True),
        ),
    ]
