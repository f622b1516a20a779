SELECT ARRAY[nspname, relname, polname]::text[], NULL::text, ARRAY[nspname, relname]::text[],
    jsonb_build_object('definition', concat_ws(' ',
        CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
        'FOR', CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                           WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
        'TO', coalesce((SELECT string_agg(format('%I', rolname), ', ' ORDER BY rolname)
                        FROM pg_catalog.pg_roles WHERE oid = ANY (polroles)), 'PUBLIC'),
        'USING (' || pg_catalog.pg_get_expr(polqual, polrelid) || ')',
        'WITH CHECK (' || pg_catalog.pg_get_expr(polwithcheck, polrelid) || ')'))
FROM pg_catalog.pg_policy
JOIN user_relation ON user_relation.oid = polrelid
