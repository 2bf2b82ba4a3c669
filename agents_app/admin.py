from django.contrib import admin

from agents_app.models import Agent


@admin.register(Agent)
class AgentAdmin(admin.ModelAdmin):
    list_display = ("user", "display_name", "tenant_names", "is_active", "last_seen_at")
    list_filter = ("tenants", "user__is_active")
    search_fields = ("user__username", "user__first_name", "user__last_name", "user__email")
    autocomplete_fields = ("user", "tenants")
    readonly_fields = ("last_seen_at",)

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("user").prefetch_related("tenants")

    @admin.display(description="Name")
    def display_name(self, agent: Agent) -> str:
        return str(agent)

    @admin.display(description="Tenants")
    def tenant_names(self, agent: Agent) -> str:
        return ", ".join(tenant.name for tenant in agent.tenants.all())

    @admin.display(boolean=True, description="Active", ordering="user__is_active")
    def is_active(self, agent: Agent) -> bool:
        return agent.user.is_active
