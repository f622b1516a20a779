-- Enums, domains, composites, ranges and their arrays, in one another and in tables.

CREATE SCHEMA kinds;

CREATE TYPE kinds.no_labels AS ENUM ();
CREATE TYPE kinds.size AS ENUM ('small', 'large');
-- The order of the labels is neither that of the alphabet nor that of their making.
ALTER TYPE kinds.size ADD VALUE 'medium' BEFORE 'large';
ALTER TYPE kinds.size ADD VALUE 'tiny' BEFORE 'small';
ALTER TYPE kinds.size ADD VALUE 'HUGE' AFTER 'large';
ALTER TYPE kinds.size RENAME VALUE 'HUGE' TO 'it''s huge';

CREATE DOMAIN kinds.code AS text COLLATE "C" DEFAULT 'none' NOT NULL CONSTRAINT short CHECK (length(VALUE) < 10);
CREATE DOMAIN kinds.sub_code AS kinds.code CONSTRAINT starts CHECK (VALUE ~ '^[a-z\\]');
CREATE DOMAIN kinds.sizes AS kinds.size[] CHECK (array_length(VALUE, 1) < 5);
CREATE FUNCTION kinds.is_even(number integer) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN number % 2 = 0;
CREATE DOMAIN kinds.even AS integer CHECK (kinds.is_even(VALUE));

CREATE TYPE kinds.address AS (street text, number kinds.even, area kinds.size, gone integer, tags text[]);
ALTER TYPE kinds.address DROP ATTRIBUTE gone;
ALTER TYPE kinds.address ADD ATTRIBUTE "post code" kinds.code COLLATE "C";
CREATE TYPE kinds.person AS (name text, home kinds.address, others kinds.address[]);
CREATE TYPE kinds.nothing AS ();
CREATE DOMAIN kinds.valid_person AS kinds.person CHECK ((VALUE).name <> '');

CREATE FUNCTION kinds.size_distance(a kinds.even, b kinds.even) RETURNS double precision
LANGUAGE sql IMMUTABLE RETURN (a - b)::double precision;
CREATE TYPE kinds.size_range AS RANGE (subtype = kinds.size);
CREATE TYPE kinds.text_range AS RANGE (subtype = text, subtype_opclass = text_pattern_ops, collation = "C", multirange_type_name = kinds.text_ranges);
CREATE FUNCTION kinds.distance(a time, b time) RETURNS double precision
LANGUAGE sql IMMUTABLE RETURN EXTRACT(epoch FROM (a - b));
CREATE TYPE kinds.time_range AS RANGE (subtype = time, subtype_diff = kinds.distance);
CREATE DOMAIN kinds.opening_hours AS kinds.time_range CHECK (NOT isempty(VALUE));

CREATE TABLE public.everything (
    id integer PRIMARY KEY,
    size kinds.size DEFAULT 'medium',
    sizes kinds.size[],
    checked_sizes kinds.sizes,
    code kinds.code,
    sub_code kinds.sub_code DEFAULT 'own',
    even kinds.even,
    evens kinds.even[],
    address kinds.address,
    person kinds.valid_person,
    people kinds.person[],
    nothing kinds.nothing,
    size_range kinds.size_range,
    size_ranges kinds.size_multirange,
    text_range kinds.text_range,
    text_ranges kinds.text_ranges,
    time_range kinds.time_range,
    hours kinds.opening_hours[],
    no_labels kinds.no_labels
);
INSERT INTO public.everything (id) VALUES (1);
INSERT INTO public.everything VALUES (
    2, 'tiny', '{small,NULL,"it''s huge"}', '{tiny,large}', '', '\', 4, '{2,NULL,-4}',
    ROW (E'Street "1"\n', 2, 'large', ARRAY['a,b', '"', NULL, '\', ''], 'pc'),
    ROW ('Ada', ROW ('', NULL, NULL, '{}', ','), ARRAY[ROW ('()', 0, 'tiny', NULL, '('), NULL]::kinds.address[]),
    ARRAY[ROW ('a', NULL, NULL), ROW (NULL, NULL, '{}'), NULL]::kinds.person[],
    ROW (), '[small,large)', '{[tiny,small],(medium,)}', '["\"","a,b")', '{["",a),[b,"c d"]}',
    '[09:00,17:30:00.000001)', '{"[08:00,09:00]","(,)"}', NULL
);
CREATE INDEX everything_size ON public.everything (size, size_range);
CREATE INDEX everything_code ON public.everything (code, address);

-- Tables made of a type, and rows of other tables in columns.
CREATE TABLE public.typed OF kinds.address (PRIMARY KEY ("post code"), street WITH OPTIONS DEFAULT 'somewhere');
INSERT INTO public.typed VALUES ('street', 2, 'small', '{}', 'a'), (NULL, NULL, NULL, NULL, 'b');
CREATE TABLE public.holds_rows (id integer, one public.typed, many public.typed[]);
INSERT INTO public.holds_rows SELECT 1, typed, ARRAY[typed, NULL] FROM public.typed;
CREATE TABLE public.holds_held_rows (held public.holds_rows);
INSERT INTO public.holds_held_rows SELECT holds_rows FROM public.holds_rows;

COMMENT ON TYPE kinds.size IS 'an enum';
COMMENT ON DOMAIN kinds.code IS 'a domain';
COMMENT ON CONSTRAINT short ON DOMAIN kinds.code IS 'a domain''s check';
COMMENT ON COLUMN kinds.address."post code" IS 'an attribute';
