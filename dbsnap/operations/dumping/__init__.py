"""Dumping a database into one file, by one pg_dump or by several processes side by side."""
