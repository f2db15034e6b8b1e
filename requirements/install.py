"""
Sets this machine up: `python3 requirements/install.py standalone|dev|browser`.

Runs on the system's Python before anything is installed, so it uses the standard library only and says clearly what
is missing. Doing it again costs nothing: what is already as pinned is left alone.
"""

# ruff: noqa: T201, S603, S607

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

OLDEST_PYTHON = (3, 11)
EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h
PIP_ATTEMPTS = 3
PIP_PAUSE_SECONDS = 3.0

FOLDER = Path(__file__).resolve().parent
VENV = FOLDER.parent / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> None:
    """Do what the one argument says."""
    require_python()
    wanted = sys.argv[1] if len(sys.argv) == 2 else ""
    if wanted in ("standalone", "dev"):
        make_venv()
        install(wanted)
    elif wanted == "browser":
        provide_browser()
    else:
        stop("Usage: python3 requirements/install.py standalone|dev|browser")


def require_python() -> None:
    """End with a message when this Python is too old."""
    if sys.version_info < OLDEST_PYTHON:
        stop(
            f"Python {sys.version_info[0]}.{sys.version_info[1]} is too old: 3.11 or newer is needed.\n"
            "Install one, or name it: make run PYTHON=/path/to/python3.11"
        )


def make_venv() -> None:
    """Make `.venv`, again if an interrupted or moved one is in the way."""
    if venv_works():
        return
    if VENV.is_symlink():
        stop(f"{VENV} is a link to an environment that was made elsewhere. Remove the link: rm {VENV}")
    provide_venv_module()
    print("Making .venv", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    if subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False).returncode != 0 or not venv_works():
        shutil.rmtree(VENV, ignore_errors=True)
        stop(f"{sys.executable} -m venv failed; its reason is above. On Debian: apt-get install python3-venv")


def venv_works() -> bool:
    """Whether `.venv` has a Python of the running version, and pip, at the place it was made for."""
    probe = "import sys, pip; print(sys.prefix, sys.version_info[:2])"
    if not VENV_PYTHON.exists():
        return False
    done = subprocess.run([str(VENV_PYTHON), "-c", probe], check=False, capture_output=True, text=True)
    pip = VENV / "bin" / "pip"
    # Programs in a venv name its place in their first line.
    is_here = pip.exists() and str(VENV).encode() in pip.read_bytes()[:1000]
    return done.returncode == 0 and done.stdout.strip() == f"{VENV} {tuple(sys.version_info[:2])}" and is_here


def provide_venv_module() -> None:
    """See that venvs can be made; Debian keeps the module in a package of its own."""
    if can_make_venvs():
        return
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    if not install_packages(package) and not install_packages("python3-venv"):
        stop(
            f"{sys.executable} cannot make virtual environments: its module ensurepip is missing.\n"
            f"On Debian and Ubuntu: sudo apt-get install {package}"
        )
    if not can_make_venvs():
        stop(f"{sys.executable} still cannot make virtual environments. Name another Python: make run PYTHON=...")


def can_make_venvs() -> bool:
    """Whether this Python has what `python -m venv` needs."""
    done = subprocess.run([sys.executable, "-c", "import venv, ensurepip"], check=False, capture_output=True)
    return done.returncode == 0


def install(wanted: str) -> None:
    """Install the pinned packages, unless exactly these are installed already."""
    pinned = FOLDER / f"{wanted}.txt"
    stamp = VENV / f".installed-{wanted}"
    digest = hashlib.sha256(pinned.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text().strip() == digest:
        return
    print(f"Installing {pinned.relative_to(FOLDER.parent)} (a few minutes the first time)", flush=True)
    command = [
        *(str(VENV_PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"),
        *("--quiet", "--retries", "5", "--require-hashes", "-r", str(pinned)),
    ]
    for attempt in range(1, PIP_ATTEMPTS + 1):
        if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode == 0:
            stamp.write_text(f"{digest}\n")
            return
        if attempt < PIP_ATTEMPTS:
            print(f"pip failed; once more in {PIP_PAUSE_SECONDS:.0f} s", flush=True)
            time.sleep(PIP_PAUSE_SECONDS)
    stop("pip could not install the pinned packages; its reason is above. Is a package index reachable from here?")


def provide_browser() -> None:
    """See that there is a Chromium, and a font for Korean, for the tests that use a browser."""
    missing = [] if any(shutil.which(name) for name in BROWSERS) else ["chromium"]
    if not has_korean_font():
        missing += ["fontconfig", "fonts-noto-cjk"]
    if missing and not install_packages(*missing):
        stop(
            f"The browser tests need {' and '.join(missing)}, and this user may not install packages.\n"
            f"On Debian and Ubuntu: sudo apt-get install {' '.join(missing)}"
        )


def has_korean_font() -> bool:
    """Whether a page in Korean shows letters instead of boxes."""
    if shutil.which("fc-list") is None:
        return False
    return bool(subprocess.run(["fc-list", ":lang=ko"], check=False, capture_output=True).stdout.strip())


def install_packages(*names: str) -> bool:
    """Install Debian packages if this machine and this user can. Return whether that worked."""
    if shutil.which("apt-get") is None:
        return False
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if prefix and (shutil.which("sudo") is None or subprocess.run(["sudo", "-n", "true"], check=False).returncode != 0):
        return False
    print(f"Installing {' '.join(names)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *names]):
        command = [*prefix, "apt-get", *arguments]
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, env=environment, capture_output=True, text=True
        )
        # A package index that does not answer may still have left usable lists.
        if done.returncode != 0 and arguments[0] == "install":
            print(done.stdout[-2000:], done.stderr[-2000:], sep="\n", flush=True)
            return False
    return True


def stop(message: str) -> None:
    """End with a message."""
    sys.stdout.flush()
    print(message, file=sys.stderr)
    raise SystemExit(EXIT_CONFIGURATION)


if __name__ == "__main__":
    main()
