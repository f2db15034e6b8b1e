"""Promises to whoever installs: in one go, from where pip is told to, by pip if uv cannot, and never half believed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from requirements import install

FOLDER = Path(install.__file__).parent
PYTHON = f"""#!/bin/sh
case "$*" in
  "-c "*) echo "$VENV {tuple(sys.version_info[:2])}" ;;
  "-m pip config list") echo "global.index-url='https://mirror.test/simple'" ;;
  "-m pip install "*) echo "pip ${{*##*/}}" >> "$VENV/calls" ;;
esac
"""
UV = """#!/bin/sh
echo "uv ${*##*/} $UV_DEFAULT_INDEX" >> "$VENV/calls"
"""


class Machine:
    """A checkout whose `.venv` has a pip and a uv that install nothing and note what they are asked for."""

    def __init__(self, root: Path) -> None:
        self.venv = root / ".venv"
        (self.venv / "bin").mkdir(parents=True)
        (root / "requirements").mkdir()
        self.script = Path(shutil.copy(FOLDER / "install.py", root / "requirements"))
        for name in ("uv", *install.COVERED["dev"]):
            (root / f"requirements/{name}.txt").write_text(f"{name}==1\n")
        self.program("python", PYTHON)
        self.program("pip", f"#!{self.venv}/bin/python")
        self.program("uv", UV)

    def program(self, name: str, text: str) -> None:
        place = self.venv / "bin" / name
        place.write_text(text.replace("$VENV", str(self.venv)))
        place.chmod(0o755)

    def lock(self, name: str, text: str) -> None:
        self.script.with_name(f"{name}.txt").write_text(text)

    def install(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self.script), *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)

    def calls(self) -> list[str]:
        noted = self.venv / "calls"
        return noted.read_text().splitlines() if noted.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_all_for_the_tests_comes_in_one_go_and_from_where_pip_is_told_to(machine: Machine) -> None:
    done = machine.install("dev")

    assert machine.calls() == ["pip uv.txt", "uv dev.txt https://mirror.test/simple"]
    assert re.sub(r"\d+ s", "0 s", done.stdout).splitlines() == [
        "Installed requirements/uv.txt (0 s)",
        "Installed requirements/dev.txt (0 s)",
    ]
    for covered in ("dev", "standalone", "node"):
        again = machine.install(covered)
        assert (again.returncode, again.stdout) == (0, "")
    assert len(machine.calls()) == 2


def test_what_make_run_needs_is_not_all_that_the_tests_need(machine: Machine) -> None:
    machine.install("standalone")
    machine.install("dev")

    assert machine.calls()[1:] == [f"uv {name}.txt https://mirror.test/simple" for name in ("standalone", "dev")]


def test_pip_takes_over_when_uv_fails(machine: Machine) -> None:
    machine.program("uv", "#!/bin/sh\necho 'error: no such index\n  cause: refused' >&2\nexit 2\n")

    done = machine.install("standalone")

    assert done.returncode == 0
    assert "pip takes over from uv, which takes longer: error: no such index\n" in done.stdout
    assert machine.calls() == ["pip uv.txt", "pip standalone.txt"]
    assert machine.install("standalone").stdout == ""


def test_a_death_in_the_middle_leaves_nothing_that_counts_as_installed(machine: Machine) -> None:
    """Not the state that was being installed, and not the one before, should somebody go back to it."""
    machine.install("dev")
    machine.lock("standalone", "standalone==2\n")
    machine.program("uv", "#!/bin/sh\nkill -9 $PPID\n")
    assert machine.install("standalone").returncode == -9

    machine.program("uv", UV)
    machine.lock("standalone", "standalone==1\n")
    before = len(machine.calls())
    machine.install("dev")

    assert machine.calls()[before:] == ["uv dev.txt https://mirror.test/simple"]


def test_a_package_that_was_cut_short_counts_as_absent(tmp_path: Path) -> None:
    for name, record in (("whole", "whole.py,,\n"), ("empty", ""), ("none", None)):
        about = tmp_path / f"lib/python3.11/site-packages/{name}-1.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").touch()
        if record is not None:
            (about / "RECORD").write_text(record)

    install.drop_unfinished(tmp_path)

    assert [about.name for about in tmp_path.glob("lib/*/*/*")] == ["whole-1.dist-info"]


def test_uv_is_told_what_pip_is_told() -> None:
    settings = r"""
:env:.index-url='https://mirror.test/simple'
:env:.default-timeout='180'
global.cert='/etc/company.pem'
global.find-links='/opt/wheels\nhttps://wheels.test/'
global.index-url='https://not.this.one/'
install.extra-index-url='https://one.test/ https://two.test/'
"""
    told = install.uv_environment(settings, {"PATH": "/bin"})

    assert told == {
        "PATH": "/bin",
        "SSL_CERT_FILE": "/etc/company.pem",
        "UV_DEFAULT_INDEX": "https://mirror.test/simple",
        "UV_FIND_LINKS": "/opt/wheels,https://wheels.test/",
        "UV_INDEX": "https://one.test/ https://two.test/",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_SYSTEM_CERTS": "true",
    }
    assert install.uv_environment(settings, {"UV_DEFAULT_INDEX": "mine"})["UV_DEFAULT_INDEX"] == "mine"


def test_a_step_is_one_line_or_all_that_the_program_said(machine: Machine) -> None:
    done = machine.install("step", "Built it", "sh", "-c", "echo noise; echo more >&2")
    assert re.fullmatch(r"Built it \(\d+ s\)\n", done.stdout)
    assert done.stderr == ""

    failed = machine.install("step", "Built it", "sh", "-c", "echo noise; echo reason >&2; exit 3")
    assert failed.returncode == 78
    assert failed.stdout == "noise\nreason\n"
    assert "Built it" not in failed.stderr


def test_each_lock_file_has_all_of_those_that_it_covers() -> None:
    """Or `make run` after `make test` would start with other versions than alone."""
    pins = {
        name: set(re.findall(r"^(\S+==\S+)", (FOLDER / f"{name}.txt").read_text(), re.MULTILINE))
        for name in install.COVERED["dev"]
    }
    for smaller, larger in pairwise(install.COVERED["dev"]):
        assert pins[smaller] < pins[larger]
