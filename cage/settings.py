"""The settings of a cage: one row each of the table in the README."""

import re
from collections import namedtuple
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from cage import agents, names
from cage.errors import USAGE, CageError
from cage.surroundings import source
from cage.text import quote

# The verb that applies a changed value, for `tc set`.
WHEN = {
    "dotfiles": "after: tc make {name} dotfiles",
    "image": "after: tc recreate {name}, which builds the layers that change; tc rebuild-image {name} builds all anew",
    "layer": "after: tc recreate {name}, which builds that layer; tc rebuild-image {name} builds all anew",
    "agent_home": "after: tc make {name} agent-home",
    "auth": "after: tc auth {name}",
    "attach": "at the next attach",
    "session": "in the next tmux session",
    "policy": "at the next attach, start, shell or exec",
    "limits": "now",
    "container": "after: tc recreate {name}",
    "pull": "after: tc recreate {name}, which pulls the image or builds it",
    "never": "never: it belongs to the cage",
}

Setting = namedtuple("Setting", "key flag variable default applies check help")


def one_of(*known: str, later: tuple[str, ...] = ()) -> Callable[[str], str]:
    """A check that takes the known values; values of a later release have their own error."""

    def check(value: str) -> str:
        if value in known:
            return value
        why = "is not released yet" if value in later else "is not a value of it"
        raise ValueError(why, f"Known: {', '.join(known)}")

    return check


def like(pattern: str, example: str) -> Callable[[str], str]:
    """A check that takes values that match pattern whole."""

    def check(value: str) -> str:
        if len(value) <= 512 and re.fullmatch(pattern, value, re.ASCII):
            return value
        raise ValueError("is not a value of it", f"For example: {example}")

    return check


def yes_or_no(value: str) -> str:
    """yes or no, whichever way it is said."""
    if value.lower() in ("yes", "true", "on", "1"):
        return "yes"
    if value.lower() in ("no", "false", "off", "0", ""):
        return "no"
    raise ValueError("is not a value of it", "Known: yes, no")


def readable_file(value: str) -> str:
    """The absolute path of a file that can be read; empty stays empty."""
    if not value:
        return value
    with suppress(OSError, RuntimeError):
        path = Path(value).expanduser().absolute()
        if path.is_file():
            return str(path)
    raise ValueError("is not a file", "Give the path of a file with PEM certificates.")


def one_agent(value: str) -> str:
    """An agent of the table."""
    return one_of(*agents.known())(value)


def some_agents(value: str) -> str:
    """Agents of the table, by commas, each once."""
    return ",".join(dict.fromkeys(one_agent(name.strip()) for name in value.split(",")))


def packages(value: str) -> str:
    """Debian packages, each maybe with =VERSION, by commas, each once. apt would remove one that ends in '-'."""
    found = list(dict.fromkeys(value.split(","))) if value else []
    for word in found:
        if (
            not re.fullmatch(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+](=[0-9A-Za-z][0-9A-Za-z.+:~-]*)?", word)
            or len(value) > 4096
        ):
            raise ValueError("is no list of packages", "For example: ripgrep,postgresql-client,nodejs=18.20.4+dfsg-1")
    return ",".join(found)


def ports(value: str) -> str:
    """Ports by commas, each alone or HOST:CAGE; none of this machine twice."""
    words = [word.strip() for word in value.split(",")] if value else []
    for word in words:
        numbers = re.fullmatch(r"([1-9]\d{0,4})(?::([1-9]\d{0,4}))?", word, re.ASCII)
        if not numbers or max(map(int, filter(None, numbers.groups()))) > 65535:
            raise ValueError("is not a value of it", "For example: 3000,8080:80 (ports of this machine first)")
    if len({word.split(":")[0] for word in words}) < len(words):
        raise ValueError("names a port of this machine twice", "Give one of them another: 3000,3001:3000")
    return ",".join(words)


def dotfiles(value: str) -> str:
    """A repository as `tc create` takes it; empty stays empty."""
    return names.repository(value, "dotfiles repository") if value else value


SETTINGS = [
    Setting("dotfiles_repo", "--dotfiles", "TRUSTY_CAGE_DOTFILES_REPO", "", "dotfiles",
            dotfiles, "git URL or path of your dotfiles"),
    Setting("dotfiles_limit", "--dotfiles-limit", "TRUSTY_CAGE_DOTFILES_LIMIT", "300", "dotfiles",
            like(r"[1-9]\d{0,5}", "300"), "seconds that their install script may take"),
    Setting("python_version", "--python-version", "TRUSTY_CAGE_PYTHON_VERSION", "3.12", "image",
            like(r"3\.\d+(\.\d+)?", "3.12"), "Python inside, such as 3.12"),
    Setting("shell", "--shell", "TRUSTY_CAGE_DEFAULT_SHELL", "zsh", "image",
            one_of("zsh", "bash", "sh"), "login shell inside: zsh, bash or sh"),
    Setting("auth_mode", "--auth-mode", "TRUSTY_CAGE_DEFAULT_AUTH_MODE", "api_key", "auth",
            one_of("api_key", "subscription"), "api_key or subscription"),
    Setting("api_key_env", "--api-key-env", "", "ANTHROPIC_API_KEY", "attach",
            like(r"[A-Za-z_][A-Za-z0-9_]*", "ANTHROPIC_API_KEY"), "name of the key's variable"),
    Setting("git_identity", "--git-identity", "TRUSTY_CAGE_GIT_IDENTITY", "no", "auth",
            one_of("no", "host"), "host: commits inside carry your name and address of git; no: they don't"),
    Setting("tmux_prefix", "--tmux-prefix", "TRUSTY_CAGE_TMUX_PREFIX", "C-a", "session",
            like(r"(?:[CMS]-)+(?:[!-~]|[A-Z][A-Za-z0-9]+)|F\d\d?", "C-b"), "prefix key of tmux, such as C-b"),
    Setting("timezone", "--timezone", "TRUSTY_CAGE_TIMEZONE", "", "session",
            like(r"(?:[A-Za-z][\w+/-]*)?", "Europe/Berlin"), "clock inside, such as Europe/Berlin; empty: as here"),
    Setting("image", "--image", "TRUSTY_CAGE_IMAGE", "full", "image",
            one_of("full", "slim"), "flavour of the image: full or slim"),
    Setting("base_image", "--base-image", "TRUSTY_CAGE_BASE_IMAGE", "ubuntu:24.04", "image",
            like(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}", "debian:12"), "image to build on, such as debian:12"),
    Setting("image_from", "--image-from", "TRUSTY_CAGE_IMAGE_FROM", "", "pull",
            like(r"(?:[a-z0-9][a-z0-9.-]*(?::[1-9]\d{0,4})?(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)+)?",
                 "registry.example.com/team/cage"),
            "registry and name to pull the image from, such as registry.example.com/team/cage"),
    Setting("packages", "--packages", "TRUSTY_CAGE_PACKAGES", "", "layer",
            packages, "apt packages to install, by commas, such as ripgrep,jq"),
    Setting("ca_bundle", "--ca-bundle", "TRUSTY_CAGE_CA_BUNDLE", "", "image",
            readable_file, "file of certificates to trust, behind a proxy that inspects TLS"),
    Setting("agents", "--agents", "TRUSTY_CAGE_AGENTS", "claude", "image",
            some_agents, "agents to install, by commas: claude, codex, gemini, opencode"),
    Setting("agent", "--agent", "TRUSTY_CAGE_AGENT", "claude", "session",
            one_agent, "the agent in the top right pane, one of those"),
    Setting("agent_home", "--agent-home", "TRUSTY_CAGE_AGENT_HOME", "no", "agent_home",
            yes_or_no, "a new cage gets parts of your agents' own settings, such as skills"),
    Setting("resume", "--resume", "TRUSTY_CAGE_RESUME", "no", "session",
            yes_or_no, "the agent goes on with its last conversation when a session begins"),
    Setting("network", "--network", "TRUSTY_CAGE_NETWORK", "open", "policy",
            one_of("open", later=("allowlist", "offline")), "policy: open"),
    Setting("keys", "--keys", "TRUSTY_CAGE_KEYS", "outside", "policy",
            one_of("outside", "inside"), "outside: a gate holds the keys; inside: sessions do"),
    Setting("memory", "--memory", "TRUSTY_CAGE_MEMORY", "", "limits",
            like(r"(?:[1-9]\d{0,17}[bkmgBKMG]?)?", "4g"), "limit, such as 4g; empty: half of the engine's"),
    Setting("cpus", "--cpus", "TRUSTY_CAGE_CPUS", "", "limits",
            like(r"(?:(?=.*[1-9])\d{1,4}(?:\.\d{1,9})?)?", "1.5"), "limit, such as 1.5; empty: none"),
    Setting("pids", "--pids", "TRUSTY_CAGE_PIDS", "4096", "limits",
            like(r"[1-9]\d{0,8}", "4096"), "limit of processes"),
    Setting("ports", "--ports", "TRUSTY_CAGE_PORTS", "", "container",
            ports, "ports of the cage on this machine alone, such as 3000,8080:80"),
    Setting("hardened", "--hardened", "TRUSTY_CAGE_HARDENED", "no", "container",
            yes_or_no, "no sudo and no capability inside"),
    Setting("engine", "--engine", "TRUSTY_CAGE_ENGINE", "docker", "never",
            one_of("docker", later=("podman",)), "container engine: docker"),
]  # fmt: skip

BY_KEY = {setting.key: setting for setting in SETTINGS}


def check(key: str, value: str, origin: str = "") -> str:
    """The value of key as it is kept; raises CageError, naming origin, where it can't be."""
    try:
        return BY_KEY[key].check(value)
    except ValueError as error:
        why, remedy = error.args
    raise CageError(f"{quote(value)} for '{key}'{f' (from {origin})' if origin else ''} {why}", remedy, USAGE)


def check_python(values: Mapping[str, str]) -> None:
    """Raises CageError where the image is to have a Python that this release's pyenv can't build."""
    if values["image"] != "full":
        return
    lines = (source() / "templates/lib/image/pythons").read_text().splitlines()
    newest = dict(line.rsplit(".", 1) for line in lines[1:])
    minor, patch = re.fullmatch(r"(3\.\d+)(?:\.(\d+))?", values["python_version"]).groups()
    if minor not in newest or int(patch or 0) > int(newest[minor]):
        problem = f"this release's pyenv can't build Python {quote(values['python_version'])}"
        known = ", ".join(f"{minor}.{patch}" for minor, patch in list(newest.items())[-5:])
        raise CageError(problem, f"The newest that it knows: {known}", USAGE)


def check_agent(values: Mapping[str, str]) -> None:
    """Raises CageError where the agent to start is not one of those installed."""
    if values["agent"] not in values["agents"].split(","):
        problem = f"the agent {quote(values['agent'])} is not one of the agents {quote(values['agents'])}"
        raise CageError(problem, f"Add it to 'agents': {values['agents']},{values['agent']}", USAGE)
