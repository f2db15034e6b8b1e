"""Which errors are the database's, and which are ours."""

import psycopg
from django.db import InterfaceError, OperationalError

DATABASE_DOWN = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
"""
The server is away or cannot now, over Django or beside it; waiting helps.

All other `DatabaseError`s are about what was asked, such as a value that a column does not hold: faults of ours.

Source:
    https://peps.python.org/pep-0249/#exceptions
"""
