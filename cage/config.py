"""Settings of a new cage, from flags, environment, .env and defaults, in this order."""

from collections import namedtuple
from collections.abc import Mapping

from cage import home
from cage.agents import known
from cage.errors import CageError
from cage.settings import SETTINGS, check, check_agent
from cage.text import quote, warn

# values: every setting by key. origins: the sources of those that are no default.
Config = namedtuple("Config", "values origins")


def resolve(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> Config:
    """The settings of a new cage; flags are by key, None where not given. CageError for a value that is none."""
    file = read_dotenv()
    values, origins = {}, {}
    for setting in SETTINGS:
        key, variable = setting.key, setting.variable
        found = (
            (flags.get(key), setting.flag),
            (environ.get(variable) or None, variable),
            (file.get(variable) or None, f"{variable} in .env"),
        )
        value, origin = next((row for row in found if row[0] is not None), (None, ""))
        if origin:
            origins[key] = origin
        values[key] = check(key, setting.default if value is None else value, origin)
    _settle_agent(values, origins)
    _warn_of_keys(file, values["api_key_env"])
    return Config(values, origins)


def _settle_agent(values: dict[str, str], origins: Mapping[str, str]) -> None:
    """Unless they are given, the agent is the first of those installed, and its key has its agent's own name."""
    if "agent" not in origins:
        values["agent"] = values["agents"].split(",")[0]
    elif "agents" not in origins:
        values["agents"] = values["agent"]
    check_agent(values)
    if "api_key_env" not in origins:
        values["api_key_env"] = known()[values["agent"]].key


def read_dotenv() -> dict[str, str | None]:
    """The variables of the .env, as they are written ('$' means nothing); they never enter the environment."""
    path = home.root() / ".env"
    if not path.exists():
        return {}
    # Imported here: dotenv takes as long as all other imports together, and most homes have no .env.
    from dotenv import dotenv_values

    try:
        return dict(dotenv_values(path, interpolate=False))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise CageError(f"can't read {quote(path)}: {why}", "Mend it, or move it away.") from None


def _warn_of_keys(file: Mapping[str, str | None], api_key_env: str) -> None:
    for name, value in file.items():
        if value and (name in (api_key_env, "ANTHROPIC_API_KEY") or value.startswith("sk-ant-")):
            why = "A key in a file ends up in backups and in other programs. Take it out, and set"
            remedy = f"{why}\nit in your shell: export {name}=…"
            warn(f"the value of {quote(name)} stands in .env and is not used", remedy)
