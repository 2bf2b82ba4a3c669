"""What bin/dev and bin/test need before anything else: the virtual environment. Python's standard library only.

`enter()` makes `.venv/` what the lock files say and goes on inside it. A stamp in `.venv/` says what is
installed; while something is being installed there is none, so an environment that was left half-made is made
anew.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = VENV.resolve().parent / ".data" / "setup.lock"  # beside the real one, should .venv be a link
STAMP = VENV / "installed.json"
PYTHON = VENV / "bin" / "python"


def enter(*lock_files):
    """Returns in the interpreter of an environment that holds `lock_files`; starts this command again to get there."""
    if sys.version_info < (3, 11):  # noqa: UP036  (whoever starts this may have an older one)
        version = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"Chat Center needs Python 3.11 or later, and this is {version}: python3.11 {' '.join(sys.argv)}")
    inside = Path(sys.prefix) == VENV
    if not inside:
        try:
            _install(lock_files)
        except KeyboardInterrupt:
            sys.exit(130)
        os.execv(PYTHON, [str(PYTHON), *sys.argv])
    if not _is_installed(lock_files):  # .venv/bin/python bin/dev: an environment cannot make itself anew
        os.execv(sys._base_executable, [sys._base_executable, *sys.argv])
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))


def _wanted(lock_files):
    return {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in lock_files}


def _base():
    # A virtual environment is bound to its interpreter and to its place.
    return {"python": ".".join(map(str, sys.version_info[:2])), "place": str(VENV.resolve())}


def _read_stamp():
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def _is_installed(lock_files):
    wanted = _base() | _wanted(lock_files)
    return wanted.items() <= _read_stamp().items() and PYTHON.exists()


def _install(lock_files):
    if _is_installed(lock_files):
        return
    data = LOCK.parent
    data.mkdir(exist_ok=True)
    if not os.access(data, os.W_OK):
        sys.exit(f"{data} belongs to somebody else, perhaps from a run as root: sudo chown -R $(id -u) {data} {VENV}")
    with open(LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_installed(lock_files):  # by the run that we waited for
            return
        stamp = _read_stamp()
        if not (_base().items() <= stamp.items() and PYTHON.exists()):
            stamp = _base()
            _make_venv()
        STAMP.unlink(missing_ok=True)
        print("Installing the dependencies (once) …", flush=True)
        command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
        command += ["--progress-bar=off", "--require-hashes"]
        for name in lock_files:
            command += ["-r", str(ROOT / name)]
        if subprocess.run(command).returncode:
            sys.exit("The dependencies could not be installed; pip says why above. Run the same command again.")
        draft = STAMP.with_suffix(".new")
        draft.write_text(json.dumps(stamp | _wanted(lock_files)))
        draft.replace(STAMP)


def _make_venv():
    try:
        import ensurepip  # noqa: F401  (Debian leaves it out of its Python)
        import venv
    except ImportError:
        package = f"python3.{sys.version_info[1]}-venv"
        sys.exit(
            f"Python's venv module is missing. On Debian and Ubuntu: apt-get install {package}"
            if shutil.which("apt-get")
            else "Python's venv module is missing: install a complete Python 3.11 or later."
        )
    print(f"Making the virtual environment {VENV} …", flush=True)
    venv.EnvBuilder(with_pip=True, clear=True, symlinks=True).create(VENV)
