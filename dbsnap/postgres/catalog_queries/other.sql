-- Everything pg_dump carries that is rare enough to be told by its identity and a short definition.
SELECT ARRAY[]::text[], identified.type || ' ' || identified.identity, NULL::text[],
    jsonb_build_object('type', identified.type, 'definition', object.definition)
FROM (
    SELECT 'pg_catalog.pg_statistic_ext'::regclass, oid,
        concat_ws(' ', pg_catalog.pg_get_statisticsobjdef(oid),
                  'TARGET ' || nullif((to_jsonb(pg_statistic_ext) ->> 'stxstattarget')::int, -1))
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
    UNION ALL SELECT 'pg_catalog.pg_foreign_data_wrapper'::regclass, oid,
        concat_ws(' ', 'HANDLER ' || nullif(fdwhandler, 0)::regproc,
                  'VALIDATOR ' || nullif(fdwvalidator, 0)::regproc, 'OPTIONS ' || (
                      SELECT string_agg(option, ', ' ORDER BY option COLLATE "C")
                      FROM unnest(fdwoptions) AS option))
    FROM pg_catalog.pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_catalog.pg_foreign_server'::regclass, server.oid,
        concat_ws(' ', fdwname, 'TYPE ' || srvtype, 'VERSION ' || srvversion,
                  'OPTIONS ' || (SELECT string_agg(option, ', ' ORDER BY option COLLATE "C")
                                 FROM unnest(srvoptions) AS option))
    FROM pg_catalog.pg_foreign_server AS server
    JOIN pg_catalog.pg_foreign_data_wrapper AS wrapper ON wrapper.oid = srvfdw
    -- The options of user mappings hold passwords.
    UNION ALL SELECT 'pg_catalog.pg_user_mapping'::regclass, umid, NULL
    FROM pg_catalog.pg_user_mappings
    UNION ALL SELECT 'pg_catalog.pg_publication'::regclass, oid,
        concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot,
                  'SCHEMAS ' || schemas)
    FROM (SELECT oid, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate,
              to_jsonb(pg_publication) ->> 'pubviaroot' AS pubviaroot,
              -- From PostgreSQL 15 on; by its dependencies, because older ones have no such catalogue.
              (SELECT string_agg(part_of.refobjid::regnamespace::text, ', ' ORDER BY nspname)
               FROM pg_catalog.pg_depend AS member
               JOIN pg_catalog.pg_depend AS part_of USING (classid, objid)
               JOIN user_schema ON user_schema.oid = part_of.refobjid
               WHERE member.classid = to_regclass('pg_catalog.pg_publication_namespace')
                   AND member.refclassid = 'pg_catalog.pg_publication'::regclass
                   AND member.refobjid = pg_publication.oid
                   AND part_of.refclassid = 'pg_catalog.pg_namespace'::regclass) AS schemas
          FROM pg_catalog.pg_publication) AS publication
    UNION ALL SELECT 'pg_catalog.pg_publication_rel'::regclass, member.oid, (
        SELECT nullif(concat_ws(' ', CASE WHEN to_jsonb(member) ->> 'prattrs' IS NOT NULL
                   THEN to_jsonb(published) ->> 'attnames' END,
               'WHERE ' || (to_jsonb(published) ->> 'rowfilter')), '')
        FROM pg_catalog.pg_publication_tables AS published
        JOIN pg_catalog.pg_publication AS publication USING (pubname)
        JOIN user_relation ON nspname = schemaname AND relname = tablename
        WHERE publication.oid = prpubid AND user_relation.oid = prrelid)
    FROM pg_catalog.pg_publication_rel AS member
) AS object(classid, objid, definition)
CROSS JOIN LATERAL pg_catalog.pg_identify_object(object.classid, object.objid, 0) AS identified
WHERE object.objid >= 16384
    AND NOT EXISTS (SELECT FROM extension_member AS member
                    WHERE member.classid = object.classid AND member.objid = object.objid)
