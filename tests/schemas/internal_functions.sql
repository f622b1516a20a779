-- What only a superuser may make: base types, functions in the languages internal and C, and a language.

CREATE SCHEMA kinds;

-- A base type with input and output of integer, a type of 100 bytes, and a type that stays a shell.
CREATE TYPE kinds.handle;
CREATE FUNCTION kinds.handle_in(cstring) RETURNS kinds.handle LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION kinds.handle_out(kinds.handle) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE kinds.handle (INPUT = kinds.handle_in, OUTPUT = kinds.handle_out, LIKE = integer, DELIMITER = ';', CATEGORY = 'N', DEFAULT = '7');
CREATE TYPE kinds."odd ""text""";
CREATE FUNCTION kinds."odd in"(cstring) RETURNS kinds."odd ""text""" LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION kinds."odd out"(kinds."odd ""text""") RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE kinds."odd ""text""" (
    INPUT = kinds."odd in", OUTPUT = kinds."odd out", INTERNALLENGTH = VARIABLE, STORAGE = extended, COLLATABLE = true, PREFERRED = false
);
CREATE TYPE kinds.shell;
COMMENT ON TYPE kinds.handle IS 'a base type';

CREATE TABLE public.handled (
    id integer PRIMARY KEY,
    handle kinds.handle,
    handles kinds.handle[],
    odd kinds."odd ""text"""
);
INSERT INTO public.handled VALUES (1, '-5', '{1;2;NULL}', E'\\.\n'), (2, DEFAULT, '{}', ''), (3, NULL, NULL, NULL);

CREATE FUNCTION public.text_length(text) RETURNS integer LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'textlen';
CREATE FUNCTION public.own_row_number() RETURNS bigint LANGUAGE internal WINDOW IMMUTABLE AS 'window_row_number';
CREATE TABLE public.measured (word text CHECK (public.text_length(word) < 10));
INSERT INTO public.measured VALUES ('short');
CREATE VIEW public.numbered AS SELECT word, public.own_row_number() OVER (ORDER BY word) AS number FROM public.measured;

-- PL/pgSQL under another name.
CREATE FUNCTION public.other_call_handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION public.other_inline_handler(internal) RETURNS void LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION public.other_validator(oid) RETURNS void LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TRUSTED LANGUAGE plother
    HANDLER public.other_call_handler INLINE public.other_inline_handler VALIDATOR public.other_validator;
CREATE FUNCTION public.in_other_language(n integer) RETURNS integer LANGUAGE plother AS $$ BEGIN RETURN n + 1; END $$;
COMMENT ON LANGUAGE plother IS 'a language';
