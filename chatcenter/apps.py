from django.apps import AppConfig


class ChatCenterConfig(AppConfig):
    name = "chatcenter"

    def ready(self) -> None:
        from chatcenter import checks  # noqa: F401  (registers them)
