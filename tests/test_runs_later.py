"""The table of files that the host runs later, row by row; and the warning of them."""

import os
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "templates/guard"))
import question  # noqa: E402
import runs_later  # noqa: E402
import verdict  # noqa: E402
from tree import Entry  # noqa: E402

ROWS = runs_later.read_table()
TABLE = (ROOT / "templates/guard/runs_later.tsv").read_text()
ROW = {row.name: row for row in ROWS}
LINES = [
    [ROW[name] for name in line.partition("\t")[0].split()]
    for line in TABLE.splitlines()
    if line and line[0] not in "#["
]

# Of each group names that everybody knows, written down apart from the table: a row that is lost is missed here.
KNOWN = {
    "git, as hooks": """
        .husky/pre-commit lefthook.yml .pre-commit-config.yaml post-checkout .githooks/x .overcommit.yml
    """,
    "git and its like": """
        .gitattributes .gitmodules .gitconfig .hg/hgrc .jj/repo/config.toml
    """,
    "the shell": """
        .envrc .env .env.local .bashrc .zshrc .profile .inputrc .tmux.conf .config/fish/config.fish .ssh/config
    """,
    "a version manager": """
        .tool-versions mise.toml .mise.local.toml .nvmrc .python-version .ruby-version .sdkmanrc rust-toolchain.toml
        .java-version .prototools
    """,
    "the editor": """
        .vscode/tasks.json .vscode/x x.code-workspace .idea/workspace.xml .fleet/run.json .zed/tasks.json .exrc
        .nvim.lua .dir-locals.el x.sublime-project .helix/languages.toml .luarc.json .bsp/x.json hie.yaml
    """,
    "agents on the host": """
        CLAUDE.md CLAUDE.local.md AGENTS.md GEMINI.md .claude/settings.json .claude/x .cursor/mcp.json .cursorrules
        .codex/config.toml .gemini/settings.json .opencode/x opencode.json .windsurf/x .windsurfrules
        .aider.conf.yml .continue/x .clinerules .clinerules/x .roo/x .roomodes .kiro/x .amazonq/x .junie/x
        .goosehints .zencoder/x .trae/x .augment/x .github/copilot-instructions.md .mcp.json mcp.json llms.txt
        .qwen/x .kilocode/x
    """,
    "an interpreter or a debugger": """
        .gdbinit .lldbinit .pdbrc .irbrc .pryrc .Rprofile .ghci .ocamlinit .psqlrc .sqliterc sitecustomize.py
        usercustomize.py x.pth .jupyter/x jupyter_notebook_config.py .user.ini .htaccess .valgrindrc
    """,
    "make and its like": """
        Makefile GNUmakefile x.mk justfile Taskfile.yml Rakefile Gruntfile.js gulpfile.js noxious.rake build.xml
        Procfile tasks.py fabfile.py dodo.py Snakefile turbo.json nx.json magefile.go Thorfile Guardfile
    """,
    "a build system": """
        CMakeLists.txt CMakePresets.json meson.build build.ninja BUILD.bazel WORKSPACE MODULE.bazel .bazelrc BUCK
        .buckconfig pants.toml SConstruct wscript configure configure.ac autogen.sh xmake.lua premake5.lua
        binding.gyp build.mill debian/rules PKGBUILD .latexmkrc Setup.hs
    """,
    "a package manager": """
        package.json .npmrc .yarnrc.yml .yarn/releases/yarn.cjs .pnpmfile.cjs pnpm-workspace.yaml bunfig.toml
        deno.json setup.py setup.cfg pyproject.toml requirements.txt requirements-dev.txt Pipfile poetry.toml
        uv.toml pdm.toml hatch_build.py pixi.toml environment.yml .condarc Cargo.toml build.rs .cargo/config.toml
        go.mod pom.xml .mvn/extensions.xml gradlew build.gradle build.gradle.kts
        gradle/wrapper/gradle-wrapper.properties build.sbt ivy.xml project.clj Gemfile x.gemspec .bundle/config
        composer.json nuget.config x.csproj Directory.Build.props Package.swift x.xcodeproj/project.pbxproj Podfile
        Cartfile fastlane/Fastfile mix.exs rebar.config dune x.opam x.cabal stack.yaml cpanfile Makefile.PL
        x.rockspec pubspec.yaml flake.nix shell.nix guix.scm vcpkg.json conanfile.py build.zig elm.json Project.toml
        renv/activate.R shard.yml x.nimble config.nims dub.json
    """,
    "a JavaScript tool": """
        webpack.config.js vite.config.ts rollup.config.mjs babel.config.js .babelrc postcss.config.cjs .eslintrc.js
        eslint.config.mjs .prettierrc prettier.config.js .stylelintrc tailwind.config.js next.config.js
        nuxt.config.ts astro.config.mjs svelte.config.js tsconfig.json new-tool.config.js .newtoolrc.cjs
    """,
    "a test runner": """
        conftest.py pytest.ini tox.ini noxfile.py jest.config.js vitest.config.ts .mocharc.cjs karma.conf.js
        playwright.config.ts cypress.config.js ava.config.js .rspec phpunit.xml .busted
    """,
    "a linter or a documentation builder": """
        .pylintrc .flake8 mypy.ini .rubocop.yml .golangci.yml .php-cs-fixer.php phpstan.neon .luacheckrc
        docs/conf.py mkdocs.yml _plugins/x.rb
    """,
    "CI": """
        .github/workflows/ci.yml .github/actions/x/action.yml .gitlab-ci.yml .gitea/workflows/x.yml .forgejo/x.yml
        bitbucket-pipelines.yml azure-pipelines.yml .circleci/config.yml .travis.yml Jenkinsfile .drone.yml
        .woodpecker.yml .buildkite/pipeline.yml appveyor.yml .cirrus.yml .semaphore/semaphore.yml
        .teamcity/settings.kts .tekton/x.yaml .concourse/x.yml .build.yml cloudbuild.yaml buildspec.yml amplify.yml
    """,
    "a hosting service": """
        vercel.json netlify.toml app.json fly.toml render.yaml railway.json wrangler.toml firebase.json
    """,
    "a container engine or a development environment": """
        Dockerfile Dockerfile.dev x.dockerfile Containerfile compose.yaml docker-compose.yml
        .devcontainer/devcontainer.json .devcontainer.json Vagrantfile devbox.json devenv.nix .flox/env .gitpod.yml
        skaffold.yaml Tiltfile Earthfile dagger.json
    """,
    "infrastructure": """
        main.tf Pulumi.yaml ansible.cfg serverless.yml Chart.yaml helmfile.yaml kustomization.yaml cdk.json
    """,
    "the desktop": """
        x.desktop autorun.inf desktop.ini x.lnk x.url x.scpt x.command x.bat x.cmd x.ps1 x.exe x.service
    """,
}


def groups(path: str, mode: str = "100644", hooks: bytes = b".", links: tuple = ()) -> dict:
    """The programs that run path, group -> name."""
    detours = runs_later.Detours(dict(links), dict(links).get, hooks) if links else None
    return {row.group: row.name for row, _ in runs_later.runner(path.encode(), mode, None, hooks, detours)}


def example(row) -> str:
    """A path that the row is for."""
    return row.name.replace("*", "x") + ("x" if row.name.endswith("/") else "")


@pytest.mark.parametrize(("path", "group"), [(path, group) for group in KNOWN for path in KNOWN[group].split()])
def test_name_that_everybody_knows_is_in_its_group(path, group):
    assert group in groups(path)
    assert group in groups(f"some/where/{path}")


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0].name)
def test_row_meets_its_example_at_the_top_and_below_however_it_is_spelled(line):
    for row in line:
        path = example(row)
        folded = [path, f"a/b/{path}", path.upper(), path.replace("s", "\u017f"), f"{path}.", path.replace("/", "./")]
        assert [spelled for spelled in folded if row not in rows_of(spelled)] == []


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0].name)
def test_row_meets_nothing_that_only_looks_like_it(line):
    for row in line:
        assert [path for path in near(row) if row in rows_of(path)] == []


def near(row) -> list[str]:
    """Paths that differ from the row's in a letter, or in being a folder or a file."""
    first, *rest = row.name.rstrip("/").split("/")
    names = [f"x{first}", f"{first}x"] if "*" not in first else []
    paths = ["/".join([name, *rest]) + ("/x" if row.name.endswith("/") else "") for name in names]
    paths += [f"{example(row)}/x"] if not row.name.endswith("/") else []
    return paths + ([example(row).rstrip("x").rstrip("/").rpartition("/")[0]] if rest else [])


def rows_of(path: str) -> set:
    """All rows that meet path, those too that a closer name stands for."""
    table = runs_later.TABLE
    above, _, name = path.encode().rpartition(b"/")
    before, found = table.folder(above)
    here = {row for row, place in table.fitting(name, before) if place == table.last[row]}
    return {table.rows[number] for number in found | here}


def test_table_can_be_read_by_a_person():
    """One tab a row, then an address; no name twice; the heads in their order."""
    rows = [line for line in TABLE.splitlines() if line and not line.startswith(("#", "["))]
    assert [line for line in rows if line.count("\t") != 1 or not line.partition("\t")[2].startswith("http")] == []
    names = [row.name.lower() for row in ROWS]
    assert sorted(names) == sorted(set(names))
    assert [line for line in TABLE.splitlines() if len(line) > 120] == []
    assert [name for name in names if any(part.count("*") > 1 for part in name.split("/"))] == []
    assert list(dict.fromkeys(row.group for row in ROWS)) == list(KNOWN)


@pytest.mark.parametrize(
    "path", ["README.md", "src/main.c", "envrc", "a.yarnrc.yml.txt", "src/cargo/config", "claude.txt"]
)
def test_file_like_any_other_is_not_pointed_out(path):
    assert groups(path) == {}


@pytest.mark.parametrize("path", ["VSCODE~1/tasks.json", "vs1a2b~1/tasks.json", "sub/VSCODE~2/x"])
def test_short_name_of_a_folder_is_known(path):
    assert "the editor" in groups(path)


@pytest.mark.parametrize("path", ["ENVRC~1", "PACKAG~1.JSO", "BUILD~1.GRA", "DOCKER~1.DEV", "docker-c~1.yml"])
def test_short_name_of_a_file_is_known(path):
    assert groups(path)


@pytest.mark.parametrize("path", ["BACKUP~1.PDF", "photos~1", "notes~1.md", "~", "~1", "a~b", "envrc~x"])
def test_name_with_a_tilde_is_no_short_name_of_another(path):
    assert groups(path) == {}


@pytest.mark.parametrize(
    "path",
    [
        *(".v\u017fcode/x", ".hu\u017fky/x", ".hus\u200cky/x", ".vscode:x/y", "a\\.envrc", "\uff0eenvrc"),
        *(".cargo\\config.toml", "a\\.cargo\\\\config.toml", ".github/workflows\\x.yml"),
    ],
)
def test_name_that_some_file_system_folds_is_known(path):
    assert groups(path)


@pytest.mark.parametrize("link", [".husky", ".vscode", ".github", ".cargo", "Makefile", "x/.config"])
def test_link_in_the_place_of_a_folder_or_a_file_is_pointed_out(link):
    assert groups(link, "120000")


@pytest.mark.parametrize("path", [".github", ".cargo", ".config"])
def test_file_in_the_place_of_a_folder_amid_a_name_is_not(path):
    assert groups(path) == {}


LINKS = ((b".husky", b"a"), (b"a", b"tools/b"), (b".github", b"c"), (b"up/.envrc", b"../env"), (b"round", b"round"))


@pytest.mark.parametrize(
    ("path", "by"),
    [
        ("tools/b/pre-push", {"git, as hooks": ".husky/"}),
        ("tools/b/sub/x", {"git, as hooks": ".husky/"}),
        ("c/workflows/x.yml", {"CI": ".github/workflows/"}),
        ("env", {"the shell": ".envrc"}),
        ("c/x", {}),
        ("tools/x", {}),
    ],
)
def test_file_that_a_link_leads_to_is_pointed_out(path, by):
    found = groups(path, links=LINKS)
    assert found.items() >= by.items()
    assert bool(found) == bool(by)


@pytest.mark.parametrize(
    ("target", "end"),
    [
        ("x", b"x"),
        (".husky", b""),
        ("/etc", b""),
        ("../..", b""),
        ("a/./b//c", b"a/b/c"),
        ("a/../b", b"b"),
        ("hop/x", b"far/away/x"),
    ],
)
def test_end_of_a_link_is_found_and_a_circle_has_none(target, end):
    asked, links = [], {b".husky": target.encode(), b"hop": b"far/near", b"far/near": b"away"}

    def onward(path):
        asked.append(path)
        assert len(asked) < 100
        return links.get(path)

    assert runs_later.end_of(b".husky", onward) == end


def test_links_and_folders_that_multiply_end_in_words(monkeypatch):
    monkeypatch.setattr(runs_later, "DETOURS", 3)
    links = {b".husky": b"a", b".github": b"a/b"}
    detours = runs_later.Detours(links, links.get, b".")
    assert [*detours.to(b"a/b/c")] == [b".husky/b/c", b".github/c"]
    with pytest.raises(SystemExit, match="error: too many links lead to what the host would run later"):
        [*detours.to(b"a/b/d")]


@pytest.mark.parametrize("path", ["tools/hooks/x", "Tools/HOOKS/x", "tool\u017f/hooks/sub/x", "tools/hooks"])
def test_folder_of_the_clones_hooks_is_pointed_out_however_it_is_spelled(path):
    assert groups(path, hooks=b"tools/hooks") == {"git, as hooks": "tools/hooks/"}


def test_neighbours_of_the_clones_hooks_are_not():
    assert groups("own/hooks.txt", hooks=b"own/hooks") == groups("own", hooks=b"own/hooks") == {}
    assert groups("own", "120000", hooks=b"own/hooks") == {"git, as hooks": "own/hooks/"}


@pytest.mark.parametrize(("before", "told"), [(None, True), ("100644", True), ("100755", False), ("120000", True)])
def test_executable_is_pointed_out_where_it_was_none(before, told):
    entry = before and Entry(before, 1, "")
    assert bool(runs_later.runner(b"bin/x", "100755", entry, b".")) == told


def runs(*paths: str, changed: tuple = (), mode: str = "100644") -> dict:
    """The warning for paths, of which the host had those of changed."""
    before = {path: Entry("100644", 1, "") for path in changed}
    found = {p.encode(): runs_later.runner(p.encode(), mode, before.get(p), b".") for p in paths}
    return {p: by for p, by in found.items() if by}


def test_nothing_is_told_of_nothing():
    assert runs_later.warning({}) == []
    assert runs_later.as_list({}) == ""


def test_it_is_shown_by_group_changes_first_then_by_depth():
    decoys = [f".aaa/{i}/.envrc" for i in range(1, 211)]
    found = runs(
        *decoys,
        ".envrc",
        "z/z/z/.envrc",
        "b/.zshrc",
        ".bashrc",
        "d/e/.profile",
        changed=("z/z/z/.envrc", "d/e/.profile"),
    )
    assert runs_later.warning(found | runs("bin/x", mode="100755")) == [
        "  the shell",
        "    .profile ×1: d/e/.profile",
        "    .envrc ×212: z/z/z/.envrc, ./.envrc, .aaa/1/.envrc, …",
        "    .bashrc ×1: ./.bashrc",
        "    .zshrc ×1: b/.zshrc",
        "  new executables",
        "    x ×1: bin/x",
    ]


def test_no_name_of_the_table_is_ever_cut():
    every = runs(*(example(row) for row in ROWS))
    decoys = runs(
        *(f"!/{i}/{name}" for i in range(20000) for name in (".envrc", "Makefile", "x.mk", ".vscode/x", "a.config.js"))
    )
    shown = {line.split(" ×")[0].strip() for line in runs_later.warning(every | decoys)}
    said = {row.name for reasons in every.values() for row, _ in reasons}
    assert said <= shown
    assert len(said) > 0.9 * len(ROWS)


def test_new_executables_are_bounded_by_their_names():
    found = runs(*(f"bin/x{i}" for i in range(1000)), mode="100755")
    lines = runs_later.warning(found)
    assert len(lines) == runs_later.PROGRAMS + 2
    assert lines[-1] == f"    and {1000 - runs_later.PROGRAMS} more names"


def test_all_of_it_is_listed_and_given_as_data():
    found = runs("b/.envrc", ".envrc", "Makefile", *(f"bin/x{i}" for i in range(500)), mode="100755")
    assert runs_later.as_list(found).splitlines()[:3] == [
        "the shell\t.envrc\t.envrc",
        "the shell\t.envrc\tb/.envrc",
        "make and its like\tMakefile\tMakefile",
    ]
    assert len(runs_later.as_list(found).splitlines()) == 503
    assert runs_later.as_data(found)[0] == {"by": "the shell", "name": ".envrc", "paths": [".envrc", "b/.envrc"]}


def test_nothing_that_a_terminal_acts_on_is_told():
    found = runs("\x1b]0;x\x07/.envrc", "a\nRead/Makefile")
    found |= runs("bin/\x1b[2J\u202e", mode="100755")
    found |= {b"\x1b/x": runs_later.runner(b"\x1b/x", "100644", None, b"\x1b")}
    for text in (*runs_later.warning(found), *runs_later.as_list(found).split("\n")):
        assert text.replace("\t", "").isprintable()


def test_it_is_told_on_standard_error_but_not_at_a_destroy(capsys, monkeypatch):
    runs_later.point_out(runs(".envrc"))
    assert capsys.readouterr().err == f"{runs_later.TITLE}\n  the shell\n    .envrc ×1: ./.envrc\n"
    monkeypatch.setenv("CAGE_FORCE", "1")
    runs_later.point_out(runs(".envrc"))
    monkeypatch.delenv("CAGE_FORCE")
    runs_later.point_out({})
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "name",
    ["d{}/file.py", "d{}/.envrc", "d/x{}~1.yml", "d/pa{}~1", "d/\u017f{}.py", "a/" * 99 + "{}", "d{}/a{}.config.js"],
)
def test_thousands_of_names_take_no_time(name):
    paths = [name.replace("{}", str(i)).encode() for i in range(5000)]
    begun = time.process_time()
    found = {path: runs_later.runner(path, "100644", None, b"tools/hooks") for path in paths}
    runs_later.warning({path: by for path, by in found.items() if by})
    assert time.process_time() - begun < 2  # a fifth of it, on a busy machine


def test_verdict_lists_all_and_shows_names(tmp_path, monkeypatch):
    monkeypatch.setattr(verdict, "ROOT", os.fsencode(tmp_path))
    monkeypatch.setattr("tree.ROOT", os.fsencode(tmp_path))
    for i in range(5):
        (tmp_path / f"d{i}").mkdir()
        (tmp_path / f"d{i}/.envrc").touch()
    (tmp_path / ".husky").symlink_to("d0")
    (tmp_path / "d0/run").touch()
    judged = verdict.Verdict({}, question.Host({}, set(), {}, set()), question.Choices())
    lists = judged.lists()
    assert b"    .envrc \xc3\x975: d0/.envrc, d1/.envrc, d2/.envrc, \xe2\x80\xa6\n" in lists["report"]
    assert b"    .husky/ \xc3\x973: ./.husky, d0/.envrc, d0/run\n" in lists["report"]
    assert lists["plan.txt"].count(b"\t") == 16
    assert judged.plan()["runs_later"][0] == {
        "by": "git, as hooks",
        "name": ".husky/",
        "paths": [".husky", "d0/.envrc", "d0/run"],
    }
