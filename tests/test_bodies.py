"""chatcenter/bodies.py: what an application gets of a body that is too large."""

from chatcenter.bodies import BoundedBody


async def received_of(*chunks: bytes, most_bytes: int) -> tuple[bytes, dict]:
    """The body that the inner application gets, and what it hears after that."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages[-1]["more_body"] = False
    messages.append({"type": "http.disconnect"})

    async def receive():
        return messages.pop(0)

    async def application(scope, receive, send):
        nonlocal body, after
        is_more = True
        while is_more:
            message = await receive()
            body += message["body"]
            is_more = message["more_body"]
        after = await receive()

    body, after = b"", {}
    await BoundedBody(application, most_bytes)({"type": "http"}, receive, None)
    return body, after


async def test_a_body_within_the_limit_comes_through():
    assert await received_of(b"ab", b"cd", most_bytes=4) == (b"abcd", {"type": "http.disconnect"})


async def test_of_a_larger_one_there_is_a_byte_more_than_allowed_and_then_its_end():
    assert await received_of(b"ab", b"cd", b"ef", b"gh", most_bytes=4) == (b"abcde", {"type": "http.disconnect"})
    assert await received_of(b"abcde", b"f", most_bytes=4) == (b"abcde", {"type": "http.disconnect"})
