-- Rows and content are added by catalog.py: they need the views themselves.
SELECT ARRAY[nspname, relname]::text[], NULL::text, NULL::text[], jsonb_build_object(
    'definition', pg_catalog.pg_get_viewdef(user_relation.oid),
    'options', (SELECT jsonb_agg(option ORDER BY option) FROM unnest(reloptions) AS option),
    'populated', relispopulated)
FROM user_relation
WHERE relkind = 'm'
