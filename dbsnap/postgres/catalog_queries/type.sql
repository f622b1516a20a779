-- Array, multirange and table row types come with the type or table they belong to.
SELECT ARRAY[schema.nspname, type.typname]::text[], NULL::text, NULL::text[],
    CASE type.typtype
        WHEN 'e' THEN jsonb_build_object('form', 'enum', 'definition', (
            SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
            FROM pg_catalog.pg_enum WHERE enumtypid = type.oid))
        WHEN 'd' THEN jsonb_build_object('form', 'domain', 'definition', concat_ws(' ',
            pg_catalog.format_type(type.typbasetype, type.typtypmod),
            CASE WHEN type.typcollation <> base.typcollation
                THEN 'COLLATE ' || type.typcollation::regcollation END,
            'DEFAULT ' || type.typdefault,
            CASE WHEN type.typnotnull THEN 'NOT NULL' END,
            (SELECT string_agg(format('CONSTRAINT %I %s', conname,
                                      pg_catalog.pg_get_constraintdef(oid)), ' ' ORDER BY conname)
             FROM pg_catalog.pg_constraint WHERE contypid = type.oid AND contype = 'c')))
        WHEN 'c' THEN jsonb_build_object('form', 'composite', 'definition', (
            SELECT string_agg(concat_ws(' ', format('%I', attname),
                       pg_catalog.format_type(atttypid, atttypmod),
                       CASE WHEN attcollation <> own.typcollation
                           THEN 'COLLATE ' || attcollation::regcollation END), ', ' ORDER BY attnum)
            FROM pg_catalog.pg_attribute
            JOIN pg_catalog.pg_type AS own ON own.oid = atttypid
            WHERE attrelid = type.typrelid AND attnum > 0 AND NOT attisdropped))
        WHEN 'r' THEN (
            SELECT jsonb_build_object('form', 'range', 'definition', concat_ws(' ',
                pg_catalog.format_type(range.rngsubtype, NULL),
                CASE WHEN range.rngcollation <> 0
                    THEN 'COLLATE ' || range.rngcollation::regcollation END,
                CASE WHEN range.rngcanonical <> 0
                    THEN 'CANONICAL ' || range.rngcanonical::regproc END,
                CASE WHEN range.rngsubdiff <> 0 THEN 'DIFF ' || range.rngsubdiff::regproc END))
            FROM pg_catalog.pg_range AS range WHERE range.rngtypid = type.oid)
        ELSE jsonb_build_object('form', 'base', 'definition', concat_ws(' ',
            'LENGTH', type.typlen, 'INPUT', type.typinput::regproc,
            'OUTPUT', type.typoutput::regproc))
    END
FROM pg_catalog.pg_type AS type
JOIN user_schema AS schema ON schema.oid = type.typnamespace
LEFT JOIN pg_catalog.pg_type AS base ON base.oid = type.typbasetype
LEFT JOIN pg_catalog.pg_class AS relation ON relation.oid = type.typrelid
WHERE type.typtype IN ('e', 'd', 'c', 'r', 'b')
    AND (type.typtype <> 'c' OR relation.relkind = 'c')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS element
                    WHERE element.oid = type.typelem AND element.typarray = type.oid)
    AND NOT EXISTS (SELECT FROM extension_member AS member
                    WHERE member.classid = 'pg_catalog.pg_type'::regclass
                        AND member.objid = type.oid)
