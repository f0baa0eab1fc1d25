#!/usr/bin/env bats
# System calls: those that a cage's containers may make, beside those of the engine's own profile; those that their
# capabilities unlock. bats/calls makes all there are and lists the ones that are let through.

load cages

# Numbers that kernels gave after 20.10's engine; they are the same for every processor.
YOUNGER='([a-z0-9]*/)?4(5[1-9]|6[0-9])'

setup_file() {
    make_cage seccomp
    IMAGE=$(docker inspect --format '{{.Image}}' "isolated-dev-$CAGE")
    export IMAGE
    with_default >"$BATS_FILE_TMPDIR/default"
}
teardown_file() { remove_cage; }

# The calls that pass under the engine's own profile, with the capabilities that are given and no other.
with_default() {
    docker run --rm --interactive --network none --cap-drop ALL --label "trusty-cage.env=$CAGE" \
        --label "trusty-cage.home=$(cat "$TRUSTY_CAGE_HOME/id")" "$@" \
        "$IMAGE" python3 - <"$BATS_TEST_DIRNAME/calls" | sort
}

# The guard's name.
guard() {
    docker ps --all --format '{{.Names}}' --filter "label=trusty-cage.env=$CAGE" \
        --filter "label=trusty-cage.home=$(cat "$TRUSTY_CAGE_HOME/id")" | grep '\.guard$'
}

# Run Python from standard input in a reading helper, with the flags that the recipes give it.
in_helper() {
    printf 'probe: question\n\t@$(READING) python3 -c "$$PROBE"\n\t$(RESUME)\n' >"$BATS_TEST_TMPDIR/probe.mk"
    PROBE=$(cat) make -s -C "$ENV" -f Makefile -f "$BATS_TEST_TMPDIR/probe.mk" probe
}

# The same in one of: user, root, guard, helper.
in_() {
    case $1 in
        user) docker exec --interactive "isolated-dev-$CAGE" python3 - ;;
        root) docker exec --interactive --user 0 "isolated-dev-$CAGE" python3 - ;;
        guard) docker exec --interactive "$(guard)" python3 - ;;
        helper) in_helper ;;
    esac
}

# In $1 pass no more calls than under the engine's own profile, but for those of kernels that this engine doesn't know,
# from number 451 on; and no less, but for those that seccomp.json closes.
passes_as_it_should() {
    local more less
    in_ "$1" <"$BATS_TEST_DIRNAME/calls" | sort >"$BATS_TEST_TMPDIR/passed"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/passed")" -gt 250 ]
    more=$(comm -13 "$BATS_FILE_TMPDIR/default" "$BATS_TEST_TMPDIR/passed" | grep -Evx "$YOUNGER" || true)
    [ -z "$more" ] || { echo "in $1 there is more:" "$more"; return 1; }
    less=$(comm -23 "$BATS_FILE_TMPDIR/default" "$BATS_TEST_TMPDIR/passed" | grep -Evx "$(closed)" || true)
    [ -z "$less" ] || { echo "in $1 there is less:" "$less"; return 1; }
}

# io_uring_*, socket and socketpair by family, socketcall; and calls that engines allow only since 20.10:
# name_to_handle_at, pkey_*, process_vm_*.
closed() {
    case $(uname -m) in
        x86_64) printf '%s|' '([a-z0-9]*/)?42[567]' '(x32/)?(41|53)(\(.*\))?' 'i386/(359|360|102)(\(.*\))?' \
            '(x32/)?(303|310|311|329|330|331)' 'i386/(341|347|348|380|381|382)' ;;
        aarch64) printf '%s|' '42[567]' '(198|199)(\(.*\))?' '264|270|271|288|289|290' ;;
    esac
    echo "$YOUNGER"
}

own_profile() {
    ! docker info --format '{{.SecurityOptions}}' | grep -Eq 'name=seccomp,profile=(default|builtin)'
}

@test "seccomp: what the engine's own profile refuses is refused still, as user and as root; ordinary calls pass" {
    ! own_profile || skip 'this engine was given a profile of its own'
    passes_as_it_should user
    passes_as_it_should root
}

@test "seccomp: so it is in the guard and in helpers" {
    ! own_profile || skip 'this engine was given a profile of its own'
    passes_as_it_should guard
    passes_as_it_should helper
}

@test "seccomp: io_uring, AF_VSOCK, AF_ALG and socketcall are refused everywhere, also in disguise" {
    [ "$(uname -m)" = x86_64 ] || skip 'numbers of x86-64'
    for where in user root guard helper; do
        in_ "$where" <"$BATS_TEST_DIRNAME/calls" >"$BATS_TEST_TMPDIR/passed"
        [ "$(grep -cFx -e '41(1)' -e '41(2)' -e '41(10)' -e '41(16)' "$BATS_TEST_TMPDIR/passed")" = 4 ]
        run ! grep -Ex -e '([a-z0-9]*/)?42[567]' -e 'i386/102(\(.*\))?' \
            -e '((x32/)?(41|53)|i386/(359|360))\((38|40|4294967334|4294967336)\)' "$BATS_TEST_TMPDIR/passed"
    done
}

@test "seccomp: calls made for real are refused, too" {
    [ "$(uname -m)" = x86_64 ] || skip 'numbers of x86-64'
    for where in user root guard helper; do
        run -0 in_ "$where" <<'PY'
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
calls = dict(
    vsock=(41, 40, 1, 0), alg=(41, 38, 5, 0), disguised=(41, (1 << 32) + 40, 1, 0), io_uring_setup=(425, 1, 0),
    keyctl=(250, 0, -3, 0), add_key=(248, 0, 0, 0, 0, 0), request_key=(249, 0, 0, 0, 0), bpf=(321, 0, 0, 0),
    perf_event_open=(298, 0, 0, -1, -1, 0), userfaultfd=(323, 0), unshare=(272, 0x10000000), setns=(308, -1, 0),
    newuser=(56, 0x10000011, 0), mount=(165, 0, 0, 0, 0, 0), move_mount=(429, -1, 0, -1, 0, 0),
    open_tree=(428, -1, 0, 0), fsopen=(430, 0, 0), pivot_root=(155, 0, 0), swapon=(167, 0, 0),
    kexec_load=(246, 0, 0, 0, 0), init_module=(175, 0, 0, 0), quotactl=(179, 0, 0, 0, 0),
    open_by_handle_at=(304, -1, 0, 0), name_to_handle_at=(303, -1, 0, 0, 0, 0), move_pages=(279, 0, 0, 0, 0, 0, 0),
    kcmp=(312, 0, 0, 0, 0, 0), reboot=(169, 0, 0, 0, 0), chroot=(161, 0), acct=(163, 0), iopl=(172, 3),
    syslog=(103, 0, 0, 0),
)
for name, words in calls.items():
    ctypes.set_errno(0)
    libc.syscall(*map(ctypes.c_long, words))
    if ctypes.get_errno() != errno.EPERM:
        print(name, errno.errorcode.get(ctypes.get_errno(), "passes"))
ctypes.set_errno(0)
libc.syscall(ctypes.c_long(435), 0, ctypes.c_long(88))
print("clone3", errno.errorcode[ctypes.get_errno()])
PY
        [ "$output" = 'clone3 ENOSYS' ] || { echo "in $where: $output"; false; }
    done
}

# Opens the root folder of the file system that $1 lies on by its handle: inode 2, as ext4 has it.
by_handle() {
    cat <<PY
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
place = os.open("$1", os.O_RDONLY)
handle = struct.pack("IiII", 8, 1, 2, 0)
found = libc.syscall(ctypes.c_long({"x86_64": 304, "aarch64": 265}[os.uname().machine]), place, handle, os.O_RDONLY)
print(os.listdir(found) if found >= 0 else os.strerror(ctypes.get_errno()))
PY
}

@test "capabilities: no file of the host opens by its handle, in a helper, the guard or the cage" {
    run -0 in_ helper < <(by_handle /project)
    [ "$output" = 'Operation not permitted' ]
    run -0 in_ guard < <(by_handle /etc/hosts)
    [ "$output" = 'Operation not permitted' ]
    for who in user root; do
        run -0 in_ "$who" < <(by_handle /home/trustycage/project)
        [ "$output" = 'Operation not permitted' ]
    done
}

@test "capabilities: those of cage, guard and helpers unlock no call in the engine's own profile" {
    ! own_profile || skip 'this engine was given a profile of its own'
    local given
    given=$({
        docker inspect --format '{{range .HostConfig.CapAdd}}{{println .}}{{end}}' "isolated-dev-$CAGE" "$(guard)"
        sed -n 's/.*--cap-add \([A-Z_]*\).*/\1/p' "$ENV/recipes/container.mk"
    } | sed 's/^CAP_//' | grep . | sort -u)
    [ "$(tr '\n' ' ' <<<"$given")" = 'CHOWN DAC_OVERRIDE FOWNER NET_ADMIN SETGID SETUID ' ] || { echo "$given"; false; }
    for capability in $given; do
        run -0 diff "$BATS_FILE_TMPDIR/default" <(with_default --cap-add "$capability")
    done
    run -1 diff "$BATS_FILE_TMPDIR/default" <(with_default --cap-add DAC_READ_SEARCH)
}

@test "seccomp: ordinary work goes: git, pip, npm, node, threads, tmux, apt as root, a program that watches its child" {
    run -0 tc exec "$CAGE" -- bash -c "$(cat <<'SH'
set -e
git clone -q . /tmp/clone
git -C /tmp/clone -c user.name=T -c user.email=t@localhost commit -q --allow-empty -m more
git -C /tmp/clone gc -q
pip install -q six && python3 -c 'import six'
npm install --silent --prefix /tmp/npm is-odd
(cd /tmp/npm && node -e 'new (require("worker_threads").Worker)(`console.log(require("is-odd")(3))`, { eval: true })')
python3 - <<'PY'
import asyncio, concurrent.futures, multiprocessing, socket
with concurrent.futures.ThreadPoolExecutor(8) as threads, multiprocessing.Pool(4) as processes:
    print(sum(threads.map(int, range(99))), sum(processes.map(int, range(99))))
async def child():
    await (await asyncio.create_subprocess_exec("true")).wait()
asyncio.run(child())
for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
    socket.socket(family, socket.SOCK_DGRAM)
socket.socketpair()
PY
tmux -L other new-session -d 'sleep 60'
tmux -L other kill-server
sudo apt-get install -y -qq strace >/dev/null 2>&1
strace -f -e trace=execve sh -c '/bin/true; /bin/true' 2>&1 | grep -c execve
SH
)"
    says '4851 4851'
    says true
    [ "${lines[-1]}" -ge 2 ]
}

@test "hardened: the same calls are refused" {
    run -0 tc set "$CAGE" hardened=yes
    run -0 tc status "$CAGE"
    says container
    run -0 make -C "$ENV" recreate CAGE_YES=1
    ! own_profile || skip 'this engine was given a profile of its own'
    passes_as_it_should user
    passes_as_it_should root
}

@test "seccomp.json: an edit makes the containers stale, and is in force when they are made anew" {
    local vmsplice=278
    [ "$(uname -m)" = x86_64 ] || vmsplice=75
    sed -i 's/"vmsplice", //' "$ENV/seccomp.json"
    run -0 tc status "$CAGE"
    says container
    says seccomp.json
    run -0 make -C "$ENV" recreate CAGE_YES=1
    run -0 tc status "$CAGE"
    says_not container
    in_ user <"$BATS_TEST_DIRNAME/calls" >"$BATS_TEST_TMPDIR/passed"
    grep -qx "$vmsplice" "$BATS_FILE_TMPDIR/default"
    run ! grep -qx "$vmsplice" "$BATS_TEST_TMPDIR/passed"
}
