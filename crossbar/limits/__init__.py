"""Limits: how often who may ask, how many logins may fail, and how many requests a process takes on at once.

`buckets` is the arithmetic, and the table of one process; `shared_table` is the one that worker processes share, and
`counters` chooses between them. `admission` charges requests, `attempts` counts logins, `overload` sheds. Where several
machines have one store, `told_table` notes what is taken, and `exchange` tells it to the others.
"""
