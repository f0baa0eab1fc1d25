"""The registry of npm, asked by npm itself: address, login and certificates are those of npm's own configuration."""

import base64
import binascii
import json
import re
import subprocess
from functools import cache

from cage.agents import ARCHITECTURES, Agent
from cage.errors import CageError
from cage.surroundings import on_guard
from cage.text import quote

PATIENCE = 60
VERSION = re.compile(r"\d[\w.+-]{0,63}", re.ASCII)
SHA512 = re.compile(r"(?:^| )sha512-([A-Za-z0-9+/]{86}==)(?:$| )")


def look_up(agent: Agent, version: str) -> tuple[Agent, list[str]]:
    """The row of agent with version ('latest': the newest) and its hashes, and the architectures that lack it.

    Those keep the version and the hash that they have. CageError where no architecture has it, or npm can't ask.
    """
    found = {arch: _package(agent, word, version) for arch, word in ARCHITECTURES.items()}
    lacking = [arch for arch, got in found.items() if not got]
    if len(lacking) == len(found):
        known = f"See those that there are: npm view {_name(agent, ARCHITECTURES['amd64'])} versions"
        raise CageError(f"the registry has no version {quote(version)} of {agent.name}", known)
    versions = [found[arch][0] if found[arch] else agent.version_of(arch) for arch in found]
    hashes = {arch: got[1] for arch, got in found.items() if got}
    return agent._replace(version="/".join(dict.fromkeys(versions)), **hashes), lacking


def _name(agent: Agent, word: str) -> str:
    return agent.package.rpartition("@")[0].replace("{arch}", word)


def _package(agent: Agent, word: str, version: str) -> tuple[str, str] | None:
    """Version and SHA-512 of the agent's package for the architecture of word; None if there is none."""
    name, spec = _name(agent, word), agent.package.rpartition("@")[2].replace("{arch}", word)
    if version == "latest" and spec != "{version}":
        newest = _view(f"{name}@latest")
        if not newest:
            return None
        version = newest[0]
    got = _view(f"{name}@{spec.replace('{version}', version)}")
    return got and (got[0] if version == "latest" else version, got[1])


@cache
def _view(package: str) -> tuple[str, str] | None:
    """Version and SHA-512, in hex, of a package that is named with its version; None if there is none."""
    command = ["npm", "view", "--json", "--", package, "version", "dist.integrity"]
    try:
        done = subprocess.run(command, **on_guard(), stdin=subprocess.DEVNULL, timeout=PATIENCE)
        said = json.loads(done.stdout or "{}")
    except FileNotFoundError:
        raise CageError("'npm' is not installed, and the registry is asked by it", "Install Node.js.") from None
    except (subprocess.TimeoutExpired, ValueError):
        raise _unasked(package) from None
    if not isinstance(said, dict):
        raise _unasked(package)
    if "error" in said or done.returncode:
        code = said["error"].get("code") if isinstance(said.get("error"), dict) else ""
        if code in ("E404", "ETARGET"):
            return None
        raise _unasked(package, f": {code}" if re.fullmatch(r"[A-Z0-9_]{1,40}", str(code)) else "")
    if not said:
        return None
    version, integrity = str(said.get("version", "")), SHA512.search(str(said.get("dist.integrity", "")))
    if not VERSION.fullmatch(version) or not integrity:
        raise CageError(f"the registry names no SHA-512 of {quote(package)}", f"npm view {package} dist")
    return version, binascii.hexlify(base64.b64decode(integrity[1])).decode()


def _unasked(package: str, why: str = "") -> CageError:
    return CageError(f"npm can't ask its registry for {quote(package)}{why}", f"See why: npm view {package}")
