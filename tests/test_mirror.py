"""The machine's package mirror, and the name of the base image that is made from it."""

import shutil
import subprocess

import pytest
from conftest import ROOT

DEBIAN = "http://deb.example.org/debian/"
OTHERS = [
    "trixie stable https://other.example/debian/ Docker",
    "trixie main https://other.example/node/ Node",
    "stable main https://other.example/chrome/ Somebody",
]


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """Run lib/image/mirror on a machine with that os-release and these lines of apt's; returns its assignments."""
    lib, programs, suites = (tmp_path / name for name in ("lib", "programs", "suites"))
    for folder in (lib, programs, suites):
        folder.mkdir()
    for name in ("stable", "testing", "sid", "trixie", "noble"):
        (suites / name).touch()
    text = (ROOT / "templates/lib/image/mirror").read_text()
    for old, new in {"/etc/os-release": tmp_path / "os-release", "/usr/share/debootstrap/scripts": suites}.items():
        assert old in text
        text = text.replace(old, str(new))
    (lib / "image").mkdir()
    (lib / "image/mirror").write_text(text)
    for name in ("terminal.bash", "plain.bash"):
        shutil.copy(ROOT / "templates/lib" / name, lib)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("CAGE_NAME", "web")

    def run(release, listed, unlisted=()):
        (tmp_path / "os-release").write_text(release)
        (tmp_path / "listed").write_text("".join(f"{line}\n" for line in listed))
        (tmp_path / "unlisted").write_text("".join(f"{line}\n" for line in unlisted))
        (programs / "debootstrap").write_text("#!/bin/sh\n")
        (programs / "apt-get").write_text(
            '#!/bin/sh\n[ "$1" = indextargets ] || exit 1\n'
            f'[ "$2" = --no-release-info ] && exec cat {tmp_path}/unlisted\nexec cat {tmp_path}/listed\n'
        )
        for name in ("debootstrap", "apt-get"):
            (programs / name).chmod(0o755)
        done = subprocess.run(["bash", "lib/image/mirror"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return dict(line.split("=", 1) for line in done.stdout.splitlines())

    return run


STABLE = "ID=debian\nVERSION_ID=13\nVERSION_CODENAME=trixie\n"
ROLLING = "ID=debian\nVERSION_CODENAME=forky\n"


def test_release_is_found_among_the_archives_of_others(mirror):
    found = mirror(STABLE, [*OTHERS, f"trixie-updates main {DEBIAN} Debian", f"trixie main {DEBIAN} Debian"])
    assert found == {
        "components": "main",
        "suite": "trixie",
        "mirror": "http://deb.example.org/debian",
        "image": "trusty-cage-base:debian-13",
    }


@pytest.mark.parametrize("suite", ["testing", "sid"])
def test_rolling_release_has_no_number(mirror, suite):
    found = mirror(ROLLING, [*OTHERS, f"{suite} main mirror+{DEBIAN} Debian"])
    assert found["suite"] == suite
    assert found["mirror"] == "http://deb.example.org/debian"
    assert found["image"] == f"trusty-cage-base:debian-{suite}"


def test_release_by_another_name(mirror):
    assert mirror(STABLE, [*OTHERS, f"stable main {DEBIAN} Debian"])["suite"] == "stable"


def test_release_by_name_wins_over_another_of_the_distribution(mirror):
    assert mirror(STABLE, [f"sid main {DEBIAN} Debian", f"trixie main {DEBIAN} Debian"])["suite"] == "trixie"


def test_ubuntu_takes_universe_too(mirror):
    found = mirror(
        "ID=ubuntu\nVERSION_ID=24.04\nVERSION_CODENAME=noble\n", ["noble main http://a.example/ubuntu/ Ubuntu"]
    )
    assert found["components"] == "main\\,universe"
    assert found["image"] == "trusty-cage-base:ubuntu-24.04"


def test_without_package_lists_the_name_decides(mirror):
    assert mirror(STABLE, [], [f"trixie main {DEBIAN} $(ORIGIN)"])["suite"] == "trixie"
