"""Calls that start at one moment, for the tests of races."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connections

from sessions_app.errors import ChatError

# Which of them comes first differs from round to round.
JITTER_SECONDS = 0.01


class Lead:
    """By how many seconds the first of two racers starts before the second; below 0, after it.

    After each round ``follow()`` takes some of it from the one that came first: more and more while it stays the same
    one, little once they take turns. So the rounds come close to the moment at which the order turns, whatever each of
    the two has to do and however busy the machine is, and both orders occur, which the tests ask for.
    """

    LEAST_STEP_SECONDS = 0.0002

    def __init__(self):
        self.seconds = 0.0
        self._step = 0.001
        self._first_was_first: bool | None = None

    def follow(self, first_was_first: bool) -> None:
        if self._first_was_first is not None:
            turned = first_was_first != self._first_was_first
            self._step = max(self._step / 2, self.LEAST_STEP_SECONDS) if turned else self._step * 1.5
        self._first_was_first = first_was_first
        self.seconds += -self._step if first_was_first else self._step


@contextmanager
def racers(number):
    """``race(f, g, …)``: what each comes to, a ChatError included, of calls that start at one moment, but for a
    jitter, or with a ``lead`` of the first; on ``number`` threads with a connection each."""

    def run(function, barrier, delay):
        barrier.wait()
        threading.Event().wait(delay)
        try:
            return function()
        except ChatError as refusal:
            return refusal

    def race(*functions, lead: Lead | None = None):
        if lead:
            delays = [max(0, -lead.seconds), max(0, lead.seconds)]
        else:
            delays = [random.random() * JITTER_SECONDS for _ in functions]
        barrier = threading.Barrier(len(functions))
        started = [
            pool.submit(run, function, barrier, delay) for function, delay in zip(functions, delays, strict=True)
        ]
        return [future.result() for future in started]

    def leave():
        all_here.wait()
        connections.close_all()

    all_here = threading.Barrier(number)
    with ThreadPoolExecutor(number) as pool:
        try:
            yield race
        finally:
            for _ in range(number):
                pool.submit(leave)


def in_thread(function):
    """Starts ``function`` on a thread with a connection of its own; returns the thread and its results."""
    results = []

    def run():
        try:
            results.append(function())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results
