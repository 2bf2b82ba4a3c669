from typing import NamedTuple

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AdminFileWidget
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import models, transaction
from django.db.models.fields.files import FieldFile
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from agents_app.models import Agent, AgentQuerySet, CannedReply
from agents_app.selectors import may_supervise
from agents_app.serializers import picture_url
from sessions_app import filetypes
from sessions_app.errors import Invalid


class ShownPicture(NamedTuple):
    """What Django's widget shows of a file, ``url`` and text: here the picture itself."""

    url: str

    def __str__(self) -> str:
        return format_html('<img src="{}" width="64" height="64" alt="The picture that visitors see">', self.url)


class PictureWidget(AdminFileWidget):
    """Of a file in a storage that has no addresses of its own."""

    def is_initial(self, value: object) -> bool:
        return isinstance(value, FieldFile) and bool(value)

    def format_value(self, value: object) -> ShownPicture | None:
        return ShownPicture(picture_url(value)) if self.is_initial(value) else None


class PictureField(forms.FileField):
    """Any picture that somebody has, as the small square that visitors see."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options | {"widget": PictureWidget(attrs={"accept": "image/png,image/jpeg,image/webp"})})

    def to_python(self, data: UploadedFile | None) -> ContentFile | None:
        data = super().to_python(data)
        if data is None:
            return None
        if data.size > settings.MAX_PICTURE_BYTES:
            raise forms.ValidationError("A picture may have 2 MB at most.")
        try:
            return ContentFile(filetypes.portrait(data), name="portrait.webp")
        except Invalid as refusal:
            raise forms.ValidationError(f"{refusal.message} Choose a PNG, JPEG or WebP.") from refusal


@admin.register(Agent)
class AgentAdmin(admin.ModelAdmin):
    list_display = (
        "user",
        "display_name",
        "tenant_names",
        "is_active",
        "state",
        "load",
        "is_supervisor",
        "last_seen_at",
    )
    list_filter = ("tenants", "user__is_active", "availability")
    search_fields = ("user__username", "user__first_name", "user__last_name", "user__email")
    autocomplete_fields = ("user", "tenants")
    fieldsets = (
        (None, {"fields": ("user", "picture", "tenants")}),
        ("Work", {"fields": ("availability", "capacity")}),
    )
    now_fieldset = ("Now", {"fields": ("state", "load", "last_seen_at", "last_active_at", "supervisor")})
    readonly_fields = ("state", "load", "last_seen_at", "last_active_at", "supervisor")
    formfield_overrides = {models.ImageField: {"form_class": PictureField}}

    def get_queryset(self, request: HttpRequest) -> AgentQuerySet:
        agents = super().get_queryset(request).with_state().with_load().annotate(is_supervisor=may_supervise())
        return agents.select_related("user").prefetch_related("tenants")

    def get_fieldsets(self, request: HttpRequest, obj: Agent | None = None):
        return (*self.fieldsets, self.now_fieldset) if obj else self.fieldsets

    def save_model(self, request: HttpRequest, obj: Agent, form: forms.ModelForm, change: bool) -> None:
        """Only what was changed: consoles stamp the row all the time."""
        columns = {field.name for field in Agent._meta.concrete_fields}
        obj.save(update_fields=columns.intersection(form.changed_data) if change else None)
        old = form.initial.get("picture")
        if "picture" in form.changed_data and old:
            transaction.on_commit(lambda: old.storage.delete(old.name), robust=True)

    @admin.display(description="Name")
    def display_name(self, agent: Agent) -> str:
        return str(agent)

    @admin.display(description="Tenants")
    def tenant_names(self, agent: Agent) -> str:
        return ", ".join(tenant.name for tenant in agent.tenants.all())

    @admin.display(boolean=True, description="Active", ordering="user__is_active")
    def is_active(self, agent: Agent) -> bool:
        return agent.user.is_active

    @admin.display(description="Is now", ordering="state")
    def state(self, agent: Agent) -> str:
        return agent.state

    @admin.display(description="Chats", ordering="load")
    def load(self, agent: Agent) -> str:
        return str(agent.load) if agent.capacity is None else f"{agent.load} of {agent.capacity}"

    @admin.display(boolean=True, description="Supervisor")
    def is_supervisor(self, agent: Agent) -> bool:
        return agent.is_supervisor

    @admin.display(description="Supervisor")
    def supervisor(self, agent: Agent) -> str:
        return format_html(
            "{}. Supervisors have the permission “{}”, of their own or by a group: "
            '<a href="{}">change the permissions of {}</a>.',
            "Yes" if agent.is_supervisor else "No",
            dict(Agent._meta.permissions)["supervise"],
            reverse("admin:auth_user_change", args=[agent.user_id]),
            agent.user.get_username(),
        )


@admin.register(CannedReply)
class CannedReplyAdmin(admin.ModelAdmin):
    list_display = ("__str__", "tenant", "beginning")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    search_fields = ("shortcut", "text")
    autocomplete_fields = ("tenant",)

    def get_form(self, request: HttpRequest, obj: CannedReply | None = None, **options):
        placeholders = "{{visitor.name}}, {{visitor.email}} and {{agent.name}} are filled in when the reply is used."
        return super().get_form(request, obj, help_texts={"text": placeholders}, **options)

    @admin.display(description="Text")
    def beginning(self, reply: CannedReply) -> str:
        return reply.text if len(reply.text) <= 80 else f"{reply.text[:79]}…"
