"""tc doctor: the things that this machine lacks for cages, each with its remedy. It changes nothing."""

import getpass
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from argparse import Namespace
from collections import namedtuple
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from cage import config, home
from cage.commands import leftovers
from cage.engine import PATIENCE, ask
from cage.errors import DONE, FAILED, UNREACHABLE, CageError
from cage.surroundings import on_guard
from cage.text import printable, typed

# state is good, bad (with a remedy), or note: worth knowing, and nothing is wrong.
Finding = namedtuple("Finding", "state check said remedy", defaults=[""])
good, note, bad = (partial(Finding, state) for state in ("good", "note", "bad"))

ENOUGH = 5  # gigabytes of free disk

# The oldest releases that have the options of the recipes, and the packages' names.
TOOLS = {
    "make": ("3.81", "make"),
    "git": ("2.29", "git"),
    "tar": ("1.0", "tar"),
    "bash": ("3.2", "bash"),
    "ps": ("", "procps"),
    "awk": ("", "mawk"),
}
OLDEST_ENGINE = "20.10"

# Bugs that let a container out: part, first good release, name. A distribution's own build has fixes that its version
# number doesn't tell, so it is not judged by it.
KNOWN_BAD = [
    ("runc", "1.1.12", "a container can get out through an open folder (CVE-2024-21626)"),
    ("Docker Desktop", "4.44.3", "every container reaches the engine itself (CVE-2025-9074)"),
]
# Words of docker info for the engine's default profile, and for none.
OURS_INSTEAD = ("default", "builtin", "unconfined")
# Fields of docker info, as in AS_ENGINE of recipes/docker.mk.
BOUNDS = {"MemoryLimit": "memory", "SwapLimit": "swap", "PidsLimit": "processes", "CpuCfsQuota": "cpus"}
ROOTLESS = " (rootless, it needs systemd and cgroup v2 for that)"
# The engine's own settings: its answers name no ulimits.
DAEMON = Path("/etc/docker/daemon.json")
INOTIFY, WATCHERS = Path("/proc/sys/fs/inotify/max_user_instances"), 512
MORE = "echo fs.inotify.max_user_instances=1024 | sudo tee /etc/sysctl.d/60-inotify.conf && sudo sysctl --system"
PACKAGED = re.compile(r"ds\d|ubuntu|deb\d|\.el\d|\.fc\d")
# Commands of pip and npm that print the index of the image's packages, if this machine has them.
REGISTRIES = (
    (sys.executable, "-I", "-c", "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"),
    ("npm", "config", "get", "registry"),
)
# npm expands variables of the environment in its configuration's URL. It gets only those by which it and its
# configuration are found, and a URL with an unexpanded variable is not asked.
NO_SECRET = re.compile(
    r"(?i)PATH|HOME|LANG|TMPDIR|\w+_(HOME|ROOT|DIR)|npm_config_(registry|(user|global)config|prefix)"
)
PLAIN_URL = re.compile(r"(?i)https://(?:[^/@\s]*@)?[a-z0-9.-]+(?::\d+)?(?:/[\w.~%/-]*)?", re.ASCII)


def doctor(args: Namespace) -> int:
    """Print what is good and what is not; 0, 1 for anything bad, 4 for an engine that does not answer."""
    findings = list(_examine())
    if args.json:
        print(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{finding.state:<5} {finding.check:<11} {printable(finding.said)}")
            for line in finding.remedy.splitlines():
                print(f"{'':<17} {printable(line)}")
    wrong = [finding.check for finding in findings if finding.state == "bad"]
    return UNREACHABLE if "engine" in wrong else FAILED if wrong else DONE


def _examine() -> Iterator[Finding]:
    version, why = ask("version", "--format", "{{json .Server}}")
    if why:
        yield bad("engine", why, _reach(why))
    else:
        yield from _engine(json.loads(version))
        yield from _bounds()
    yield from _tools()
    yield _disk(home.root())
    try:
        values = config.resolve({}, os.environ).values
    except CageError as error:
        yield bad("settings", *error.said)
        values = {}
    if values and not why:
        yield _base(values["base_image"])
    yield from _registries(values.get("ca_bundle", ""))
    cages, wrong = leftovers.find(not why)
    yield from [bad(*one) for one in wrong] or [good("cages", f"{cages}, and nothing is left over")]
    with ThreadPoolExecutor() as pool:
        for found in pool.map(_keys, leftovers.made()):
            yield from found


def _keys(folder: Path) -> list[Finding]:
    """Where the keys of a cage are, as its recipes say it: nothing is wrong with a gate that has them."""
    command = ["make", "-f", "Makefile", "--no-print-directory", "-C", str(folder), "keys-told"]
    try:
        done = subprocess.run(command, **on_guard(), timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return []
    # The recipes of an older release have no such target.
    where, *lines = (done.stdout.split() if done.returncode == 0 else []) or ["unknown"]
    if where == "inside":
        said = f"sessions of '{folder.name}' get the keys themselves"
        return [note("keys", said, f"tc set {folder.name} keys=outside")]
    said = f"the recipes of '{folder.name}' hand a key in, past the gate: {', '.join(lines)}"
    return [bad("keys", said, f"tc diff-recipes {folder.name}")] if lines else []


def _reach(why: str) -> str:
    if "not installed" in why:
        if sys.platform == "darwin":
            return "Install OrbStack or Docker Desktop, and start it"
        # Since Debian 13 the client is a package of its own, which the engine's package only recommends.
        return _install("docker-cli" if _of_root("dockerd") else "docker.io")
    if "permission denied" in why.lower():
        return f"sudo usermod -aG docker {typed(getpass.getuser())}\nThen log in again."
    if os.environ.get("DOCKER_HOST"):
        return "DOCKER_HOST is set; try without it: unset DOCKER_HOST"
    if ask("context", "show")[0] not in ("", "default"):
        return "Another context than the default one is in use; try that: docker context use default"
    if sys.platform == "darwin":
        return "open -a OrbStack, or: open -a Docker"
    return "sudo systemctl start docker" if Path("/run/systemd/system").is_dir() else "sudo service docker start"


def _install(package: str) -> str:
    for manager in ("sudo apt-get", "sudo dnf", "brew"):
        if shutil.which(manager.split()[-1]):
            return f"{manager} install {package}"
    return f"Install your distribution's package '{package}'"


def _engine(server: dict) -> Iterator[Finding]:
    release = server.get("Version", "")
    said = f"docker {release}, {server.get('Os', '?')}/{server.get('Arch', '?')}"
    old = f"{said} is older than {OLDEST_ENGINE}"
    yield bad("version", old, _install("docker.io")) if _older(release, OLDEST_ENGINE) else good("engine", said)
    parts = {part["Name"]: part["Version"] for part in server.get("Components") or []}
    name, _, number = (server.get("Platform") or {}).get("Name", "").rpartition(" Desktop ")
    if name:
        parts["Docker Desktop"] = number
    said = ", ".join(f"{part} {number}" for part, number in parts.items() if part != "Engine")
    wrong = [
        bad("runtime", f"{part} {parts[part]}: {why}", f"Upgrade it to {mended} or newer")
        for part, mended, why in KNOWN_BAD
        if part in parts and not PACKAGED.search(parts[part]) and _older(parts[part], mended)
    ]
    yield from wrong or [good("runtime", said)]


def _bounds() -> Iterator[Finding]:
    """Whether the engine takes a cage's seccomp.json, limits its resources, and can pause it."""
    said, why = ask("info", "--format", "{{json .}}")
    if why:
        yield bad("seccomp", why, "See the reason: docker info")
        return
    info = json.loads(said)
    options = info.get("SecurityOptions") or []
    profiles = [option.partition("profile=")[2] for option in options if option.startswith("name=seccomp")]
    if not profiles:
        yield bad("seccomp", "the engine's kernel has none: cages may make every system call", "Use a kernel with it")
    elif profiles[0] in OURS_INSTEAD:
        yield good("seccomp", "the engine takes each cage's own seccomp.json")
    else:
        yield note("seccomp", f"the engine's own profile '{profiles[0]}' is in force, no cage's seccomp.json")
    why = ROOTLESS if "name=rootless" in options else ""
    if lacking := [name for field, name in BOUNDS.items() if not info.get(field)]:
        yield note("limits", f"the engine can't limit a cage's use of: {', '.join(lacking)}{why}")
    else:
        yield good("limits", f"the engine limits a cage's use of: {', '.join(BOUNDS.values())}")
    if info.get("CgroupDriver") == "none":
        yield note("pause", f"the engine can't pause: export, sync and destroy ask to stop the cage{why}")
    own = [f"log driver {info.get('LoggingDriver')} (cages have 'local')", f"runtime {info.get('DefaultRuntime')}"]
    own += ["user namespaces"] if "name=userns" in options else []
    here = info.get("Name") == os.uname().nodename  # else both files are those of another machine than the engine's
    with suppress(OSError, ValueError, AttributeError):
        own += [f"ulimit {name}" for name in (here and json.loads(DAEMON.read_text()).get("default-ulimits", {})) or ()]
    with suppress(OSError, ValueError):
        said = f"fs.inotify.max_user_instances is {(number := int(INOTIFY.read_text()))} for all cages and you together"
        if here:
            yield good("inotify", said) if number >= WATCHERS else note("inotify", f"{said}: watchers may fail", MORE)
    yield (good if own[1:] == ["runtime runc"] else note)("defaults", f"the engine's own: {', '.join(own)}")
    driver, below = info.get("Driver", "?"), dict(info.get("DriverStatus") or []).get("Backing Filesystem", "")
    storage = f"{driver} on {below}" if below else driver
    if driver in ("btrfs", "zfs") or storage == "overlay2 on xfs":
        quotas = ", if that is mounted with pquota" if below == "xfs" and driver == "overlay2" else ""
        yield good("storage", f"{storage}: DISK in a cage's Makefile limits its disk outside the volumes{quotas}")
    else:
        yield note("storage", f"{storage} has no limits: a cage can fill the engine's disk")


def _older(release: str, least: str) -> bool:
    one, other = (list(map(int, re.findall(r"\d+", re.split(r"[+~-]", text)[0])[:3])) for text in (release, least))
    return one < other


def _tools() -> Iterator[Finding]:
    for tool, (oldest, package) in TOOLS.items():
        if not shutil.which(tool):
            yield bad(tool, "is not installed", _install(package))
        elif not oldest:
            yield good(tool, "is installed")
        else:
            done = subprocess.run([tool, "--version"], **on_guard())
            said = (done.stdout.splitlines() or ["?"])[0]
            number = re.search(r"\d+(\.\d+)+", said)
            if number and _older(number[0], oldest):
                yield bad(tool, f"{number[0]} is older than {oldest}", _install(package))
            else:
                yield good(tool, number[0] if number else said)
    used = home.root().glob("envs/*/.history/needs/*")
    for tool, package in sorted({(path.name, path.read_text().strip()) for path in used}):
        yield good(tool, "is installed") if shutil.which(tool) else bad(tool, "is not installed", _install(package))
    # One of them lists the host's addresses for the guard.
    if tool := _of_root("ip") or _of_root("ifconfig"):
        yield good(Path(tool).name, "is installed")
    else:
        yield bad("ip", "neither 'ip' nor 'ifconfig' is installed", _install("iproute2"))


def _of_root(program: str) -> str | None:
    """The path of a program that may lie where only root's PATH leads."""
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def _disk(folder: Path) -> Finding:
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return bad("disk", f"'{folder}' can't be written", "Set TRUSTY_CAGE_HOME to a folder that you may write.")
    free = shutil.disk_usage(folder).free / (1 << 30)
    said = f"{free:.1f} GB free at '{folder}'"
    return good("disk", said) if free >= ENOUGH else bad("disk", said, "See how it is used: docker system df")


def _base(image: str) -> Finding:
    if not ask("image", "inspect", "--format", "{{.Id}}", "--", image)[1]:
        return good("base image", f"'{image}' is here")
    why = ask("manifest", "inspect", "--", image, patience=30)[1]
    if not why:
        return good("base image", f"'{image}' can be pulled")
    make = "tc create REPOSITORY --name NAME --render-only && tc make NAME base-image"
    said = f"'{image}' is not here and can't be pulled: {why}"
    return bad("base image", said, f"Make one from this machine's package mirror:\n{make}")


def _registries(bundle: str) -> Iterator[Finding]:
    try:
        trusted = ssl.create_default_context()
        if bundle:
            trusted.load_verify_locations(bundle)
    except (OSError, ssl.SSLError):
        yield bad("registries", f"'{bundle}' holds no certificates", "Set TRUSTY_CAGE_CA_BUNDLE to a file in PEM form")
        return
    for command in REGISTRIES:
        if not PLAIN_URL.fullmatch(url := _first_line(command)):
            continue
        # Without user and password: any answer will do, and they must not be shown.
        before, _, path = url.removeprefix("https://").partition("/")
        host = before.rpartition("@")[2]
        try:
            with urllib.request.urlopen(f"https://{host}/{path}", timeout=PATIENCE, context=trusted):
                yield good("registries", f"{host} answers")
        except urllib.error.HTTPError:
            yield good("registries", f"{host} answers")
        except (OSError, ValueError, http.client.HTTPException) as error:
            yield _unreached(host, getattr(error, "reason", error))


def _first_line(command: tuple[str, ...]) -> str:
    try:
        known = {key: value for key, value in os.environ.items() if NO_SECRET.fullmatch(key)}
        done = subprocess.run(command, **{**on_guard(), "env": known, "timeout": PATIENCE})
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.partition("\n")[0].strip()


def _unreached(host: str, reason: object) -> Finding:
    if isinstance(reason, ssl.SSLCertVerificationError):
        said = f"{host} shows a certificate that is not trusted: {reason.verify_message}"
        remedy = "Behind a proxy that inspects TLS, name its certificates:\nexport TRUSTY_CAGE_CA_BUNDLE=FILE"
        return bad("registries", said, remedy)
    return bad("registries", f"{host} can't be reached: {reason}", f"curl -v https://{host}")
