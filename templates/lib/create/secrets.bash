# Names of files that may hold credentials: keys, tokens, histories of shells. Sourced, never run.
# shellcheck shell=bash

# Names of a file or a folder, as shell patterns, one a line.
secret_names() {
    local name
    printf '%s\n' '.env.*' '*.my.cnf'
    for name in rsa ed25519 ecdsa dsa; do
        printf '%s\n' "id_$name*" "private_id_$name*"
    done
    # With a dot in front, or as dotfile managers write it: dot-x (Stow), dot_x, private_dot_x, dot_x.tmpl (chezmoi).
    for name in ssh gnupg netrc git-credentials aws azure kube docker password-store pypirc npmrc vault-token pgpass \
        s3cfg boto env bash_history zsh_history python_history terraform.d; do
        printf '%s\n' ".$name" "*dot[-_]$name" "*dot[-_]$name.tmpl"
    done
}

# Ends of a path, after one of ./_-
secret_paths() {
    local path
    for path in config/gh config/hub config/glab-cli config/gcloud config/git/credentials config/rclone \
        cargo/credentials cargo/credentials.toml m2/settings.xml gradle/gradle.properties claude/.credentials.json \
        codex/auth.json gemini/oauth_creds.json opencode/auth.json; do
        printf '%s\n' "$path" "${path%/*}/private_${path##*/}"
    done
}

# Both as one extended regular expression for a path that begins with a slash.
secret_pattern() {
    printf '('
    secret_names | sed 's,[.],\\.,g; s,[*],[^/]*,g; s,^,/,' | tr '\n' '|'
    secret_paths | sed 's,[.],\\.,g; s,^,[./_-],' | tr '\n' '|'
    printf '//)(/|$)' # no path has two slashes
}
