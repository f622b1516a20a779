-- What leaves nothing of a database but its schema public, as [statement, object, owner, allowed], in the
-- order to run: event triggers first, because they could refuse the rest.
WITH database AS (
    SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()
), object(turn, classid, objid) AS (
    SELECT 1, 'pg_catalog.pg_event_trigger'::regclass, oid FROM pg_catalog.pg_event_trigger
    UNION ALL SELECT 2, 'pg_catalog.pg_publication'::regclass, oid FROM pg_catalog.pg_publication
    UNION ALL SELECT 3, 'pg_catalog.pg_namespace'::regclass, oid FROM pg_catalog.pg_namespace
        WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
    UNION ALL SELECT 4, 'pg_catalog.pg_extension'::regclass, oid FROM pg_catalog.pg_extension
        WHERE extname <> 'plpgsql'
    UNION ALL SELECT 5, 'pg_catalog.pg_class'::regclass, oid FROM pg_catalog.pg_class
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
            AND relnamespace = to_regnamespace('public')
    UNION ALL SELECT 6, 'pg_catalog.pg_proc'::regclass, oid FROM pg_catalog.pg_proc
        WHERE pronamespace = to_regnamespace('public')
    UNION ALL SELECT 7, 'pg_catalog.pg_type'::regclass, oid FROM pg_catalog.pg_type
        WHERE typnamespace = to_regnamespace('public')
    UNION ALL SELECT 8, 'pg_catalog.pg_opclass'::regclass, oid FROM pg_catalog.pg_opclass
        WHERE opcnamespace = to_regnamespace('public')
    UNION ALL SELECT 9, 'pg_catalog.pg_opfamily'::regclass, oid FROM pg_catalog.pg_opfamily
        WHERE opfnamespace = to_regnamespace('public')
    UNION ALL SELECT 10, 'pg_catalog.pg_operator'::regclass, oid FROM pg_catalog.pg_operator
        WHERE oprnamespace = to_regnamespace('public')
    UNION ALL SELECT 11, 'pg_catalog.pg_collation'::regclass, oid FROM pg_catalog.pg_collation
        WHERE collnamespace = to_regnamespace('public')
    UNION ALL SELECT 12, 'pg_catalog.pg_conversion'::regclass, oid FROM pg_catalog.pg_conversion
        WHERE connamespace = to_regnamespace('public')
    UNION ALL SELECT 13, 'pg_catalog.pg_ts_config'::regclass, oid FROM pg_catalog.pg_ts_config
        WHERE cfgnamespace = to_regnamespace('public')
    UNION ALL SELECT 14, 'pg_catalog.pg_ts_dict'::regclass, oid FROM pg_catalog.pg_ts_dict
        WHERE dictnamespace = to_regnamespace('public')
    UNION ALL SELECT 15, 'pg_catalog.pg_ts_template'::regclass, oid FROM pg_catalog.pg_ts_template
        WHERE tmplnamespace = to_regnamespace('public')
    UNION ALL SELECT 16, 'pg_catalog.pg_ts_parser'::regclass, oid FROM pg_catalog.pg_ts_parser
        WHERE prsnamespace = to_regnamespace('public')
    -- These are in no schema. What depends on them goes with them.
    UNION ALL SELECT 17, 'pg_catalog.pg_foreign_data_wrapper'::regclass, oid
        FROM pg_catalog.pg_foreign_data_wrapper
    UNION ALL SELECT 18, 'pg_catalog.pg_cast'::regclass, oid
        FROM pg_catalog.pg_cast WHERE oid >= 16384
    UNION ALL SELECT 19, 'pg_catalog.pg_language'::regclass, oid
        FROM pg_catalog.pg_language WHERE oid >= 16384
    UNION ALL SELECT 20, 'pg_catalog.pg_am'::regclass, oid
        FROM pg_catalog.pg_am WHERE oid >= 16384
    UNION ALL SELECT 21, 'pg_catalog.pg_largeobject'::regclass, oid
        FROM pg_catalog.pg_largeobject_metadata
), droppable AS (
    SELECT turn, identified.type, identified.identity, object.objid,
        -- The bootstrap superuser's objects have no entry, nor have casts, which no one owns.
        coalesce(dependency.refobjid, CASE WHEN turn <> 18 THEN 10::oid END) AS owner
    FROM object
    LEFT JOIN pg_catalog.pg_shdepend AS dependency
        ON dependency.dbid = (SELECT oid FROM database)
        AND dependency.classid = object.classid AND dependency.objid = object.objid
        AND dependency.deptype = 'o'
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(object.classid, object.objid, 0) AS identified
    WHERE NOT EXISTS (
        -- Extensions go as a whole; array and row types, and the sequences of identity columns, with
        -- what they belong to.
        SELECT FROM pg_catalog.pg_depend AS dependency
        WHERE dependency.classid = object.classid AND dependency.objid = object.objid
            AND dependency.objsubid = 0 AND dependency.deptype IN ('e', 'i'))
), default_acl AS (
    SELECT defaclrole, defaclnamespace, defaclobjtype, pg_catalog.concat_ws(' ',
            'ALTER DEFAULT PRIVILEGES FOR ROLE', defaclrole::regrole,
            'IN SCHEMA ' || nullif(defaclnamespace, 0)::regnamespace) AS beginning,
        CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
            WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS objects,
        (SELECT pg_catalog.string_agg(DISTINCT
                    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, ', ')
         FROM pg_catalog.aclexplode(defaclacl)) AS grantees
    FROM pg_catalog.pg_default_acl
    WHERE defaclnamespace IN (0, to_regnamespace('public'))
        AND pg_catalog.pg_has_role(defaclrole, 'USAGE')  -- others' do not touch what this role creates
), public_acl AS (
    SELECT nspowner, grantees, standard
    FROM pg_catalog.pg_namespace
    CROSS JOIN LATERAL (
        SELECT pg_catalog.string_agg(DISTINCT
                CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, ', '),
            -- {owner=UC/owner,=U/owner}
            pg_catalog.count(*) = 3 AND pg_catalog.bool_and(
                grantor = nspowner AND NOT is_grantable
                AND (grantee = nspowner OR grantee = 0 AND privilege_type = 'USAGE'))
        FROM pg_catalog.aclexplode(
            coalesce(nspacl, pg_catalog.acldefault('n', nspowner)))) AS acl(grantees, standard)
    WHERE nspname = 'public' AND pg_catalog.pg_has_role(nspowner, 'USAGE')
), statement(turn, position, statement, object, owner) AS (
    SELECT turn, objid::bigint,
        CASE turn
            WHEN 6 THEN 'DROP ROUTINE IF EXISTS ' || identity || ' CASCADE'
            WHEN 17 THEN 'DROP FOREIGN DATA WRAPPER IF EXISTS ' || identity || ' CASCADE'
            WHEN 21 THEN 'SELECT pg_catalog.lo_unlink(' || objid || ')'
            ELSE pg_catalog.format('DROP %s IF EXISTS %s CASCADE', type, identity) END,
        type || ' ' || identity, owner
    FROM droppable
    UNION ALL
    SELECT 22, 1, pg_catalog.format('%s REVOKE ALL ON %s FROM %s', beginning, objects, grantees),
        'default privileges', defaclrole
    FROM default_acl WHERE grantees IS NOT NULL
    UNION ALL
    -- An entry that says what is so without it is removed by the server.
    SELECT 22, 2, pg_catalog.format('%s GRANT ALL ON %s TO %s', beginning, objects, defaclrole::regrole),
        'default privileges', defaclrole
    FROM default_acl WHERE defaclnamespace = 0
    UNION ALL
    SELECT 22, 3, pg_catalog.format('%s GRANT ALL ON %s TO PUBLIC', beginning, objects),
        'default privileges', defaclrole
    FROM default_acl WHERE defaclnamespace = 0 AND defaclobjtype IN ('f', 'T')
    UNION ALL
    -- As initdb makes it (initdb.c, setup_privileges; template1's public belongs to pg_database_owner).
    SELECT 23, position, statement, 'schema public', NULL
    FROM (VALUES (1, 'CREATE SCHEMA public'), (2, 'GRANT USAGE ON SCHEMA public TO PUBLIC'),
              (3, 'ALTER SCHEMA public OWNER TO pg_database_owner')) AS creation(position, statement)
    WHERE to_regnamespace('public') IS NULL
        AND (position < 3 OR pg_catalog.pg_has_role('pg_database_owner', 'MEMBER'))
    UNION ALL
    SELECT 23, position, pg_catalog.format(statement, grantees, nspowner::regrole), 'schema public',
        nspowner
    FROM public_acl
    CROSS JOIN (VALUES (1, 'REVOKE ALL ON SCHEMA public FROM %1$s CASCADE'),
                    (2, 'GRANT ALL ON SCHEMA public TO %2$s'),
                    (3, 'GRANT USAGE ON SCHEMA public TO PUBLIC')) AS reset(position, statement)
    WHERE NOT coalesce(standard, false) AND (position > 1 OR grantees IS NOT NULL)
    UNION ALL
    SELECT 24, 1, 'COMMENT ON SCHEMA public IS ''standard public schema''', 'schema public',
        (SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = 'public')
    WHERE pg_catalog.obj_description(to_regnamespace('public'), 'pg_namespace')
        IS DISTINCT FROM 'standard public schema'
)
SELECT pg_catalog.jsonb_build_array(statement, object, owner::regrole,
                                    owner IS NULL OR pg_catalog.pg_has_role(owner, 'USAGE'))
FROM statement ORDER BY turn, position
