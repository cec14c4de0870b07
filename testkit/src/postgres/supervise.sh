# Runs a throwaway PostgreSQL server while standard input is open, then stops it and removes its
# directory. It runs in a separate process group, so that an interrupt reaches only the tests.
# Arguments: directory of the programs, directory to use and remove, port, synchronous_commit.
# Commands, one for each line of standard input: START, or the signal that stops the server (INT,
# QUIT or KILL).
trap '' INT TERM HUP
programs=$1 directory=$2 port=$3 synchronous_commit=$4

start() {
    "$programs/postgres" -D "$directory/data" -p "$port" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 \
        -c fsync=off -c synchronous_commit="$synchronous_commit" -c full_page_writes=off -c autovacuum=off \
        -c shared_buffers=64MB -c log_min_messages=warning >>"$directory/log" 2>&1 &
    server=$!
    # A background process ignores SIGINT until it installs a handler, before it creates this file.
    attempts=0
    until [ -e "$directory/data/postmaster.pid" ] || [ "$attempts" -ge 50 ]; do
        sleep 0.1
        attempts=$((attempts + 1))
    done
}

if "$programs/initdb" --pgdata="$directory/data" --username=postgres --auth=password --pwfile="$directory/password" \
    --encoding=UTF8 --locale=C --no-sync >"$directory/log" 2>&1
then
    start
    while read -r command; do
        if [ "$command" = START ]; then
            start
        else
            kill "-$command" "$server" 2>/dev/null
            wait "$server"
            # The sessions of a killed server end later. Until then they use its shared memory, and
            # a new server would refuse to start.
            while readlink /proc/[0-9]*/cwd 2>/dev/null | grep -qxF "$directory/data"; do
                sleep 0.1
            done
            # A killed server leaves this file, which looks like that of a running server.
            rm -f "$directory/data/postmaster.pid"
        fi
    done
    kill -QUIT "$server" 2>/dev/null
    wait "$server"
else
    echo "FATAL: initdb failed" >>"$directory/log"
    cat >/dev/null
fi
rm -rf "$directory"
