-- The order of columns of an inheritance child is not pg_dump's to keep: it has no position.
SELECT ARRAY[nspname, relname, attname]::text[], NULL::text, ARRAY[nspname, relname]::text[],
    jsonb_build_object(
        'position', CASE WHEN relispartition OR user_relation.oid NOT IN (
                SELECT inhrelid FROM pg_catalog.pg_inherits)
            THEN row_number() OVER (PARTITION BY attrelid ORDER BY attnum) END,
        'type', pg_catalog.format_type(atttypid, atttypmod),
        'nullable', NOT attnotnull,
        'default', CASE WHEN attgenerated = '' THEN
            pg_catalog.pg_get_expr(expression.adbin, expression.adrelid) END,
        'generated', CASE WHEN attgenerated <> '' THEN
            pg_catalog.pg_get_expr(expression.adbin, expression.adrelid) END,
        'generated_kind', CASE attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END,
        'identity', CASE attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,
        'collation', CASE WHEN attcollation <> type.typcollation
            THEN attcollation::regcollation::text END,
        'storage', CASE WHEN attstorage <> type.typstorage THEN attstorage END,
        -- New in 14; where pg_attribute does not have it, the name means that of unknown_before_14.
        'compression', nullif((SELECT attcompression FROM (SELECT attribute.*) AS own), ''),
        'statistics', nullif(attstattarget, -1),
        'options', CASE WHEN attoptions IS NOT NULL THEN (
            SELECT jsonb_agg(option ORDER BY option) FROM unnest(attoptions) AS option) END,
        'foreign_options', CASE WHEN attfdwoptions IS NOT NULL THEN (
            SELECT jsonb_agg(option ORDER BY option) FROM unnest(attfdwoptions) AS option) END)
FROM user_relation
JOIN pg_catalog.pg_attribute AS attribute ON attrelid = user_relation.oid
JOIN pg_catalog.pg_type AS type ON type.oid = atttypid
CROSS JOIN (SELECT ''::"char" AS attcompression) AS unknown_before_14
LEFT JOIN pg_catalog.pg_attrdef AS expression ON adrelid = attrelid AND adnum = attnum
WHERE relkind IN ('r', 'p', 'f') AND attnum > 0 AND NOT attisdropped
