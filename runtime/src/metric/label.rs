//! The values that labels may take.
//!
//! One invariant: a label's values are the variants of a type, known when the program is built, so that counters can
//! start at 0 and their number is bounded. (Routes are the router's templates, symbols are those tracked.)

/// Declares an enum of label values with their text.
macro_rules! label {
    ($(#[$meta:meta])* $name:ident { $($(#[$value_meta:meta])* $value:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$value_meta])* $value,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$value,)+];

            /// The label's text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }
    };
}

label! {
    /// How a call to a provider ended.
    CallOutcome {
        /// With what was asked for.
        Ok = "ok",
        /// With a request for patience.
        RateLimited = "rate_limited",
        /// With a refusal of the key or the plan.
        Refused = "refused",
        /// The provider does not know the symbol.
        UnknownSymbol = "unknown_symbol",
        /// With what nobody can read.
        Malformed = "malformed",
        /// Not within the time for it.
        Timeout = "timeout",
        /// In any other way.
        Error = "error",
    }
}

label! {
    /// What a provider is asked for.
    Endpoint {
        /// The newest price of a symbol.
        Quote = "quote",
        /// Daily bars.
        Daily = "daily",
        /// Symbols by name.
        Search = "search",
        /// Share splits.
        Splits = "splits",
    }
}

label! {
    /// The span of a provider's budget.
    BudgetWindow {
        /// Any 60 s.
        Minute = "minute",
        /// The provider's day.
        Day = "day",
    }
}

label! {
    /// How a client is connected.
    Protocol {
        /// The plain WebSocket at `/ws`.
        Ws = "ws",
        /// GraphQL over WebSocket.
        GraphqlTransportWs = "graphql_transport_ws",
        /// The protocol of subscriptions-transport-ws.
        GraphqlWs = "graphql_ws",
        /// Server-Sent Events.
        Sse = "sse",
    }
}

label! {
    /// Why a subscriber's connection ended.
    CloseReason {
        /// The client left.
        Left = "left",
        /// It was too far behind.
        Overload = "overload",
        /// The feed that it followed was replaced, as when the database was restored.
        Replaced = "replaced",
        /// It was silent for too long.
        Silent = "silent",
        /// It broke the protocol.
        Protocol = "protocol",
        /// The server stops.
        Shutdown = "shutdown",
    }
}

label! {
    /// What kind of GraphQL operation ran.
    OperationKind {
        /// It reads once.
        Query = "query",
        /// It changes something.
        Mutation = "mutation",
        /// It reads as long as the client stays; its duration is that of starting it.
        Subscription = "subscription",
    }
}

label! {
    /// How a GraphQL operation ended.
    OperationOutcome {
        /// Without errors.
        Ok = "ok",
        /// It ran, and some fields failed.
        Error = "error",
        /// It did not run: syntax, validation, limits, tokens.
        Refused = "refused",
    }
}
