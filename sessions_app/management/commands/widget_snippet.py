from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.html import format_html

from sessions_app import widget
from sessions_app.models import Tenant

NEWEST = '<script async src="{url}/chat-widget.js" data-tenant-id="{tenant}"{locale}></script>'
PINNED = (
    '<script async src="{url}/chat-widget/{version}.js" data-tenant-id="{tenant}"{locale}\n'
    '        integrity="{integrity}" crossorigin="anonymous"></script>'
)


class Command(BaseCommand):
    help = "Prints what a website puts into its pages to have a tenant's widget."

    def add_arguments(self, parser) -> None:
        parser.add_argument("tenant", help="the tenant's slug, such as demo-tenant")
        parser.add_argument("--url", default=_own_url(), help="where this chat center is reached (%(default)s)")

    def handle(self, *, tenant: str, url: str, **options) -> None:
        locale = Tenant.objects.filter(slug=tenant).values_list("locale", flat=True).first()
        if locale is None:
            raise CommandError(f'There is no tenant "{tenant}".')
        # Known from the tag, another language than English is there when the window opens.
        is_english = locale in ("", "en")
        values = {"url": url.rstrip("/"), "tenant": tenant}
        values["locale"] = "" if is_english else format_html(' data-locale="{}"', locale)
        self.stdout.write("The newest version, always:\n\n" + format_html(NEWEST, **values))
        pinned = format_html(PINNED, **values, version=widget.version(), integrity=widget.integrity())
        self.stdout.write(f"\nThis version alone, which the browser checks:\n\n{pinned}")


def _own_url() -> str:
    hosts = [host.lstrip(".") for host in settings.ALLOWED_HOSTS if host != "*"]
    return f"https://{hosts[0]}" if hosts else "http://localhost:8000"
