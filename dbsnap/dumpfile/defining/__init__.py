"""What the statements of a dump define."""
