"""Demo data that is the same on every machine: accounts, people, phones, callflows, voicemail and months of calls.

    recipe = load_recipe(records=10_000)
    for document in demo_documents(recipe, now=int(time.time()), secrets=secrets): ...

All of it is made up. The API keys follow from the recipe, so whoever has the recipe has the keys: it is for trying
things out, not for a server that others can reach.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..stores import Document
from .applications import application_documents
from .calls import call_documents, working_hours
from .flows import flow_documents
from .mail import mail_documents
from .office import (
    DEMO_PASSWORD,
    DEMO_USER,
    Secrets,
    device_documents,
    open_office,
    registration_documents,
    user_documents,
)
from .recipe import Recipe, load_recipe
from .recorded import recording_documents
from .tree import DEMO_ACCOUNT, account_documents, plan_accounts

__all__ = [
    "DEMO_ACCOUNT",
    "DEMO_PASSWORD",
    "DEMO_USER",
    "Recipe",
    "Secrets",
    "demo_account_id",
    "demo_documents",
    "load_recipe",
]


def demo_documents(recipe: Recipe, *, now: int, secrets: Secrets) -> Iterator[Document]:
    """All documents: the accounts from the root down, then what each has, then their calls, which are the most.

    The same recipe at the same `now` makes the same bytes; `secrets` is asked once, for the demo account's
    administrator, what the private part keeps of a user name and a password.
    """
    accounts = plan_accounts(recipe, now)
    for account in accounts:
        yield from account_documents(account)
    yield from application_documents(accounts[0], recipe)
    offices = [open_office(account, recipe) for account in accounts]
    for office in offices:
        yield from user_documents(office, recipe, secrets)
        yield from device_documents(office, recipe)
        yield from flow_documents(office, recipe)
        yield from mail_documents(office, recipe, now)
        yield from recording_documents(office, recipe, now)
        yield from registration_documents(office, recipe, now)
    hours = working_hours(recipe, now)
    for office in offices:
        yield from call_documents(office, recipe, hours)


def demo_account_id(recipe: Recipe) -> str:
    """The id of the demo account, for those who need it before the documents are made."""
    return plan_accounts(recipe, now=0)[0].id
