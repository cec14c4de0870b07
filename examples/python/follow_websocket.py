"""Prints prices from the plain WebSocket `/ws`, and resumes when the connection is lost."""

import asyncio
import json
import os
import sys
from decimal import Decimal
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

API = os.environ.get("STOCK_TRACKER", "http://localhost:8080")


async def follow(symbols, received):
    """Calls `received` with each message until it is cancelled."""
    # With either parameter, each message has a cursor.
    parameters = {"symbols": ",".join(symbols)}
    wait = 0.1
    while True:
        url = f"{API.replace('http', 'ws', 1)}/ws?{urlencode(parameters)}"
        try:
            async with connect(url) as websocket:
                async for text in websocket:
                    # Decimal keeps the digits, which a float would not.
                    message = json.loads(text, parse_float=Decimal)
                    parameters["after"] = message["cursor"]
                    wait = 0.1
                    received(message)
        except InvalidStatus as error:
            if reason(error.response) == "CURSOR_EXPIRED":
                # The prices after the cursor were deleted: continue with the latest ones.
                del parameters["after"]
            elif error.response.status_code < 500:
                raise
        except (OSError, WebSocketException) as error:
            print(f"disconnected: {error}", file=sys.stderr)
        await asyncio.sleep(wait)
        wait = min(wait * 2, 5)


def reason(response):
    """The reason in the problem document (RFC 9457) of a rejected connection."""
    try:
        return json.loads(response.body or b"{}").get("reason")
    except ValueError:
        return None


def show(message):
    payload = message["payload"]
    if message["type"] == "alert":
        print("alert", payload["message"], flush=True)
    else:
        print(payload["symbol"], payload["current_price"], message["cursor"], flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(follow(sys.argv[1:] or ["AAPL", "IBM"], show))
    except KeyboardInterrupt:
        pass
