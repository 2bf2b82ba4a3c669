"""Calls that start at one moment, for the tests of races."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connections

from sessions_app.errors import ChatError

# Which of two comes first differs from round to round.
JITTER_SECONDS = 0.01


@contextmanager
def racers(number):
    """``race(f, g, …)``: what each comes to, a ChatError included, of calls that start at one moment, but for a
    jitter; on ``number`` threads with a connection each."""

    def run(function, barrier):
        barrier.wait()
        threading.Event().wait(random.random() * JITTER_SECONDS)
        try:
            return function()
        except ChatError as refusal:
            return refusal

    def race(*functions):
        barrier = threading.Barrier(len(functions))
        return [future.result() for future in [pool.submit(run, function, barrier) for function in functions]]

    def leave():
        all_here.wait()
        connections.close_all()

    all_here = threading.Barrier(number)
    with ThreadPoolExecutor(number) as pool:
        yield race
        for _ in range(number):
            pool.submit(leave)
