"""Tests of plugins: where they come from, how they change, and what one that fails can do to others."""
