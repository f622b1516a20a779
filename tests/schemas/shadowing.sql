-- Objects in public with the names of the server's own: who looks up names carelessly gets these, and they fail.

CREATE FUNCTION public.never_call_this() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a name was looked up in the schema public';
END
$$;

-- Tables and views called like catalogues and like what dbsnap might call its own.
CREATE TABLE public.pg_class (oid integer PRIMARY KEY, relname text);
CREATE TABLE public.pg_namespace (nspname text);
CREATE TABLE public.tables (table_name text);
CREATE TABLE public.information_schema (table_name text);
CREATE VIEW public.pg_tables AS SELECT 'public' AS schemaname, 'none' AS tablename;
CREATE TABLE public."current_database" (current_database text);
INSERT INTO public.pg_class VALUES (1, 'mine');
INSERT INTO public.pg_namespace VALUES ('mine');
INSERT INTO public.tables VALUES ('mine');
INSERT INTO public.information_schema VALUES ('mine');
INSERT INTO public.current_database VALUES ('mine');

-- Types called like the server's, used by their full names.
CREATE DOMAIN public.text AS pg_catalog.text CHECK (VALUE <> 'x');
CREATE TYPE public.int4 AS ENUM ('one', 'two');
CREATE TYPE public.name AS (first pg_catalog.text, last pg_catalog.text);
CREATE TABLE public.odd_types (id pg_catalog.int4 PRIMARY KEY, number public.int4, label public.text, who public.name, numbers public.int4[]);
INSERT INTO public.odd_types VALUES (1, 'one', 'a', ROW ('a', 'b'), '{one,two}');

-- Functions and operators that fit better than the server's for some argument types.
CREATE FUNCTION public.lower(value character varying) RETURNS pg_catalog.text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.never_call_this(); RETURN NULL; END $$;
CREATE FUNCTION public.format(pattern pg_catalog.text, value pg_catalog.name) RETURNS pg_catalog.text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.never_call_this(); RETURN NULL; END $$;
CREATE FUNCTION public.count(value pg_catalog.oid) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN PERFORM public.never_call_this(); RETURN NULL; END $$;
CREATE FUNCTION public.array_agg(value pg_catalog.name) RETURNS pg_catalog.text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.never_call_this(); RETURN NULL; END $$;
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM public.never_call_this(); RETURN NULL; END $$;
CREATE FUNCTION public.pg_get_viewdef(value pg_catalog.regclass) RETURNS pg_catalog.text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.never_call_this(); RETURN NULL; END $$;
CREATE FUNCTION public.quote_ident(value pg_catalog.name) RETURNS pg_catalog.text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.never_call_this(); RETURN NULL; END $$;
CREATE FUNCTION public.oid_equals(a pg_catalog.oid, b pg_catalog.regclass) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.never_call_this(); RETURN NULL; END $$;
CREATE OPERATOR public.= (FUNCTION = public.oid_equals, LEFTARG = pg_catalog.oid, RIGHTARG = pg_catalog.regclass);
CREATE FUNCTION public.char_equals(a "char", b pg_catalog.text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.never_call_this(); RETURN NULL; END $$;
CREATE OPERATOR public.= (FUNCTION = public.char_equals, LEFTARG = "char", RIGHTARG = pg_catalog.text);
CREATE FUNCTION public.name_joined(a pg_catalog.name, b pg_catalog.name) RETURNS pg_catalog.text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.never_call_this(); RETURN NULL; END $$;
CREATE OPERATOR public.|| (FUNCTION = public.name_joined, LEFTARG = pg_catalog.name, RIGHTARG = pg_catalog.name);
