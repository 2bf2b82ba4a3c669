"""An end for requests without end."""

from collections.abc import Awaitable, Callable

Message = dict[str, object]


class BoundedBody:
    """An ASGI application whose inner one gets of a body no more than a byte over the limit, and then its end: enough
    to see that it is too large. Django would first write all of it to the disk."""

    def __init__(self, application: Callable[..., Awaitable[None]], most_bytes: int) -> None:
        self._application = application
        self._most_bytes = most_bytes

    async def __call__(self, scope: dict, receive: Callable[[], Awaitable[Message]], send: Callable) -> None:
        left = self._most_bytes + 1

        async def receive_bounded() -> Message:
            nonlocal left
            message = await receive()
            while not left and message["type"] == "http.request":
                # The inner application has seen the end already; it waits to hear that the client is gone.
                message = await receive()
            if message["type"] != "http.request":
                return message
            body = message.get("body", b"")[:left]
            left -= len(body)
            return {**message, "body": body, "more_body": left > 0 and message.get("more_body", False)}

        await self._application(scope, receive_bounded, send)
