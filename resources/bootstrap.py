#!/usr/bin/env python3
"""Sets Headgate up in `.venv` beside this folder, then runs or tests it.

    python3 resources/bootstrap.py run [EXAMPLE]    open the designer on an example
    python3 resources/bootstrap.py test [ARGS...]   checks and tests; with ARGS, pytest alone
    python3 resources/bootstrap.py setup            only install what both of them need

Only the standard library is imported here, since nothing else is installed yet.
Root gets missing system libraries from apt-get; anybody else gets them unpacked
under `.venv`, so that nothing outside this folder changes.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "headgate.stamp"
SYSLIBS = VENV / "syslibs"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
EXAMPLE = "invoice-approval"
SUPPORTED = ((3, 11), (3, 13))
WAITING_FOR_A_PERSON = 5

# Shared library -> Debian package, by purpose.
QT_LIBS = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
}
X11_LIBS = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
WAYLAND_LIBS = {
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
}


def say(text: str) -> None:
    """Print one line of progress, apart from what the program itself prints."""
    print(f"[headgate] {text}", file=sys.stderr, flush=True)


def succeeds(*command: object, env: dict[str, str] | None = None, quiet: bool = True) -> bool:
    """Whether the command exists, ran, and ended with 0."""
    sink = subprocess.DEVNULL if quiet else sys.stderr
    argv = [str(part) for part in command]
    try:
        return subprocess.run(argv, stdout=sink, stderr=sink, env=env, check=False).returncode == 0
    except OSError:
        return False


def is_root() -> bool:
    """Whether system packages may be installed; never on systems without user ids."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


# --- the interpreter and its environment ---------------------------------------------


def use_supported_python() -> None:
    """Return under a supported Python; otherwise start over with one, or stop with a sentence."""
    low, high = SUPPORTED
    if low <= sys.version_info[:2] <= high:
        return
    test = f"import sys; sys.exit(not {low} <= sys.version_info[:2] <= {high})"
    for minor in range(high[1], low[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and succeeds(found, "-c", test):
            os.execv(found, [found, str(Path(__file__).resolve()), *sys.argv[1:]])
    sys.exit(
        f"Headgate needs Python {low[0]}.{low[1]} to {high[0]}.{high[1]} and this is "
        f"{platform.python_version()}; install one of them and run this again."
    )


def make_venv() -> None:
    """Make sure that `.venv` holds a working Python with pip."""
    if succeeds(PYTHON, "-c", "import pip"):
        return
    say("making .venv")
    STAMP.unlink(missing_ok=True)
    if not succeeds(sys.executable, "-c", "import ensurepip, venv") and is_root():
        apt_install(["python3-venv"])
    if succeeds(sys.executable, "-c", "import ensurepip, venv"):
        if succeeds(sys.executable, "-m", "venv", "--clear", VENV):
            return
    elif succeeds(sys.executable, "-m", "venv", "--clear", "--without-pip", VENV):
        # Debian keeps pip apart; its package can be unpacked without root.
        wheels = VENV / "wheels"
        apt_unpack(["python3-pip-whl"], wheels)
        for wheel in wheels.glob("usr/share/python-wheels/pip-*.whl"):
            if succeeds(PYTHON, wheel / "pip", "install", "--no-index", wheel):
                shutil.rmtree(wheels)
                return
    if not os.access(ROOT, os.W_OK):
        sys.exit(
            f"Headgate cannot be set up: {ROOT} is not writable; copy it to a folder of yours."
        )
    sys.exit(
        "Headgate cannot be set up because this Python cannot make virtual environments; "
        "ask the administrator for: apt-get install python3-venv"
    )


def install_packages(*, with_tests: bool) -> None:
    """Install the Python packages unless the stamp says that they are there already."""
    digest = hashlib.sha256(f"{ROOT} {platform.python_version()}".encode())
    for name in ("pyproject.toml", "resources/constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    wanted = f"{digest.hexdigest()} {'test' if with_tests else 'run'}"
    present = STAMP.read_text() if STAMP.exists() else ""
    if present in (wanted, f"{digest.hexdigest()} test"):
        return
    say("installing the Python packages (about 100 MB, once)")
    target = f"{ROOT}[test]" if with_tests else str(ROOT)
    constraints = ROOT / "resources" / "constraints.txt"
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if not succeeds(*pip, "-c", constraints, "-e", target, quiet=False):
        sys.exit(
            "The Python packages could not be installed (pip says why above); "
            "check the network or pip's settings and run this again."
        )
    STAMP.write_text(wanted)


# --- system libraries (Linux only) -----------------------------------------------------


def install_system_libraries(environ: dict[str, str]) -> None:
    """Make the libraries that Qt needs loadable in `environ`."""
    if sys.platform != "linux":
        return
    needed = dict(QT_LIBS)
    if environ.get("DISPLAY"):
        needed.update(X11_LIBS)
    if environ.get("WAYLAND_DISPLAY"):
        needed.update(WAYLAND_LIBS)
    absent = [name for name in needed if not loadable(name)]
    if absent and is_root() and apt_install(sorted({needed[name] for name in absent})):
        absent = [name for name in absent if not loadable(name)]
    to_unpack = sorted({needed[name] for name in absent if not unpacked(name)})
    if to_unpack:
        say(f"unpacking under .venv: {' '.join(to_unpack)}")
        apt_unpack(to_unpack, SYSLIBS)
    still = [name for name in absent if not unpacked(name)]
    if still:
        say(f"Qt will not start without {', '.join(still)}.")
        say(
            f"Ask the administrator for: apt-get install {' '.join(needed[name] for name in still)}"
        )
    if SYSLIBS.exists():
        point_at_syslibs(environ)


def loadable(library: str) -> bool:
    """Whether the system's own loader finds the library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def library_folders() -> list[Path]:
    """Where an unpacked Debian package puts its libraries."""
    triplet = f"{platform.machine()}-linux-gnu"
    return [SYSLIBS / "usr/lib" / triplet, SYSLIBS / "lib" / triplet]


def unpacked(library: str) -> bool:
    """Whether an earlier set-up unpacked the library under `.venv`."""
    return any((folder / library).exists() for folder in library_folders())


def point_at_syslibs(environ: dict[str, str]) -> None:
    """Let the loader, fontconfig and xkb find what lies under `.venv/syslibs`."""
    old = environ.get("LD_LIBRARY_PATH")
    folders = [str(folder) for folder in library_folders()]
    environ["LD_LIBRARY_PATH"] = os.pathsep.join([*folders, old] if old else folders)
    fonts = SYSLIBS / "usr/share/fonts"
    if fonts.exists() and not Path("/etc/fonts/fonts.conf").exists():
        config = SYSLIBS / "fonts.conf"
        cache = SYSLIBS / "fontconfig"
        config.write_text(
            '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">\n'
            f"<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>\n"
        )
        environ["FONTCONFIG_FILE"] = str(config)
    keyboards = SYSLIBS / "usr/share/X11/xkb"
    if keyboards.exists() and not Path("/usr/share/X11/xkb").exists():
        environ["XKB_CONFIG_ROOT"] = str(keyboards)


def apt_install(packages: list[str]) -> bool:
    """Install Debian packages for the whole system; whether that worked."""
    if not shutil.which("apt-get"):
        return False
    say(f"apt-get install {' '.join(packages)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "-qq", "-y", "--no-install-recommends", "install", *packages]
    # The package lists may be absent (containers) or too old: refresh them only then.
    return succeeds(*install, env=env) or (
        succeeds("apt-get", "-qq", "update", env=env) and succeeds(*install, env=env)
    )


def apt_unpack(packages: list[str], target: Path) -> None:
    """Download Debian packages with what they depend on and unpack them under `target`.

    Needs no root: apt works on its own lists and cache in a folder of ours.
    """
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return
    work = VENV / "apt"
    archives = work / "cache/archives"
    for folder in (work / "lists/partial", archives / "partial", target):
        folder.mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::State::lists": work / "lists",
        "Dir::Cache": work / "cache",
        "Debug::NoLocking": 1,
        "APT::Sandbox::User": "",
    }
    apt = ["apt-get", "-qq"]
    for key, value in options.items():
        apt += ["-o", f"{key}={value}"]
    succeeds(*apt, "update")
    succeeds(*apt, "-y", "--no-install-recommends", "--download-only", "install", *packages)
    for archive in sorted(archives.glob("*.deb")):
        succeeds("dpkg", "-x", archive, target)
    shutil.rmtree(work)


# --- the commands ----------------------------------------------------------------------


def headgate(environ: dict[str, str], *arguments: str) -> int:
    """Run the installed program and return its exit code."""
    command = [str(PYTHON), "-m", "designer", *arguments]
    return subprocess.run(command, env=environ, check=False).returncode


def json_lines(environ: dict[str, str], *arguments: str) -> list[dict[str, object]]:
    """What the program prints with `--json`, one object a line."""
    command = [str(PYTHON), "-m", "designer", *arguments, "--json"]
    done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=False)
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def open_requests_of_newest_run(environ: dict[str, str]) -> list[dict[str, object]]:
    """What the run that was started last asks of a person."""
    runs = json_lines(environ, "runs")
    inbox = json_lines(environ, "inbox")
    return [request for request in inbox if runs and request["run"] == runs[0]["run"]]


def has_display(environ: dict[str, str]) -> bool:
    """Whether a window can be opened; tried in a process of its own, since Qt aborts."""
    if sys.platform == "linux":
        if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
            return False
        if environ.get("QT_QPA_PLATFORM", "") in ("offscreen", "minimal"):
            return False
    probe = "from PySide6.QtGui import QGuiApplication; QGuiApplication([])"
    return succeeds(PYTHON, "-c", probe, env=environ)


def run(arguments: list[str]) -> int:
    """Open the designer on an example, or run the example headless where there is no display."""
    name = arguments[0] if arguments else EXAMPLE
    path = Path(name)
    if not path.is_file():
        path = ROOT / "resources" / "examples" / f"{name}.flow.json"
    if not path.is_file():
        known = sorted(file.name[: -len(".flow.json")] for file in path.parent.glob("*.flow.json"))
        sys.exit(f"There is no example {name!r}; choose one of: {', '.join(known)}.")
    environ = dict(os.environ)
    make_venv()
    install_packages(with_tests=False)
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        install_system_libraries(environ)
    if has_display(environ):
        return headgate(environ, str(path), *arguments[1:])
    say("There is no display, so no window: running the example headless instead.")
    code = headgate(environ, "run", str(path), *arguments[1:])
    if code != WAITING_FOR_A_PERSON:
        return code
    for request in open_requests_of_newest_run(environ):
        command = PYTHON.parent / "headgate"
        say(f"The run waits at the barrier {request['title']!r}. To decide and go on:")
        say(f"  {command} decide {request['request']} approve --resume")
    return 0


def test(arguments: list[str]) -> int:
    """Run every check and test, or pytest alone with the arguments given."""
    environ = set_up()
    if arguments:
        pytest = [str(PYTHON), "-m", "pytest", *arguments]
        return subprocess.run(pytest, cwd=ROOT, env=environ, check=False).returncode
    started = time.monotonic()
    failed = run_checks(environ)
    say("pytest")
    pytest = [str(PYTHON), "-m", "pytest", "-q", "-n", "auto", "--maxprocesses", "4"]
    if subprocess.run(pytest, cwd=ROOT, env=environ, check=False).returncode != 0:
        failed.append("pytest")
    verdict = f"FAILED: {', '.join(failed)}" if failed else "all checks and tests passed"
    say(f"{verdict} ({time.monotonic() - started:.0f} s)")
    return 1 if failed else 0


def run_checks(environ: dict[str, str]) -> list[str]:
    """The names of the static checks that failed; all of them run, at the same time."""
    checks = {
        "ruff check": ["-m", "ruff", "check", "."],
        "ruff format": ["-m", "ruff", "format", "--check", "."],
        "import contracts": [
            "-c",
            "from importlinter.cli import lint_imports_command as lint; lint()",
            "--no-logo",
        ],
        "mypy --strict": ["-m", "mypy"],
        "pyright": ["-m", "pyright"],
    }
    running = {
        name: subprocess.Popen(
            [str(PYTHON), *command],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for name, command in checks.items()
    }
    failed = []
    for name, process in running.items():
        output, _ = process.communicate()
        say(f"{name}: {'ok' if process.returncode == 0 else 'FAILED'}")
        if process.returncode != 0:
            failed.append(name)
            sys.stderr.write(output.decode(errors="replace"))
    return failed


def set_up() -> dict[str, str]:
    """Install all that `run` and `test` need; the environment to start programs in."""
    environ = dict(os.environ)
    environ["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"  # else it asks the network for news
    make_venv()
    install_system_libraries(environ)
    install_packages(with_tests=True)
    return environ


def main() -> int:
    """Run the command that the arguments name."""
    command, *arguments = sys.argv[1:] or ["--help"]
    if command not in ("run", "test", "setup"):
        print(__doc__)
        return 0 if command in ("-h", "--help") else 2
    use_supported_python()
    if command == "run":
        return run(arguments)
    if command == "test":
        return test(arguments)
    set_up()
    say("ready")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
