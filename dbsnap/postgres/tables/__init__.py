"""Single tables of a live database: found, dumped, staged beside, compared and changed."""
