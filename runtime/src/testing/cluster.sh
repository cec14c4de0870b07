# Keeps a throwaway PostgreSQL for as long as whoever started this holds its standard input open, then removes it.
# Started by cluster.rs in a process group of its own, so that an interrupt of the tests reaches the tests only.
# Arguments: folder of the programs, folder to use and remove, port.
trap '' INT TERM HUP
programs=$1 folder=$2 port=$3

if "$programs/initdb" --pgdata="$folder/data" --username=postgres --auth=password --pwfile="$folder/password" \
    --encoding=UTF8 --locale=C --no-sync >"$folder/log" 2>&1
then
    "$programs/postgres" -D "$folder/data" -p "$port" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off \
        -c shared_buffers=64MB -c log_min_messages=warning >>"$folder/log" 2>&1 &
    server=$!
    cat >/dev/null
    # Until it has this file it ignores signals, as whatever a shell puts in the background does.
    tries=0
    until [ -e "$folder/data/postmaster.pid" ] || [ "$tries" -ge 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -QUIT "$server" 2>/dev/null
    wait "$server"
else
    echo "FATAL: initdb failed" >>"$folder/log"
    cat >/dev/null
fi
rm -rf "$folder"
