"""lib/create/dotfiles-*: what becomes of a dotfiles clone in a home; the scripts run here as they do inside."""

import os
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

CREATE = ROOT / "templates/lib/create"
PARTS = ("dotfiles-way", "dotfiles-run", "dotfiles-inside")


class Home:
    """A home with the files that an image puts there, and dotfiles."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        for name in (".zshrc", ".bashrc", ".config/nvim/init.lua", ".config/nvim/lua/image.lua", "project/work"):
            self.put(name, "the image's")
        self.dotfiles = folder / ".dotfiles"
        (self.dotfiles / ".git").mkdir(parents=True)

    def put(self, name: str, text: str = "mine", mode: int = 0o644) -> Path:
        """A file of the home."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    def dot(self, name: str, text: str = "mine", mode: int = 0o644) -> Path:
        """A file of the dotfiles."""
        return self.put(f".dotfiles/{name}", text, mode)

    def bring_in(self, limit: str = "10", waits: bool = True, **more: str) -> tuple[int, str]:
        """Run the scripts; the exit code and the output."""
        environment = {"HOME": str(self.path), "PATH": os.environ["PATH"], **more}
        program = "".join((CREATE / part).read_text() for part in PARTS)
        read, write = os.pipe()
        if not waits:
            os.close(write)
        try:
            done = subprocess.run(
                ["sh", "-c", program, "sh", limit],
                cwd="/", env=environment, stdin=read, capture_output=True, text=True, timeout=60,
            )  # fmt: skip
        finally:
            os.close(read)
            if waits:
                os.close(write)
        assert done.stderr == ""
        return done.returncode, done.stdout

    def leads(self, name: str) -> str:
        """The file of the dotfiles that NAME is a link to."""
        return os.path.relpath((self.path / name).readlink(), self.dotfiles)

    def git(self, *words: str) -> str:
        """The words of git in the dotfiles."""
        command = ["git", "-C", str(self.dotfiles), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home of\n$(touch x)")


def test_dot_files_at_the_root_are_laid_in_and_no_others(home):
    for name in (".zshrc", ".config/app/deep/file", "README.md", "notes/x", ".github/x", ".editorconfig"):
        home.dot(name)
    home.put(".config/app/own", "agent's")
    assert home.bring_in() == (0, "")
    assert home.leads(".zshrc") == ".zshrc"
    assert home.leads(".config/app/deep/file") == ".config/app/deep/file"
    assert (home.path / ".before-dotfiles/.zshrc").read_text() == "the image's"
    assert (home.path / ".config/app/own").read_text() == "agent's"
    there = {path.name for path in home.path.iterdir()}
    assert there == {".zshrc", ".bashrc", ".config", "project", ".dotfiles", ".before-dotfiles"}


def test_folders_with_dot_files_are_packages(home):
    for name in ("zsh/.zshrc", "nvim/.config/nvim/init.lua", "tmux/.config/tmux/tmux.conf", "tmux/bin/t"):
        home.dot(name)
    for name in ("tmux/README", ".gitignore", "docs/.gitignore", "docs/page", "lib/x"):
        home.dot(name)
    assert home.bring_in() == (0, "")
    assert home.leads(".zshrc") == "zsh/.zshrc"
    assert home.leads(".config/nvim/init.lua") == "nvim/.config/nvim/init.lua"
    assert home.leads(".config/tmux/tmux.conf") == "tmux/.config/tmux/tmux.conf"
    assert home.leads("bin/t") == "tmux/bin/t"
    assert [path.name for path in (home.path / ".config/nvim").iterdir()] == ["init.lua"]
    assert not {path.name for path in home.path.iterdir()} & {"page", "README", "x"}


def test_common_is_the_package_for_all_machines(home):
    for name in ("common/.zshrc", "common/bin/x", "mac/.zshrc", "mac/.macrc"):
        home.dot(name)
    assert home.bring_in() == (0, "")
    assert (home.leads(".zshrc"), home.leads("bin/x")) == ("common/.zshrc", "common/bin/x")
    assert not (home.path / ".macrc").exists()


def test_of_two_packages_with_a_file_the_first_has_it(home):
    for name in ("a/.x", "b/.x", "b/.y"):
        home.dot(name)
    assert home.bring_in() == (15, ".x\n")
    assert (home.leads(".x"), home.leads(".y")) == ("a/.x", "b/.y")


def test_names_may_hold_anything(home):
    odd = ".a\nb $(touch pwned) `x` \\n * '\""
    home.dot(odd)
    home.dot(f"-pack\nage/.{odd}/{odd}")
    assert home.bring_in() == (0, "")
    assert home.leads(odd) == odd
    assert home.leads(f".{odd}/{odd}") == f"-pack\nage/.{odd}/{odd}"
    assert not list(home.path.rglob("pwned"))


def test_links_lead_nowhere_else(home, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    # A link of the home where the dotfiles have a folder, a link of the dotfiles where the home has a folder.
    (home.path / ".local").symlink_to(outside)
    home.dot(".local/bin/tool")
    home.put(".vim/own", "agent's")
    (home.dotfiles / ".vim").symlink_to(outside)
    (home.dotfiles / ".gone").symlink_to("/nowhere")
    home.dot("pack/project/.planted")
    home.dot("pack/.x")
    assert home.bring_in() == (0, "")
    assert not list(outside.iterdir())
    assert home.leads(".local/bin/tool") == ".local/bin/tool"
    assert (home.path / ".before-dotfiles/.vim/own").read_text() == "agent's"
    assert home.leads(".gone") == ".gone"
    assert [path.name for path in (home.path / "project").iterdir()] == ["work"]


def test_second_time_changes_nothing(home):
    for name in (".zshrc", "zsh/.config/a/b", "git/.gitconfig"):
        home.dot(name)
    assert home.bring_in() == (0, "")
    before = sorted((str(path), path.is_symlink()) for path in home.path.rglob("*") if ".git/" not in str(path))
    assert home.bring_in() == (0, "")
    assert before == sorted((str(path), path.is_symlink()) for path in home.path.rglob("*") if ".git/" not in str(path))


def test_file_that_took_the_place_of_a_link_stays(home):
    home.dot(".zshrc")
    assert home.bring_in() == (0, "")
    (home.path / ".zshrc").unlink()
    home.put(".zshrc", "agent's")
    assert home.bring_in() == (15, ".zshrc\n")
    assert (home.path / ".zshrc").read_text() == "agent's"


def test_dotfiles_of_no_known_layout_are_named(home):
    for name in ("zshrc", ".gitignore", "README.md"):
        home.dot(name)
    assert home.bring_in() == (16, "")


@pytest.mark.parametrize("name", ["zshrc", "zsh/.zshrc", "zsh/zshrc.symlink", "dot_zshrc", "_zshrc"])
def test_files_of_the_same_name_give_way_to_a_script(home, name):
    home.dot(name)
    home.dot("install.sh", f'#!/bin/sh\nset -eu\npwd\nln -s "$PWD/{name}" ~/.zshrc\n', 0o644)
    assert home.bring_in() == (0, "")
    assert home.leads(".zshrc") == name
    assert (home.path / ".before-dotfiles/.zshrc").read_text() == "the image's"
    assert (home.path / ".bashrc").read_text() == "the image's"
    assert (home.path / ".dotfiles.log").read_text() == f"{home.dotfiles}\n"


def test_script_is_all_that_is_run(home):
    home.dot(".vimrc")
    home.dot("setup", "exit 0\n", 0o755)
    home.dot("bootstrap.sh", "touch ~/other\n", 0o755)
    assert home.bring_in() == (0, "")
    assert {path.name for path in home.path.iterdir()} == {
        ".zshrc", ".bashrc", ".config", "project", ".dotfiles", ".dotfiles.log"
    }  # fmt: skip


def test_nothing_is_missing_after_a_script_that_failed(home):
    for name in ("zshrc", "bashrc", "nvim/init.lua"):
        home.dot(name)
    home.dot("install.sh", "#!/bin/sh\nln -s ~/.dotfiles/zshrc ~/.zshrc\nfalse || exit 4\n", 0o755)
    code, said = home.bring_in()
    assert (code, said) == (11, "install.sh ended with exit code 4; the last lines of ~/.dotfiles.log:\n")
    assert (home.path / ".bashrc").read_text() == "the image's"
    assert (home.path / ".config/nvim/lua/image.lua").read_text() == "the image's"
    assert home.leads(".zshrc") == "zshrc"
    # Its links don't stop the next try.
    home.dot("install.sh", "#!/bin/sh\nln -s ~/.dotfiles/zshrc ~/.zshrc\n", 0o755)
    assert home.bring_in() == (0, "")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("#!/bin/bash\nread -p 'Sure? ' -n 1; [[ $REPLY =~ ^[Yy]$ ]] || exit 0\n", 10),
        ("#!/bin/bash\nwhile true; do read -p 'Sure? ' yn; case $yn in [YyNn]*) exit; esac; done\n", 12),
        ("#!/bin/sh\nuntil [ \"$a\" = y ]; do echo 'Answer yes or no'; read -r a; done\n", 12),
        ("#!/bin/sh\ntrap '' TERM\nuntil [ \"$a\" = y ]; do read -r a; done\n", 12),
        ("#!/bin/sh\ncat >/dev/null\n", 0),
        ("#!/bin/sh\nread -r x </dev/tty\n", 11),
        ("#!/bin/sh\nsleep 60\n", 13),
        ("#!/bin/sh\nsleep 60 &\nsetsid sleep 3 &\necho started\n", 0),
    ],
)
def test_script_that_asks_or_lasts_is_ended_and_named(home, script, code):
    home.dot("install.sh", script, 0o755)
    assert home.bring_in("2" if code == 13 else "20")[0] == code


def test_script_ends_with_whoever_waits_for_it(home):
    home.dot("install.sh", "#!/bin/sh\nsleep 30\ntouch ~/done\n", 0o755)
    assert home.bring_in("30", waits=False)[0] == 11


def test_chezmoi_applies_its_source_where_it_is_there(home, tmp_path):
    home.dot("dot_zshrc")
    home.dot("private_dot_config/x")
    assert home.bring_in() == (14, "")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/chezmoi"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" && cp dot_zshrc ~/.zshrc\n')
    program.chmod(0o755)
    assert home.bring_in(PATH=f"{tmp_path}/bin:{os.environ['PATH']}") == (0, "")
    assert (home.path / ".zshrc").read_text() == "mine"
    words = f"init\n--apply\n--force\n--no-tty\n--source\n{home.dotfiles}\n"
    assert (home.path / ".dotfiles.log").read_text() == words


def test_repositories_are_new_ones_that_scripts_can_ask(home):
    for folder in ("dotbot", "dotbot/lib/deep", "-x"):
        (home.dotfiles / folder / ".git").mkdir(parents=True)
        home.dot(f"{folder}/file")
    home.dot(".gitignore", "*\n")
    home.dot(".gitmodules", '[submodule "dotbot"]\n\tpath = dotbot\n\turl = https://host.invalid/dotbot\n')
    home.dot("install", "#!/bin/sh\nset -e\ngit -C dotbot submodule sync --quiet\ngit submodule update --init dotbot\n")
    assert home.bring_in() == (0, "")
    assert home.git("log", "--format=%s %an") == "Dotfiles trusty-cage"
    assert home.git("status", "--porcelain") == "M install"
    assert home.git("-C", "dotbot/lib/deep", "ls-files") == "file"


def test_script_that_paints_is_no_failure(home):
    home.dot("install.sh", '#!/bin/sh\nset -eu\nbold=$(tput bold)\necho "${bold}done"\n')
    assert home.bring_in() == (0, "")


def test_fifo_in_the_place_of_the_log_is_not_waited_for(home):
    os.mkfifo(home.path / ".dotfiles.log")
    home.dot("install.sh", "#!/bin/sh\necho done\n")
    assert home.bring_in() == (0, "")
    assert (home.path / ".dotfiles.log").read_text() == "done\n"


LEFT_OUT = (
    ".ssh/id", "sub/.ssh/id", "private_dot_ssh/config", "dot-ssh/config", "dot_npmrc", "dot_npmrc.tmpl",
    "private_id_rsa", "sub/id_ed25519.pub", ".env", "sub/.env.local", "private_dot_config/gh/hosts.yml",
    "dot_config/private_gh/hosts.yml", "common/.config/gh/hosts.yml", "a\nb/.netrc",
)  # fmt: skip
TAKEN = (".zshrc", "dot_zshrc", "ssh.md", "environment", ".config/ghostty/config", "private_dot_config/x", "a\nb/c")


def test_credentials_stay_out_in_each_spelling_and_git_folders_are_empty(home):
    for name in (*LEFT_OUT, *TAKEN, ".git/objects/x", "sub/.git/config", "sub/deep/x"):
        home.dot(name)
    home.dot("sub/deep/.git", "gitdir: ../../.git/modules/deep")
    home.dot(".gitmodules", '[submodule "x"]\n\turl = https://me:t0ken@host/x\n\tpath = x\n')
    home.dot("git/config", '[url "ssh://git@host/"]\n\tinsteadOf = h:\n[http]\n\textraHeader = x\n')
    (home.path / ".state/clone").mkdir(parents=True)
    (home.path / "lib").symlink_to(ROOT / "templates/lib")
    strip = ["bash", "lib/create/strip-dotfiles", str(home.dotfiles)]
    said = subprocess.run(strip, cwd=home.path, check=True, capture_output=True, text=True).stderr
    assert [name for name in LEFT_OUT if (home.dotfiles / name).exists()] == []
    assert [name for name in TAKEN if not (home.dotfiles / name).exists()] == []
    assert "left out of the dotfiles: private_dot_ssh\n" in said
    assert [list((home.dotfiles / name / ".git").iterdir()) for name in ("", "sub", "sub/deep")] == [[], [], []]
    assert (home.dotfiles / ".gitmodules").read_text() == '[submodule "x"]\n\turl = https://host/x\n\tpath = x\n'
    assert (home.dotfiles / "git/config").read_text() == '[url "ssh://host/"]\n\tinsteadOf = h:\n[http]\n'
