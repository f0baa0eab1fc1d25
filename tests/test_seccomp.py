"""seccomp.json, call by call against the engine's own profile; calls that capabilities unlock; who gets it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import INFO, edit
from engine_calls import (
    AF_ALG,
    AF_VSOCK,
    BOTH,
    BY_CAPABILITY,
    BY_PROCESSOR,
    ENOSYS,
    HIGHEST_FAMILY,
    NAMESPACES,
    ONLY_20_10,
    ONLY_NEWEST,
    PERSONALITIES,
    SAME_PROCESSOR,
    YOUNGER,
)

from cage.recipes import syntax, templates
from cage.surroundings import source

PROFILE = json.loads((source() / "templates/seccomp.json").read_text())
RENDERED = Path(__file__).parent / "rendered/minimal"
RECIPES = {path.name: path.read_text() for path in sorted((source() / "templates/recipes").iterdir())}
# The kernel takes the lower half of some arguments; a rule sees both.
HIDDEN = 1 << 32
REFUSED = "SCMP_ACT_ERRNO"
COMPARE = {
    "SCMP_CMP_EQ": lambda found, rule: found == rule["value"],
    "SCMP_CMP_LT": lambda found, rule: found < rule["value"],
    "SCMP_CMP_MASKED_EQ": lambda found, rule: found & rule["value"] == rule["valueTwo"],
}


def in_force(capabilities=(), processor="amd64", kernel=(6, 1)):
    """The rules that an engine makes of the profile, for a container and a machine."""
    for rule in PROFILE["syscalls"]:
        given, spared = rule.get("includes", {}), rule.get("excludes", {})
        oldest = tuple(map(int, given.get("minKernel", "0.0").split(".")))
        if (
            kernel >= oldest
            and processor in given.get("arches", [processor])
            and set(given.get("caps", [])) <= set(capabilities)
            and not set(spared.get("caps", [])) & set(capabilities)
        ):
            yield rule


def always(**machine):
    """The calls that are allowed with any arguments."""
    rules = [rule for rule in in_force(**machine) if rule["action"] == "SCMP_ACT_ALLOW" and "args" not in rule]
    return {name for rule in rules for name in rule["names"]}


def passes(call, first):
    """Whether call is allowed with this first argument."""
    return any(
        all(arg["index"] == 0 and COMPARE[arg["op"]](first, arg) for arg in rule.get("args", []))
        for rule in in_force()
        if call in rule["names"] and rule["action"] == "SCMP_ACT_ALLOW"
    )


def test_allowed_is_each_call_that_old_and_new_engines_allow_and_no_other():
    expected = {*BOTH.split(), *YOUNGER.split(), "ptrace", *BY_PROCESSOR["amd64"].split()}
    # The one is gone, the other allowed by its argument.
    expected -= {"socketcall", "socketpair"}
    assert always() == expected
    assert not expected & {*ONLY_20_10.split(), *ONLY_NEWEST.split()}


@pytest.mark.parametrize("processor", BY_PROCESSOR)
def test_calls_of_one_processor(processor):
    assert always(processor=processor) - always(processor="other") == set(BY_PROCESSOR[processor].split())


def test_names_of_a_processor_s_programs_of_fewer_bits_are_the_engine_s():
    assert {row["architecture"]: row["subArchitectures"] for row in PROFILE["archMap"]} == SAME_PROCESSOR


@pytest.mark.parametrize("capability", BY_CAPABILITY)
def test_capability_unlocks_what_the_engine_says(capability):
    expected = set(BY_CAPABILITY[capability].split())
    if capability == "CAP_SYS_ADMIN":
        expected.add("name_to_handle_at")
    # ptrace is open without it.
    assert always(capabilities=[capability]) - always() == expected - {"ptrace"}
    known = {capability for rule in PROFILE["syscalls"] for capability in rule.get("includes", {}).get("caps", [])}
    assert known == set(BY_CAPABILITY)


@pytest.mark.parametrize("call", ["socket", "socketpair"])
def test_sockets_are_of_each_family_but_two(call):
    """A family beyond those of today is refused, and so is one with something in its upper half."""
    families = [*range(64), *(HIDDEN + family for family in range(64))]
    allowed = {family for family in families if passes(call, family)}
    assert allowed == {*range(HIGHEST_FAMILY + 1)} - {AF_ALG, AF_VSOCK}


def test_personality_is_one_of_those_that_the_engine_allows():
    tried = [1 << bit for bit in range(64)] + [first | second for first in PERSONALITIES for second in PERSONALITIES]
    assert {value for value in [0, *tried] if passes("personality", value)} == set(PERSONALITIES)


def test_clone_makes_no_namespace():
    assert passes("clone", 0) and passes("clone", 17)
    for name, flag in NAMESPACES.items():
        for more in (0, 17, 0x3D0F00, HIDDEN):
            assert not passes("clone", flag | more), name
    assert all(passes("clone", 1 << bit) for bit in range(32) if 1 << bit not in NAMESPACES.values())


@pytest.mark.parametrize("call", ["clone3", "socketcall"])
def test_calls_that_programs_can_do_without_are_not_there(call):
    """socketcall has to be named: libseccomp opens it for 32-bit programs wherever a rule opens 'socket'."""
    (rule,) = (rule for rule in in_force() if call in rule["names"])
    assert (rule["action"], rule["errnoRet"], "args" in rule) == (REFUSED, ENOSYS, False)


def test_ptrace_waits_for_a_kernel_where_it_can_not_get_round_the_profile():
    assert "ptrace" not in always(kernel=(4, 7)) and "ptrace" in always(kernel=(4, 8))


def test_what_is_not_named_is_refused():
    assert PROFILE["defaultAction"] == REFUSED
    assert {rule["action"] for rule in PROFILE["syscalls"]} == {REFUSED, "SCMP_ACT_ALLOW"}
    named = " ".join(name for rule in PROFILE["syscalls"] for name in rule["names"])
    assert "io_uring" not in named and "keyctl" not in named and "add_key" not in named


def test_engine_20_10_knows_each_field():
    """It takes no notice of others, so a condition by another name would not hold."""
    fields = {"comment", "names", "action", "args", "errnoRet", "includes", "excludes"}
    for rule in PROFILE["syscalls"]:
        assert set(rule) <= fields
        assert set(rule.get("includes", {})) | set(rule.get("excludes", {})) <= {"caps", "arches", "minKernel"}
        assert all(set(arg) <= {"index", "value", "valueTwo", "op"} for arg in rule.get("args", []))
    assert set(PROFILE) == {"comment", "defaultAction", "archMap", "syscalls"}


def capabilities():
    """The capabilities of each kind of container, as the recipes say."""
    (for_apt,) = re.findall(r"^FOR_APT := (.*)$", RECIPES["container.mk"], re.MULTILINE)
    given = {"cage": for_apt.split(), "guard": re.findall(r"--cap-add (\w+)", RECIPES["network.mk"])}
    return given | {"helper": re.findall(r"--cap-add (\w+)", RECIPES["container.mk"])}


def test_no_container_has_a_capability_that_unlocks_a_call():
    given = capabilities()
    assert given == {
        "cage": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID"],
        "guard": ["NET_ADMIN"],
        "helper": ["DAC_OVERRIDE"],
    }
    for names in given.values():
        assert not {f"CAP_{name}" for name in names} & set(BY_CAPABILITY)


def test_each_container_is_made_with_the_profile():
    text = re.sub(r"\\\n\s*", "", "".join(RECIPES.values()))
    made = [line for line in text.splitlines() if "--cap-drop ALL" in line]
    assert len(made) == 6
    assert all("$(SECCOMP)" in line for line in made)


@pytest.fixture
def cage(tc, repo, home):
    """The folder of a cage rendered from the real templates."""
    assert tc("create", repo, "--render-only").code == 0
    return home / "envs" / "web"


@pytest.mark.parametrize(
    ("options", "ours"),
    [
        (" name=seccomp,profile=default", True),
        (" name=apparmor name=seccomp,profile=builtin name=cgroupns", True),
        (" name=seccomp,profile=unconfined", True),
        (" name=seccomp,profile=/etc/docker/default.json", False),
        (" name=seccomp,profile=default.json name=rootless", False),
        (" name=apparmor", False),
    ],
)
def test_engine_with_a_profile_of_its_own_keeps_it(options, ours, cage, engine):
    (engine / "answer").write_text(INFO.format(memory=16000000000, security=options, lacks=""))
    show = 'shown: engine-seen\n\t@$(fitted) echo $(SECCOMP) --memory "$$(bash lib/engine/default memory)"\n'
    command = ["make", "-s", "-o", "seen", "-f", "Makefile", "-f", "-", "shown"]
    done = subprocess.run(command, cwd=cage, input=show, capture_output=True, text=True, check=True)
    assert done.stdout == f"{'--security-opt seccomp=seccomp.json ' if ours else ''}--memory 8000000000\n"
    assert (engine / "asked").read_text().count("info") == 1


def test_edit_of_the_profile_survives_a_newer_one(cage, tc, tmp_path, monkeypatch):
    newer = tmp_path / "newer"
    shutil.copytree(source() / "templates", newer / "templates")
    shutil.copy(source() / "Makefile.cage", newer)
    edit(newer / "templates/seccomp.json", '"cachestat", ', "")
    monkeypatch.setattr(templates, "source", lambda: newer)
    edit(cage / "seccomp.json", '"vmsplice", ', "")
    assert "web: merged    seccomp.json\n" in tc("render", "web").out
    text = (cage / "seccomp.json").read_text()
    assert "cachestat" not in text and "vmsplice" not in text
    assert '-                "sync_file_range", "syncfs", "tee", "vmsplice",' in tc("diff-recipes", "web").out
    (cage / "seccomp.json").unlink()
    tc("render", "web")
    assert (cage / "seccomp.json").read_bytes() == (newer / "templates/seccomp.json").read_bytes()


def test_profile_that_is_no_json_is_told(cage, tc):
    edit(cage / "seccomp.json", '"vmsplice", ', '"vmsplice" ')
    assert re.search(r"seccomp\.json:\d+: Expecting ',' delimiter", tc("diff-recipes", "web").err)
    assert syntax.script("seccomp.json", b"\xff") != ""
