"""The environment that this process and all that it starts run in."""

import os

from cage.errors import CageError

# What would change how make, git, tar or a recipe's shell behave, whoever set it.
UNWANTED = (
    "MAKEFLAGS", "MAKEFILES", "GNUMAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES",
    "BASH_ENV", "ENV", "CDPATH", "SHELLOPTS", "BASHOPTS", "TAR_OPTIONS", "GREP_OPTIONS", "POSIXLY_CORRECT",
    "PERL5OPT", "PERL_USE_UNSAFE_INC",
)  # fmt: skip
UNWANTED_PREFIXES = ("GIT_", "CAGE_", "BASH_FUNC_")


# Programs are started here: tc may be typed in a folder with an agent's files in it, and some look where they stand
# for settings, modules, or the version of theirs that is to run.
NEUTRAL = "/"

# Lists of folders, of which only those from the root on are searched, and single paths; both as in Makefile.cage.
LISTS = (
    "LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH",
    "DYLD_FRAMEWORK_PATH", "DYLD_FALLBACK_FRAMEWORK_PATH", "DYLD_INSERT_LIBRARIES", "GCONV_PATH", "LOCPATH", "NLSPATH",
    "PERL5LIB", "PERLLIB", "PYTHONPATH", "NODE_PATH", "RUBYLIB", "AWKPATH", "AWKLIBPATH", "XDG_CONFIG_DIRS",
    "XDG_DATA_DIRS", "TERMINFO_DIRS",
)  # fmt: skip
PLACES = (
    "HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR",
    "DOCKER_CONFIG", "DOCKER_CERT_PATH", "BUILDX_CONFIG", "SSH_ASKPASS", "SUDO_ASKPASS", "SSL_CERT_FILE",
    "SSL_CERT_DIR", "CURL_CA_BUNDLE", "CURL_HOME", "NETRC", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES",
    "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "NODE_EXTRA_CA_CERTS", "TERMINFO", "GNUPGHOME", "DEBOOTSTRAP_DIR",
)  # fmt: skip


def settle() -> None:
    """Have this process and all that it starts look for programs, libraries and settings from the root on only.

    '.' or nothing in PATH is the folder that a program stands in.
    """
    os.environ["PATH"] = _from_root(os.environ.get("PATH", "")) or os.defpath
    os.environ["PWD"] = NEUTRAL
    for name, value in list(os.environ.items()):
        if name in LISTS and value != _from_root(value):
            os.environ[name] = value = _from_root(value)
        # A *ENV_DIR, such as PYENV_DIR, is where a version manager began to look for versions.
        if (name in LISTS and not value) or (name in PLACES and value[:1] != "/") or name.endswith("ENV_DIR"):
            del os.environ[name]


def _from_root(folders: str) -> str:
    return os.pathsep.join(folder for folder in folders.split(os.pathsep) if folder.startswith("/"))


def clean_environment() -> dict[str, str]:
    """The caller's environment without what could steer make, git or a recipe."""
    return {
        key: value for key, value in os.environ.items() if key not in UNWANTED and not key.startswith(UNWANTED_PREFIXES)
    }


def no_make() -> CageError:
    """What is said where there is no make."""
    return CageError(
        "'make' is not installed", "Install it: sudo apt-get install make, or on macOS: xcode-select --install"
    )
