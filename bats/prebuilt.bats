#!/usr/bin/env bats
# image_from: a cage's image that somebody else has built and pushed. A registry on the loopback stands in.

load cages

setup_file() {
    own_home
    own_names prebuilt
    export CAGE=$RUN-web REGISTRY=$BATS_FILE_TMPDIR/registry
    "$BATS_TEST_DIRNAME/registry" "$REGISTRY" 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/registry.pid"
    make_repo "$BATS_FILE_TMPDIR/$CAGE"
    for name in pusher web; do
        openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=$RUN-$name" -keyout "$BATS_FILE_TMPDIR/key" \
            -out "$BATS_FILE_TMPDIR/$name.pem" 2>/dev/null
    done
    for _ in {1..100}; do
        [ ! -e "$REGISTRY/address" ] || break
        sleep 0.1
    done
    FROM=$(cat "$REGISTRY/address")/team/cage-$RUN
    export FROM
    for name in pusher web; do
        rendered "$name" --image-from "$FROM"
        cp "$BATS_FILE_TMPDIR/$name.pem" "$TRUSTY_CAGE_HOME/envs/$RUN-$name/image/ca.crt"
    done
}

setup() {
    ENV=$TRUSTY_CAGE_HOME/envs/$CAGE PUSHER=$TRUSTY_CAGE_HOME/envs/$RUN-pusher
}

teardown_file() {
    kill "$(cat "$BATS_FILE_TMPDIR/registry.pid")" 2>/dev/null || true
    for name in pusher web other; do remove_cage "$RUN-$name"; done
    unnamed
    docker image ls --format '{{.Repository}}:{{.Tag}}' --filter "label=$RUN" | grep -v '<none>' |
        xargs -r docker image rm --force >/dev/null || true
}

# A cage $RUN-$1 that is not made yet, of a Dockerfile that builds in a moment. image/ca.crt is the test's: the guard's
# stays, so that its image is the suite's.
rendered() {
    local ENV=$TRUSTY_CAGE_HOME/envs/$RUN-$1
    tc create "$BATS_FILE_TMPDIR/$CAGE" --name "$RUN-$1" --shell bash --render-only "${@:2}"
    make -C "$ENV" -s contexts
    sed -i '/lib.image.ca$/d' "$ENV/recipes/image.mk"
    rm -f "$ENV/image/ca.crt"
    cat >"$ENV/Dockerfile" <<DOCKERFILE
ARG CAGE_BASE_IMAGE
FROM \${CAGE_BASE_IMAGE}
LABEL $RUN=yes
COPY trust-ca ca.crt* /trust/
RUN sh /trust/trust-ca
RUN for name in tmux git; do ln -s /bin/true /usr/local/bin/\$name; done
RUN useradd --create-home --uid 1000 trustycage && mkdir /home/trustycage/project && chown 1000 /home/trustycage/project
ARG CAGE_SHARED=
RUN echo "shared=\$CAGE_SHARED" >/shared && { [ -z "\$CAGE_SHARED" ] || sh /trust/trust-ca none; }
DOCKERFILE
}

# The names of certificates that the image $1 trusts.
trusted() {
    docker run --rm --network none --entrypoint cat "$1" /etc/ssl/certs/ca-certificates.crt |
        awk -v "cmd=openssl x509 -noout -subject" '/BEGIN/ { pem = "" } { pem = pem $0 "\n" } /END/ { print pem | cmd; close(cmd) }'
}

# The engine loses the images of the registry.
unnamed() {
    docker image ls --format '{{.Repository}}:{{.Tag}}' "$FROM" | xargs -r docker image rm --force >/dev/null
}

# The engine loses the image that the cage would be made from, and the one of the registry.
forget() {
    unnamed
    docker image rm --force "$(cat "$ENV/.state/image/used-image")" >/dev/null
}

@test "without an image there, one line says why, and it is built as ever" {
    rendered other --image-from "$FROM"
    run -0 make -C "$TRUSTY_CAGE_HOME/envs/$RUN-other" -n create
    says '"$CAGE_ENGINE" pull -- "$CAGE_IMAGE_FROM:'
    says '--file certificates.Dockerfile'
    says '--file Dockerfile'
    run -0 tc create "$BATS_FILE_TMPDIR/$CAGE" --name "$RUN-other" --no-attach
    says "can't be pulled, so the image is built here: manifest"
    [ "$(grep -c "can't be pulled" <<<"$output")" = 1 ]
    run -0 tc exec "$RUN-other" -- cat /shared
    [ "$output" = shared= ]
}

@test "image-push: the image has no certificates of the home that built it, and the guard's is not there" {
    run -0 tc make "$RUN-pusher" image-push
    says "Pushed the image of cage '$RUN-pusher' to '$FROM'."
    says "  PUSH     $FROM:"
    run -0 trusted "$(cut -d ' ' -f 1 "$PUSHER/.history/digests")"
    says_not "$RUN-pusher"
    run -0 find "$REGISTRY" -name 'tag-*' -printf '%f'
    [[ $output =~ ^tag-[0-9a-f]{16}-$(docker version --format '{{.Server.Arch}}')$ ]]
}

@test "create pulls it by the hash of the recipe, and its own certificates are the last layer" {
    docker image rm --force "$(cut -d ' ' -f 1 "$PUSHER/.history/digests")" >/dev/null
    : >"$REGISTRY/requests"
    run -0 tc create "$BATS_FILE_TMPDIR/$CAGE" --name "$CAGE" --no-attach
    says "  PULL     $FROM:"
    says_not "$(printf '  %-8s %s' BUILD trusty-cage:)"
    run -0 tc exec "$CAGE" -- cat /shared
    [ "$output" = shared=yes ]
    run -0 trusted "$(cat "$ENV/.state/image/used-image")"
    says "$RUN-web"
    says_not "$RUN-pusher"
    diff "$ENV/.history/digests" "$PUSHER/.history/digests"
    run ! grep -v "^[A-Z]* /v2/\(team/cage-$RUN/\|\$\)" "$REGISTRY/requests"
    run -0 tc status "$CAGE"
    [[ $output =~ stale\ +- ]]
}

@test "a cage that trusts no registry has another image, and asks the engine nothing more" {
    local other=$TRUSTY_CAGE_HOME/envs/$RUN-other
    tc set "$RUN-other" image_from=
    cp "$ENV/image/ca.crt" "$other/image/ca.crt"
    TRUSTY_CAGE_TRACE=1 run -0 tc recreate "$RUN-other" -y
    says "$(printf '  %-8s %s' BUILD trusty-cage:)"
    says ' image inspect'
    says_not ' pull'
    says_not ' version'
    run ! cmp "$other/.state/image/tag-image" "$ENV/.state/image/tag-image"
    run -0 tc exec "$RUN-other" -- cat /shared
    [ "$output" = shared= ]
}

@test "another image under the tag is refused; its user can take it, and it is checked as one that was built" {
    local tag kept
    tag=$(cut -d ' ' -f 1 "$ENV/.history/digests")
    kept=$(cat "$ENV/.history/digests")
    forget
    docker tag "$TRUSTY_CAGE_BASE_IMAGE" "$tag" && docker push --quiet "$tag" && docker image rm "$tag"
    run -1 tc recreate "$CAGE" -y
    says "error: '$tag' is another image than the one that this cage saw first"
    says "First: ${kept#*@}"
    says "rm $ENV/.history/digests"
    says "Then: tc recreate $CAGE"
    [ "$(cat "$ENV/.history/digests")" = "$kept" ]
    [ -z "$(docker image ls --quiet "$FROM")" ]
    [ "$(docker inspect --format '{{.State.Running}}' "isolated-dev-$CAGE")" = true ]
    rm "$ENV/.history/digests"
    run -1 tc recreate "$CAGE" -y
    says "a user 'trustycage' with user and group id 1000"
    says 'the image lacks parts that a cage needs'
    [ -z "$(docker image ls --quiet --filter "reference=trusty-cage:*.$CAGE")" ]
}

@test "where the registry can't be reached, recreate builds the image" {
    kill "$(cat "$BATS_FILE_TMPDIR/registry.pid")"
    unnamed
    run -0 tc recreate "$CAGE" -y
    says "can't be pulled, so the image is built here: "
    run -0 tc exec "$CAGE" -- cat /shared
    [ "$output" = shared= ]
}

@test "image-push says what is missing: a registry, or a Dockerfile that takes the certificates out" {
    run -1 tc make "$RUN-pusher" image-push
    says "error: the image can't be pushed to '$FROM'"
    sed -i '/CAGE_SHARED/d' "$PUSHER/Dockerfile"
    run -1 tc make "$RUN-pusher" image-push
    says 'error: the certificates of image/ca.crt would be in the image that others pull'
    run -0 tc set "$RUN-pusher" image_from=
    run -2 tc make "$RUN-pusher" image-push
    says 'error: there is no registry to push the image to'
}
