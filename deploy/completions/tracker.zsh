#compdef tracker

autoload -U is-at-least

_tracker() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'--database-url=[URL of the database\: a SQLite file (then \`api\` also polls) or postgres\://user\:password@host/database \[env\: DATABASE_URL\] \[default\: sqlite\://stock-tracker.db?mode=rwc\]]:VALUE:' \
'--database-password-file=[File with the password for a PostgreSQL DATABASE_URL that contains none \[env\: DATABASE_PASSWORD_FILE\]]:VALUE:_files' \
'--migrate=[Migrate the database at startup; safe if several processes start at once \[env\: MIGRATE\] \[default\: true\]]::BOOL:' \
'--database-wait=[How long startup retries to connect to PostgreSQL; 0s fails at the first error \[env\: DATABASE_WAIT\] \[default\: 30s\]]:VALUE:' \
'--feed-url=[NATS server with JetStream that distributes the feed to many api processes, such as nats\://user\:password@host\:4222, or a comma-separated list of the servers of a cluster; requires PostgreSQL \[env\: FEED_URL\] \[default\: each api process reads the feed from the database\]]:VALUE:' \
'--api-host=[Address to serve GraphQL, REST and WebSocket on; an address other than loopback requires ADMIN_TOKEN \[env\: API_HOST\] \[default\: 127.0.0.1\]]:VALUE:' \
'--api-port=[Port to serve GraphQL, REST and WebSocket on; 0 for any free port \[env\: API_PORT\] \[default\: 8080\]]:VALUE:' \
'--metrics-host=[Address to serve /metrics, /livez and /readyz on \[env\: METRICS_HOST\] \[default\: 127.0.0.1\]]:VALUE:' \
'--metrics-port=[Port to serve /metrics, /livez and /readyz on; 0 for any free port \[env\: METRICS_PORT\] \[default\: 9091\]]:VALUE:' \
'--admin-token=[Bearer token that mutations require \[env\: ADMIN_TOKEN\] \[default\: generated at each start and logged once\]]:VALUE:' \
'--admin-token-file=[File with the admin token, instead of ADMIN_TOKEN \[env\: ADMIN_TOKEN_FILE\]]:VALUE:_files' \
'--read-token=[Bearer token that reads require \[env\: READ_TOKEN\] \[default\: reads require no token\]]:VALUE:' \
'--read-token-file=[File with the read token, instead of READ_TOKEN \[env\: READ_TOKEN_FILE\]]:VALUE:_files' \
'--allowed-hosts=[Accepted values of the Host header, a comma-separated list; * for any \[env\: ALLOWED_HOSTS\] \[default\: loopback names\]]:VALUE:' \
'--allowed-origins=[Web origins that may call the API (CORS), a comma-separated list such as https\://desk.example; * for any \[env\: ALLOWED_ORIGINS\] \[default\: loopback names\]]:VALUE:' \
'--introspection=[Allow introspection of the GraphQL schema \[env\: INTROSPECTION\] \[default\: true\]]::BOOL:' \
'--suggestions=[Suggest similar names in errors about unknown fields of the schema \[env\: SUGGESTIONS\] \[default\: same as INTROSPECTION\]]::BOOL:' \
'--console=[Serve the web console at / \[env\: CONSOLE\] \[default\: true\]]::BOOL:' \
'--graphiql=[Serve GraphiQL at /graphiql \[env\: GRAPHIQL\] \[default\: true\]]::BOOL:' \
'--trusted-documents=[Directory of the only GraphQL documents to accept, as NAME.graphql files or as objects in *.json files; read at startup \[env\: TRUSTED_DOCUMENTS\] \[default\: all documents are accepted\]]:VALUE:_files -/' \
'--rate-limit=[Rate limit\: maximum requests and operations per minute and client, at least 1, or off; a client is an IPv4 address or an IPv6 /64 network \[env\: RATE_LIMIT\] \[default\: off\]]:VALUE:' \
'--trusted-proxies=[Proxies whose X-Forwarded-For determines the client address, a comma-separated list of addresses and networks such as 10.0.0.0/8 \[env\: TRUSTED_PROXIES\] \[default\: none\]]:VALUE:' \
'--limit-head-time=[Timeout for receiving the headers of a request, and for an idle connection \[env\: LIMIT_HEAD_TIME\] \[default\: 30s\]]:VALUE:' \
'--limit-body=[Maximum size of a request body \[env\: LIMIT_BODY\] \[default\: 1MiB\]]:VALUE:' \
'--limit-body-time=[Timeout for receiving a request body \[env\: LIMIT_BODY_TIME\] \[default\: 10s\]]:VALUE:' \
'--limit-write-time=[Timeout for a write to a client that makes no progress; the connection is then closed \[env\: LIMIT_WRITE_TIME\] \[default\: 30s\]]:VALUE:' \
'--limit-execution-time=[Timeout of a GraphQL operation, and on PostgreSQL of each statement of \`api\` \[env\: LIMIT_EXECUTION_TIME\] \[default\: 10s\]]:VALUE:' \
'--limit-document=[Maximum size of a GraphQL document \[env\: LIMIT_DOCUMENT\] \[default\: 128KiB\]]:VALUE:' \
'--limit-tokens=[Maximum tokens in a document \[env\: LIMIT_TOKENS\] \[default\: 5000\]]:VALUE:' \
'--limit-depth=[Maximum nesting of fields in an operation, 1 to 30 \[env\: LIMIT_DEPTH\] \[default\: 15\]]:VALUE:' \
'--limit-aliases=[Maximum aliases in a document; 0 allows none \[env\: LIMIT_ALIASES\] \[default\: 100\]]:VALUE:' \
'--limit-directives=[Maximum directives in a document; 0 allows none \[env\: LIMIT_DIRECTIVES\] \[default\: 50\]]:VALUE:' \
'--limit-root-fields=[Maximum root fields of an operation \[env\: LIMIT_ROOT_FIELDS\] \[default\: 100\]]:VALUE:' \
'--limit-fields=[Maximum fields in an operation, with fragments expanded \[env\: LIMIT_FIELDS\] \[default\: 1000\]]:VALUE:' \
'--limit-cost=[Maximum fields in a response, estimated from the sizes of its lists (query complexity) \[env\: LIMIT_COST\] \[default\: 100000\]]:VALUE:' \
'--limit-prepared=[Approximate size of the cache of documents that were executed, which are not parsed and validated again, at most 1GiB; 0 disables it \[env\: LIMIT_PREPARED\] \[default\: 16MiB\]]:VALUE:' \
'--limit-persisted=[Size of the cache of automatic persisted queries, at most 1GiB; 0 disables them \[env\: LIMIT_PERSISTED\] \[default\: 8MiB\]]:VALUE:' \
'--limit-recent=[Size of the cache of the newest prices and alerts of stocks, at most 1GiB; 0 disables it \[env\: LIMIT_RECENT\] \[default\: 64MiB\]]:VALUE:' \
'--limit-init-time=[Timeout for connection_init on a GraphQL WebSocket \[env\: LIMIT_INIT_TIME\] \[default\: 10s\]]:VALUE:' \
'--limit-silence=[Idle timeout of a GraphQL WebSocket, which is pinged after two fifths of it; on /ws it is a third longer \[env\: LIMIT_SILENCE\] \[default\: 30s\]]:VALUE:' \
'--limit-message=[Maximum size of a WebSocket message \[env\: LIMIT_MESSAGE\] \[default\: 1MiB\]]:VALUE:' \
'--limit-operations=[Maximum concurrent operations on a WebSocket \[env\: LIMIT_OPERATIONS\] \[default\: 100\]]:VALUE:' \
'--limit-sockets=[Maximum concurrent WebSockets and event streams \[env\: LIMIT_SOCKETS\] \[default\: 100000\]]:VALUE:' \
'--limit-sockets-per-address=[Maximum concurrent WebSockets and event streams of a client \[env\: LIMIT_SOCKETS_PER_ADDRESS\] \[default\: 10000\]]:VALUE:' \
'--limit-rules=[Maximum alert rules of users \[env\: LIMIT_RULES\] \[default\: 100000\]]:VALUE:' \
'--limit-deliveries=[Maximum concurrent requests to webhooks \[env\: LIMIT_DELIVERIES\] \[default\: 64\]]:VALUE:' \
'--limit-backlog=[Maximum undelivered events of a subscriber that receives every event; a slow consumer that exceeds it is disconnected \[env\: LIMIT_BACKLOG\] \[default\: 1000\]]:VALUE:' \
'--limit-backlog-bytes=[Maximum size of those undelivered events \[env\: LIMIT_BACKLOG_BYTES\] \[default\: 4MiB\]]:VALUE:' \
'--provider=[Market-data provider\: alphavantage or replay; a comma-separated list is a failover order, but live providers and replay do not replace each other \[env\: PROVIDER\] \[default\: alphavantage if its key is set, otherwise replay\]]:VALUE:' \
'--alpha-vantage-api-key=[API key for Alpha Vantage \[env\: ALPHA_VANTAGE_API_KEY\]]:VALUE:' \
'--alpha-vantage-api-key-file=[File with the API key, instead of ALPHA_VANTAGE_API_KEY \[env\: ALPHA_VANTAGE_API_KEY_FILE\]]:VALUE:_files' \
'--alpha-vantage-url=[Base URL of Alpha Vantage, to use a proxy or a test server \[env\: ALPHA_VANTAGE_URL\] \[default\: https\://www.alphavantage.co\]]:VALUE:' \
'--alpha-vantage-per-minute=[Requests per minute that the plan allows, at least 1 \[env\: ALPHA_VANTAGE_PER_MINUTE\] \[default\: 5\]]:VALUE:' \
'--alpha-vantage-per-day=[Requests per day that the plan allows, at least 1 \[env\: ALPHA_VANTAGE_PER_DAY\] \[default\: 25\]]:VALUE:' \
'--update-interval=[Polling interval of each symbol, at least 1s; extended if the request budget of the provider is too small, which the log and the status show \[env\: UPDATE_INTERVAL\] \[default\: 5m\]]:VALUE:' \
'--market-hours=[When to poll\: us (United States shares from 04\:00 to 20\:00 New York time on trading days, other exchanges and foreign exchange on weekdays, cryptocurrencies at any time) or always \[env\: MARKET_HOURS\] \[default\: us\]]:VALUE:' \
'--alert-threshold=[Change in percent that fires the default alert rule, greater than 0 \[env\: ALERT_THRESHOLD\] \[default\: 5\]]:VALUE:' \
'--alert-max-age=[Maximum age of a live quote that fires alerts, in sessions before the last one\: 0 to 1000, or any for no limit \[env\: ALERT_MAX_AGE\] \[default\: 1\]]:VALUE:' \
'--default-symbols=[Symbols that a new database tracks, a comma-separated list; later changes have no effect \[env\: DEFAULT_SYMBOLS\] \[default\: AAPL,GOOG,IBM,MSFT\]]:VALUE:' \
'--webhook-allow-private=[Allow webhooks at addresses that are not globally reachable, such as 127.0.0.1 and 10.0.0.0/8; anyone with the admin token can then send requests to your network \[env\: WEBHOOK_ALLOW_PRIVATE\] \[default\: false\]]::BOOL:' \
'--smtp-url=[Mail server for alerts by mail\: smtps\://user\:password@host for TLS (port 465), or smtp\://host, which uses STARTTLS if the server offers it (port 587) \[env\: SMTP_URL\] \[default\: no mail\]]:VALUE:' \
'--smtp-url-file=[File with the URL of the mail server, instead of SMTP_URL \[env\: SMTP_URL_FILE\]]:VALUE:_files' \
'--smtp-from=[Sender address of mail, such as alerts@example.com; required if SMTP_URL is set \[env\: SMTP_FROM\]]:VALUE:' \
'--retention-ticks=[How long to keep prices; candles, alerts and the newest price of each symbol are never deleted \[env\: RETENTION_TICKS\] \[default\: 90d\]]:VALUE:' \
'--retention-feed=[How long to keep the feed, and so how long a process may be disconnected and still catch up from it \[env\: RETENTION_FEED\] \[default\: 24h\]]:VALUE:' \
'--retention-deliveries=[How long to keep finished deliveries of alerts and the log of their attempts \[env\: RETENTION_DELIVERIES\] \[default\: 30d\]]:VALUE:' \
'--replay-file=[Daily prices to replay, as CSV, plain or gzip \[env\: REPLAY_FILE\] \[default\: the bundled prices\]]:VALUE:_files' \
'--replay-from=[First day to replay, such as 2008-01-02 \[env\: REPLAY_FROM\] \[default\: 2004-08-19, or the first day of REPLAY_FILE\]]:VALUE:' \
'--replay-speed=[Trading days to replay per second, a number greater than 0, or max for no delay \[env\: REPLAY_SPEED\] \[default\: 1\]]:VALUE:' \
'--replay-loop=[Restart the replay at its end \[env\: REPLAY_LOOP\] \[default\: true\]]::BOOL:' \
'--shutdown-grace=[Timeout of a graceful shutdown; remaining work is then aborted \[env\: SHUTDOWN_GRACE\] \[default\: 20s\]]:VALUE:' \
'--log-format=[Format of the log\: console or json \[env\: LOG_FORMAT\] \[default\: console on a terminal, otherwise json\]]:VALUE:' \
'--rust-log=[Filter of the log, such as info,tracker=debug \[env\: RUST_LOG\] \[default\: info\]]:VALUE:' \
'--debug=[Also log the debug events of the programs, but not those of libraries \[env\: DEBUG\] \[default\: false\]]::BOOL:' \
'--otel-exporter-otlp-endpoint=[OTLP/HTTP endpoint to export traces to, such as http\://localhost\:4318 \[env\: OTEL_EXPORTER_OTLP_ENDPOINT\]]:VALUE:' \
'-h[Print help]' \
'--help[Print help]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
}

(( $+functions[_tracker_commands] )) ||
_tracker_commands() {
    local commands; commands=()
    _describe -t commands 'tracker commands' commands "$@"
}

if [ "$funcstack[1]" = "_tracker" ]; then
    _tracker "$@"
else
    compdef _tracker tracker
fi
