"""Documents in MongoDB, through `pymongo.AsyncMongoClient`."""

from .store import MongoStore

__all__ = ["MongoStore"]
