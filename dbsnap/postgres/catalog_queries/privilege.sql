SELECT ARRAY[]::text[], object.name, object.table_path, jsonb_build_object(
    'owner', pg_catalog.pg_get_userbyid(object.owner),
    'acl', (SELECT jsonb_agg(item::text ORDER BY item::text) FROM unnest(object.acl) AS item))
FROM (
    SELECT identified.type || ' ' || identified.identity, relowner,
        coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)),
        ARRAY[nspname, relname]::text[]
    FROM user_relation
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(
        'pg_catalog.pg_class'::regclass, user_relation.oid, 0) AS identified
    WHERE relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
    UNION ALL
    SELECT 'schema ' || format('%I', user_schema.nspname), nspowner,
        coalesce(nspacl, acldefault('n', nspowner)), NULL
    FROM user_schema JOIN pg_catalog.pg_namespace AS schema ON schema.oid = user_schema.oid
    UNION ALL
    SELECT identified.type || ' ' || identified.identity, proowner,
        coalesce(proacl, acldefault('f', proowner)), NULL
    FROM pg_catalog.pg_proc
    JOIN user_schema ON user_schema.oid = pronamespace
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(
        'pg_catalog.pg_proc'::regclass, pg_proc.oid, 0) AS identified
    WHERE NOT EXISTS (SELECT FROM extension_member AS member
                      WHERE member.classid = 'pg_catalog.pg_proc'::regclass
                          AND member.objid = pg_proc.oid)
    UNION ALL
    SELECT identified.type || ' ' || identified.identity, typowner,
        coalesce(typacl, acldefault('T', typowner)), NULL
    FROM pg_catalog.pg_type
    JOIN user_schema ON user_schema.oid = typnamespace
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(
        'pg_catalog.pg_type'::regclass, pg_type.oid, 0) AS identified
    WHERE typtype IN ('e', 'd', 'r')
        AND NOT EXISTS (SELECT FROM extension_member AS member
                        WHERE member.classid = 'pg_catalog.pg_type'::regclass
                            AND member.objid = pg_type.oid)
    UNION ALL
    SELECT 'column ' || format('%s.%I', user_relation.oid::regclass, attname), relowner, attacl,
        ARRAY[nspname, relname]::text[]
    FROM pg_catalog.pg_attribute
    JOIN user_relation ON user_relation.oid = attrelid
    WHERE attacl IS NOT NULL AND NOT attisdropped
    UNION ALL
    SELECT 'default privileges ' || concat_ws(' ', defaclrole::regrole,
               nullif(defaclnamespace, 0)::regnamespace, defaclobjtype), defaclrole, defaclacl, NULL
    FROM pg_catalog.pg_default_acl
    UNION ALL
    SELECT 'large object ' || oid, lomowner, coalesce(lomacl, acldefault('L', lomowner)), NULL
    FROM pg_catalog.pg_largeobject_metadata
) AS object(name, owner, acl, table_path)
