"""Tests of the dialects: RingCentral's conventions, the realm style, and what all of them share."""
