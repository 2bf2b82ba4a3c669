"""A socket that does nothing, on the server of the caller's choice: what the server itself needs for one."""


async def application(scope, receive, send):
    if scope["type"] != "websocket":
        raise ValueError(scope["type"])
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] == "websocket.receive":
        pass
