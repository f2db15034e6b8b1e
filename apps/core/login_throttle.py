"""
Slows down guessing of passwords.

Attempts that fail are counted by name and address together, by address, and by name. The first is the tight one: it
stops who guesses, and leaves the name's owner alone, who comes from elsewhere. The others bound whoever tries many
names, or comes from ten addresses and more; the latter keeps the name's owner out too, for as long as it goes on. A
refusal comes before the password is looked at, and is the same for names that exist and names that do not.
"""

from __future__ import annotations

import hashlib

from django.http import HttpRequest

from apps.core.rate_limits import Allowance, client_address, forget, give_back, take

WINDOW_SECONDS = 300.0
BY_NAME_AND_ADDRESS = Allowance(calls=10, seconds=WINDOW_SECONDS)
BY_ADDRESS = Allowance(calls=100, seconds=WINDOW_SECONDS)
BY_NAME = Allowance(calls=100, seconds=WINDOW_SECONDS)


def take_attempt(request: HttpRequest, *, username: str) -> None:
    """
    Let an attempt to sign in pass and count it.

    Raises:
        Throttled: There were too many.
    """
    address = client_address(request)
    take(_key(username, address), BY_NAME_AND_ADDRESS)
    take(_address_key(address), BY_ADDRESS)
    take(_key(username), BY_NAME)


def forget_attempts(request: HttpRequest, *, username: str) -> None:
    """
    Forget what somebody mistyped who has signed in, and do not count the success.

    A school's pupils share one address. What others tried from there, or by the name, stays counted.
    """
    address = client_address(request)
    forget(_key(username, address))
    give_back(_address_key(address), BY_ADDRESS)
    give_back(_key(username), BY_NAME)


def _address_key(address: str) -> str:
    return f"login-address:{address}"


def _key(username: str, address: str = "") -> str:
    who = f"{address} {username.casefold()}".encode("utf-8", "surrogatepass")
    return f"login:{hashlib.sha256(who).hexdigest()}"
