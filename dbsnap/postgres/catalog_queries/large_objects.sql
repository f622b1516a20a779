-- Their content is added by catalog.py, where it is wanted.
SELECT ARRAY['all']::text[], NULL::text, NULL::text[], jsonb_build_object('count', count(*))
FROM pg_catalog.pg_largeobject_metadata
