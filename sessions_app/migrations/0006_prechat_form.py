from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0005_attachment"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="prechat_form",
            field=models.CharField(
                choices=[
                    ("off", "Off"),
                    ("optional", "optional: the visitor may skip it"),
                    ("required", "Required"),
                ],
                db_default="off",
                default="off",
                help_text="Asks visitors for name and e-mail before their first message. What they answer is not checked.",
                max_length=8,
            ),
        ),
    ]
