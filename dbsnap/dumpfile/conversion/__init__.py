"""COPY's rows as JSON, NDJSON and CSV, and back."""
