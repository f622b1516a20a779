-- plpgsql is part of every new database, and pg_dump never mentions it.
SELECT ARRAY[extension.extname]::text[], NULL::text, NULL::text[],
    jsonb_build_object('version', extension.extversion, 'schema', schema.nspname)
FROM pg_catalog.pg_extension AS extension
JOIN pg_catalog.pg_namespace AS schema ON schema.oid = extension.extnamespace
WHERE extension.extname <> 'plpgsql'
