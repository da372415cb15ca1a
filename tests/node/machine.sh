# A machine within this one, for one program and all that it starts: own processes, mounts, network and cgroups, which end with it.
#
#   unshare --mount --propagation private sh machine.sh outside FOLDER PROGRAM [ARGUMENT...]
#
# FOLDER is an empty one. Nothing outside of it changes, and nothing but what listens in here is reached from in here; with NETWORK=shared,
# all that is reached from outside. The exit status is that of the program.
set -eu

stage=$1 folder=$2
shift 2
hierarchy=$folder/hierarchy

# The kubelet sets these for the whole machine, and does not start where it cannot: let it find them as it wants them.
settings="vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1
    kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000"

outside() {
    mkdir "$hierarchy"
    mount -t cgroup2 none "$hierarchy"
    # Inside, this group is the root of all groups.
    group=$hierarchy/$(basename "$folder")
    mkdir "$group"
    status=0
    own=--net
    [ "${NETWORK:-}" != shared ] || own=
    # shellcheck disable=SC2016 # it is the inner shell that knows its number
    setpriv --pdeathsig KILL sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" \
        unshare $own --cgroup --mount --ipc --uts --pid --fork --kill-child --mount-proc --propagation private \
        sh "$0" inside "$folder" "$@" || status=$?
    # The kernel takes a moment to let go of what has ended.
    tries=0
    until find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || [ "$tries" -ge 50 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    return "$status"
}

inside() {
    umount "$hierarchy"
    umount --recursive /sys/fs/cgroup 2>/dev/null || true
    mount -t cgroup2 none /sys/fs/cgroup
    for place in /run /var/log /var/lib; do
        mount -t tmpfs none "$place"
    done
    for setting in $settings; do
        file=/proc/sys/${setting%=*}
        shown=$folder/$(basename "$file")
        echo "${setting#*=}" >"$shown"
        mount --bind "$shown" "$file"
    done
    hostname machine
    [ "${NETWORK:-}" = shared ] || ip link set lo up
    # As a child, since the first process is to take in those whose parents have ended, and a shell does.
    status=0
    "$@" || status=$?
    return "$status"
}

"$stage" "$@"
