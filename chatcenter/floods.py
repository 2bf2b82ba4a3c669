"""What both servers' protocols hold against a client and neither does by itself: too many of the frames that no
application sees."""

import time

CLOSE_TOO_FAST = 4429  # sessions_app/protocol.py, which a server must not import before Django is set up
MAX_FRAMES, SECONDS = 100, 10.0


class SideFrames:
    """Counts pings, pongs and fragments: each costs the process about as much as a message, a ping is answered, and a
    message of empty fragments never ends. Honest clients send one or two a minute."""

    _side_frames, _counted_since = 0, 0.0

    def is_one_too_many(self) -> bool:
        """Of the frame that has just come."""
        now = time.monotonic()
        if now - self._counted_since > SECONDS:
            self._side_frames, self._counted_since = 0, now
        self._side_frames += 1
        return self._side_frames > MAX_FRAMES
