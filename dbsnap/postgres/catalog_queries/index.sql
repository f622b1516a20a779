SELECT ARRAY[index.nspname, index.relname]::text[], NULL::text,
    ARRAY[user_relation.nspname, user_relation.relname]::text[],
    jsonb_build_object(
        'definition', pg_catalog.pg_get_indexdef(index.oid),
        'valid', indisvalid,
        'partitioned', index.relkind = 'I',
        'clustered', indisclustered,
        'replica_identity', indisreplident,
        'statistics', CASE WHEN index.oid IN (
                SELECT attrelid FROM pg_catalog.pg_attribute WHERE attstattarget >= 0) THEN (
            SELECT jsonb_object_agg(attnum, attstattarget)
            FROM pg_catalog.pg_attribute
            WHERE attrelid = index.oid AND attstattarget >= 0) END)
FROM pg_catalog.pg_index
JOIN user_relation AS index ON index.oid = indexrelid
JOIN user_relation ON user_relation.oid = indrelid
