SELECT ARRAY[nspname, relname, rulename]::text[], NULL::text, ARRAY[nspname, relname]::text[],
    jsonb_build_object(
        'definition', pg_catalog.pg_get_ruledef(rule.oid),
        'enabled', CASE ev_enabled WHEN 'O' THEN 'yes' WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica'
                                   ELSE 'always' END)
FROM pg_catalog.pg_rewrite AS rule
JOIN user_relation ON user_relation.oid = ev_class
WHERE rulename <> '_RETURN'
