SELECT ARRAY[evtname]::text[], NULL::text, NULL::text[], jsonb_build_object(
    'definition', concat_ws(' ', 'ON', evtevent, 'WHEN TAG IN ' || evttags::text,
                            'EXECUTE', evtfoid::regprocedure),
    'enabled', CASE evtenabled WHEN 'O' THEN 'yes' WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica'
                               ELSE 'always' END)
FROM pg_catalog.pg_event_trigger
WHERE NOT EXISTS (SELECT FROM extension_member AS member
                  WHERE member.classid = 'pg_catalog.pg_event_trigger'::regclass
                      AND member.objid = pg_event_trigger.oid)
