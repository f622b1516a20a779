"""dbsnap: plain-SQL backups of PostgreSQL that are proved, not hoped for."""

__version__ = "0.1.0"
