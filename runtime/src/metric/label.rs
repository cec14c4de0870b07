//! Label values.
//!
//! The values of a label are the variants of an enum, so their number is bounded and counters can
//! start at 0. (Routes are templates of the router; symbols are those tracked.)

/// Declares an enum of label values and their texts.
macro_rules! label {
    ($(#[$meta:meta])* $name:ident { $($(#[$value_meta:meta])* $value:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$value_meta])* $value,)+
        }

        impl $name {
            /// All values.
            pub const ALL: &[Self] = &[$(Self::$value,)+];

            /// The text of the label value.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }
    };
}

label! {
    /// The outcome of a call to a provider.
    CallOutcome {
        /// Success.
        Ok = "ok",
        /// Rate limited by the provider.
        RateLimited = "rate_limited",
        /// The key or the plan was rejected.
        Refused = "refused",
        /// The provider does not know the symbol.
        UnknownSymbol = "unknown_symbol",
        /// The response is malformed.
        Malformed = "malformed",
        /// Timeout.
        Timeout = "timeout",
        /// Any other error.
        Error = "error",
    }
}

label! {
    /// An endpoint of a provider.
    Endpoint {
        /// The latest price of a symbol.
        Quote = "quote",
        /// Daily bars.
        Daily = "daily",
        /// Symbol search.
        Search = "search",
        /// Share splits.
        Splits = "splits",
    }
}

label! {
    /// The window of a provider's request budget.
    BudgetWindow {
        /// The last 60 s.
        Minute = "minute",
        /// The day of the provider.
        Day = "day",
    }
}

label! {
    /// The protocol of a connection.
    Protocol {
        /// The plain WebSocket at `/ws`.
        Ws = "ws",
        /// `graphql-transport-ws`.
        GraphqlTransportWs = "graphql_transport_ws",
        /// `subscriptions-transport-ws`.
        GraphqlWs = "graphql_ws",
        /// Server-Sent Events.
        Sse = "sse",
    }
}

label! {
    /// Why a connection closed.
    CloseReason {
        /// The client disconnected.
        Left = "left",
        /// The client was too slow.
        Overload = "overload",
        /// The feed it followed was replaced, for example by a restored database.
        Replaced = "replaced",
        /// The client was idle for too long.
        Silent = "silent",
        /// The client violated the protocol.
        Protocol = "protocol",
        /// The server is shutting down.
        Shutdown = "shutdown",
    }
}

label! {
    /// The type of a GraphQL operation.
    OperationKind {
        /// A query.
        Query = "query",
        /// A mutation.
        Mutation = "mutation",
        /// A subscription. Its duration is that of its start.
        Subscription = "subscription",
    }
}

label! {
    /// The outcome of a GraphQL operation.
    OperationOutcome {
        /// No errors.
        Ok = "ok",
        /// Executed, with errors in some fields.
        Error = "error",
        /// Not executed: a syntax, validation, limit or authentication error.
        Refused = "refused",
    }
}
