"""Moving what a store holds: out into an archive, a folder of plain files, and into another store of any sort.

`lines` is what a document looks like in an archive and how it is counted; `manifest` what the archive says of itself;
`archive` its files. `exporting` and `importing` walk through all of it, `tree` knows what belongs to an account, and
`progress` says how far they are.
"""
