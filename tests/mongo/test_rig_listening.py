"""What is read off the commands of a client: leaks of a client's text, and searches that name no tenant."""

from __future__ import annotations

import re
from typing import Any

import pytest
from bson.code import Code
from bson.regex import Regex
from pymongo import AsyncMongoClient, DeleteOne, InsertOne, MongoClient, ReplaceOne, UpdateOne
from pymongo.monitoring import CommandStartedEvent

from .listening import Command, Commands, client_text_leaks, unscoped

TEXT = "$evil"


def sent(*commands: dict[str, Any]) -> Commands:
    """A record of these commands; the first key of each is its name."""
    made = Commands()
    for number, command in enumerate(commands):
        made.started(CommandStartedEvent({**command, "$db": "a"}, "a", number, ("h", 1), number))
    return made


def find(**filter: Any) -> dict[str, Any]:
    """A search of one tenant."""
    return {"find": "things", "filter": {"tenant": "t", **filter}}


PLAIN: dict[str, dict[str, Any]] = {
    "equality": find(name=TEXT),
    "range": find(name={"$gte": TEXT, "$lt": f"{TEXT}z"}),
    "one of": find(name={"$in": ["a", TEXT]}),
    "not": find(name={"$not": {"$eq": TEXT}}),
    "within logic": find(**{"$or": [{"name": TEXT}, {"$and": [{"name": {"$ne": TEXT}}]}]}),
    "of an array": find(marks={"$elemMatch": {"field": "name", "value": {"$gt": TEXT}}}),
    "within an equal document": find(at={"x": [TEXT]}),
    "insert": {"insert": "things", "documents": [{"body": f'{{"{TEXT}": 1}}', "marks": [TEXT]}]},
    "set": {"update": "things", "updates": [{"q": {"tenant": TEXT}, "u": {"$set": {"body": TEXT}, "$inc": {"n": 1}}}]},
    "replacement": {"findAndModify": "things", "query": {"tenant": "t"}, "update": {"body": TEXT}},
    "delete": {"delete": "things", "deletes": [{"q": {"name": TEXT}, "limit": 1}]},
    "pull": {"update": "things", "updates": [{"q": {}, "u": {"$pull": {"marks": {"$in": [TEXT]}}}}]},
    "match": {"aggregate": "things", "pipeline": [{"$match": {"name": TEXT}}, {"$group": {"_id": 1}}]},
    "match within a stage": {
        "aggregate": "things",
        "pipeline": [{"$lookup": {"from": "x", "pipeline": [{"$match": {"a": TEXT}}], "as": "y"}}],
    },
    "literal": {"aggregate": "things", "pipeline": [{"$project": {"is": {"$eq": ["$name", {"$literal": TEXT}]}}}]},
    "literal in a change": {"update": "things", "updates": [{"q": {}, "u": [{"$set": {"a": {"$literal": TEXT}}}]}]},
    "explained": {"explain": find(name=TEXT), "verbosity": "queryPlanner"},
}
LEAKS: dict[str, tuple[dict[str, Any], str]] = {
    "operator": (find(name={TEXT: 1}), "find.filter.name holds '$evil' in a key"),
    "path": (find(**{f"body.{TEXT}": 1}), "find.filter holds"),
    "key of a value": (find(name={"$eq": {TEXT: 1}}), "in a key"),
    "regex": (find(name={"$regex": f"^{TEXT}"}), "find.filter.name.$regex holds"),
    "regex of Python": (find(name=re.compile(re.escape("a") + TEXT)), "find.filter.name holds '$evil' in a pattern"),
    "regex of BSON": (find(name={"$in": [Regex(TEXT)]}), "find.filter.name.$in[0] holds"),
    "regex of bytes": (find(name=re.compile(TEXT.encode())), "in a pattern"),
    "stored regex": ({"insert": "things", "documents": [{"a": Regex(TEXT)}]}, "in a pattern"),
    "where": (find(**{"$where": f"this.a == '{TEXT}'"}), "find.filter.$where holds '$evil' in code"),
    "code": (find(name=Code(f"return '{TEXT}'")), "in code"),
    "expression": (find(**{"$expr": {"$eq": ["$name", TEXT]}}), "find.filter.$expr.$eq[1] holds"),
    "expression deep down": (find(**{"$or": [{"$expr": {"$gt": [TEXT, 1]}}]}), "find.filter.$or[0].$expr"),
    "projection": ({**find(), "projection": {"is": TEXT}}, "find.projection.is holds"),
    "sort": ({**find(), "sort": {TEXT: 1}}, "find.sort holds"),
    "hint": ({**find(), "hint": TEXT}, "find.hint holds"),
    "variable": ({**find(), "let": {"x": TEXT}}, "find.let.x holds"),
    "collection": ({"find": TEXT, "filter": {}}, "find.find holds"),
    "inserted key": ({"insert": "things", "documents": [{"body": {TEXT: 1}}]}, "insert.documents[0].body holds"),
    "changed path": ({"update": "things", "updates": [{"q": {}, "u": {"$set": {f"a.{TEXT}": 1}}}]}, "u.$set holds"),
    "renamed": ({"update": "things", "updates": [{"q": {}, "u": {"$rename": {"a": TEXT}}}]}, "$rename.a holds"),
    "change as a pipeline": (
        {"update": "things", "updates": [{"q": {}, "u": [{"$set": {"a": TEXT}}]}]},
        "update.updates[0].u[0].$set.a holds",
    ),
    "change of one": (
        {"findAndModify": "things", "query": {}, "update": [{"$set": {"a": f"${TEXT}"}}]},
        "findAndModify.update[0].$set.a holds",
    ),
    "pulled": ({"update": "things", "updates": [{"q": {}, "u": {"$pull": {"a": {"$regex": TEXT}}}}]}, "$regex holds"),
    "stage": ({"aggregate": "things", "pipeline": [{"$group": {"_id": f"$body.{TEXT}"}}]}, "pipeline[0].$group._id"),
    "function": (
        {"aggregate": "things", "pipeline": [{"$project": {"a": {"$function": {"body": TEXT, "args": []}}}}]},
        "$function.body holds",
    ),
    "stage within a stage": (
        {"aggregate": "things", "pipeline": [{"$lookup": {"from": "x", "pipeline": [{"$match": {TEXT: 1}}]}}]},
        "$lookup.pipeline[0].$match holds",
    ),
    "distinct": ({"distinct": "things", "key": TEXT, "query": {}}, "distinct.key holds"),
    "explained": ({"explain": find(name={"$regex": TEXT})}, "explain.explain.filter.name.$regex holds"),
}


@pytest.mark.parametrize("command", PLAIN.values(), ids=PLAIN)
def test_values_are_no_leak(command: dict[str, Any]) -> None:
    """What is compared or stored may be anything."""
    assert [] == client_text_leaks(sent(command), [TEXT])


@pytest.mark.parametrize(("command", "place"), LEAKS.values(), ids=LEAKS)
def test_a_leak_is_found(command: dict[str, Any], place: str) -> None:
    """Each is found once, and the line says where."""
    (leak,) = client_text_leaks(sent(find(), command), ["nowhere", TEXT])
    assert place in leak
    assert TEXT in leak


UNSCOPED: dict[str, dict[str, Any]] = {
    "find": {"find": "things", "filter": {"name": "a"}},
    "find all": {"find": "things"},
    "all but one": {"find": "things", "filter": {"tenant": {"$ne": "t"}}},
    "in one branch": {"find": "things", "filter": {"$or": [{"tenant": "t"}, {"name": "a"}]}},
    "update": {"update": "things", "updates": [{"q": {"tenant": "t"}, "u": {}}, {"q": {"id": "a"}, "u": {}}]},
    "delete": {"delete": "things", "deletes": [{"q": {}, "limit": 0}]},
    "findAndModify": {"findAndModify": "things", "query": {"id": "a"}, "update": {}},
    "aggregate": {"aggregate": "things", "pipeline": [{"$match": {"a": 1}}]},
    "match that comes late": {"aggregate": "things", "pipeline": [{"$sort": {"a": 1}}, {"$match": {"tenant": "t"}}]},
    "count": {"count": "things", "query": {}},
    "distinct": {"distinct": "things", "key": "a"},
    "bulk": {"bulkWrite": 1, "ops": [{"insert": 0, "document": {}}, {"delete": 0, "filter": {"a": 1}}]},
}


@pytest.mark.parametrize("command", UNSCOPED.values(), ids=UNSCOPED)
def test_a_search_without_a_tenant_is_found(command: dict[str, Any]) -> None:
    """Once for each write, and not where the collection or the command is an exception."""
    commands = sent(command)
    (line,) = unscoped(commands)
    name, collection = next(iter(command)), next(iter(commands)).collection
    assert line.startswith(f"{name} {collection}: ")
    assert [] == unscoped(commands, [collection])
    assert [] == unscoped(commands, [f"{name} {collection}"])
    assert [line] == unscoped(commands, ["others", f"getMore {collection}"])


@pytest.mark.parametrize(
    "filter",
    [
        {"tenant": "t"},
        {"tenant": {"$eq": "t"}},
        {"tenant": {"$in": ["t", "u"]}},
        {"$and": [{"name": "a"}, {"tenant": "t"}]},
        {"$or": [{"tenant": "t"}, {"tenant": "u"}]},
    ],
    ids=["equal", "$eq", "$in", "$and", "$or"],
)
def test_a_search_with_a_tenant(filter: dict[str, Any]) -> None:
    """There are several ways to say whose documents are meant."""
    assert [] == unscoped(sent({"find": "things", "filter": filter}, {"insert": "things", "documents": [{}]}))


def told(commands: Commands) -> list[tuple[str, str]]:
    """The commands in their order."""
    return [(each.name, each.collection) for each in commands]


def test_what_the_driver_sends(mongo_database: str) -> None:
    """Each way of the driver to write and to search is recorded with all that it says."""
    commands = Commands()
    with MongoClient[dict[str, Any]](mongo_database, event_listeners=[commands]) as client:
        things = client.get_default_database().things
        things.bulk_write([InsertOne({"tenant": TEXT}), UpdateOne({"a": TEXT}, {"$set": {TEXT[1:]: 1}})])
        things.bulk_write([ReplaceOne({"b": 1}, {"c": TEXT}), DeleteOne({"d": TEXT})])
        things.find_one_and_update({"e": 1}, {"$set": {"f": 1}})
        things.count_documents({"g": TEXT})
        list(things.find({"h": TEXT}, batch_size=1))
        sent_so_far = told(commands)
    names = ["insert", "update", "update", "delete", "findAndModify", "aggregate", "find"]
    assert [(name, "things") for name in names] == sent_so_far
    (leak,) = client_text_leaks(commands, ["evil"])
    assert "update.updates[0].u.$set holds 'evil' in a key" in leak
    assert 6 == len(unscoped(commands))
    assert [{"d": TEXT}] == commands.named("delete")[0].filters
    commands.clear()
    assert [] == list(commands)


async def test_what_the_driver_sends_on_asyncio(mongo_database: str) -> None:
    """The client of the store is listened to like the other; pages after the first name their collection too."""
    commands = Commands()
    async with AsyncMongoClient[dict[str, Any]](mongo_database, event_listeners=[commands]) as client:
        things = client.get_default_database().things
        await things.insert_many([{"tenant": "t"} for _ in range(3)])
        assert 3 == len(await things.find({"tenant": "t"}, batch_size=2).to_list())
        # NOTE: the leak that the store must never have, in which the server takes a client's word for a command.
        await things.find({"tenant": "t", "name": {"$gt": ""}, "$expr": {"$eq": ["$name", TEXT]}}).to_list()
        sent_so_far = told(commands)
    assert [("insert", "things"), ("find", "things"), ("getMore", "things"), ("find", "things")] == sent_so_far
    assert 1 == len(client_text_leaks(commands, [TEXT]))
    assert [] == unscoped(commands)


def test_a_record_is_a_copy() -> None:
    """What the driver does to a command later does not change what was sent."""
    document = {"a": 1}
    commands = sent({"insert": "things", "documents": [document]})
    document["a"] = 2
    (command,) = commands
    assert Command("insert", "things", {"insert": "things", "documents": [{"a": 1}], "$db": "a"}) == command
