SELECT ARRAY['all']::text[], NULL::text, NULL::text[], jsonb_build_object(
    'count', count(*),
    'content', md5(string_agg(oid::text || ':' || md5(pg_catalog.lo_get(oid)), ','
                              ORDER BY oid)))
FROM pg_catalog.pg_largeobject_metadata
