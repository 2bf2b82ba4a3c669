"""The processes that bin/dev and bin/test start: none of them outlives the command, however it ends."""

import contextlib
import math
import signal
import subprocess
import sys

import psutil

from chatcenter.embedded import die_with_parent

STOP_SECONDS = 10


def adopt_orphans():
    """Makes this process the parent of what its children leave behind (Linux), so that stop_all() finds it."""
    if sys.platform == "linux":
        import ctypes

        PR_SET_CHILD_SUBREAPER = 36
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def interrupt_on_signals():
    """Ctrl-C, SIGTERM and SIGHUP unwind the stack once (SystemExit); a second one does not disturb the cleaning up."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(signum, frame):
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + signum)

    for each in signals:
        signal.signal(each, interrupt)


def start(command, env, stop_signal=signal.SIGTERM, **options):
    """In a session of its own, so that Ctrl-C reaches this command alone; ended by `stop_signal` if that is killed."""
    return subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        # An ignored signal stays ignored in a child, and nobody could stop it.
        preexec_fn=lambda: (signal.signal(signal.SIGINT, signal.SIG_DFL), die_with_parent(stop_signal)),
        **options,
    )


def run(command, env, stop_signal=signal.SIGTERM):
    """Runs the command to its end and returns its exit code; interrupted, it is stopped first."""
    process = start(command, env, stop_signal)
    try:
        return wait(process)
    finally:
        stop(process, stop_signal)


def wait(process):
    """To its end; returns its exit code. Without a timeout `process.wait()` blocks in the kernel, and a signal that
    comes just before is handled when it returns, which may be never; with one it looks every 50 ms."""
    return process.wait(math.inf)


def stop(process, stop_signal=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(stop_signal)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def stop_all(servers):
    """Ends every descendant of this process that is not one of the `servers` (they stop last, by themselves)."""
    spared = set()
    for pid in servers.pids():
        spared |= {pid, *(child.pid for child in _descendants(pid))}
    left = [child for child in _descendants() if child.pid not in spared]
    for child in left:
        _send(child, signal.SIGTERM)
    _, alive = psutil.wait_procs(left, timeout=STOP_SECONDS)
    for child in alive:
        _send(child, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=STOP_SECONDS)


def _descendants(pid=None):
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _send(process, signum):
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signum)
