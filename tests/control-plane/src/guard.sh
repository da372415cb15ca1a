# Runs a program as the child of this shell and ends it when the process that holds the other end of our stdin is gone.
#
#   sh -c "$(cat guard.sh)" guard STDOUT STDERR FOLDER PROGRAM [ARGUMENT...]
#
# The first line of stdout is the program's process id. Each line of stdin is a signal for it. The end of stdin means that
# the owner died: the program is killed, and FOLDER removed unless empty. The exit status is the program's.

stdout=$1 stderr=$2 folder=$3
shift 3

# A background command gets /dev/null as stdin, whatever fd 0 is: the pipe has to be kept under another number.
exec 3<&0 </dev/null
"$@" >>"$stdout" 2>>"$stderr" 3<&- &
program=$!
trap 'orphaned=yes' USR1
echo "$program"
exec >/dev/null

(
    while read -r signal; do
        kill -s "$signal" "$program"
    done
    # In this order: when the program's end wakes the wait below, the note that it was us is there already.
    kill -s USR1 $$
    kill -s KILL "$program"
) <&3 &
orders=$!
exec 3<&-

wait "$program"
status=$?
if [ -n "$orphaned" ]; then
    wait "$program"
    tries=0
    # Programs of other guards may die a moment later and write into the folder until then.
    until [ -z "$folder" ] || rm -rf -- "$folder" || [ "$tries" -ge 50 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
fi
kill -s KILL "$orders"
exit "$status"
