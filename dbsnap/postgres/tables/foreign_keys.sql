-- Every enforced foreign key of the database, a JSON object for each. With partitions the server keeps
-- further entries of one key: the columns named helper_of tell which belong to another of one side.
SELECT jsonb_build_object(
    'name', conname,
    'table', jsonb_build_object(
        'oid', child.oid::bigint, 'schema', child_schema.nspname, 'name', child.relname,
        'partitioned', child.relkind = 'p',
        'readable', pg_catalog.has_table_privilege(child.oid, 'SELECT')
            AND NOT pg_catalog.row_security_active(child.oid)),
    'referenced', jsonb_build_object(
        'oid', parent.oid::bigint, 'schema', parent_schema.nspname, 'name', parent.relname,
        'partitioned', parent.relkind = 'p',
        'readable', pg_catalog.has_table_privilege(parent.oid, 'SELECT')
            AND NOT pg_catalog.row_security_active(parent.oid)),
    'columns', ARRAY(
        SELECT attname FROM unnest(conkey) WITH ORDINALITY AS key(number, place)
        JOIN pg_catalog.pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place),
    'referenced_columns', ARRAY(
        SELECT attname FROM unnest(confkey) WITH ORDINALITY AS key(number, place)
        JOIN pg_catalog.pg_attribute ON attrelid = confrelid AND attnum = number ORDER BY place),
    'operators', ARRAY(
        SELECT pg_catalog.format('OPERATOR(%I.%s)', nspname, oprname)
        FROM unnest(conpfeqop) WITH ORDINALITY AS key(operator, place)
        JOIN pg_catalog.pg_operator ON pg_operator.oid = operator
        JOIN pg_catalog.pg_namespace ON pg_namespace.oid = oprnamespace ORDER BY place),
    'deferrable', condeferrable,
    'deferred', condeferred,
    'on_delete', confdeltype,
    'on_update', confupdtype,
    'helper_of_table', coalesce(whole_table = conrelid, false),
    'helper_of_referenced', coalesce(whole_referenced = confrelid, false))
FROM pg_catalog.pg_constraint
JOIN pg_catalog.pg_class AS child ON child.oid = conrelid
JOIN pg_catalog.pg_namespace AS child_schema ON child_schema.oid = child.relnamespace
JOIN pg_catalog.pg_class AS parent ON parent.oid = confrelid
JOIN pg_catalog.pg_namespace AS parent_schema ON parent_schema.oid = parent.relnamespace
LEFT JOIN LATERAL (
    SELECT other.conrelid AS whole_table, other.confrelid AS whole_referenced
    FROM pg_catalog.pg_constraint AS other
    WHERE other.oid = pg_constraint.conparentid) AS whole ON true
WHERE contype = 'f'
    AND coalesce((to_jsonb(pg_constraint) ->> 'conenforced')::boolean, true)
    AND NOT coalesce((to_jsonb(pg_constraint) ->> 'conperiod')::boolean, false)
ORDER BY conrelid, conname
