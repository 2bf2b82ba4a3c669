from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0014_locale_of_tenants"),
    ]

    operations = [
        migrations.AlterField(
            model_name="chatsession",
            name="closed_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("started", "Started"),
                    ("accepted", "Accepted"),
                    ("assigned", "Assigned"),
                    ("transferred", "Transferred"),
                    ("agent_gone", "Agent Gone"),
                    ("reopened", "Reopened"),
                    ("visitor", "Ended by the visitor"),
                    ("agent", "Ended by an agent"),
                    ("admin", "Ended by an admin"),
                    ("idle", "Inactive"),
                    ("disconnected", "Left"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="chatsession",
            name="stage",
            field=models.CharField(
                blank=True,
                choices=[
                    ("never_engaged", "Never wrote"),
                    ("missed", "Never answered"),
                    ("waiting_for_agent", "Waiting for an answer"),
                    ("answered", "Answered"),
                ],
                max_length=24,
            ),
        ),
        migrations.AlterField(
            model_name="sessionevent",
            name="reason",
            field=models.CharField(
                choices=[
                    ("started", "Started"),
                    ("accepted", "Accepted"),
                    ("assigned", "Assigned"),
                    ("transferred", "Transferred"),
                    ("agent_gone", "Agent Gone"),
                    ("reopened", "Reopened"),
                    ("visitor", "Ended by the visitor"),
                    ("agent", "Ended by an agent"),
                    ("admin", "Ended by an admin"),
                    ("idle", "Inactive"),
                    ("disconnected", "Left"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="sessionevent",
            name="stage",
            field=models.CharField(
                blank=True,
                choices=[
                    ("never_engaged", "Never wrote"),
                    ("missed", "Never answered"),
                    ("waiting_for_agent", "Waiting for an answer"),
                    ("answered", "Answered"),
                ],
                max_length=24,
            ),
        ),
    ]
