CREATE FUNCTION math.defaults(a integer DEFAULT length('four'::text), b date DEFAULT CURRENT_DATE, c text DEFAULT NULL::text, d integer[] DEFAULT ARRAY[1, 2]) RETURNS integer
    LANGUAGE sql
    AS $$SELECT a$$;
CREATE FUNCTION math.empty_search_path() RETURNS text
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$SELECT 1::text$$;
CREATE FUNCTION math.from_current() RETURNS text
    LANGUAGE sql
    SET "TimeZone" TO 'Etc/UTC'
    AS $$SELECT 1::text$$;
CREATE FUNCTION math.outputs(a integer, OUT b integer, INOUT c text DEFAULT 'c'::text, VARIADIC rest text[] DEFAULT '{}'::text[]) RETURNS record
    LANGUAGE plpgsql
    AS $$ BEGIN b := a + 1; END $$;
CREATE FUNCTION math.polymorphic(anycompatible, anycompatiblearray) RETURNS anycompatible
    LANGUAGE sql IMMUTABLE
    AS $_$SELECT $1$_$;
CREATE FUNCTION math.quotes() RETURNS text
    LANGUAGE plpgsql
    AS $_X$
DECLARE
    "quoted name" text := 'it''s';
    body text := $$ $inner$ $_$ $$;
BEGIN
    -- don't stop at this ' or this " or this /*
    /* nor at /* this */ $$ */
    EXECUTE $q$SELECT E'\\\'' || 'a' || U&'\0041'$q$ INTO body;
    RETURN "quoted name" || body || '\';
END;
$_X$;
CREATE FUNCTION math.returns_rows() RETURNS SETOF public.accounts
    LANGUAGE sql STABLE
    AS $$SELECT * FROM public.accounts$$;
CREATE FUNCTION math.returns_table(less_than integer DEFAULT 10) RETURNS TABLE(id integer, "Name" text)
    LANGUAGE sql STABLE COST 200 ROWS 5
    AS $$SELECT id, name FROM public.accounts WHERE id < less_than$$;
CREATE FUNCTION math.returns_type_of(text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
    AS $_$SELECT $1$_$;
CREATE FUNCTION math.settings() RETURNS text
    LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER LEAKPROOF PARALLEL RESTRICTED
    SET search_path TO 'math', 'a b', 'pg_temp'
    SET "DateStyle" TO 'ISO, DMY'
    SET work_mem TO '8MB'
    SET "dbsnap_test.option" TO 'it''s "quoted"'
    AS $$ BEGIN RETURN current_setting('search_path'); END $$;
CREATE FUNCTION math.single_quoted_body() RETURNS text
    LANGUAGE sql
    AS $$SELECT 'it''s \'::text$$;
CREATE AGGREGATE math.any_rows(*) (
    SFUNC = int8inc,
    STYPE = bigint,
    INITCOND = '0'
);
COMMENT ON AGGREGATE math.any_rows(*) IS 'an aggregate';
CREATE AGGREGATE math.biggest(integer) (
    SFUNC = int4larger,
    STYPE = integer,
    SORTOP = OPERATOR(pg_catalog.>)
);
CREATE AGGREGATE math.moving(double precision) (
    SFUNC = float8pl,
    STYPE = double precision,
    INITCOND = '0',
    MSFUNC = float8pl,
    MINVFUNC = float8mi,
    MSTYPE = double precision,
    MINITCOND = '0'
);
CREATE AGGREGATE math.my_rank(VARIADIC "any" ORDER BY VARIADIC "any") (
    SFUNC = ordered_set_transition_multi,
    STYPE = internal,
    FINALFUNC = rank_final,
    FINALFUNC_EXTRA,
    HYPOTHETICAL
);
CREATE AGGREGATE math.percentile(double precision ORDER BY double precision) (
    SFUNC = ordered_set_transition,
    STYPE = internal,
    FINALFUNC = percentile_cont_float8_final
);
CREATE AGGREG