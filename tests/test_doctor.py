"""tc doctor: good findings, and bad ones with the command that mends them."""

import ast
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import urllib.error

import pytest
from conftest import ROOT

from cage.commands import doctor

SERVER = {"Version": "28.0.1", "Os": "linux", "Arch": "amd64", "Components": [{"Name": "runc", "Version": "1.2.5"}]}
INFO = {
    "Name": os.uname().nodename,
    "SecurityOptions": ["name=seccomp,profile=builtin", "name=cgroupns"],
    "CgroupDriver": "systemd",
    **dict.fromkeys(doctor.BOUNDS, True),
    "LoggingDriver": "json-file",
    "DefaultRuntime": "runc",
    "Driver": "overlay2",
    "DriverStatus": [["Backing Filesystem", "xfs"], ["Supports d_type", "true"]],
}


@pytest.fixture
def said(tmp_path, monkeypatch):
    """A stand-in for docker that answers each verb with a file, and fails where there is none."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(
        f"#!{sys.executable}\n"
        "import pathlib, sys\n"
        "here = pathlib.Path(__file__).parent\n"
        "(here / 'asked').open('a').write(repr(sys.argv[1:]) + '\\n')\n"
        "answer = here / sys.argv[1]\n"
        "sys.exit('no answer') if not answer.exists() else sys.stdout.write(answer.read_text())\n"
    )
    (folder / "docker").chmod(0o755)
    answers = {"version": json.dumps(SERVER), "info": json.dumps(INFO), "image": "sha256:1", "ps": "", "volume": ""}
    for verb, answer in answers.items():
        (folder / verb).write_text(answer)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(doctor, "REGISTRIES", ())
    monkeypatch.setattr(doctor, "DAEMON", folder / "daemon.json")
    monkeypatch.setattr(doctor, "INOTIFY", folder / "instances")
    return folder


@pytest.fixture
def web(web):
    """A cage's folder with the state files of the real recipes."""
    (web / "repo").mkdir()
    (web / ".history" / "base").touch()
    return web


def findings(tc):
    done = tc("doctor", "--json")
    return done.code, {row["check"]: row for row in json.loads(done.out)}


def remedies(tc):
    return {row["said"]: row["remedy"] for row in findings(tc)[1].values() if row["state"] == "bad"}


def test_all_is_good(said, tc):
    done = tc("doctor")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(
        "good  engine      docker 28.0.1, linux/amd64\ngood  runtime     runc 1.2.5\n"
        "good  seccomp     the engine takes each cage's own seccomp.json\n"
        "good  limits      the engine limits a cage's use of: memory, swap, processes, cpus\n"
        "good  defaults    the engine's own: log driver json-file (cages have 'local'), runtime runc\n"
        "good  storage     overlay2 on xfs: DISK in a cage's Makefile limits its disk outside the volumes, if that is "
        "mounted with pquota\n"
        "good  make        "
    )
    assert "good  base image  'ubuntu:24.04' is here\n" in done.out
    assert done.out.endswith("good  cages       0, and nothing is left over\n")
    assert "bad" not in done.out


def test_it_only_reads(said, tc, web, home):
    before = sorted((path, path.stat().st_mtime_ns) for path in home.rglob("*"))
    tc("doctor")
    assert sorted((path, path.stat().st_mtime_ns) for path in home.rglob("*")) == before
    verbs = {tuple(ast.literal_eval(line)[:2]) for line in (said / "asked").read_text().splitlines()}
    assert verbs <= {
        ("version", "--format"),
        ("info", "--format"),
        ("image", "inspect"),
        ("ps", "--all"),
        ("volume", "ls"),
    }


@pytest.mark.parametrize(("option", "why"), [("name=cgroupns", ""), ("name=rootless", doctor.ROOTLESS)])
def test_what_the_engine_cannot_do_is_noted(option, why, said, tc):
    groups = {"CgroupDriver": "none", "PidsLimit": False, "CpuCfsQuota": False}
    (said / "info").write_text(json.dumps({**INFO, **groups, "SecurityOptions": [option]}))
    found = findings(tc)[1]
    assert found["limits"]["state"] == found["pause"]["state"] == "note"
    assert found["limits"]["said"] == f"the engine can't limit a cage's use of: processes, cpus{why}"
    assert found["pause"]["said"] == f"the engine can't pause: export, sync and destroy ask to stop the cage{why}"


def test_defaults_that_the_engine_s_owner_chose_are_named(said, tc):
    options = [*INFO["SecurityOptions"], "name=userns"]
    (said / "info").write_text(json.dumps(INFO | {"DefaultRuntime": "runsc", "SecurityOptions": options}))
    (said / "daemon.json").write_text('{"default-ulimits": {"nofile": {"Name": "nofile", "Hard": 64, "Soft": 64}}}')
    found = findings(tc)[1]["defaults"]
    text = "log driver json-file (cages have 'local'), runtime runsc, user namespaces, ulimit nofile"
    assert (found["state"], found["said"]) == ("note", f"the engine's own: {text}")
    (said / "daemon.json").write_text("[]")
    assert findings(tc)[1]["defaults"]["said"].endswith("runtime runsc, user namespaces")


def test_settings_of_this_machine_are_not_those_of_an_engine_elsewhere(said, tc):
    (said / "info").write_text(json.dumps(INFO | {"Name": "elsewhere"}))
    (said / "daemon.json").write_text('{"default-ulimits": {"nofile": {}}}')
    (said / "instances").write_text("128")
    found = findings(tc)[1]
    assert "inotify" not in found and "ulimit" not in found["defaults"]["said"]


@pytest.mark.parametrize(("number", "state"), [("128\n", "note"), ("8192\n", "good"), (None, None), ("?", None)])
def test_few_inotify_instances_are_noted(number, state, said, tc):
    if number:
        (said / "instances").write_text(number)
    code, found = findings(tc)
    assert code == 0
    assert found.get("inotify", {}).get("state") == state
    if state == "note":
        text = "fs.inotify.max_user_instances is 128 for all cages and you together: watchers may fail"
        assert found["inotify"]["said"] == text
        assert "sudo sysctl --system" in found["inotify"]["remedy"]


@pytest.mark.parametrize(
    ("why", "remedy"),
    [
        ("Got permission denied while trying to connect", "sudo usermod -aG docker me\nThen log in again."),
        ("Cannot connect to the Docker daemon", "sudo "),
    ],
)
def test_engine_that_does_not_answer_ends_with_4(said, tc, monkeypatch, why, remedy):
    monkeypatch.setenv("LOGNAME", "me")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    (said / "docker").write_text(f"#!/bin/sh\necho '{why}' >&2\nexit 1\n")
    code, found = findings(tc)
    assert code == 4
    assert found["engine"]["said"] == why
    assert found["engine"]["remedy"].startswith(remedy)
    assert "base image" not in found


def test_no_engine_at_all(said, tc, monkeypatch):
    (said / "docker").unlink()
    monkeypatch.setenv("PATH", str(said))
    code, found = findings(tc)
    assert code == 4
    assert found["engine"]["said"] == "'docker' is not installed"
    assert {found[tool]["said"] for tool in ("make", "git", "tar")} == {"is not installed"}


@pytest.mark.parametrize(
    ("server", "check", "text"),
    [
        ({"Version": "19.03.15"}, "version", "docker 19.03.15, linux/amd64 is older than 20.10"),
        ({"Components": [{"Name": "runc", "Version": "1.1.11"}]}, "runtime", "CVE-2024-21626"),
        ({"Platform": {"Name": "Docker Desktop 4.30.0 (149282)"}}, "runtime", "CVE-2025-9074"),
    ],
)
def test_engine_that_is_known_bad(said, tc, server, check, text):
    (said / "version").write_text(json.dumps(SERVER | server))
    code, found = findings(tc)
    assert code == 1
    assert found[check]["state"] == "bad"
    assert text in found[check]["said"]


@pytest.mark.parametrize(
    ("options", "state", "text"),
    [
        (["name=seccomp,profile=default"], "good", "the engine takes each cage's own seccomp.json"),
        (["name=seccomp,profile=unconfined"], "good", "the engine takes each cage's own seccomp.json"),
        (
            ["name=apparmor", "name=seccomp,profile=/etc/own.json"],
            "note",
            "the engine's own profile '/etc/own.json' is in force, no cage's seccomp.json",
        ),
        (None, "bad", "the engine's kernel has none: cages may make every system call"),
    ],
)
def test_which_system_calls_are_refused(said, tc, options, state, text):
    (said / "info").write_text(json.dumps(INFO | {"SecurityOptions": options}))
    code, found = findings(tc)
    assert (found["seccomp"]["state"], found["seccomp"]["said"]) == (state, text)
    assert code == (state == "bad")


@pytest.mark.parametrize(
    ("driver", "status", "state", "text"),
    [
        ("overlay2", [["Backing Filesystem", "extfs"]], "note", "overlay2 on extfs has no limits"),
        ("overlayfs", [["driver-type", "io.containerd.snapshotter.v1"]], "note", "overlayfs has no limits"),
        ("vfs", None, "note", "vfs has no limits"),
        ("overlay2", [["Backing Filesystem", "xfs"]], "good", "if that is mounted with pquota"),
        ("btrfs", [["Btrfs", ""]], "good", "btrfs: DISK in a cage's Makefile limits its disk outside the volumes"),
        ("zfs", [["Zpool", "a"]], "good", "zfs: DISK in a cage's Makefile"),
    ],
)
def test_whether_a_cage_s_disk_can_be_bounded(said, tc, driver, status, state, text):
    (said / "info").write_text(json.dumps(INFO | {"Driver": driver, "DriverStatus": status}))
    code, found = findings(tc)
    assert (code, found["storage"]["state"]) == (0, state)
    assert text in found["storage"]["said"]


def test_engine_that_tells_nothing_of_itself(said, tc):
    (said / "info").unlink()
    code, found = findings(tc)
    assert code == 1
    assert found["seccomp"]["remedy"] == "See the reason: docker info"


def test_build_of_a_distribution_is_not_judged_by_its_number(said, tc):
    (said / "version").write_text(json.dumps(SERVER | {"Components": [{"Name": "runc", "Version": "1.1.5+ds1"}]}))
    assert findings(tc)[0] == 0


def test_base_image_that_can_not_be_had(said, tc):
    (said / "image").unlink()
    assert remedies(tc) == {
        "'ubuntu:24.04' is not here and can't be pulled: no answer": (
            "Make one from this machine's package mirror:\n"
            "tc create REPOSITORY --name NAME --render-only && tc make NAME base-image"
        )
    }
    (said / "manifest").write_text("{}")
    assert findings(tc)[1]["base image"]["said"] == "'ubuntu:24.04' can be pulled"


def test_setting_that_is_none(said, tc, monkeypatch):
    monkeypatch.setenv("TRUSTY_CAGE_PIDS", "many")
    assert remedies(tc) == {"'many' for 'pids' (from TRUSTY_CAGE_PIDS) is not a value of it": "For example: 4096"}


def test_certificate_that_is_not_trusted(said, tc, monkeypatch):
    def refuse(url, **_):
        error = ssl.SSLCertVerificationError()
        error.verify_message = "self-signed certificate in certificate chain"
        raise urllib.error.URLError(error)

    monkeypatch.setattr(doctor, "REGISTRIES", (("echo", "https://registry.example/x"),))
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    ((text, remedy),) = remedies(tc).items()
    assert text == (
        "registry.example shows a certificate that is not trusted: self-signed certificate in certificate chain"
    )
    assert remedy.endswith("export TRUSTY_CAGE_CA_BUNDLE=FILE")


@pytest.mark.parametrize("host", ["registry.example", "registry.example:8443"])
@pytest.mark.parametrize("answers", [True, False])
def test_password_of_a_registry_is_not_shown(said, tc, monkeypatch, host, answers):
    def answer(url, **_):
        assert url == f"https://{host}/x/"
        raise urllib.error.HTTPError(url, 401, "", {}, None) if answers else urllib.error.URLError("no route")

    monkeypatch.setattr(doctor, "REGISTRIES", (("echo", f"https://me:hunter2@{host}/x/"),))
    monkeypatch.setattr("urllib.request.urlopen", answer)
    for words in (["doctor"], ["doctor", "--json"]):
        shown = "".join(map(str, tc(*words)))
        assert host in shown
        assert "hunter2" not in shown and "me:" not in shown


def test_bundle_without_certificates(said, tc, monkeypatch, tmp_path):
    (tmp_path / "none.pem").write_text("nothing")
    monkeypatch.setenv("TRUSTY_CAGE_CA_BUNDLE", str(tmp_path / "none.pem"))
    assert findings(tc)[1]["registries"]["said"] == f"'{tmp_path}/none.pem' holds no certificates"


def test_export_that_was_interrupted_can_be_finished_or_taken_back(said, tc, web):
    (web / ".history" / "applying").touch()
    found = {row["said"]: row["remedy"] for row in json.loads(tc("doctor", "--json").out)}
    ways = "tc export web, or to take it back: tc export web --undo"
    assert found["the last export of 'web' was interrupted"] == ways


def test_cage_that_is_half_made(said, tc, web):
    (web / ".history" / "created").unlink()
    assert remedies(tc) == {"'web' is half made": f"make -C '{web}' create"}


@pytest.mark.parametrize(
    ("containers", "volumes", "found"),
    [
        ("", "", {"volume 'isolated-dev-web' is gone, and the work in it": "tc destroy web --force"}),
        ("gr", "w", {"volume 'isolated-dev-web.home' is gone: logins, shell history and dotfiles": "tc recreate web"}),
        ("", "wh", {"the guard of 'web' is gone; the files are kept": "tc recreate web"}),
        ("g", "wh", {"container 'isolated-dev-web' is gone; the files are kept": "tc recreate web"}),
        ("gp", "wh", {"'web' is paused: the verb that read it was interrupted": "tc start web"}),
        ("er", "wh", {"'web' is cut off from the network: its guard does not run": "tc start web"}),
        ("gr", "wh", {}),
    ],
)
def test_stamps_are_compared_with_objects(said, tc, web, containers, volumes, found):
    lines = {
        "g": "web\tisolated-dev-0123456789ab.guard\trunning\n",
        "e": "web\tisolated-dev-0123456789ab.guard\texited\n",
        "p": "web\tisolated-dev-web\tpaused\n",
        "r": "web\tisolated-dev-web\trunning\n",
        "w": "web\tisolated-dev-web\n",
        "h": "web\tisolated-dev-web.home\n",
    }
    (said / "ps").write_text("".join(lines[letter] for letter in containers))
    (said / "volume").write_text("".join(lines[letter] for letter in volumes))
    assert remedies(tc) == found


@pytest.mark.parametrize("network", ["", "new"])
def test_guard_on_a_network_that_is_gone_or_was_made_anew(said, tc, web, network):
    (said / "ps").write_text("web\tisolated-dev-0123456789ab.guard\texited\nweb\tisolated-dev-web\texited\n")
    (said / "volume").write_text("web\tisolated-dev-web\nweb\tisolated-dev-web.home\n")
    (said / "container").write_text("/isolated-dev-0123456789ab.guard old\n")
    (said / "network").write_text(network)
    assert remedies(tc) == {"the network of 'web' is gone": "tc recreate web"}
    (said / "network").write_text("old")
    assert remedies(tc) == {}


def test_base_and_clone_that_are_gone(said, tc, web):
    (said / "ps").write_text("web\tisolated-dev-0123456789ab.guard\texited\nweb\tisolated-dev-web\texited\n")
    (said / "volume").write_text("web\tisolated-dev-web\nweb\tisolated-dev-web.home\n")
    (web / ".history" / "base").unlink()
    history = f"'{web}/.history/base"
    assert remedies(tc) == {
        "the base manifest of 'web' is gone": f"Begin with that of the seeding: cp {history}.seeded' {history}'"
    }
    (web / ".history" / "base").touch()
    (web / "repo").rmdir()
    ((problem, remedy),) = remedies(tc).items()
    assert problem == "the host clone of 'web' is gone"
    assert remedy.startswith("git clone -- ") and remedy.endswith(f" '{web}/repo'")


def test_draft_of_a_create_that_was_killed(said, tc, home):
    draft = home / "envs" / ".new-web-00000000"
    draft.mkdir(parents=True)
    assert remedies(tc) == {}
    os.utime(draft, (0, 0))
    assert remedies(tc) == {f"'{draft}', of a create that was killed": f"rm -r '{draft}'"}


def test_neither_ip_nor_ifconfig(said, tc, monkeypatch):
    found = shutil.which
    monkeypatch.setattr("shutil.which", lambda it, **more: None if it in ("ip", "ifconfig") else found(it, **more))
    assert "neither 'ip' nor 'ifconfig' is installed" in remedies(tc)


def test_program_that_one_verb_needs_where_it_was_used(said, tc, home):
    assert not any("no-such-program" in said for said in remedies(tc))
    needs = home / "envs" / "web" / ".history" / "needs"
    needs.mkdir(parents=True)
    (needs / "no-such-program").write_text("wl-clipboard\n")
    assert any("wl-clipboard" in remedy for remedy in remedies(tc).values())


def test_doctor_traces_its_calls(said, tc, monkeypatch):
    monkeypatch.setenv("TRUSTY_CAGE_TRACE", "1")
    assert " ms  doctor         docker version --format " in tc("doctor").err


def test_what_is_left_over_of_a_cage_without_a_folder(said, tc, home):
    tc("init")
    (said / "volume").write_text("old\tisolated-dev-old\n")
    assert remedies(tc) == {
        "volume 'isolated-dev-old': its cage has no folder; there may be work in it": (
            f"Put a backup of its folder back, '{home}/envs/old', and export it: "
            "tc recreate old && tc export old\n"
            "Then, or if you want nothing of it: docker volume rm isolated-dev-old"
        )
    }
    (said / "volume").write_text("old\tisolated-dev-old.home\n")
    assert remedies(tc) == {
        "volume 'isolated-dev-old.home': its cage has no folder; logins and shell history are in it": (
            "docker volume rm isolated-dev-old.home"
        )
    }
    (said / "volume").write_text("")
    (said / "ps").write_text("old\tisolated-dev-old\texited\n")
    assert remedies(tc) == {
        "container 'isolated-dev-old': its cage has no folder": "docker rm --force isolated-dev-old"
    }


def test_folder_in_the_trash_is_put_back_so_that_an_export_judges_the_volume(said, tc, home):
    tc("init")
    for name in ("old-20260101T000000Z", "old-20260301T000000Z", "old-20260201T000000Z", "old-two-20260401T000000Z"):
        history = home / "trash" / name / ".history" / "destroyed"
        history.mkdir(parents=True)
        (history / "base").touch()
    (home / "trash" / "old-20260501T000000Z").mkdir()
    (said / "volume").write_text("old\tisolated-dev-old\n")
    ((_, remedy),) = remedies(tc).items()
    folder, trash = f"'{home}/envs/old'", f"{home}/trash/old-20260301T000000Z"
    assert remedy.splitlines()[0] == (
        f"Put its folder back from the trash, and export it: mkdir -p {folder} && cp -a '{trash}/.' {folder}/ "
        f"&& cp -a '{trash}/.history/destroyed/.' {folder}/.history/ && tc recreate old && tc export old"
    )


@pytest.mark.parametrize("name", ["../x", "a;b", "*"])
def test_label_that_is_no_name_of_a_cage_leads_nowhere(said, tc, name):
    tc("init")
    (said / "volume").write_text(f"{name}\tisolated-dev-x\n")
    ((_, remedy),) = remedies(tc).items()
    assert remedy.startswith("No cage can have that name, so no export can judge what is in it.\n")


def test_no_remedy_has_unjudged_files_unpacked():
    """A tar of a volume would hold links, special files and git folders as the agent left them."""
    for module in (ROOT / "cage").rglob("*.py"):
        assert not re.search(r"docker (run|cp|exec)|entrypoint", module.read_text()), module


def test_damaged_folder_is_told(said, tc, web):
    (web / "meta.json").write_text("[]")
    assert list(remedies(tc)) == [f"'{web}/meta.json' is not what trusty-cage writes"]


def test_it_needs_none_of_the_heavy_imports(tmp_path):
    heavy = "import sys; import cage.commands.doctor; print({'jinja2', 'sh'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("@echo outside", []),
        ("@echo inside", [("note", "sessions of 'web' get the keys themselves", "tc set web keys=outside")]),
        (
            "@printf '%s\\n' outside local.mk:3 Makefile:9",
            [
                (
                    "bad",
                    "the recipes of 'web' hand a key in, past the gate: local.mk:3, Makefile:9",
                    "tc diff-recipes web",
                )
            ],
        ),
        ("@echo inside; exit 1", []),
        ("@:", []),
    ],
)
def test_it_says_where_keys_are(target, found, tmp_path):
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "Makefile").write_text(f"keys-told:\n\t{target}\n")
    said = [(finding.state, finding.said, finding.remedy) for finding in doctor._keys(tmp_path / "web")]
    assert said == found
