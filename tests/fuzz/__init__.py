"""A search for bytes that reading a dump cannot cope with: ``make fuzz``."""
