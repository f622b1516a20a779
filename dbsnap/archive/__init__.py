"""A backup at rest: its record, where it is stored, and what is written beside it."""
