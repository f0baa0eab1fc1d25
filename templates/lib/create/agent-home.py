"""In a helper: a tar of the host's agent settings becomes one of the parts that may go into a cage.

The rows of lib/agent-home come first, as .rows. Everything is written anew: names, modes and times are ours. What is
left out, and the names of hooks and MCP servers, are told on stderr.
"""

import io
import json
import re
import sys
import tarfile

FILES, BYTES, DEPTH = 2000, 16 << 20, 12
SECRET = re.compile(
    rb"sk-[A-Za-z0-9_-]{16}|gh[pousr]_[A-Za-z0-9]{20}|github_pat_|glpat-|xox[abprs]-|AKIA[0-9A-Z]{16}|AIza[\w-]{30}|"
    rb"-----BEGIN [A-Z ]*PRIVATE KEY|eyJ[\w-]{16,}\.eyJ|Bearer [A-Za-z0-9._-]{20}"
)


def tell(text):
    print("".join(letter if letter.isprintable() else "?" for letter in text)[:300], file=sys.stderr)


def below(data, key):
    """The value of KEY, whose dots lead into objects; None if there is none."""
    for part in key.split("."):
        data = data.get(part) if isinstance(data, dict) else None
    return data


def with_key(data, key, value):
    """Put VALUE at KEY."""
    *parts, last = key.split(".")
    for part in parts:
        data = data.setdefault(part, {})
    data[last] = value


def chosen(data, keys):
    """The KEYS of DATA whose values are plain and no secret."""
    kept = {}
    for key in keys:
        value = below(data, key)
        plain = isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) < 200)
        if plain and not SECRET.search(str(value).encode(errors="replace")):
            with_key(kept, key, value)
    return kept


def main(source, target):
    """Read the tar SOURCE, write the tar TARGET."""
    rows, count, size = [], 0, 0
    seen = set()
    for entry in source:
        name = entry.name.removeprefix("./")
        if not entry.isreg() or name in seen:
            continue
        seen.add(name)
        data = source.extractfile(entry).read()
        if name == ".rows":
            rows = [(*line.split(" "), "")[:3] for line in data.decode().splitlines()]
            continue
        kinds = {kind: names.split(",") for kind, path, names in rows if name == path}
        copied = any(kind == "copy" and (name == path or name.startswith(path + "/")) for kind, path, _ in rows)
        parts = name.split("/")
        if copied:
            count, size = count + 1, size + len(data)
            if ".." in parts or len(parts) > DEPTH or SECRET.search(data):
                tell(f"left out of the agent's settings: {name}")
                continue
            if count > FILES or size > BYTES:
                sys.exit("the agent's settings are more than 2,000 files or 16 MiB")
            mode = 0o755 if entry.mode & 0o100 else 0o644
        elif kinds:
            try:
                parsed = json.loads(data)
            except (ValueError, RecursionError):
                tell(f"left out of the agent's settings: {name} is no JSON")
                continue
            for key in kinds.get("names", ()):
                named = below(parsed, key)
                for one in list(named)[:50] if isinstance(named, (dict, list)) else ():
                    tell(f"not in the cage: {key} '{one if isinstance(one, str) else '…'}' of {name}")
            data, mode = json.dumps(chosen(parsed, kinds.get("keys", ())), indent=2).encode() + b"\n", 0o644
            if data == b"{}\n":
                continue
        else:
            continue
        made = tarfile.TarInfo(name)
        made.size, made.mode = len(data), mode
        target.addfile(made, io.BytesIO(data))


if __name__ == "__main__":
    with (
        tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as source,
        tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as target,
    ):
        main(source, target)
