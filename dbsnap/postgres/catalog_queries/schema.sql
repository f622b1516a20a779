SELECT ARRAY[nspname]::text[], NULL::text, NULL::text[], '{}'::jsonb
FROM user_schema
WHERE NOT EXISTS (
    SELECT FROM extension_member AS member
    WHERE member.classid = 'pg_catalog.pg_namespace'::regclass AND member.objid = user_schema.oid
)
