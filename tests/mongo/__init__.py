"""Tests against MongoDB, or against the server that stands in for it."""
