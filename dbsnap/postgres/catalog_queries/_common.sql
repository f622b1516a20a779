WITH user_schema AS (
    SELECT oid, nspname
    FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), extension_member AS (
    SELECT classid, objid
    FROM pg_catalog.pg_depend
    WHERE deptype = 'e'
), user_relation AS (
    SELECT relation.*, schema.nspname
    FROM pg_catalog.pg_class AS relation
    JOIN user_schema AS schema ON schema.oid = relation.relnamespace
    WHERE NOT EXISTS (
        SELECT FROM extension_member AS member
        WHERE member.classid = 'pg_catalog.pg_class'::regclass AND member.objid = relation.oid
    )
        AND (/* of these relations only */ true)
)
