"""Who may read which reports, and what can be asked for."""

from datetime import date, timedelta

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet
from rest_framework import serializers

from sessions_app.models import Tenant
from sessions_app.reports import Period, Reporter, today, zones

USUAL_DAYS = 30
MOST_DAYS = 366


def readable_tenants(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Tenant]:
    """A supervisor's own, everybody's for an admin, none for anybody else."""
    if user.is_active and user.is_superuser:
        return Tenant.objects.all()
    if not user.has_perm("agents_app.supervise"):
        return Tenant.objects.none()
    return Tenant.objects.filter(agents__user=user.pk, is_active=True)


class PeriodInput(serializers.Serializer):
    """``start`` and ``end`` are days, both included, in ``timezone``; without them the last 30 days."""

    tenant = serializers.CharField(max_length=64, required=False, allow_blank=True)
    start = serializers.DateField(required=False)
    end = serializers.DateField(required=False)
    timezone = serializers.CharField(max_length=64, default="UTC")

    def validate_timezone(self, name: str) -> str:
        if name not in zones():
            raise serializers.ValidationError("This is no time zone.")
        return name

    def validate_tenant(self, slug: str) -> str:
        if slug and not self.context["tenants"].filter(slug=slug).exists():
            raise serializers.ValidationError("There is no such tenant.")
        return slug

    def validate(self, values: dict[str, object]) -> dict[str, object]:
        end = values.get("end") or today(values["timezone"])
        start = values.get("start") or end - timedelta(days=USUAL_DAYS - 1)
        if start > end:
            raise serializers.ValidationError({"start": ["The first day is after the last."]})
        if (end - start).days >= MOST_DAYS:
            raise serializers.ValidationError({"start": [f"At most {MOST_DAYS} days at once."]})
        if not date(2000, 1, 1) <= start <= end <= date(2100, 1, 1):
            raise serializers.ValidationError({"start": ["This is not a day of this century."]})
        return values | {"start": start, "end": end}


def reporter(values: dict[str, object], tenants: QuerySet[Tenant]) -> Reporter:
    """For what PeriodInput has let through."""
    if slug := values.get("tenant"):
        tenants = tenants.filter(slug=slug)
    period = Period(values["start"], values["end"], values["timezone"])
    return Reporter(tenants.values_list("pk", flat=True), period)
