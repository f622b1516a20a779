"""Plain-SQL bytes: what a dump file says, without a server."""
