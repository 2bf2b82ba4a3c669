"""What goes wrong for a caller, with the codes of the public contract: the same on HTTP and sockets."""


class ChatError(Exception):
    """A refusal that the caller is told of.

    ``code`` and ``status`` are the contract; ``message`` is one sentence for people; ``details`` are further
    JSON values of the error object (``fields``, ``retry_after_ms``, ``agent_name`` …).
    """

    code = "invalid"
    status = 400
    message = "The request is not valid."

    def __init__(self, message: str | None = None, **details: object) -> None:
        self.message = message or self.message
        self.details = {key: value for key, value in details.items() if value is not None}
        super().__init__(self.message)

    def payload(self) -> dict[str, object]:
        return {"code": self.code, "message": self.message, **self.details}


class Invalid(ChatError):
    pass


class NotAllowed(Invalid):
    status = 403
    message = "Only supervisors may do this."


class OriginNotAllowed(ChatError):
    code, status = "origin_not_allowed", 403
    message = "This website may not use this chat."


class SessionNotFound(ChatError):
    code, status = "session_not_found", 404
    message = "There is no such chat session."


class TenantNotFound(ChatError):
    code, status = "tenant_not_found", 404
    message = "There is no such tenant."


class Conflict(ChatError):
    code, status = "conflict", 409
    message = "This id was already used for something else."


class Taken(ChatError):
    code, status = "taken", 409

    def __init__(self, agent_name: str) -> None:
        super().__init__(f"{agent_name} has this chat.", agent_name=agent_name)


class SessionOver(ChatError):
    code, status = "session_over", 410
    message = "This chat session is over."

    def __init__(self, session_status: str, reason: str, text: str = "") -> None:
        super().__init__(status=session_status, reason=reason, text=text or None)


class TooLarge(ChatError):
    code, status = "too_large", 413
    message = "This is too large."


class RateLimited(ChatError):
    code, status = "rate_limited", 429

    def __init__(self, retry_after_ms: int, message: str = "Too fast. Wait a moment.") -> None:
        super().__init__(message, retry_after_ms=retry_after_ms)


class Busy(ChatError):
    code, status = "busy", 503

    def __init__(self, retry_after_ms: int = 1000) -> None:
        super().__init__("The server is busy. Try again in a moment.", retry_after_ms=retry_after_ms)


class Unavailable(ChatError):
    code, status = "unavailable", 503

    def __init__(self, retry_after_ms: int = 2000) -> None:
        super().__init__("The service is not available right now. Try again.", retry_after_ms=retry_after_ms)
