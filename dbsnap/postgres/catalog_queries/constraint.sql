-- Not-null constraints are told by each column; their names (18 and newer) are a kind of their own.
SELECT ARRAY[nspname, relname, conname]::text[], NULL::text, ARRAY[nspname, relname]::text[],
    jsonb_build_object(
        'type', CASE contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique constraint'
                             WHEN 'f' THEN 'foreign key' WHEN 'c' THEN 'check constraint'
                             ELSE 'exclusion constraint' END,
        'definition', CASE WHEN convalidated THEN pg_catalog.pg_get_constraintdef(pg_constraint.oid)
            ELSE regexp_replace(pg_catalog.pg_get_constraintdef(pg_constraint.oid),
                                ' NOT VALID$', '') END,
        'validated', convalidated,
        'inherited', conparentid <> 0 OR NOT conislocal,
        'enforced', pg_constraint.oid NOT IN (SELECT tgconstraint FROM pg_catalog.pg_trigger
                                              WHERE tgenabled = 'D'))
FROM pg_catalog.pg_constraint
JOIN user_relation ON user_relation.oid = conrelid
WHERE contype IN ('p', 'u', 'f', 'c', 'x')
    -- A key to a partitioned table has a helper for each partition, named differently by each major.
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS parent
                    WHERE parent.oid = pg_constraint.conparentid
                        AND parent.conrelid = pg_constraint.conrelid)
