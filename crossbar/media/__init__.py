"""Files of documents: how they come in, where they are named, and how they go out.

`uploads` reads a request's body into the store, with the help of `incoming`, `forms`, `parts` and `base64_pieces`.
`attachments` names files in their documents, `slots` answers for them, and `files` is for modules that copy them.
`downloads` sends bytes, with `ranges` and `disposition`. `types` are their media types.
"""
