from datetime import timedelta

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count, QuerySet
from django.forms import ModelForm, MultiWidget, Select, TextInput
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import localize
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator

from sessions_app import retention, services
from sessions_app.errors import ChatError
from sessions_app.models import (
    CLOSING,
    Attachment,
    ChatSession,
    Hold,
    Message,
    Note,
    OfflineMessage,
    Party,
    SessionEvent,
    Status,
    SweepRun,
    Tag,
    Tenant,
    TrailEntry,
)
from sessions_app.serializers import agent_name
from sessions_app.services import Actor

admin.site.site_header = admin.site.site_title = "Chat Center"
admin.site.index_title = "Administration"
admin.site.site_url = "/agent/"  # "View site"
# The lists need the room, and all that it leads to is on the first page.
admin.site.enable_nav_sidebar = False


def shorten(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


class ReadOnlyAdmin(admin.ModelAdmin):
    """What the services write is looked at here, never edited."""

    def has_add_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


class LocaleInput(MultiWidget):
    """One of the languages that the widget speaks, or any other tag: with its country, or of a language for which a
    site brings the words itself."""

    ANOTHER = ""
    use_fieldset = False

    def __init__(self) -> None:
        choices = [*Tenant.Locale.choices, (self.ANOTHER, "another one:")]
        other = TextInput({"placeholder": "such as pt-BR or it", "aria-label": "Another language", "size": 16})
        super().__init__({"": Select(choices=choices), "other": other})

    def decompress(self, value: str | None) -> list[str | None]:
        return [value, ""] if value in Tenant.Locale.values else [self.ANOTHER, value]

    def value_from_datadict(self, *args) -> str:
        chosen, other = super().value_from_datadict(*args)
        return (other or "").strip() if chosen == self.ANOTHER else chosen

    def id_for_label(self, id_: str) -> str:
        return f"{id_}_0"


@admin.register(Tenant)
class TenantAdmin(admin.ModelAdmin):
    list_display = ("name", "slug", "is_active", "websites", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name", "slug")
    fieldsets = (
        (None, {"fields": ("name", "slug", "is_active", "allowed_origins")}),
        (
            "Widget",
            {
                "fields": (
                    "title",
                    "subtitle",
                    "welcome_message",
                    "primary_color",
                    "position",
                    "locale",
                    "prechat_form",
                    "offline_form",
                    "typing_preview",
                )
            },
        ),
        (
            "Abandonment",
            {
                "description": "When a chat is given up whose visitor is silent or gone, and what happens then.",
                "fields": (
                    "session_expiry_seconds",
                    "expiry_warning_seconds",
                    "idle_rule_for_active",
                    "disconnect_timeout_seconds",
                    "heartbeat_interval_seconds",
                    "reopen_enabled",
                    "abandonment_message",
                ),
            },
        ),
        ("Work of the agents", {"fields": ("auto_assign",)}),
        ("Privacy", {"fields": ("retention_days",)}),
    )

    def get_readonly_fields(self, request, obj=None):
        # Websites name the slug in their snippet: changing it would switch their widgets off.
        return ("slug",) if obj else ()

    def get_form(self, request: HttpRequest, obj: Tenant | None = None, **options) -> type[ModelForm]:
        form = super().get_form(request, obj, **options)
        if locale := form.base_fields.get("locale"):  # there is none for who may only look
            locale.widget = LocaleInput()
        return form

    def save_model(self, request: HttpRequest, obj: Tenant, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.locale.split("-")[0] not in Tenant.Locale.values:
            text = f"The widget does not speak “{obj.locale}”: where the page does not bring the words, it is English."
            self.message_user(request, text, messages.WARNING)

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj else {"slug": ("name",)}

    def has_delete_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        """Chats outlive no tenant: one that has any is switched off instead. Asked here, since Django would first
        gather all that would go along."""
        return super().has_delete_permission(request, obj) and (obj is None or not obj.sessions.exists())

    def get_actions(self, request: HttpRequest) -> dict:
        actions = super().get_actions(request)
        # It would gather all that belongs to all of them, and asks has_delete_permission() about none.
        actions.pop("delete_selected", None)
        return actions

    @admin.display(description="Websites")
    def websites(self, tenant: Tenant) -> str:
        return ", ".join(tenant.allowed_origins) or "every website"


class SessionEventInline(admin.TabularInline):
    model = SessionEvent
    fields = (
        "at",
        "from_status",
        "to_status",
        "reason",
        "actor_type",
        "actor",
        "stage",
        "waited_ms",
        "queue_position",
    )
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None) -> bool:
        return False


class NoteInline(admin.TabularInline):
    model = Note
    fields = ("created_at", "author_name", "after_seq", "body")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None) -> bool:
        return False


class TrailInline(admin.TabularInline):
    model = TrailEntry
    fields = ("at", "kind", "after_seq", "title", "url", "referrer", "gone_since")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None) -> bool:
        return False


class HoldInline(admin.TabularInline):
    model = Hold
    fields = ("at", "agent_name", "held_until", "after_seq")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None) -> bool:
        return False


class AttachmentInline(admin.TabularInline):
    model = Attachment
    fields = ("seq", "link", "content_type", "size", "created_at")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attachment]:
        return super().get_queryset(request).filter(seq__isnull=False)

    def has_add_permission(self, request, obj=None) -> bool:
        return False

    @admin.display(description="File")
    def link(self, attachment: Attachment) -> str:
        return format_html(
            '<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>',
            reverse("attachment", args=[attachment.token]),
            attachment.name,
        )


class ClosedReasonFilter(admin.SimpleListFilter):
    title = "closed reason"
    parameter_name = "closed_reason__exact"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        """Without the reasons of transitions that close nothing."""
        return [(reason.value, reason.label) for reason in CLOSING]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ChatSession]) -> QuerySet[ChatSession]:
        return queryset.filter(closed_reason=self.value()) if self.value() else queryset


@admin.register(ChatSession)
class ChatSessionAdmin(ReadOnlyAdmin):
    list_display = (
        "conversation_id",
        "tenant_name",
        "visitor",
        "outcome",
        "stage",
        "rating",
        "agent",
        "number_of_messages",
        "created_at",
    )
    list_filter = ("tenant", "status", ClosedReasonFilter, "stage", "rating_score", "created_at")
    list_select_related = ("tenant", "assigned_to")
    search_fields = ("conversation_id__istartswith", "session_id__iexact", "customer_name", "customer_email")
    search_help_text = "The beginning of a conversation id, a session id, name or e-mail"
    show_full_result_count = False
    inlines = (NoteInline, AttachmentInline, TrailInline, HoldInline, SessionEventInline)
    actions = ("end_sessions", "erase_visitors")
    fieldsets = (
        (None, {"fields": ("conversation_id", "session_id", "tenant", "status", "assigned_to", "tags")}),
        (
            "Visitor",
            {"fields": ("customer_name", "customer_email", "page_title", "page_url", "user_agent", "metadata")},
        ),
        (
            "Times",
            {
                "fields": (
                    "created_at",
                    "last_activity_at",
                    "last_seen_at",
                    "waiting_since",
                    "held_until",
                    "first_visitor_message_at",
                    "first_agent_message_at",
                    "closed_at",
                    "erased_at",
                )
            },
        ),
        ("Why it was closed", {"fields": ("closed_reason", "stage")}),
        ("What the visitor thought of it", {"fields": ("rating_score", "rating_comment", "rated_at")}),
        ("Came after", {"fields": ("previous_session_id", "previous_outcome")}),
        ("Transcript", {"fields": ("transcript",)}),
    )
    readonly_fields = ("transcript",)

    @admin.display(description="Tenant", ordering="tenant")
    def tenant_name(self, session: ChatSession) -> str:
        """Unlike the tenant itself it may take two lines."""
        return session.tenant.name

    @admin.display(description="Visitor", ordering="customer_name")
    def visitor(self, session: ChatSession) -> str:
        return Truncator(session.customer_name).chars(20)

    @admin.display(description="Status", ordering="status")
    def outcome(self, session: ChatSession) -> str:
        reason = session.get_closed_reason_display()
        if session.status == Status.ABANDONED:
            return f"Abandoned ({reason.lower()})"
        return reason or session.get_status_display()

    @admin.display(description="Rating", ordering="rating_score")
    def rating(self, session: ChatSession) -> int | None:
        return session.rating_score

    @admin.display(description="Agent", ordering="assigned_to")
    def agent(self, session: ChatSession) -> str | None:
        return session.assigned_to and Truncator(agent_name(session.assigned_to)).chars(20)

    @admin.display(description="Msgs", ordering="last_seq")
    def number_of_messages(self, session: ChatSession) -> int:
        return session.last_seq

    @admin.display(description="Messages")
    def transcript(self, session: ChatSession) -> str:
        return format_html_join(
            "",
            '<p><small>{} · {}</small> <b>{}</b><br><span style="white-space:pre-wrap">{}</span></p>',
            (
                (line.seq, localize(line.created_at), line.sender_name or line.get_sender_type_display(), line.body)
                for line in session.messages.order_by("seq")
            ),
        )

    @admin.action(description="End the selected chats")
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[ChatSession]) -> None:
        actor = Actor(Party.ADMIN, agent_name(request.user), request.user.pk)
        ended = over = 0
        for session_id in queryset.values_list("session_id", flat=True):
            try:
                services.end_session(session_id, actor)
                ended += 1
            except ChatError:
                over += 1
        self.message_user(request, f"{ended} ended." + (f" {over} had been abandoned." if over else ""), messages.INFO)

    @admin.action(description="Erase the visitor of the selected chat")
    def erase_visitors(self, request: HttpRequest, queryset: QuerySet[ChatSession]) -> HttpResponse | None:
        """One visitor at a time, after a page that lists what would be erased."""
        if queryset.count() != 1:
            self.message_user(request, "Select one chat: one visitor is erased at a time.", messages.WARNING)
            return None
        session = queryset.select_related("tenant").get()
        if request.POST.get("confirmed"):
            has_same_email = "same_email" in request.POST
            count = retention.erase_visitor(session, request.user, has_same_email=has_same_email)
            self.message_user(request, f"The visitor was erased from {count} chats.", messages.SUCCESS)
            return None
        linked = retention.sessions_of_visitor(session)
        same_email = retention.sessions_of_visitor(session, has_same_email=True).exclude(pk__in=linked)
        context = {
            **self.admin_site.each_context(request),
            "title": "Erase a visitor",
            "opts": self.model._meta,
            "session": session,
            "linked": linked,
            "same_email": same_email,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/sessions_app/chatsession/erase_visitor.html", context)

    def get_actions(self, request: HttpRequest) -> dict:
        actions = super().get_actions(request)
        needed = {"end_sessions": "change", "erase_visitors": "delete"}
        for action, right in needed.items():
            if not request.user.has_perm(f"sessions_app.{right}_chatsession"):
                actions.pop(action, None)
        return actions


@admin.register(SweepRun)
class SweepRunAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "took", "idle", "disconnected", "examined", "skipped_locks", "lag")
    show_full_result_count = False

    @admin.display(description="Took")
    def took(self, run: SweepRun) -> str:
        return f"{(run.finished_at - run.started_at).total_seconds():.1f} s" if run.finished_at else "not finished"

    @admin.display(description="Latest was late by (h:min:s)")
    def lag(self, run: SweepRun) -> str:
        return str(timedelta(seconds=run.lag_ms // 1000))


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    """Another name renames it on every chat; deleted, it goes from all of them."""

    list_display = ("name", "tenant", "chats")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        return super().get_queryset(request).annotate(chats=Count("sessions"))

    def get_readonly_fields(self, request, obj=None):
        # The chats that have it are this tenant's.
        return ("tenant",) if obj else ()

    @admin.display(ordering="chats", description="Chats")
    def chats(self, tag: Tag) -> int:
        return tag.chats


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("session", "seq", "sender_type", "sender_name", "shortened", "created_at")
    list_filter = ("sender_type", "message_type", "created_at", "session__tenant")
    list_select_related = ("session",)
    search_fields = ("body", "session__conversation_id__istartswith")
    search_help_text = "Text, or the beginning of a conversation id"
    ordering = ("-pk",)
    show_full_result_count = False

    @admin.display(description="Text")
    def shortened(self, message: Message) -> str:
        return shorten(message.body)


@admin.register(OfflineMessage)
class OfflineMessageAdmin(ReadOnlyAdmin):
    """May be deleted, where its visitor asks for that: nothing else hangs on it."""

    list_display = ("email", "name", "tenant", "shortened", "created_at", "done_at", "done_by")
    list_filter = ("tenant", ("done_at", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("tenant", "done_by")
    search_fields = ("email", "name", "body")
    show_full_result_count = False

    def has_delete_permission(self, request, obj=None) -> bool:
        return super(ReadOnlyAdmin, self).has_delete_permission(request, obj)

    @admin.display(description="Text")
    def shortened(self, message: OfflineMessage) -> str:
        return shorten(message.body)
