-- Extensions comment their own members and themselves; a restore brings the installed version's words.
SELECT ARRAY[]::text[], identified.type || ' ' || identified.identity, NULL::text[],
    jsonb_build_object('text', description)
FROM pg_catalog.pg_description
CROSS JOIN LATERAL pg_catalog.pg_identify_object(classoid, objoid, objsubid) AS identified
WHERE (objoid >= 16384 OR classoid = 'pg_catalog.pg_largeobject'::regclass
       OR (classoid = 'pg_catalog.pg_namespace'::regclass
           AND objoid = (SELECT oid FROM user_schema WHERE nspname = 'public')))
    AND classoid <> 'pg_catalog.pg_extension'::regclass
    AND identified.type IS NOT NULL
    AND NOT EXISTS (SELECT FROM extension_member AS member
                    WHERE member.classid = classoid AND member.objid = objoid)
