"""What no schema can say of parameters, said to Schemathesis."""

import json
import os

import schemathesis
from hypothesis import strategies

# A list accepts only the cursors of its own links; any other text is refused.
CURSORS = json.loads(os.environ["CURSORS"])
CURSOR = "a cursor of the list"
schemathesis.openapi.format("cursor", strategies.just(CURSOR))


@schemathesis.hook
def before_call(context, case, kwargs):
    """Puts the list's own cursor where one stands for it."""
    symbol = str((case.path_parameters or {}).get("symbol", "")).upper()
    cursor = CURSORS.get(case.operation.path.replace("{symbol}", symbol))
    for name in ("after", "before"):
        if case.query and case.query.get(name) == CURSOR:
            # A list of one page has no cursors.
            if cursor is None:
                del case.query[name]
            else:
                case.query[name] = cursor


@schemathesis.hook
def filter_query(context, query):
    """`from` after `to` is refused, so that they are tried one at a time."""
    return not (query and "from" in query and "to" in query)
