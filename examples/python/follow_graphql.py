"""Prints prices from a GraphQL subscription, and resumes it when the connection is lost."""

import asyncio
import os
import sys

from gql import Client, gql
from gql.transport.exceptions import TransportError, TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from websockets.exceptions import WebSocketException

API = os.environ.get("STOCK_TRACKER", "http://localhost:8080")
PRICES = gql(
    """
    subscription Prices($symbols: [Symbol!], $after: Cursor) {
      priceUpdates(symbols: $symbols, after: $after, mode: ALL) { symbol price tradingDay cursor }
    }
    """
)


async def follow(symbols, received):
    """Calls `received` with each price until it is cancelled. Prices are strings: exact decimal numbers."""
    after = None
    wait = 0.1
    while True:
        transport = WebsocketsTransport(
            url=API.replace("http", "ws", 1) + "/graphql",
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
            ping_interval=10,
            pong_timeout=10,
        )
        PRICES.variable_values = {"symbols": symbols, "after": after}
        try:
            async with Client(transport=transport) as session:
                async for result in session.subscribe(PRICES):
                    price = result["priceUpdates"]
                    after = price["cursor"]
                    wait = 0.1
                    received(price)
        except TransportQueryError as error:
            reasons = [e.get("extensions", {}).get("reason") for e in error.errors or []]
            if "CURSOR_EXPIRED" not in reasons:
                raise
            # The prices after the cursor were deleted: continue with the latest ones.
            after = None
        except (OSError, TransportError, WebSocketException) as error:
            print(f"disconnected: {error}", file=sys.stderr)
        await asyncio.sleep(wait)
        wait = min(wait * 2, 5)


def show(price):
    print(price["tradingDay"], price["symbol"], price["price"], price["cursor"], flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(follow(sys.argv[1:] or None, show))
    except KeyboardInterrupt:
        pass
