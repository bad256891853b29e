"""Folders and read state, which say the same in two ways: what is in `new` is unread, what is in `saved` is read. Pure.

The folders are those of Kazoo's voicemail; texts and pager messages have them as well. The folders of faxes are others,
which say how far a fax has come, so that a fax has a read state of its own.
"""

from crossbar import Body, InvalidData

NEW, SAVED, DELETED = "new", "saved", "deleted"
FOLDERS = (NEW, SAVED, DELETED)
UNREAD, READ = "unread", "read"

_STATES = {NEW: UNREAD, SAVED: READ}
_FOLDERS = {UNREAD: NEW, READ: SAVED}


def placed(before: Body, folder: str | None, state: str | None) -> Body:
    """The `folder` and `read_status` of a message that was as `before`, or was not, and is to be as somebody wishes.

    What is as it was before is no wish, since clients send a whole message back to change one field of it. A message in
    the folder `deleted` is as unread as it was. InvalidData if folder and state contradict each other.
    """
    was, had = before.get("folder"), before.get("read_status")
    folder = None if folder == was else folder
    state = None if state == had else state
    if folder is None and state is None:
        folder = was or NEW
        return {"folder": folder, "read_status": had or _STATES.get(folder, READ)}
    if folder is None:
        return {"folder": was if was == DELETED else _FOLDERS[str(state)], "read_status": state}
    follows = _STATES.get(folder, state or had or READ)
    if state not in (None, follows):
        told = f"a message in the folder {folder!r} is {follows}: say one of the two"
        raise InvalidData("read_status", "invalid", told, target=follows, value=state)
    return {"folder": folder, "read_status": follows}
