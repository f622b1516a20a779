-- Functions, procedures and aggregates: overloaded, variadic, with defaults, outputs, settings and SQL bodies.

CREATE SCHEMA math;
CREATE TABLE public.accounts (id integer PRIMARY KEY, name text NOT NULL, balance numeric(12, 2) DEFAULT 0);
INSERT INTO public.accounts VALUES (1, 'Ada', 10.50), (2, 'Bob', -1);

-- One name, five signatures; a table, a type and a procedure of that name too.
CREATE FUNCTION math.add(a integer, b integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE FUNCTION math.add(a numeric, b numeric) RETURNS numeric LANGUAGE sql IMMUTABLE RETURN a + b;
CREATE FUNCTION math.add(a text, b text DEFAULT E'it''s\n\\.') RETURNS text LANGUAGE sql IMMUTABLE RETURN a || b;
CREATE FUNCTION math.add(VARIADIC numbers integer[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT sum(n) FROM unnest(numbers) AS n';
CREATE FUNCTION math.add() RETURNS void LANGUAGE sql AS '';
CREATE PROCEDURE math.add(INOUT result boolean) LANGUAGE plpgsql AS $$ BEGIN result := NOT result; END $$;
CREATE TABLE math.add (add integer);
INSERT INTO math.add VALUES (1);

CREATE FUNCTION math.outputs(IN a integer, OUT b integer, INOUT c text DEFAULT 'c', VARIADIC rest text[] DEFAULT '{}')
RETURNS record LANGUAGE plpgsql AS $$ BEGIN b := a + 1; END $$;
CREATE FUNCTION math.returns_table(less_than integer DEFAULT 10) RETURNS TABLE (id integer, "Name" text)
LANGUAGE sql STABLE ROWS 5 COST 200 AS 'SELECT id, name FROM public.accounts WHERE id < less_than';
CREATE FUNCTION math.returns_rows() RETURNS SETOF public.accounts LANGUAGE sql STABLE AS 'SELECT * FROM public.accounts';
CREATE FUNCTION math.returns_type_of(public.accounts.name%TYPE) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1';
CREATE FUNCTION math.polymorphic(anycompatible, anycompatiblearray) RETURNS anycompatible LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION math.defaults(a integer DEFAULT length('four'), b date DEFAULT CURRENT_DATE, c text DEFAULT NULL, d integer[] DEFAULT ARRAY[1, 2])
RETURNS integer LANGUAGE sql AS 'SELECT a';

CREATE FUNCTION math.settings() RETURNS text LANGUAGE plpgsql SECURITY DEFINER LEAKPROOF STRICT STABLE PARALLEL RESTRICTED
SET search_path = math, "a b", pg_temp SET "DateStyle" = 'ISO, DMY' SET work_mem = '8MB' SET dbsnap_test.option = 'it''s "quoted"'
AS $$ BEGIN RETURN current_setting('search_path'); END $$;
CREATE FUNCTION math.empty_search_path() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = '' AS 'SELECT 1::text';
CREATE FUNCTION math.from_current() RETURNS text LANGUAGE sql SET TimeZone FROM CURRENT AS 'SELECT 1::text';

-- Bodies that the server keeps parsed.
CREATE FUNCTION math.atomic(lowest integer) RETURNS TABLE (id integer, total numeric)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT accounts.id, sum(balance) FROM public.accounts WHERE accounts.id >= lowest GROUP BY accounts.id;
END;
CREATE PROCEDURE math.atomic_procedure(who text, OUT found integer)
LANGUAGE sql
BEGIN ATOMIC
    UPDATE public.accounts SET name = who || ';' WHERE false;
    INSERT INTO public.accounts (id, name) SELECT 1000, 'it''s' WHERE false;
    DELETE FROM public.accounts WHERE name = $1 AND false;
    SELECT 1;
END;
CREATE FUNCTION math.atomic_needs_key() RETURNS TABLE (id integer, name text)
LANGUAGE sql
BEGIN ATOMIC
    SELECT accounts.id, accounts.name FROM public.accounts GROUP BY accounts.id;
END;
CREATE FUNCTION math.atomic_empty() RETURNS void LANGUAGE sql BEGIN ATOMIC END;
CREATE VIEW math.calls AS SELECT f.id, math.add(f.id, 1) AS next FROM math.atomic(0) AS f;

-- Bodies that need other dollar quotes, and a body with every kind of quote.
CREATE FUNCTION math.quotes() RETURNS text LANGUAGE plpgsql AS $outer$
DECLARE
    "quoted name" text := 'it''s';
    body text := $$ $inner$ $_$ $$;
BEGIN
    -- don't stop at this ' or this " or this /*
    /* nor at /* this */ $$ */
    EXECUTE $q$SELECT E'\\\'' || 'a' || U&'\0041'$q$ INTO body;
    RETURN "quoted name" || body || '\';
END;
$outer$;
CREATE FUNCTION math.single_quoted_body() RETURNS text LANGUAGE sql AS 'SELECT ''it''''s \''::text';

CREATE PROCEDURE math.commits() LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1..3 LOOP
        COMMIT;
    END LOOP;
END
$$;

-- Aggregates: plain, with many options, ordered-set, hypothetical, moving, variadic.
CREATE AGGREGATE math.total(integer) (sfunc = int4pl, stype = integer, initcond = '0', combinefunc = int4pl, parallel = safe);
CREATE AGGREGATE math.total(text) (sfunc = textcat, stype = text, initcond = E'it''s\\ ');
CREATE AGGREGATE math.biggest(integer) (sfunc = int4larger, stype = integer, sortop = >);
CREATE AGGREGATE math.any_rows(*) (sfunc = int8inc, stype = bigint, initcond = '0');
CREATE AGGREGATE math.moving(double precision) (
    sfunc = float8pl, stype = double precision, msfunc = float8pl, minvfunc = float8mi, mstype = double precision, initcond = '0', minitcond = '0'
);
CREATE AGGREGATE math.percentile(double precision ORDER BY double precision) (
    sfunc = ordered_set_transition, stype = internal, finalfunc = percentile_cont_float8_final, finalfunc_modify = read_write
);
CREATE AGGREGATE math.my_rank(VARIADIC "any" ORDER BY VARIADIC "any") (
    sfunc = ordered_set_transition_multi, stype = internal, finalfunc = rank_final, finalfunc_extra, hypothetical
);
COMMENT ON FUNCTION math.add(integer, integer) IS 'two integers';
COMMENT ON FUNCTION math.add(VARIADIC integer[]) IS 'many integers';
COMMENT ON PROCEDURE math.add(boolean) IS 'a procedure';
COMMENT ON AGGREGATE math.any_rows(*) IS 'an aggregate';
COMMENT ON ROUTINE math.add(text, text) IS 'two texts';
