from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from agents_app.logins import limited
from agents_app.urls import api_urlpatterns, console_urlpatterns, public_urlpatterns
from chatcenter.health import healthz, readyz
from sessions_app.views import chat_widget, chat_widget_file, widget_demo

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="console")),
    path("chat-widget.js", chat_widget),
    path("chat-widget/<str:name>", chat_widget_file),
    path("widget-demo.html", widget_demo, name="widget-demo"),
    path("agent/", include(console_urlpatterns)),
    path("admin/login/", limited(admin.site.login)),
    path("admin/", admin.site.urls),
    path("api/v1/chat/public/", include("sessions_app.urls")),
    path("api/v1/chat/public/", include(public_urlpatterns)),
    path("api/v1/chat/", include(api_urlpatterns)),
    path("healthz", healthz),
    path("readyz", readyz),
]
