complete -c tracker -l database-url -d 'URL of the database: a SQLite file (then `api` also polls) or postgres://user:password@host/database [env: DATABASE_URL] [default: sqlite://stock-tracker.db?mode=rwc]' -r -f
complete -c tracker -l database-password-file -d 'File with the password for a PostgreSQL DATABASE_URL that contains none [env: DATABASE_PASSWORD_FILE]' -r -F
complete -c tracker -l migrate -d 'Migrate the database at startup; safe if several processes start at once [env: MIGRATE] [default: true]' -r -f
complete -c tracker -l database-wait -d 'How long startup retries to connect to PostgreSQL; 0s fails at the first error [env: DATABASE_WAIT] [default: 30s]' -r -f
complete -c tracker -l feed-url -d 'NATS server with JetStream that distributes the feed to many api processes, such as nats://user:password@host:4222, or a comma-separated list of the servers of a cluster; requires PostgreSQL [env: FEED_URL] [default: each api process reads the feed from the database]' -r -f
complete -c tracker -l api-host -d 'Address to serve GraphQL, REST and WebSocket on; an address other than loopback requires ADMIN_TOKEN [env: API_HOST] [default: 127.0.0.1]' -r -f
complete -c tracker -l api-port -d 'Port to serve GraphQL, REST and WebSocket on; 0 for any free port [env: API_PORT] [default: 8080]' -r -f
complete -c tracker -l metrics-host -d 'Address to serve /metrics, /livez and /readyz on [env: METRICS_HOST] [default: 127.0.0.1]' -r -f
complete -c tracker -l metrics-port -d 'Port to serve /metrics, /livez and /readyz on; 0 for any free port [env: METRICS_PORT] [default: 9091]' -r -f
complete -c tracker -l admin-token -d 'Bearer token that mutations require [env: ADMIN_TOKEN] [default: generated at each start and logged once]' -r -f
complete -c tracker -l admin-token-file -d 'File with the admin token, instead of ADMIN_TOKEN [env: ADMIN_TOKEN_FILE]' -r -F
complete -c tracker -l read-token -d 'Bearer token that reads require [env: READ_TOKEN] [default: reads require no token]' -r -f
complete -c tracker -l read-token-file -d 'File with the read token, instead of READ_TOKEN [env: READ_TOKEN_FILE]' -r -F
complete -c tracker -l allowed-hosts -d 'Accepted values of the Host header, a comma-separated list; * for any [env: ALLOWED_HOSTS] [default: loopback names]' -r -f
complete -c tracker -l allowed-origins -d 'Web origins that may call the API (CORS), a comma-separated list such as https://desk.example; * for any [env: ALLOWED_ORIGINS] [default: loopback names]' -r -f
complete -c tracker -l introspection -d 'Allow introspection of the GraphQL schema [env: INTROSPECTION] [default: true]' -r -f
complete -c tracker -l suggestions -d 'Suggest similar names in errors about unknown fields of the schema [env: SUGGESTIONS] [default: same as INTROSPECTION]' -r -f
complete -c tracker -l console -d 'Serve the web console at / [env: CONSOLE] [default: true]' -r -f
complete -c tracker -l graphiql -d 'Serve GraphiQL at /graphiql [env: GRAPHIQL] [default: true]' -r -f
complete -c tracker -l trusted-documents -d 'Directory of the only GraphQL documents to accept, as NAME.graphql files or as objects in *.json files; read at startup [env: TRUSTED_DOCUMENTS] [default: all documents are accepted]' -r -f -a "(__fish_complete_directories)"
complete -c tracker -l rate-limit -d 'Rate limit: maximum requests and operations per minute and client, at least 1, or off; a client is an IPv4 address or an IPv6 /64 network [env: RATE_LIMIT] [default: off]' -r -f
complete -c tracker -l trusted-proxies -d 'Proxies whose X-Forwarded-For determines the client address, a comma-separated list of addresses and networks such as 10.0.0.0/8 [env: TRUSTED_PROXIES] [default: none]' -r -f
complete -c tracker -l limit-head-time -d 'Timeout for receiving the headers of a request, and for an idle connection [env: LIMIT_HEAD_TIME] [default: 30s]' -r -f
complete -c tracker -l limit-body -d 'Maximum size of a request body [env: LIMIT_BODY] [default: 1MiB]' -r -f
complete -c tracker -l limit-body-time -d 'Timeout for receiving a request body [env: LIMIT_BODY_TIME] [default: 10s]' -r -f
complete -c tracker -l limit-write-time -d 'Timeout for a write to a client that makes no progress; the connection is then closed [env: LIMIT_WRITE_TIME] [default: 30s]' -r -f
complete -c tracker -l limit-execution-time -d 'Timeout of a GraphQL operation, and on PostgreSQL of each statement of `api` [env: LIMIT_EXECUTION_TIME] [default: 10s]' -r -f
complete -c tracker -l limit-document -d 'Maximum size of a GraphQL document [env: LIMIT_DOCUMENT] [default: 128KiB]' -r -f
complete -c tracker -l limit-tokens -d 'Maximum tokens in a document [env: LIMIT_TOKENS] [default: 5000]' -r -f
complete -c tracker -l limit-depth -d 'Maximum nesting of fields in an operation, 1 to 30 [env: LIMIT_DEPTH] [default: 15]' -r -f
complete -c tracker -l limit-aliases -d 'Maximum aliases in a document; 0 allows none [env: LIMIT_ALIASES] [default: 100]' -r -f
complete -c tracker -l limit-directives -d 'Maximum directives in a document; 0 allows none [env: LIMIT_DIRECTIVES] [default: 50]' -r -f
complete -c tracker -l limit-root-fields -d 'Maximum root fields of an operation [env: LIMIT_ROOT_FIELDS] [default: 100]' -r -f
complete -c tracker -l limit-fields -d 'Maximum fields in an operation, with fragments expanded [env: LIMIT_FIELDS] [default: 1000]' -r -f
complete -c tracker -l limit-cost -d 'Maximum fields in a response, estimated from the sizes of its lists (query complexity) [env: LIMIT_COST] [default: 100000]' -r -f
complete -c tracker -l limit-prepared -d 'Approximate size of the cache of documents that were executed, which are not parsed and validated again, at most 1GiB; 0 disables it [env: LIMIT_PREPARED] [default: 16MiB]' -r -f
complete -c tracker -l limit-persisted -d 'Size of the cache of automatic persisted queries, at most 1GiB; 0 disables them [env: LIMIT_PERSISTED] [default: 8MiB]' -r -f
complete -c tracker -l limit-recent -d 'Size of the cache of the newest prices and alerts of stocks, at most 1GiB; 0 disables it [env: LIMIT_RECENT] [default: 64MiB]' -r -f
complete -c tracker -l limit-init-time -d 'Timeout for connection_init on a GraphQL WebSocket [env: LIMIT_INIT_TIME] [default: 10s]' -r -f
complete -c tracker -l limit-silence -d 'Idle timeout of a GraphQL WebSocket, which is pinged after two fifths of it; on /ws it is a third longer [env: LIMIT_SILENCE] [default: 30s]' -r -f
complete -c tracker -l limit-message -d 'Maximum size of a WebSocket message [env: LIMIT_MESSAGE] [default: 1MiB]' -r -f
complete -c tracker -l limit-operations -d 'Maximum concurrent operations on a WebSocket [env: LIMIT_OPERATIONS] [default: 100]' -r -f
complete -c tracker -l limit-sockets -d 'Maximum concurrent WebSockets and event streams [env: LIMIT_SOCKETS] [default: 100000]' -r -f
complete -c tracker -l limit-sockets-per-address -d 'Maximum concurrent WebSockets and event streams of a client [env: LIMIT_SOCKETS_PER_ADDRESS] [default: 10000]' -r -f
complete -c tracker -l limit-rules -d 'Maximum alert rules of users [env: LIMIT_RULES] [default: 100000]' -r -f
complete -c tracker -l limit-deliveries -d 'Maximum concurrent requests to webhooks [env: LIMIT_DELIVERIES] [default: 64]' -r -f
complete -c tracker -l limit-backlog -d 'Maximum undelivered events of a subscriber that receives every event; a slow consumer that exceeds it is disconnected [env: LIMIT_BACKLOG] [default: 1000]' -r -f
complete -c tracker -l limit-backlog-bytes -d 'Maximum size of those undelivered events [env: LIMIT_BACKLOG_BYTES] [default: 4MiB]' -r -f
complete -c tracker -l provider -d 'Market-data provider: alphavantage or replay; a comma-separated list is a failover order, but live providers and replay do not replace each other [env: PROVIDER] [default: alphavantage if its key is set, otherwise replay]' -r -f
complete -c tracker -l alpha-vantage-api-key -d 'API key for Alpha Vantage [env: ALPHA_VANTAGE_API_KEY]' -r -f
complete -c tracker -l alpha-vantage-api-key-file -d 'File with the API key, instead of ALPHA_VANTAGE_API_KEY [env: ALPHA_VANTAGE_API_KEY_FILE]' -r -F
complete -c tracker -l alpha-vantage-url -d 'Base URL of Alpha Vantage, to use a proxy or a test server [env: ALPHA_VANTAGE_URL] [default: https://www.alphavantage.co]' -r -f
complete -c tracker -l alpha-vantage-per-minute -d 'Requests per minute that the plan allows, at least 1 [env: ALPHA_VANTAGE_PER_MINUTE] [default: 5]' -r -f
complete -c tracker -l alpha-vantage-per-day -d 'Requests per day that the plan allows, at least 1 [env: ALPHA_VANTAGE_PER_DAY] [default: 25]' -r -f
complete -c tracker -l update-interval -d 'Polling interval of each symbol, at least 1s; extended if the request budget of the provider is too small, which the log and the status show [env: UPDATE_INTERVAL] [default: 5m]' -r -f
complete -c tracker -l market-hours -d 'When to poll: us (United States shares from 04:00 to 20:00 New York time on trading days, other exchanges and foreign exchange on weekdays, cryptocurrencies at any time) or always [env: MARKET_HOURS] [default: us]' -r -f
complete -c tracker -l alert-threshold -d 'Change in percent that fires the default alert rule, greater than 0 [env: ALERT_THRESHOLD] [default: 5]' -r -f
complete -c tracker -l alert-max-age -d 'Maximum age of a live quote that fires alerts, in sessions before the last one: 0 to 1000, or any for no limit [env: ALERT_MAX_AGE] [default: 1]' -r -f
complete -c tracker -l default-symbols -d 'Symbols that a new database tracks, a comma-separated list; later changes have no effect [env: DEFAULT_SYMBOLS] [default: AAPL,GOOG,IBM,MSFT]' -r -f
complete -c tracker -l webhook-allow-private -d 'Allow webhooks at addresses that are not globally reachable, such as 127.0.0.1 and 10.0.0.0/8; anyone with the admin token can then send requests to your network [env: WEBHOOK_ALLOW_PRIVATE] [default: false]' -r -f
complete -c tracker -l smtp-url -d 'Mail server for alerts by mail: smtps://user:password@host for TLS (port 465), or smtp://host, which uses STARTTLS if the server offers it (port 587) [env: SMTP_URL] [default: no mail]' -r -f
complete -c tracker -l smtp-url-file -d 'File with the URL of the mail server, instead of SMTP_URL [env: SMTP_URL_FILE]' -r -F
complete -c tracker -l smtp-from -d 'Sender address of mail, such as alerts@example.com; required if SMTP_URL is set [env: SMTP_FROM]' -r -f
complete -c tracker -l retention-ticks -d 'How long to keep prices; candles, alerts and the newest price of each symbol are never deleted [env: RETENTION_TICKS] [default: 90d]' -r -f
complete -c tracker -l retention-feed -d 'How long to keep the feed, and so how long a process may be disconnected and still catch up from it [env: RETENTION_FEED] [default: 24h]' -r -f
complete -c tracker -l retention-deliveries -d 'How long to keep finished deliveries of alerts and the log of their attempts [env: RETENTION_DELIVERIES] [default: 30d]' -r -f
complete -c tracker -l replay-file -d 'Daily prices to replay, as CSV, plain or gzip [env: REPLAY_FILE] [default: the bundled prices]' -r -F
complete -c tracker -l replay-from -d 'First day to replay, such as 2008-01-02 [env: REPLAY_FROM] [default: 2004-08-19, or the first day of REPLAY_FILE]' -r -f
complete -c tracker -l replay-speed -d 'Trading days to replay per second, a number greater than 0, or max for no delay [env: REPLAY_SPEED] [default: 1]' -r -f
complete -c tracker -l replay-loop -d 'Restart the replay at its end [env: REPLAY_LOOP] [default: true]' -r -f
complete -c tracker -l shutdown-grace -d 'Timeout of a graceful shutdown; remaining work is then aborted [env: SHUTDOWN_GRACE] [default: 20s]' -r -f
complete -c tracker -l log-format -d 'Format of the log: console or json [env: LOG_FORMAT] [default: console on a terminal, otherwise json]' -r -f
complete -c tracker -l rust-log -d 'Filter of the log, such as info,tracker=debug [env: RUST_LOG] [default: info]' -r -f
complete -c tracker -l debug -d 'Also log the debug events of the programs, but not those of libraries [env: DEBUG] [default: false]' -r -f
complete -c tracker -l otel-exporter-otlp-endpoint -d 'OTLP/HTTP endpoint to export traces to, such as http://localhost:4318 [env: OTEL_EXPORTER_OTLP_ENDPOINT]' -r -f
complete -c tracker -s h -l help -d 'Print help'
complete -c tracker -s V -l version -d 'Print version'
