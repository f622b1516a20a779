SELECT ARRAY[schema.nspname, function.proname]::text[],
    '(' || pg_catalog.pg_get_function_identity_arguments(function.oid) || ')', NULL::text[],
    CASE WHEN function.prokind = 'a' THEN (
        SELECT jsonb_build_object('language', 'aggregate', 'definition', concat_ws(' ',
            'SFUNC', aggtransfn, 'STYPE', pg_catalog.format_type(aggtranstype, NULL),
            'FINALFUNC', nullif(aggfinalfn::oid, 0)::regproc,
            'COMBINEFUNC', nullif(aggcombinefn::oid, 0)::regproc,
            'INITCOND', quote_literal(agginitval), 'KIND', aggkind,
            'SORTOP', nullif(aggsortop, 0)::regoperator))
        FROM pg_catalog.pg_aggregate WHERE aggfnoid = function.oid)
    ELSE jsonb_build_object(
        'language', (SELECT lanname FROM pg_catalog.pg_language WHERE oid = function.prolang),
        'definition', pg_catalog.pg_get_functiondef(function.oid))
    END
FROM pg_catalog.pg_proc AS function
JOIN user_schema AS schema ON schema.oid = function.pronamespace
WHERE NOT EXISTS (SELECT FROM extension_member AS member
                  WHERE member.classid = 'pg_catalog.pg_proc'::regclass
                      AND member.objid = function.oid)
    -- The constructors of range types come with the type.
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend
                    WHERE classid = 'pg_catalog.pg_proc'::regclass AND objid = function.oid
                        AND deptype = 'i' AND refclassid = 'pg_catalog.pg_type'::regclass)
