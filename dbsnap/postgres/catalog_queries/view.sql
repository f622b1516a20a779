SELECT ARRAY[nspname, relname]::text[], NULL::text, NULL::text[], jsonb_build_object(
    'definition', pg_catalog.pg_get_viewdef(user_relation.oid),
    'options', (SELECT jsonb_agg(option ORDER BY option) FROM unnest(reloptions) AS option),
    'columns', (
        SELECT string_agg(format('%I %s', attname, pg_catalog.format_type(atttypid, atttypmod))
                          || coalesce(' DEFAULT ' || pg_catalog.pg_get_expr(adbin, adrelid), ''),
                          ', ' ORDER BY attnum)
        FROM pg_catalog.pg_attribute
        LEFT JOIN pg_catalog.pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = user_relation.oid AND attnum > 0 AND NOT attisdropped))
FROM user_relation
WHERE relkind = 'v'
