"""Tests with a real browser, which are reported as skipped where there is none."""
