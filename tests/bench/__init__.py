"""A benchmark that states costs as ratios taken in one run: `scripts/bench`.

Read `rows.py` first: it names what is measured and the aim of each row. `rounds.py` says how.
"""
