-- PostgreSQL 18 and newer give not-null constraints names; older servers have none to read.
SELECT ARRAY[nspname, relname, conname]::text[], NULL::text, ARRAY[nspname, relname]::text[],
    jsonb_build_object('definition', regexp_replace(
        pg_catalog.pg_get_constraintdef(pg_constraint.oid), ' NOT VALID$', ''),
        'validated', convalidated, 'inherited', conparentid <> 0 OR NOT conislocal)
FROM pg_catalog.pg_constraint
JOIN user_relation ON user_relation.oid = conrelid
WHERE contype = 'n'
