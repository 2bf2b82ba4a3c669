"""What a web process is once it has imported its application."""

import subprocess
import sys

from chatcenter.embedded import BASE_DIR

COUNT = "import gc, chatcenter.asgi; print(gc.get_freeze_count(), len(gc.get_objects()), *gc.get_threshold())"


def test_the_garbage_collector_leaves_alone_what_was_imported():
    command = [sys.executable, "-c", COUNT]
    answer = subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=True)
    frozen, looked_at, *thresholds = map(int, answer.stdout.split())
    assert frozen > 50_000
    assert looked_at < frozen / 50
    assert thresholds == [10_000, 5, 5]
