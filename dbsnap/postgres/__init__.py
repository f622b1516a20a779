"""Everything that talks to a server, or runs one of PostgreSQL's programs."""
