-- Everything pg_dump carries that is rare enough to be told by its identity and a short definition.
SELECT ARRAY[]::text[], identified.type || ' ' || identified.identity, NULL::text[],
    jsonb_build_object('type', identified.type, 'definition', object.definition)
FROM (
    SELECT 'pg_catalog.pg_statistic_ext'::regclass, oid,
        pg_catalog.pg_get_statisticsobjdef(oid)
    FROM pg_catalog.pg_statistic_ext
    UNION ALL SELECT 'pg_catalog.pg_cast'::regclass, oid,
        concat_ws(' ', nullif(castfunc, 0)::regprocedure, castcontext, castmethod)
    FROM pg_catalog.pg_cast
    UNION ALL SELECT 'pg_catalog.pg_operator'::regclass, oid,
        concat_ws(' ', oprcode, oprcanmerge, oprcanhash, nullif(oprrest::oid, 0)::regproc,
                  nullif(oprjoin::oid, 0)::regproc)
    FROM pg_catalog.pg_operator WHERE oprcode <> 0
    UNION ALL SELECT 'pg_catalog.pg_opclass'::regclass, oid,
        concat_ws(' ', opcintype::regtype, opcdefault, nullif(opckeytype, 0)::regtype)
    FROM pg_catalog.pg_opclass
    UNION ALL SELECT 'pg_catalog.pg_opfamily'::regclass, oid, NULL FROM pg_catalog.pg_opfamily
    UNION ALL SELECT 'pg_catalog.pg_collation'::regclass, oid,
        concat_ws(' ', collprovider, collcollate, collctype) FROM pg_catalog.pg_collation
    UNION ALL SELECT 'pg_catalog.pg_conversion'::regclass, oid, conproc::text
    FROM pg_catalog.pg_conversion
    UNION ALL SELECT 'pg_catalog.pg_ts_config'::regclass, oid, (
        SELECT string_agg(concat_ws(' ', maptokentype, mapseqno, mapdict::regdictionary), ', '
                          ORDER BY maptokentype, mapseqno)
        FROM pg_catalog.pg_ts_config_map WHERE mapcfg = pg_ts_config.oid)
    FROM pg_catalog.pg_ts_config
    UNION ALL SELECT 'pg_catalog.pg_ts_dict'::regclass, oid, dictinitoption
    FROM pg_catalog.pg_ts_dict
    UNION ALL SELECT 'pg_catalog.pg_ts_parser'::regclass, oid, NULL FROM pg_catalog.pg_ts_parser
    UNION ALL SELECT 'pg_catalog.pg_ts_template'::regclass, oid, NULL
    FROM pg_catalog.pg_ts_template
    UNION ALL SELECT 'pg_catalog.pg_language'::regclass, oid, NULL FROM pg_catalog.pg_language
    UNION ALL SELECT 'pg_catalog.pg_transform'::regclass, oid, NULL FROM pg_catalog.pg_transform
    UNION ALL SELECT 'pg_catalog.pg_am'::regclass, oid, amhandler::text FROM pg_catalog.pg_am
    UNION ALL SELECT 'pg_catalog.pg_foreign_data_wrapper'::regclass, oid, NULL
    FROM pg_catalog.pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_catalog.pg_foreign_server'::regclass, oid, NULL
    FROM pg_catalog.pg_foreign_server
    UNION ALL SELECT 'pg_catalog.pg_user_mapping'::regclass, umid, NULL
    FROM pg_catalog.pg_user_mappings
    UNION ALL SELECT 'pg_catalog.pg_publication'::regclass, oid,
        concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot)
    FROM (SELECT oid, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate,
              to_jsonb(pg_publication) ->> 'pubviaroot' AS pubviaroot
          FROM pg_catalog.pg_publication) AS publication
    UNION ALL SELECT 'pg_catalog.pg_publication_rel'::regclass, oid, NULL
    FROM pg_catalog.pg_publication_rel
) AS object(classid, objid, definition)
CROSS JOIN LATERAL pg_catalog.pg_identify_object(object.classid, object.objid, 0) AS identified
WHERE object.objid >= 16384
    AND NOT EXISTS (SELECT FROM extension_member AS member
                    WHERE member.classid = object.classid AND member.objid = object.objid)
