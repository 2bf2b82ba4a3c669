from django.urls import path

from sessions_app import api, views

urlpatterns = [
    path("start", api.StartView.as_view()),
    path("end", api.EndView.as_view()),
    path("message", api.MessageView.as_view()),
    path("attachment", api.AttachmentView.as_view()),
    path("attachment/<str:token>", views.attachment, name="attachment"),
    path("attachment/<str:token>/thumbnail", views.thumbnail, name="thumbnail"),
    path("rating", api.RatingView.as_view()),
    path("offline", api.OfflineView.as_view()),
    path("poll", api.PollView.as_view()),
    path("status/<str:session_id>", api.StatusView.as_view()),
    path("session/<str:session_id>", api.SessionView.as_view()),
    path("config/<str:tenant_id>", api.ConfigView.as_view()),
]
