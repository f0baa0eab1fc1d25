"""The cage's ports on this machine: a setting fills PORTS in recipes/network.mk, judged before anything is made."""

import os
import subprocess
from itertools import pairwise

import pytest
from conftest import ROOT, edit


@pytest.fixture
def cage(tc, repo, home):
    """The folder of a cage rendered from the real templates."""
    assert tc("create", repo, "--render-only").code == 0
    return home / "envs" / "web"


def make(folder, *words, **environment):
    words = ["make", "--no-print-directory", "-C", folder, *words]
    return subprocess.run(words, capture_output=True, text=True, env={**os.environ, **environment})


def set_ports(folder, ports):
    edit(folder / "recipes/network.mk", "\nPORTS = $(subst $(comma), ,$(CAGE_PORTS))\n", f"\nPORTS := {ports}\n")


def run_of_guard(folder):
    """The words of the call that makes the guard."""
    shown = make(folder, "-n", "-o", "seen", "-o", "network", "-o", "images", "-o", "engine-seen", "guard")
    assert shown.returncode == 0, shown.stderr
    return shown.stdout.replace("\\\n", " ").split()


@pytest.mark.parametrize(
    ("ports", "published", "inside"),
    [
        ("", [], ""),
        ("8000", ["127.0.0.1:8000:8000"], "8000"),
        ("8000 3000:8080", ["127.0.0.1:8000:8000", "127.0.0.1:3000:8080"], "8000 8080"),
        ("1:65535 65535:1", ["127.0.0.1:1:65535", "127.0.0.1:65535:1"], "65535 1"),
        ("8000:80 8001:80", ["127.0.0.1:8000:80", "127.0.0.1:8001:80"], "80 80"),
    ],
)
def test_ports_are_published_on_this_machine_alone_and_told_to_the_policy(ports, published, inside, cage):
    if ports:
        set_ports(cage, ports)
    words = run_of_guard(cage)
    assert [after for word, after in pairwise(words) if word == "--publish"] == published
    assert f'--env "CAGE_PORTS_INSIDE={inside}"' in " ".join(words)
    assert make(cage, "ports").returncode == 0


def test_setting_fills_ports_and_gives_way_to_a_hand_edit(cage):
    edit(cage / "Makefile", "\nexport CAGE_PORTS := \n", "\nexport CAGE_PORTS := 9000,80:8080\n")
    words = run_of_guard(cage)
    published = [after for word, after in pairwise(words) if word == "--publish"]
    assert published == ["127.0.0.1:9000:9000", "127.0.0.1:80:8080"]
    assert '--env "CAGE_PORTS_INSIDE=9000 8080"' in " ".join(words)
    set_ports(cage, "8000")
    words = run_of_guard(cage)
    assert [after for word, after in pairwise(words) if word == "--publish"] == ["127.0.0.1:8000:8000"]


@pytest.mark.parametrize("verb", ["create", "recreate"])
def test_bad_port_in_the_line_of_the_setting_is_told_by_its_name(verb, cage, engine):
    edit(cage / "Makefile", "\nexport CAGE_PORTS := \n", "\nexport CAGE_PORTS := 9000,http\n")
    done = make(cage, verb, CAGE_YES="1")
    assert "error: CAGE_PORTS in the Makefile has a word that is no port: http\n" in done.stderr
    assert not (engine / "asked").exists()


@pytest.mark.parametrize(
    ("ports", "problem"),
    [
        ("", "error: there is no port to forward\n"),
        ("3000 x", "error: the list of ports has a word that is no port: x\n"),
        ("3000:80 3000", "error: the list of ports names port 3000 of this machine twice\n"),
        ("$(touch x)`touch x`;touch x", "error: the list of ports has a word that is no port: $(touch\n"),
    ],
)
def test_forward_refuses_words_that_are_no_ports(ports, problem, cage, engine):
    done = make(cage, "forward", CAGE_FORWARD=ports)
    assert problem in done.stderr
    assert not (cage / "x").exists()
    assert not (engine / "asked").exists()


def test_ports_may_stand_in_local_mk(cage):
    with (cage / "local.mk").open("a") as file:
        file.write("PORTS += 8000\n")
    assert "127.0.0.1:8000:8000" in run_of_guard(cage)


NONE = "error: PORTS in recipes/network.mk has a word that is no port: {}\nEach is a number from 1 to 65535"
TWICE = "error: PORTS in recipes/network.mk names port {} of this machine twice\nGive one of them another"


@pytest.mark.parametrize(
    ("ports", "problem"),
    [
        *((ports, NONE.format(ports)) for ports in ("http", "0", "70000", "65536", "-1", "8000/udp", "8000:", ":8000")),
        *(
            (ports, NONE.format(ports))
            for ports in ("1:2:3", "127.0.0.1:80:80", "08", "8000:0", "8,9", "*", "100000000")
        ),
        ("8000 x 0", NONE.format("x")),
        ("8000 8000", TWICE.format(8000)),
        ("8000:1 8000:2", TWICE.format(8000)),
        ("8000 80:8000 80", TWICE.format(80)),
    ],
)
@pytest.mark.parametrize("verb", ["create", "recreate", "rebuild-image"])
def test_bad_port_is_one_error_before_anything_is_made(verb, ports, problem, cage, engine):
    set_ports(cage, ports)
    done = make(cage, verb, CAGE_YES="1")
    assert done.returncode == 2
    told = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert "\n".join(told).startswith(problem)
    assert len(told) == 2
    assert not (engine / "asked").exists()
    assert not (cage / "repo").exists()
    assert not (cage / ".state").exists()


def failed(cage, said, created):
    (cage / ".state/engine").mkdir(parents=True)
    (cage / ".history").mkdir(exist_ok=True)
    (cage / ".state/engine/half-made.err").write_text(said)
    if created:
        (cage / ".history/created").touch()
    values = {"CAGE_VIA": "tc", "CAGE_VERBS": "create recreate", "CAGE_NAME": "web", "CAGE_REPO_URL": "r"}
    words = ["bash", "lib/failed/guard"]
    done = subprocess.run(words, cwd=cage, env={**os.environ, **values}, capture_output=True, text=True)
    assert done.returncode == 1
    return done.stderr


# Of Docker 20.10, with the port held by another container and by a program; of Docker 28; of Podman 5.
DRIVER = "Error response from daemon: driver failed programming external connectivity on endpoint x.guard (0f)"
TAKEN = [
    f"docker: {DRIVER}: Bind for 127.0.0.1:8000 failed: port is already allocated.",
    f"docker: {DRIVER}: Error starting userland proxy: listen tcp4 127.0.0.1:8000: bind: address already in use.",
    "docker: Error response from daemon: failed to set up container networking: driver failed programming external "
    "connectivity on endpoint x (0f): failed to bind host port for 127.0.0.1:8000:172.17.0.2:80/tcp: address already "
    "in use",
    "Error: cannot listen on the TCP port: listen tcp4 127.0.0.1:8000: bind: address already in use",
]


@pytest.mark.parametrize("created", [True, False])
@pytest.mark.parametrize("said", TAKEN)
def test_port_that_is_taken_is_one_error_with_the_remedy(said, created, cage):
    next_step = "tc recreate web" if created else "tc create r --name web"
    assert failed(cage, f"{said}\n", created) == (
        "error: port 8000 of this machine is taken, so the cage was not started\n"
        f"Free it, or give another in CAGE_PORTS (Makefile). Then: {next_step}\n"
    )


def test_another_failure_of_an_unfinished_cage_leads_back_to_create(cage):
    assert failed(cage, "docker: no\n", False).endswith("\nTry again: tc create r --name web\n")


def test_another_failure_is_shown(cage):
    said = "docker: Error response from daemon: Conflict. The container name is already in use.\n"
    assert failed(cage, said, True) == (
        f"  {said}error: the engine could not start a container of this cage\n"
        "Try again. If it stays so: tc recreate web\n"
    )


def test_half_made_guard_goes_by_its_labels_and_only_if_it_never_ran(cage):
    (cage / ".history").mkdir(exist_ok=True)
    (cage / ".history/guard").write_text("isolated-dev-0123456789ab.guard\n")
    shown = make(cage, "-n", "half-made").stdout
    for word in ('label=$CAGE_LABEL_ENV"', 'label=$CAGE_LABEL_HOME"', "status=created", '"name=$(cat .history/guard)"'):
        assert word in shown


def test_make_n_starts_nothing_of_it(cage, engine):
    assert make(cage, "-n", "create").returncode == 0
    assert not (engine / "asked").exists()


def test_ports_stand_in_the_recipes_as_documented():
    assert "PORTS := 8000 3000:8080" in (ROOT / "templates/recipes/network.mk").read_text()
    assert "PORTS := 8000 3000:8080" in (ROOT / "README.md").read_text()
