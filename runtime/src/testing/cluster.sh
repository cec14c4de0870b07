# Keeps a throwaway PostgreSQL for as long as whoever started this holds its standard input open, then removes it.
# Started by cluster.rs in a process group of its own, so that an interrupt of the tests reaches the tests only.
# Arguments: folder of the programs, folder to use and remove, port, synchronous_commit. What is read from the standard
# input, line by line: a signal to stop the server with (INT: fast, QUIT: immediately, KILL), or START.
trap '' INT TERM HUP
programs=$1 folder=$2 port=$3 durable=$4

start() {
    "$programs/postgres" -D "$folder/data" -p "$port" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 \
        -c fsync=off -c synchronous_commit="$durable" -c full_page_writes=off -c autovacuum=off \
        -c shared_buffers=64MB -c log_min_messages=warning >>"$folder/log" 2>&1 &
    server=$!
    # Until it has this file it ignores signals, as whatever a shell puts in the background does.
    tries=0
    until [ -e "$folder/data/postmaster.pid" ] || [ "$tries" -ge 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}

if "$programs/initdb" --pgdata="$folder/data" --username=postgres --auth=password --pwfile="$folder/password" \
    --encoding=UTF8 --locale=C --no-sync >"$folder/log" 2>&1
then
    start
    while read -r order; do
        if [ "$order" = START ]; then
            start
        else
            kill "-$order" "$server" 2>/dev/null
            wait "$server"
            # What a killed one leaves would be taken for a running one's.
            rm -f "$folder/data/postmaster.pid"
        fi
    done
    kill -QUIT "$server" 2>/dev/null
    wait "$server"
else
    echo "FATAL: initdb failed" >>"$folder/log"
    cat >/dev/null
fi
rm -rf "$folder"
