-- Last values are added by catalog.py: they stand in the sequences themselves.
SELECT ARRAY[nspname, relname]::text[], NULL::text, NULL::text[], jsonb_build_object(
    'data_type', seqtypid::regtype::text,
    'start', seqstart, 'increment', seqincrement,
    'minimum', seqmin, 'maximum', seqmax, 'cache', seqcache, 'cycle', seqcycle,
    'persistence', CASE WHEN relpersistence = 'u' THEN 'unlogged' END,
    'owned_by', (
        SELECT format('%s.%I', refobjid::regclass, attname)
        FROM pg_catalog.pg_depend
        JOIN pg_catalog.pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
        WHERE classid = 'pg_catalog.pg_class'::regclass AND objid = user_relation.oid
            AND refclassid = 'pg_catalog.pg_class'::regclass AND deptype IN ('a', 'i')
        LIMIT 1))
FROM user_relation
JOIN pg_catalog.pg_sequence ON seqrelid = user_relation.oid
