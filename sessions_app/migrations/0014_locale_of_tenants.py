import re

import django.core.validators
from django.db import migrations, models

TAG = r"\A[a-z]{2,4}(-[0-9A-Za-z]+)*\Z"


def replace_what_is_none(apps, schema_editor):
    """Widgets pass over what is no language tag, and speak English: it is only written down."""
    tenants = apps.get_model("sessions_app", "Tenant").objects
    for tenant in tenants.only("locale"):
        if not re.search(TAG, tenant.locale):
            tenants.filter(pk=tenant.pk).update(locale="en")


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0013_words_of_tenants"),
    ]

    operations = [
        migrations.AlterField(
            model_name="tenant",
            name="locale",
            field=models.CharField(
                default="en",
                help_text="The language of the widget, unless a page names another one.",
                max_length=16,
                validators=[
                    django.core.validators.RegexValidator(re.compile(TAG), "Write the language as en or pt-BR.")
                ],
            ),
        ),
        migrations.RunPython(replace_what_is_none, migrations.RunPython.noop),
    ]
