"""A connection through the gateway with a lease in hand."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg

from gov.commands.refusals import meant
from gov.commands.wallet import Grant

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.errors import Diagnostic

# A cancel that the statement outran is nothing to warn of; without a handler logging would print it.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

PATIENCE = 8
"""Seconds to reach the gateway; with the broker's answer before it a command fails within ten."""


def connect(grant: Grant, name: str, on_notice: Callable[[Diagnostic], None]) -> Connection[Any]:
    """An autocommit connection to the gateway, its certificate verified; `name` is what the trail sees.

    Raises:
        Unreachable: Nobody answers there, or not as the certificate says.
        LeaseEnded: The lease is over.
    """
    given = grant.lease
    try:
        connection = psycopg.connect(
            host=given.host, port=given.port, user=given.user, password=given.password, dbname=given.database,
            sslmode="verify-full", sslrootcert=grant.ca_file, connect_timeout=PATIENCE,
            application_name=name, client_encoding="utf8", autocommit=True,
        )
    except psycopg.Error as error:
        raise meant(error) from error
    connection.add_notice_handler(on_notice)
    return connection
