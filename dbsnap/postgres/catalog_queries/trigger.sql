SELECT ARRAY[nspname, relname, tgname]::text[], NULL::text, ARRAY[nspname, relname]::text[],
    jsonb_build_object(
        'definition', pg_catalog.pg_get_triggerdef(trigger.oid),
        'enabled', CASE tgenabled WHEN 'O' THEN 'yes' WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica'
                                  ELSE 'always' END,
        'inherited', coalesce((to_jsonb(trigger) ->> 'tgparentid')::oid, 0) <> 0)
FROM pg_catalog.pg_trigger AS trigger
JOIN user_relation ON user_relation.oid = tgrelid
WHERE NOT tgisinternal
