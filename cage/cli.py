"""The command line: its verbs and options, and the end of a failure."""

import os
import shlex
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from cage import __version__
from cage.errors import FAILED, INTERRUPTED, UNREAD, USAGE, CageError
from cage.menu import GROUPS
from cage.settings import SETTINGS, yes_or_no
from cage.surroundings import settle
from cage.text import fail, quote

DESCRIPTION = "Isolated, persistent development environments for AI coding agents."

EXAMPLES = """\
examples:
  tc create https://github.com/octocat/Hello-World
  tc create . --name web          the repository in the current folder
  tc create owner/repo#123        a pull request of GitHub's, to review it
  tc attach web                   Neovim, the agent and a shell in tmux
  tc export web                   bring the work to the host clone
  make -C ~/.trusty-cage/envs/web help

'tc VERB --help' says more. Recipes are yours to edit: see the Makefile in a cage's folder.
"""

COMPLETION_NOTE = """\
to have them, put into your shell's start-up file:
  bash   eval "$(tc completion bash)"
  zsh    autoload -Uz compinit && compinit; eval "$(tc completion zsh)"
  fish   tc completion fish | source
"""

KEY_NOTE = """\
examples:
  tc key list web
  tc key set web OPENAI_API_KEY --run 'pass show openai'
  tc key set web CLAUDE_CODE_OAUTH_TOKEN --env        from 'claude setup-token'
  tc key rm web OPENAI_API_KEY
"""

SET_NOTE = "settings:\n" + "".join(
    f"  {row.key:<16}{row.help}{': yes or no' if row.check is yes_or_no else ''}\n" for row in SETTINGS
)
SET_NOTE += "  agent_version   version of an agent, such as claude@2.1.332 or claude@latest; claude: this release's\n"


class Parser(ArgumentParser):
    """argparse with the voice of the house."""

    def __init__(self, **options: object) -> None:
        options.setdefault("formatter_class", RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> None:
        """End with 2 and the way to the help."""
        fail(message, f"See: {self.prog} --help")
        sys.exit(USAGE)


class NotTyped:
    """Takes the place of the parser of a verb that was not typed: making all of them takes longer than some verbs."""

    def __getattr__(self, _: str) -> Callable[..., "NotTyped"]:
        return lambda *_, **__: self


class CommandLine(Parser):
    """The whole command line, or of all verbs only `typed`. Each verb's `run` names the function that does it."""

    def __init__(self, typed: str = "") -> None:
        super().__init__(prog="tc", description=DESCRIPTION, epilog=EXAMPLES)
        self.add_argument("--version", action="version", version=f"trusty-cage {__version__}")
        self.said, self.typed = {}, typed
        self.verbs = self.add_subparsers(prog="tc", dest="verb", metavar="VERB", required=True, parser_class=Parser)

    def format_help(self) -> str:
        """The help, its verbs by group: argparse would list them in one piece."""
        text = f"usage: tc VERB …\n\n{DESCRIPTION}\n"
        for group, verbs in GROUPS.items():
            text += f"\n{group}:\n" + "".join(f"  {verb:<15}{self.said[verb]}\n" for verb in verbs.split())
        return f"{text}\n{EXAMPLES}"

    def verb(self, name: str, run: str, text: str, *switches: tuple[str, ...]) -> Parser:
        """Add a verb; its switches are given with their help."""
        self.said[name] = text
        if self.typed not in ("", name):
            return NotTyped()
        added = self.verbs.add_parser(name, help=text, description=f"{text}.")
        added.set_defaults(run=run)
        for *flags, said in switches:
            added.add_argument(*flags, action="store_true", help=said)
        return added

    def on_cage(self, name: str, text: str, *switches: tuple[str, ...], run: str = "verbs:plain") -> Parser:
        """Add a verb that takes a cage's name."""
        added = self.verb(name, run, text, *switches)
        added.add_argument("name", help="name of the cage")
        return added


def parser(typed: str = "") -> CommandLine:
    """The command line, or of all verbs only the typed one. A verb that is a target of the cage's Makefile passes its
    options on by their names there."""
    top = CommandLine(typed)
    verb, on_cage = top.verb, top.on_cage
    yes, dry_run = ("-y", "--yes", "don't ask"), ("--dry-run", "only show the plan")
    as_json, as_plan = ("--json", "as JSON"), ("--json", "only show the plan, as JSON")
    take = {"choices": ("cage", "host"), "help": "whose version, where both sides changed"}

    verb("init", "init:init", "Make the config folder and a .env", ("--force", "replace .env, keeping the old one"))
    _create(verb("create", "create:create", "Make a cage from a git URL or a local repository"))
    on_cage("attach", "Open the tmux session, starting the cage if it is stopped")
    on_cage("start", "Start the cage")
    on_cage("stop", "Stop the cage; work is kept")
    verb("list", "list:listing", "Show all cages", as_json, ("--all", "the clones of destroyed cages, too"))
    on_cage("status", "Show one cage in full", as_json, ("--size", "count the bytes of the home, too"))
    on_cage("shell", "Open a login shell inside")
    run = on_cage("exec", "Run a command inside, and relay its exit code", run="verbs:execute")
    run.add_argument("command", nargs="*", help="the command and its arguments, after --")
    forward = on_cage(
        "forward",
        "Have ports of this machine lead into the cage, until Ctrl-C",
        ("--open", "open the first in a browser, once it answers"),
        run="verbs:forward",
    )
    forward.add_argument("ports", nargs="+", metavar="port", help="3000, or this machine's and the cage's: 3000:80")
    put = on_cage(
        "put",
        "Put files into the cage, and print their paths there",
        ("--clipboard", "the clipboard's image, for the agent to look at"),
        ("--force", "where the cage has that name, keep the old one beside it"),
        run="verbs:put",
    )
    put.add_argument("paths", nargs="*", metavar="FILE", help="files and folders; - for standard input")
    put.add_argument("--to", metavar="DIR", help="folder inside, from the project's on; else ~/inbox")
    put.add_argument("--as", metavar="NAME", help="its name there, of one file")
    get = on_cage(
        "get",
        "Get files out of the cage, judged as by an export",
        ("--force", "where the name is taken, keep the old one beside it"),
        ("--skip-refused", "get the rest where entries are refused"),
        run="verbs:get",
    )
    get.add_argument("paths", nargs="+", metavar="PATH", help="files and folders, from the project's on")
    get.add_argument("--to", metavar="DIR", default=".", help="folder here, or - for standard output")
    export = on_cage(
        "export",
        "Bring the work back to the host clone",
        yes,
        dry_run,
        ("--diff", "show the change itself too; as a patch, if it is not for a terminal"),
        as_plan,
        ("--skip-refused", "export the rest where entries are refused"),
        ("--include-ignored", "take new files that ignore rules match, too"),
        ("--force", "go on although a large part would be deleted"),
        ("--undo", "put the host clone back to its state before the last export"),
    )
    to = {"action": "store_const", "dest": "to"}
    export.add_argument("--branch", const="branch", help="make the work a commit on a branch instead", **to)
    export.add_argument("--commits", const="commits", help="bring the agent's own commits on a branch instead", **to)
    export.add_argument("--ref", metavar="NAME", help="with --commits: those of this branch, tag or stash instead")
    export.add_argument("--all-refs", action="store_true", help="with --commits: those of all, below cage/<name>/")
    export.add_argument("--take", **take)
    export.add_argument("--as", metavar="NAME", help="the branch's name; else cage/<name>")
    sync = on_cage(
        "sync",
        "Take the host's changes into the cage",
        yes,
        dry_run,
        as_plan,
        ("--force", "go on although a large part would be deleted"),
        ("--undo", "put back what the last sync replaced or deleted in the cage"),
        run="verbs:sync",
    )
    sync.add_argument("paths", nargs="*", help="only these files and folders")
    sync.add_argument("--take", **take)
    force = ("--force", "go on although un-exported work can't be counted")
    on_cage("destroy", "Remove the cage; the host clone is kept", yes, force)
    on_cage("forget", "Move the clone that a destroyed cage left into the trash", run="list:forget")
    rebuild = verb("rebuild-image", "verbs:rebuild_image", "Build the image again", yes)
    rebuild.add_argument("name", nargs="?", help="name of the cage; all if none is given")
    on_cage("recreate", "Make the containers anew from the image and the settings; the volumes are kept", yes)
    auth = on_cage("auth", "Renew or change the agent's credentials", run="set:auth")
    auth.add_argument("--auth-mode", metavar="MODE", help="api_key or subscription")
    auth.add_argument("--api-key-env", metavar="NAME", help="name of the key's variable")
    switches = ("--all", "all cages"), ("--check", "only show the changes")
    render = verb("render", "render:render", "Bring recipes up to date, keeping your edits", *switches)
    render.add_argument("name", nargs="?", help="name of the cage")
    render.add_argument("--take", choices=("mine", "template"), help="whose lines win a conflict")
    _key(verb("key", "verbs:key", "Show or change which keys a cage has, never their values"))
    change = on_cage("set", "Change settings", run="set:set_")
    change.epilog = SET_NOTE
    change.add_argument("values", nargs="+", metavar="key=value", help="see below")
    on_cage("diff-recipes", "Show your changes to the recipes", run="render:diff_recipes")
    verb("doctor", "doctor:doctor", "Show what is missing on this machine, and what mends it", as_json)
    completion = verb("completion", "completion:completion", "Print completions for a shell")
    completion.epilog = COMPLETION_NOTE
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="which one")
    make = on_cage("make", "Make any target of a cage's Makefile", yes, run="verbs:targets")
    make.add_argument("targets", nargs="+", metavar="target", help="for example: help")
    return top


def _key(key: Parser) -> None:
    key.epilog = KEY_NOTE
    key.add_argument("action", choices=("list", "set", "rm"), help="show all; add or change one; take one out")
    key.add_argument("name", help="name of the cage")
    key.add_argument("variable", nargs="*", help="the key's variable")
    source = key.add_mutually_exclusive_group()
    source.add_argument("--env", dest="key_env", action="store_true", help="the value is in your shell's environment")
    source.add_argument("--run", dest="key_run", metavar="COMMAND", help="the value is this command's first line")
    key.add_argument("--vendor", dest="key_vendor", metavar="V", help="anthropic, openai, gemini, or a host")


def _create(create: Parser) -> None:
    create.epilog = "example:\n  tc create git@github.com:octocat/Hello-World.git --memory 4g\n"
    create.add_argument("repository", help="git URL, local repository, bundle or owner/repo#123")
    create.add_argument("--name", help="name of the cage; else from the repository's")
    create.add_argument("--branch", metavar="B", help="branch or ref to check out; else the default branch")
    create.add_argument("--dockerfile", metavar="F", help="the cage's Dockerfile; it copies files from image/")
    create.add_argument("--with-changes", action="store_true", help="take the uncommitted changes of a local one along")
    create.add_argument("--with-untracked", action="store_true", help="the new files too, without a question")
    create.add_argument("--no-attach", action="store_true", help="don't open it afterwards")
    create.add_argument("--render-only", action="store_true", help="write the recipes, run none")
    clone, to = create.add_mutually_exclusive_group(), {"action": "store_const", "dest": "clone"}
    clone.add_argument("--reuse-clone", const="reuse", help="use the host clone that a destroyed cage left", **to)
    clone.add_argument("--fresh-clone", const="fresh", help="move that clone aside, and clone anew", **to)
    group = create.add_argument_group("settings")
    for setting in SETTINGS:
        said = setting.help + (f" (default: {setting.default})" if setting.default else "")
        kind = {"action": "store_const", "const": "yes"} if setting.check is yes_or_no else {"metavar": "X"}
        group.add_argument(setting.flag, dest=setting.key, help=said, **kind)
    for key in ("hardened", "resume"):
        group.add_argument(f"--no-{key}", dest=key, action="store_const", const="no", help=SUPPRESS)


def parse(words: list[str]) -> Namespace:
    """The arguments. For exec, all words after `--` are the command, options too."""
    top = parser(words[0] if words and words[0][:1] != "-" else "")
    if not words:
        top.print_help()
        sys.exit(USAGE)
    if words[0][:1] != "-" and words[0] not in top.said:
        raise import_module("cage.commands.meant").unknown(words[0], top.said)
    command = []
    if words[0] == "exec":
        at = words.index("--") if "--" in words else len(words)
        words, command = words[:at], words[at + 1 :]
        if words[1:2] and any(word.startswith("-") for word in words[2:]):
            typed = shlex.join(words[2:] + command)
            problem = "a command with options needs '--' before it"
            raise CageError(problem, f"Write: tc exec {shlex.quote(words[1])} -- {typed}", USAGE)
    args, rest = top.parse_known_args(words)
    at = rest.index("--") if "--" in rest else len(rest)
    if args.verb in ("sync", "put", "get") and not any(word.startswith("-") for word in rest[:at]):
        args.paths += rest[:at] + rest[at + 1 :]  # paths after an option, which argparse leaves over
    elif args.verb == "key":
        args.variable += rest  # counted, never echoed
    elif rest:
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    if command:
        args.command += command
    return args


def main(words: list[str] | None = None) -> int:
    """Run one command; returns its exit code. Every expected failure ends here, in words."""
    here = os.environ.get("PWD", "")
    settle()
    streams = list(filter(None, (sys.stdout, sys.stderr)))
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(sys.argv[1:] if words is None else words, here)
    except BrokenPipeError:
        code = UNREAD
    for stream in streams:
        try:
            stream.flush()
        except OSError:
            # Python would report it again when it flushes stdout at its end, and exit with 120.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code


def _run(words: list[str], here: str) -> int:
    try:
        code = _verb(words, here)
        print(end="", flush=True)
        return code
    except CageError as error:
        fail(*error.said)
        return error.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f": '{error.filename}'" if error.filename else ""
        remedy = "Mend that, or set TRUSTY_CAGE_HOME to a folder that you may write."
        fail(f"{(error.strerror or str(error)).lower()}{where}", remedy)
        return FAILED


def _verb(words: list[str], here: str) -> int:
    try:
        args = parse(words)
    except SystemExit as ended:
        return ended.code
    try:
        Path.cwd()
    except FileNotFoundError:
        raise CageError(f"the current folder was deleted: {quote(here)}", "Go to another: cd") from None
    module, _, function = args.run.partition(":")
    return getattr(import_module(f"cage.commands.{module}"), function)(args)
