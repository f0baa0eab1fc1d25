# The credentials of the agent's subscription on this machine: they are read, and never written. Sourced, never run.
# shellcheck shell=bash

# The name of the token among the keys; no program reads a variable of it.
SUBSCRIPTION=CLAUDE_SUBSCRIPTION

# Whether the gate has the token. The files of other agents have other forms, for other hosts: the cage gets a copy.
stays_outside() { [ "${CAGE_AUTH_MODE:-}/${CAGE_AGENT:-claude}" = subscription/claude ] && [ "${CAGE_KEYS:-}" != inside ]; }

# Sets file and data. Fails if there are no credentials.
read_credentials() {
    file=$HOME/$(bash lib/agent credentials)
    if [ -s "$file" ]; then
        data=$(cat -- "$file")
    elif [ "${CAGE_AGENT:-claude}" = claude ] && [ "$(uname)" = Darwin ]; then
        data=$(security find-generic-password -s 'Claude Code-credentials' -w 2>/dev/null)
    else
        return 1
    fi
}

# The value of $1 among those of Claude Code's login in $data, a string without its quotes.
oauth() {
    printf %s "$data" | tr -d '\n' | sed -nE 's/.*"claudeAiOauth" *: *\{([^}]*)\}.*/,\1/p' |
        sed -nE 's/.*[,{ ]"'"$1"'" *: *("([^"\\]*)"|(\[[^]]*\])|([a-z0-9]+)).*/\2\3\4/p'
}

# Whether the token has run out, by its own word; the time is in milliseconds.
has_run_out() {
    local until
    until=$(oauth expiresAt)
    case $until in '' | *[!0-9]*) return 1 ;; esac
    [ "${#until}" -ge 13 ] && [ "${until%???}" -le "$(date +%s)" ]
}

# Credentials with the placeholder: without a token to renew it the agent leaves them alone, whatever it is answered.
placed() {
    local placeholder scopes kind tier
    placeholder=$(sed -n "s/^$SUBSCRIPTION anthropic //p" .history/placeholders 2>/dev/null || true)
    scopes=$(oauth scopes | tr -cd 'A-Za-z0-9:_,"[]') kind=$(oauth subscriptionType) tier=$(oauth rateLimitTier)
    printf '{"claudeAiOauth":{"accessToken":"%s","refreshToken":null,"expiresAt":%s000,"scopes":%s,' \
        "${placeholder:-none}" $(($(date +%s) + 31536000)) "${scopes:-[\"user:inference\"]}"
    printf '"subscriptionType":"%s","rateLimitTier":"%s"}}' "${kind//[!A-Za-z0-9_-]/}" "${tier//[!A-Za-z0-9_-]/}"
}

# The way that this cage's agent logs in, for a person.
way_in_words() {
    if [ "$CAGE_AUTH_MODE" != subscription ]; then
        printf '%s\n' "$CAGE_AUTH_MODE"
    elif ! stays_outside; then
        echo 'subscription: a copy of the login is in the cage'
    elif ! read_credentials; then
        lines "subscription: there is no login of 'claude' on this machine. Log in with it, then: @start@"
    elif has_run_out; then
        lines "subscription: the token has run out. Start 'claude' on this machine, which renews it. Then: @start@"
    else
        printf '%s\n' 'subscription: the token is outside the cage' \
            "              (an organisation's settings and limits don't reach the cage that way)"
    fi
}
