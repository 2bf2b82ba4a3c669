"""Python loads this first where PYTHONPATH has this folder: SIGUSR1 sets the process's wall clock 25 hours ahead."""

import signal
import time

_time = time.time
_ahead_seconds = 0.0


def _jump(*_) -> None:
    global _ahead_seconds
    _ahead_seconds += 25 * 3600


time.time = lambda: _time() + _ahead_seconds
signal.signal(signal.SIGUSR1, _jump)
