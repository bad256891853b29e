"""The endpoint modules that come with Crossbar; each file answers for the noun that it is named after."""
