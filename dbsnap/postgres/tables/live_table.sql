-- Everything about tables that a restore of their rows depends on, a JSON object for each.
SELECT jsonb_build_object(
    'oid', relation.oid::bigint,
    'schema', schema.nspname,
    'name', relname,
    'partitioned', relkind = 'p',
    'readable', pg_catalog.has_table_privilege(relation.oid, 'SELECT')
        AND NOT pg_catalog.row_security_active(relation.oid),
    'row_security', pg_catalog.row_security_active(relation.oid),
    'owned', pg_catalog.pg_has_role(relowner, 'USAGE'),
    'partitions', ARRAY(
        SELECT jsonb_build_array(part_schema.nspname, part.relname)
        FROM pg_catalog.pg_partition_tree(relation.oid) AS tree
        JOIN pg_catalog.pg_class AS part ON part.oid = tree.relid
        JOIN pg_catalog.pg_namespace AS part_schema ON part_schema.oid = part.relnamespace
        WHERE tree.level > 0
        ORDER BY tree.relid),
    'columns', ARRAY(
        SELECT jsonb_build_object(
            'name', attname,
            'type', pg_catalog.format_type(atttypid, atttypmod),
            'not_null', attnotnull,
            'not_null_name', (
                SELECT conname FROM pg_catalog.pg_constraint
                WHERE conrelid = attrelid AND contype = 'n' AND conkey = ARRAY[attnum]),
            'has_default', adrelid IS NOT NULL OR attidentity <> '',
            'generated', CASE WHEN attgenerated <> '' THEN
                pg_catalog.pg_get_expr(adbin, adrelid) ELSE '' END,
            'identity', CASE attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default'
                                         ELSE '' END)
        FROM pg_catalog.pg_attribute
        LEFT JOIN pg_catalog.pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
        ORDER BY attnum),
    'unique_keys', ARRAY(
        SELECT jsonb_build_object(
            'name', index.relname,
            'primary', indisprimary,
            'is_btree', amname = 'btree',
            'immediate', indimmediate,
            'nulls_equal', coalesce((to_jsonb(pg_index) ->> 'indnullsnotdistinct')::boolean, false),
            'predicate', coalesce(pg_catalog.pg_get_expr(indpred, indrelid), ''),
            'columns', ARRAY(
                SELECT attname FROM pg_catalog.pg_attribute
                WHERE attrelid = indrelid AND (
                    attnum = ANY ((indkey::int2[])[0:indnkeyatts - 1]) AND attnum > 0
                    OR attnum IN (
                        SELECT refobjsubid FROM pg_catalog.pg_depend
                        WHERE classid = 'pg_catalog.pg_class'::regclass AND objid = indexrelid
                            AND refclassid = 'pg_catalog.pg_class'::regclass
                            AND refobjid = indrelid AND refobjsubid > 0))
                ORDER BY attnum),
            'parts', ARRAY(
                SELECT jsonb_build_object(
                    'column', (
                        SELECT attname FROM pg_catalog.pg_attribute
                        WHERE attrelid = indrelid AND attnum = indkey[n - 1] AND attnum > 0),
                    'expression', pg_catalog.pg_get_indexdef(indexrelid, n, false),
                    'operator', (
                        SELECT pg_catalog.format('OPERATOR(%%I.%%s)', operator_schema.nspname, oprname)
                        FROM pg_catalog.pg_operator
                        JOIN pg_catalog.pg_namespace AS operator_schema
                            ON operator_schema.oid = oprnamespace
                        WHERE pg_operator.oid = coalesce(
                            conexclop[n],
                            (SELECT amopopr FROM pg_catalog.pg_opclass
                             JOIN pg_catalog.pg_amop ON amopfamily = opcfamily
                                AND amoplefttype = opcintype AND amoprighttype = opcintype
                                AND amopstrategy = 3
                             WHERE pg_opclass.oid = indclass[n - 1] AND amname = 'btree'))))
                FROM generate_series(1, indnkeyatts) AS n
                ORDER BY n))
        FROM pg_catalog.pg_index
        JOIN pg_catalog.pg_class AS index ON index.oid = indexrelid
        JOIN pg_catalog.pg_am ON pg_am.oid = index.relam
        LEFT JOIN pg_catalog.pg_constraint ON conindid = indexrelid AND contype IN ('p', 'u', 'x')
        WHERE indrelid = relation.oid AND (indisunique OR indisexclusion) AND indislive AND indisready
        ORDER BY indisprimary DESC, index.relname),
    'triggers', ARRAY(
        SELECT jsonb_build_array(part_schema.nspname, part.relname, tgname, tgenabled)
        FROM pg_catalog.pg_trigger
        JOIN pg_catalog.pg_class AS part ON part.oid = tgrelid
        JOIN pg_catalog.pg_namespace AS part_schema ON part_schema.oid = part.relnamespace
        WHERE NOT tgisinternal AND tgenabled <> 'D' AND (tgrelid = relation.oid OR tgrelid IN (
            SELECT relid FROM pg_catalog.pg_partition_tree(relation.oid)))
        ORDER BY tgrelid, tgname),
    'rules', ARRAY(
        SELECT jsonb_build_array(rulename, ev_enabled)
        FROM pg_catalog.pg_rewrite
        WHERE ev_class = relation.oid AND ev_type <> '1' AND ev_enabled <> 'D'
        ORDER BY rulename),
    'sequences', ARRAY(
        SELECT DISTINCT jsonb_build_array(sequence_schema.nspname, sequence.relname)
        FROM pg_catalog.pg_depend
        LEFT JOIN pg_catalog.pg_attrdef
            ON classid = 'pg_catalog.pg_attrdef'::regclass AND objid = pg_attrdef.oid
        JOIN pg_catalog.pg_class AS sequence ON sequence.relkind = 'S' AND sequence.oid = CASE
            WHEN adrelid IS NULL AND classid = 'pg_catalog.pg_class'::regclass THEN objid
            ELSE refobjid END
        JOIN pg_catalog.pg_namespace AS sequence_schema ON sequence_schema.oid = sequence.relnamespace
        WHERE refclassid = 'pg_catalog.pg_class'::regclass AND (
            adrelid = relation.oid OR (
                classid = 'pg_catalog.pg_class'::regclass AND refobjid = relation.oid
                AND deptype IN ('a', 'i')))))
FROM pg_catalog.pg_class AS relation
JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relnamespace
WHERE relation.oid = ANY (%s)
ORDER BY relation.oid
