"""What leaves at the end of a turn of the loop: everything, once, in its order."""

import asyncio

from chatcenter.corks import corks


class Connection:
    def __init__(self, let_go: list) -> None:
        self.let_go = let_go

    def uncork(self) -> None:
        self.let_go.append(self)


class Broken(Connection):
    def uncork(self) -> None:
        super().uncork()
        raise ConnectionResetError


async def test_who_was_held_in_a_turn_is_let_go_once_and_in_order():
    let_go = []
    first, second = Connection(let_go), Connection(let_go)
    for connection in (first, second, first):
        corks.current().hold(connection)
    assert let_go == []
    await asyncio.sleep(0)
    assert let_go == [first, second]
    corks.current().hold(first)
    await asyncio.sleep(0)
    assert let_go == [first, second, first]


async def test_what_is_written_while_others_are_let_go_has_its_turn():
    let_go = []

    class Answering(Connection):
        def uncork(self) -> None:
            if self not in let_go:
                corks.current().hold(self)
            super().uncork()

    corks.current().hold(answering := Answering(let_go))
    await asyncio.sleep(0)
    assert let_go == [answering]
    await asyncio.sleep(0)
    assert let_go == [answering, answering]


async def test_a_broken_connection_holds_up_nobody(caplog):
    let_go = []
    broken, whole = Broken(let_go), Connection(let_go)
    corks.current().hold(broken)
    corks.current().hold(whole)
    await asyncio.sleep(0)
    assert let_go == [broken, whole]
    assert "could not be written to" in caplog.text
