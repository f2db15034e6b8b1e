"""
Sets this machine up: `python3 requirements/install.py node|standalone|dev|browser`, or `step DONE COMMAND...`.

Runs on the system's Python before anything is installed, so it uses the standard library only and says clearly what
is missing. Doing it again costs nothing: what is already as pinned is left alone. A step prints one line when it is
done, with its seconds; what a program prints is shown when that program fails.
"""

# ruff: noqa: T201, S603, S607

from __future__ import annotations

import ast
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

OLDEST_PYTHON = (3, 11)
EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h
PIP_ATTEMPTS = 3
PIP_PAUSE_SECONDS = 3.0

FOLDER = Path(__file__).resolve().parent
VENV = FOLDER.parent / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")

COVERED = {"node": ("node",), "standalone": ("node", "standalone"), "dev": ("node", "standalone", "dev")}
"""By lock file, those that are installed once it is: a later one has every pin of the ones before."""

UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_OFFLINE",
    "trusted-host": "UV_INSECURE_HOST",
    "proxy": "ALL_PROXY",
    "cert": "SSL_CERT_FILE",
}
"""pip's settings that say where packages come from, and uv's variables for them."""


def main(arguments: list[str]) -> None:
    """Do what the arguments say."""
    require_python()
    if len(arguments) == 1 and arguments[0] in COVERED:
        make_venv()
        install(arguments[0])
    elif arguments == ["browser"]:
        provide_browser()
    elif len(arguments) > 2 and arguments[0] == "step":
        take_step(arguments[1], arguments[2:])
    else:
        stop("Usage: python3 requirements/install.py node|standalone|dev|browser, or: step DONE COMMAND...")


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
    print("Installing for the first time: one to two minutes", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    take_step("Made .venv", [sys.executable, "-m", "venv", str(VENV)])
    if not venv_works():
        stop(f"{sys.executable} -m venv made nothing that works. Name another Python: make run PYTHON=...")


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
    """Install the packages that a lock file pins, unless exactly these are installed already."""
    if is_installed(wanted):
        return
    # From here on the environment is neither the old state nor the new one, and this process may die at any time.
    for name in COVERED["dev"]:
        stamp_of(name).unlink(missing_ok=True)
    drop_unfinished(VENV)
    started = time.monotonic()
    if not (provide_uv() and install_by_uv(wanted)):
        install_by_pip(wanted)
    for name in COVERED[wanted]:
        stamp_of(name).write_text(digest_of(name))
    report(f"Installed requirements/{wanted}.txt", started)


def is_installed(wanted: str) -> bool:
    """Whether a lock file has been installed as it is now."""
    stamp = stamp_of(wanted)
    return stamp.exists() and stamp.read_text().strip() == digest_of(wanted)


def stamp_of(wanted: str) -> Path:
    """Return the file that says which state of a lock file is installed."""
    return VENV / f".installed-{wanted}"


def digest_of(wanted: str) -> str:
    """Return what tells a lock file from its other states."""
    return hashlib.sha256((FOLDER / f"{wanted}.txt").read_bytes()).hexdigest()


def drop_unfinished(venv: Path) -> None:
    """Let packages whose installation was cut short count as absent: RECORD comes last."""
    for about in venv.glob("lib/python*/site-packages/*.dist-info"):
        record = about / "RECORD"
        if not record.exists() or record.stat().st_size == 0:
            shutil.rmtree(about)


def provide_uv() -> bool:
    """See that `.venv` has uv, and return whether it has; pip can do all that uv does, only slower."""
    if is_installed("uv"):
        return True
    started = time.monotonic()
    done = run(pip_command("uv", "--only-binary", ":all:"))
    if done.returncode != 0:
        print(f"pip goes on without uv, which takes longer: {reason_of(done)}", flush=True)
        return False
    stamp_of("uv").write_text(digest_of("uv"))
    report("Installed requirements/uv.txt", started)
    return True


def install_by_uv(wanted: str) -> bool:
    """Let uv install a lock file, from where pip would. Return whether it did."""
    command = [str(VENV / "bin" / "uv"), "pip", "install", "--python", str(VENV_PYTHON)]
    listed = run([str(VENV_PYTHON), "-m", "pip", "config", "list"]).stdout
    done = run([*command, "--require-hashes", "-r", str(FOLDER / f"{wanted}.txt")], uv_environment(listed, os.environ))
    if done.returncode != 0:
        print(f"pip takes over from uv, which takes longer: {reason_of(done)}", flush=True)
    return done.returncode == 0


def uv_environment(pip_settings: str, environment: Mapping[str, str]) -> dict[str, str]:
    """
    Return the environment in which uv asks the places that pip would ask; it does not read pip's settings.

    Args:
        pip_settings: What `pip config list` prints: `section.name='value'`, a line each.
        environment: Ours. What it tells uv itself stands.

    Source:
        https://docs.astral.sh/uv/reference/environment/
    """
    settings: dict[str, str] = {}
    # In pip's order: the environment has the last word.
    for section in ("global", "install", ":env:"):
        lines = re.findall(rf"^{section}\.([a-z-]+)=(.+)$", pip_settings, re.MULTILINE)
        settings.update({name: str(ast.literal_eval(value)) for name, value in lines})
    places = {UV_NAMES[name]: value.split() for name, value in settings.items() if name in UV_NAMES and value.split()}
    handed_on = {name: ("," if name == "UV_FIND_LINKS" else " ").join(values) for name, values in places.items()}
    # Like pip, uv shall look for a version in every index, not only in the first that knows the package. That is as
    # safe: the hashes say which file is the right one.
    return {"UV_SYSTEM_CERTS": "true", "UV_INDEX_STRATEGY": "unsafe-best-match", **handed_on, **environment}


def install_by_pip(wanted: str) -> None:
    """Let pip install a lock file, and try again when a download breaks."""
    for attempt in range(1, PIP_ATTEMPTS + 1):
        done = run(pip_command(wanted))
        if done.returncode == 0:
            return
        if attempt < PIP_ATTEMPTS:
            print(f"pip failed; once more in {PIP_PAUSE_SECONDS:.0f} s", flush=True)
            time.sleep(PIP_PAUSE_SECONDS)
    show(done)
    stop("pip could not install the pinned packages; its reason is above. Is a package index reachable from here?")


def pip_command(wanted: str, *options: str) -> list[str]:
    """Return the command by which pip installs a lock file."""
    pip = [str(VENV_PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
    return [*pip, "--retries", "5", "--require-hashes", *options, "-r", str(FOLDER / f"{wanted}.txt")]


def provide_browser() -> None:
    """See that there is a Chromium, and a font for Korean, for the tests that use a browser."""
    missing = [] if any(shutil.which(name) for name in BROWSERS) else [BROWSERS[0]]
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
    started = time.monotonic()
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A package index that does not answer may still have left usable lists.
    run([*prefix, "apt-get", "update", "-q"], environment)
    done = run([*prefix, "apt-get", "install", "-q", "-y", "--no-install-recommends", *names], environment)
    if done.returncode != 0:
        show(done)
        return False
    report(f"Installed {' '.join(names)}", started)
    return True


def take_step(done: str, command: Sequence[str]) -> None:
    """Run a command silently and say that it is done, or show why it is not."""
    started = time.monotonic()
    ended = run(command)
    if ended.returncode != 0:
        show(ended)
        stop(f"This failed, and its reason is above: {shlex.join(command)}")
    report(done, started)


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program that asks nothing, and keep what it prints."""
    try:
        return subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def reason_of(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line in which a failed program says why."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or [f"status {done.returncode}"]
    # uv's causes and hints follow its error; pip's last line sums up those before.
    return next((line for line in lines if line.startswith("error:")), lines[-1])[:200]


def show(done: subprocess.CompletedProcess[str]) -> None:
    """Print the end of what a failed program has printed."""
    print(f"{done.stdout}{done.stderr}".strip()[-10_000:], flush=True)


def report(done: str, started: float) -> None:
    """Print the one line of a step."""
    print(f"{done} ({time.monotonic() - started:.0f} s)", flush=True)


def stop(message: str) -> None:
    """End with a message."""
    sys.stdout.flush()
    print(message, file=sys.stderr)
    raise SystemExit(EXIT_CONFIGURATION)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        raise SystemExit(130) from None
