-- Rows and content are added by catalog.py and content.py: they need the tables themselves.
SELECT ARRAY[nspname, relname]::text[], NULL::text, NULL::text[], jsonb_build_object(
    'form', CASE relkind WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table'
                         ELSE 'table' END,
    'persistence', CASE relpersistence WHEN 'u' THEN 'unlogged' ELSE 'permanent' END,
    'access_method', CASE WHEN relkind = 'r' THEN (
        SELECT amname FROM pg_catalog.pg_am WHERE oid = relam) END,
    'options', (SELECT jsonb_agg(option ORDER BY option) FROM unnest(reloptions) AS option),
    'partition_key', pg_catalog.pg_get_partkeydef(user_relation.oid),
    'partition_bound', pg_catalog.pg_get_expr(relpartbound, user_relation.oid),
    'parents', (
        SELECT jsonb_agg(parent.oid::regclass::text ORDER BY inhseqno)
        FROM pg_catalog.pg_inherits
        JOIN pg_catalog.pg_class AS parent ON parent.oid = inhparent
        WHERE inhrelid = user_relation.oid),
    'server', (
        SELECT srvname FROM pg_catalog.pg_foreign_table
        JOIN pg_catalog.pg_foreign_server AS server ON server.oid = ftserver
        WHERE ftrelid = user_relation.oid),
    'foreign_options', (
        SELECT jsonb_agg(option ORDER BY option)
        FROM pg_catalog.pg_foreign_table CROSS JOIN LATERAL unnest(ftoptions) AS option
        WHERE ftrelid = user_relation.oid),
    'of_type', CASE WHEN reloftype <> 0 THEN reloftype::regtype::text END,
    'row_security', relrowsecurity,
    'force_row_security', relforcerowsecurity,
    'replica_identity', CASE relreplident WHEN 'd' THEN 'default' WHEN 'n' THEN 'nothing'
                                          WHEN 'f' THEN 'full' ELSE 'index' END)
FROM user_relation
WHERE relkind IN ('r', 'p', 'f')
UNION ALL
-- Tables of extensions whose rows pg_dump carries (pg_extension_config_dump).
SELECT ARRAY[schema.nspname, relation.relname]::text[], NULL::text, NULL::text[],
    jsonb_build_object('form', 'extension data', 'condition', config.condition)
FROM pg_catalog.pg_extension AS extension
CROSS JOIN LATERAL unnest(extension.extconfig, extension.extcondition) AS config(oid, condition)
JOIN pg_catalog.pg_class AS relation ON relation.oid = config.oid AND relation.relkind = 'r'
JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
