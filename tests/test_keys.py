"""Keys of a cage: keys.txt, the values that its commands give, and the verb that changes it."""

import fcntl
import json
import os
import pty
import subprocess
import termios
import time

import pytest
from conftest import ROOT, _read

SETTINGS = {
    "CAGE_NAME": "web",
    "CAGE_AUTH_MODE": "api_key",
    "CAGE_AGENT": "claude",
    "CAGE_AGENTS": "claude,codex",
    "CAGE_API_KEY_ENV": "ANTHROPIC_API_KEY",
    "CAGE_KEY": "ANTHROPIC_API_KEY",
    "CAGE_VIA": "tc",
    "CAGE_VERBS": "key",
    "LC_ALL": "C",
}
CLAUDE = "ANTHROPIC_API_KEY anthropic api.anthropic.com env"
CODEX = "OPENAI_API_KEY openai api.openai.com env"
USED = {"ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "OPENAI_API_KEY", "GEMINI_API_KEY"}


@pytest.fixture
def keys(tmp_path):
    """Run a script of lib/keys in a folder with this keys.txt; returns its exit code, lines and error."""
    (tmp_path / "lib").symlink_to(ROOT / "templates" / "lib")
    (tmp_path / "gate").symlink_to(ROOT / "templates" / "gate")
    (tmp_path / "Makefile").write_text("key-list:\n")

    def run(script, text=None, **more):
        if text is not None:
            (tmp_path / "keys.txt").write_bytes(text.encode() if isinstance(text, str) else text)
        environment = {key: value for key, value in os.environ.items() if key not in USED} | SETTINGS | more
        words = ["bash", *f"lib/keys/{script}".split()]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, stdin=subprocess.DEVNULL, env=environment)
        return done.returncode, done.stdout.decode().replace("\t", " ").splitlines(), done.stderr.decode()

    return run


def test_without_keys_txt_the_keys_are_the_agents_own(keys):
    assert keys("table") == (0, [CLAUDE, CODEX], "")
    assert keys("table", CAGE_AGENTS="claude") == (0, [CLAUDE], "")
    assert keys("table", CAGE_KEY="") == (0, [], "")
    own = {"CAGE_KEY": "WORK_KEY", "CAGE_API_KEY_ENV": "WORK_KEY"}
    assert keys("table", **own) == (0, [CLAUDE.replace("ANTHROPIC_API_KEY", "WORK_KEY"), CODEX], "")


def test_a_base_url_of_the_host_is_the_place(keys):
    urls = {"ANTHROPIC_BASE_URL": "https://gate.example:8443/a/", "OPENAI_BASE_URL": "https://gate.example/v1"}
    shown = [
        CLAUDE.replace("api.anthropic.com", "gate.example:8443/a"),
        CODEX.replace("api.openai.com", "gate.example"),
    ]
    assert keys("table", **urls) == (0, shown, "")


GOOD = {
    "A anthropic env": "A anthropic api.anthropic.com env",
    "  A\topenai \t run\tpass show  x \r": "A openai api.openai.com run pass show  x",
    "A generativelanguage.googleapis.com env": "A gemini generativelanguage.googleapis.com env",
    "OPENAI_API_KEY gate.example:8443/p env": "OPENAI_API_KEY openai gate.example:8443/p env",
    "ANTHROPIC_API_KEY gate.example env": "ANTHROPIC_API_KEY anthropic gate.example env",
    "CLAUDE_CODE_OAUTH_TOKEN gate.example env": "CLAUDE_CODE_OAUTH_TOKEN anthropic gate.example env",
    "A anthropic run echo $X `id` * # 'x'": "A anthropic api.anthropic.com run echo $X `id` * # 'x'",
}


@pytest.mark.parametrize("line", GOOD)
def test_a_good_line_is_a_row(line, keys):
    assert keys("table", f"# note\n\n  # note\n{line}\n") == (0, [GOOD[line]], "")
    assert keys("table", line) == (0, [GOOD[line]], "")


def test_keys_txt_is_the_whole_list(keys):
    assert keys("table", "# none\n") == (0, [], "")
    assert keys("table", "A openai env\n", CAGE_KEY="") == (0, ["A openai api.openai.com env"], "")


PLACE = "the second column is anthropic, openai or gemini, or a host (NAME, maybe :PORT and /PREFIX)"
SOURCE = "the last column is 'env' or 'run COMMAND'"
BAD = [
    ("SECRET", SOURCE),
    ("A openai", SOURCE),
    ("A openai SECRET", SOURCE),
    ("A openai env SECRET", SOURCE),
    ("A openai run", SOURCE),
    ("A openai runs SECRET", SOURCE),
    ("A SECRET env", PLACE),
    ("A -SECRET.x env", PLACE),
    ("A https://gate.example env", PLACE),
    ("A $(SECRET).x env", PLACE),
    ("A gate.example env", "its host is no vendor's, nor its variable an agent's: name the vendor instead"),
    ("1SECRET openai env", "letters, digits and _ make a variable's name"),
    ("A=SECRET openai env", "letters, digits and _ make a variable's name"),
    ("PATH openai env", "its variable decides how a session starts"),
    ("CAGE_SECRET openai env", "its variable decides how a session starts"),
    ("B anthropic run SECRET", "its variable is in a line above"),
]


@pytest.mark.parametrize(("line", "problem"), BAD)
def test_a_bad_line_is_refused_and_not_echoed(line, problem, keys, tmp_path):
    said = f"error: the file {tmp_path}/keys.txt can't be used\nline 3: {problem}\n"
    for script in ("table", "values"):
        assert keys(script, f"# note\nB openai env\n{line}\n", B="")[1:] == ([], said)
    assert keys("table")[0] == 1


def test_keys_txt_that_is_no_file_is_an_error(keys, tmp_path):
    os.mkfifo(tmp_path / "keys.txt")
    assert keys("table") == (1, [], f"error: the file {tmp_path}/keys.txt can't be used\nit is no file\n")


def test_values_come_from_the_environment_by_name(keys):
    rows = "A openai env\nB openai env\nC openai env\n"
    assert keys("values", rows, A="sk-1", B="") == (0, ["A openai api.openai.com sk-1"], "")


COMMANDS = {
    "printf sk-1": "sk-1",
    "printf 'sk-1\\r\\nuser: me\\n'": "sk-1",
    "echo sk-1; echo SECRET >&2": "sk-1",
    "echo sk-1; sleep 100 &": "sk-1",
    'echo sk-1; pwd >&2; test "$PWD" = /': "sk-1",
    "read x; echo sk-1$x": "sk-1",
    "printf '%s-%s' sk 1": "sk-1",
}


def test_files_without_an_end_of_their_last_line_reach_the_gate_whole(keys, tmp_path):
    """Else the next file begins in that line, and the gate refuses all."""
    (tmp_path / "gate").unlink()
    (tmp_path / "gate").mkdir()
    for name, text in {"gate.cfg": "one\ntwo", "a.crt": "A\nend", "b.crt": "B\r\nend", "names.map": ""}.items():
        (tmp_path / "gate" / name).write_text(text, newline="")
    for folder in (".history", ".state/keys"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".history/placeholders").write_text("")
    parts = ["gate.cfg one", "gate.cfg two", "roots.pem A", "roots.pem end", "roots.pem B", "roots.pem end"]
    assert keys("bundle") == (0, [*parts, "complete "], "")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_gives_the_first_line_that_it_prints(command, keys):
    assert keys("values", f"A openai run {command}\n") == (0, [f"A openai api.openai.com {COMMANDS[command]}"], "")


FAILING = {
    "echo SECRET; exit 7": "the command for A ended with exit code 7",
    "no-such-SECRET": "the command for A ended with exit code 127",
    "'": "the command for A ended with exit code 2",
    "echo SECRET; sleep 5; true": "the command for A took more than 1 seconds",
    "yes SECRET": "the command for A printed more than a key",
    "echo": "the command for A printed an empty line",
    "echo SECRET WORDS": "the value of A is no key: it has a blank, or more than printable ASCII",
    "printf 'SECR\\303\\251T'": "the value of A is no key: it has a blank, or more than printable ASCII",
    "printf 'SECRET\\033[2J'": "the value of A is no key: it has a blank, or more than printable ASCII",
    "printf SECRET%05000d 0": "the value of A is no key: it has more than 4096 bytes",
}


@pytest.mark.parametrize("command", FAILING)
def test_a_failing_command_is_told_by_its_variable_and_the_others_count(command, keys):
    said = f"warning: {FAILING[command]}\nSessions start without it.\n"
    rows = f"A openai run {command}\nB openai env\n"
    assert keys("values", rows, B="sk-b", CAGE_KEY_LIMIT="1") == (0, ["B openai api.openai.com sk-b"], said)


def test_a_command_asks_on_the_terminal(keys, tmp_path):
    keys("table", "A openai run read word; echo sk-$word\n")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-c", "bash lib/keys/values >out </dev/null"],
        cwd=tmp_path,
        env={**os.environ, **SETTINGS},
        stdin=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    os.write(ours, b"typed\n")
    assert process.wait(timeout=20) == 0
    _read(ours)
    os.close(ours)
    assert (tmp_path / "out").read_text() == "A\topenai\tapi.openai.com\tsk-typed\n"


def test_set_begins_keys_txt_with_the_rows_in_force_and_replaces_one(keys, tmp_path):
    name = {"CAGE_KEY_NAME": "OPENAI_API_KEY"}
    assert keys("change set", CAGE_KEY_RUN="pass show openai", **name) == (0, [], "")
    assert keys("table") == (0, [CLAUDE, CODEX.replace("env", "run pass show openai")], "")
    edited = tmp_path.joinpath("keys.txt").read_text() + "# mine\n"
    assert keys("change set", edited, CAGE_KEY_ENV="1", **name) == (0, [], "")
    assert keys("table") == (0, [CLAUDE, CODEX], "")
    assert "# mine\n" in tmp_path.joinpath("keys.txt").read_text()
    assert keys("change rm", **name) == (0, [], "")
    assert keys("table") == (0, [CLAUDE], "")
    assert not tmp_path.joinpath("keys.txt.new").exists()


USAGE = "A value is never given here. For example: tc key set web OPENAI_API_KEY --run COMMAND, or --env\n"
REFUSED = [
    ({"CAGE_KEY_NAME": "SE-CRET"}, f"error: this is no name of a variable\n{USAGE}"),
    ({"CAGE_KEY_NAME": "OPENAI_API_KEY"}, f"error: it is not said where the value comes from\n{USAGE}"),
    (
        {"CAGE_KEY_NAME": "SECRET", "CAGE_KEY_ENV": "1"},
        "error: no agent here reads this variable\n"
        "Say whose key it is: --vendor NAME (anthropic, openai, gemini, or a host)\n",
    ),
    (
        {"CAGE_KEY_NAME": "A", "CAGE_KEY_ENV": "1", "CAGE_KEY_VENDOR": "SE CRET"},
        "error: this is no vendor, and no host\nVendors: anthropic, openai, gemini\n",
    ),
    (
        {"CAGE_KEY_NAME": "A", "CAGE_KEY_RUN": "a\nb", "CAGE_KEY_VENDOR": "openai"},
        "error: a command of several lines has no place in keys.txt\nPut it into a script.\n",
    ),
]


@pytest.mark.parametrize(("given", "said"), REFUSED)
def test_set_refuses_without_echo_and_without_a_change(given, said, keys, tmp_path):
    assert keys("change set", **given) == (2, [], said)
    assert not tmp_path.joinpath("keys.txt").exists()


def test_rm_of_a_key_that_is_not_there_leads_to_the_list(keys):
    said = "error: this is no key of cage 'web'\nSee those it has: tc key list web\n"
    assert keys("change rm", CAGE_KEY_NAME="SECRET") == (1, [], said)


def test_list_shows_where_each_value_comes_from_and_none(keys):
    rows = "ANTHROPIC_API_KEY anthropic env\nA gate.example env\nOPENAI_API_KEY openai run echo \033[2J\n"
    code, lines, said = keys("list", rows.replace("A gate.example", "A openai"), A="SECRET")
    assert (code, said) == (0, "")
    assert lines == [
        "VARIABLE           VENDOR     HOST               FROM",
        "ANTHROPIC_API_KEY  anthropic  api.anthropic.com  env (not set)",
        "A                  openai     api.openai.com     env",
        "OPENAI_API_KEY     openai     api.openai.com     run echo [2J",
    ]


@pytest.mark.parametrize(
    ("words", "takes"),
    [
        (["set", "web"], "one name of a variable, and never a value"),
        (["set", "web", "A", "SECRET"], "one name of a variable, and never a value"),
        (["set", "web", "A", "--env", "SECRET"], "one name of a variable, and never a value"),
        (["set", "web", "A", "--value", "SECRET"], "one name of a variable, and never a value"),
        (["rm", "web"], "one name of a variable, and never a value"),
        (["list", "web", "SECRET"], "no name of a variable"),
    ],
)
def test_key_takes_no_value(words, takes, tc):
    assert tc("key", *words) == (2, "", f"error: 'tc key {words[0]}' takes {takes}\nSee: tc key --help\n")


def test_key_reaches_its_target_by_the_environment(web, tc):
    with (web / "Makefile").open("a") as makefile:
        makefile.write(
            'key-set key-list key-rm:\n\t@echo $@ "$$CAGE_KEY_NAME:$$CAGE_KEY_ENV:$$CAGE_KEY_RUN:$$CAGE_KEY_VENDOR"\n'
        )
    assert tc("key", "list", "web") == (0, "key-list :::\n", "")
    assert tc("key", "set", "web", "A", "--run", "$(id) x", "--vendor", "openai") == (
        0,
        "key-set A::$(id) x:openai\n",
        "",
    )
    assert tc("key", "set", "web", "A", "--env") == (0, "key-set A:1::\n", "")
    assert tc("key", "rm", "web", "A") == (0, "key-rm A:::\n", "")
    assert tc("key", "set", "web", "A", "--run", "") == (
        2,
        "",
        "error: --run is empty\nGive it a value, or leave it out.\n",
    )


LOGIN = {
    "mcpOAuth": {"other": {"accessToken": "OTHER"}},
    "claudeAiOauth": {
        "accessToken": "sk-ant-oat01-SECRET",
        "refreshToken": "sk-ant-ort01-SECRET",
        "expiresAt": 4102444800000,
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
        "rateLimitTier": "default_claude_max_20x",
    },
    "after": {"accessToken": "OTHER"},
}
TOKEN = "CLAUDE_SUBSCRIPTION anthropic api.anthropic.com"


@pytest.fixture
def login(keys, tmp_path, home):
    """Run a script of lib/ in a cage with a subscription, the login of claude on this machine being what is given."""
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".history").mkdir()
    (tmp_path / ".history/placeholders").write_text("CLAUDE_SUBSCRIPTION anthropic sk-ant-oat01-PLACE\n")

    def run(script, credentials=LOGIN, **more):
        text = credentials if isinstance(credentials, str) else json.dumps(credentials, indent=more.pop("indent", None))
        (tmp_path / ".claude/.credentials.json").write_text(text)
        return keys(script, CAGE_AUTH_MODE="subscription", CAGE_KEY="", **more)

    return run


@pytest.mark.parametrize("indent", [None, 2])
def test_a_subscription_is_a_key_whose_value_is_the_access_token(login, indent):
    assert login("table", indent=indent) == (0, [f"{TOKEN} subscription"], "")
    assert login("values", indent=indent) == (0, [f"{TOKEN} sk-ant-oat01-SECRET"], "")
    assert login("values", indent=indent, CAGE_KEYS="inside") == (0, [], "")
    assert login("values", indent=indent, CAGE_AGENT="codex") == (0, [], "")
    assert login("list")[1][1] == f"{TOKEN.replace(' ', '  ')}  the login of 'claude' on this machine"


def test_a_token_that_has_run_out_is_told(login):
    old = {"claudeAiOauth": {**LOGIN["claudeAiOauth"], "expiresAt": 1700000000000}}
    remedy = "Start 'claude' on this machine, which renews it. Then: tc start web"
    said = f"warning: the subscription's token has run out\n{remedy}\n"
    assert login("values", old, CAGE_VERBS="key start") == (0, [], said)


def test_the_cage_gets_a_file_of_the_same_form_without_the_tokens(login):
    code, lines, said = login("../create/credentials")
    assert (code, said) == (0, "")
    written = json.loads(lines[0])["claudeAiOauth"]
    assert written.pop("expiresAt") > time.time() * 1000
    assert written == {
        **{key: LOGIN["claudeAiOauth"][key] for key in ("scopes", "subscriptionType", "rateLimitTier")},
        "accessToken": "sk-ant-oat01-PLACE",
        "refreshToken": None,
    }
    assert lines[1:] == [f"complete {len(lines[0]) + 1}"]


def test_a_login_with_odd_values_leaves_nothing_but_its_form(login):
    odd = {"accessToken": "x", "scopes": ["a\x1b[2J", 'b"c'], "subscriptionType": "m\x07x", "rateLimitTier": {"a": 1}}
    text = login("../create/credentials", {"claudeAiOauth": odd})[1][0]
    assert "\x1b" not in text
    assert "\x07" not in text


@pytest.mark.parametrize("text", ["{}", '{"canary": "x"}', "canary", '{"accessToken": "canary"}'])
def test_a_login_of_another_form_is_refused_unless_keys_are_inside(text, login):
    code, lines, said = login("../create/credentials", text)
    assert (code, lines) == (1, [])
    assert "is not known here\nWith the setting keys=inside the cage gets a copy of the file.\n" in said
    assert "canary" not in said
    assert login("../create/credentials", text, CAGE_KEYS="inside")[1] == [text, f"complete {len(text) + 1}"]
    code, lines, said = login("values", text)
    assert (code, lines) == (0, [])
    assert said.startswith("warning: the form of the subscription's credentials in ")
    assert "canary" not in said
