-- Operators, operator classes and families, casts, collations, conversions, transforms, text search.

CREATE SCHEMA ops;

CREATE TYPE ops.version AS (major integer, minor integer);
CREATE FUNCTION ops.compare(a ops.version, b ops.version) RETURNS integer LANGUAGE sql IMMUTABLE STRICT
RETURN pg_catalog.btrecordcmp(a, b);
CREATE FUNCTION ops.less(a ops.version, b ops.version) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT RETURN ops.compare(a, b) < 0;
CREATE FUNCTION ops.less_equal(a ops.version, b ops.version) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT RETURN ops.compare(a, b) <= 0;
CREATE FUNCTION ops.same(a ops.version, b ops.version) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT RETURN ops.compare(a, b) = 0;
CREATE FUNCTION ops.more_equal(a ops.version, b ops.version) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT RETURN ops.compare(a, b) >= 0;
CREATE FUNCTION ops.more(a ops.version, b ops.version) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT RETURN ops.compare(a, b) > 0;
CREATE OPERATOR ops.<# (FUNCTION = ops.less, LEFTARG = ops.version, RIGHTARG = ops.version, COMMUTATOR = OPERATOR(ops.>#), NEGATOR = OPERATOR(ops.>=#), RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR ops.<=# (FUNCTION = ops.less_equal, LEFTARG = ops.version, RIGHTARG = ops.version, COMMUTATOR = OPERATOR(ops.>=#), NEGATOR = OPERATOR(ops.>#));
CREATE OPERATOR ops.=# (FUNCTION = ops.same, LEFTARG = ops.version, RIGHTARG = ops.version, COMMUTATOR = OPERATOR(ops.=#), RESTRICT = eqsel, JOIN = eqjoinsel, MERGES);
CREATE OPERATOR ops.>=# (FUNCTION = ops.more_equal, LEFTARG = ops.version, RIGHTARG = ops.version, COMMUTATOR = OPERATOR(ops.<=#), NEGATOR = OPERATOR(ops.<#));
CREATE OPERATOR ops.># (FUNCTION = ops.more, LEFTARG = ops.version, RIGHTARG = ops.version, COMMUTATOR = OPERATOR(ops.<#), NEGATOR = OPERATOR(ops.<=#));
CREATE FUNCTION ops.negate(a ops.version) RETURNS ops.version LANGUAGE sql IMMUTABLE RETURN ROW (- (a).major, - (a).minor)::ops.version;
CREATE OPERATOR ops.- (FUNCTION = ops.negate, RIGHTARG = ops.version);

CREATE OPERATOR FAMILY ops.version_family USING btree;
CREATE OPERATOR CLASS ops.version_class DEFAULT FOR TYPE ops.version USING btree FAMILY ops.version_family AS
    OPERATOR 1 ops.<#, OPERATOR 2 ops.<=#, OPERATOR 3 ops.=#, OPERATOR 4 ops.>=#, OPERATOR 5 ops.>#, FUNCTION 1 ops.compare(ops.version, ops.version);
CREATE FUNCTION ops.backwards_compare(a integer, b integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT RETURN pg_catalog.btint4cmp(b, a);
CREATE OPERATOR CLASS ops.backwards FOR TYPE integer USING btree AS
    OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 ops.backwards_compare(integer, integer);

-- An index by the own class, a view and a check that use the own operators.
CREATE TABLE public.releases (
    id integer PRIMARY KEY,
    version ops.version NOT NULL,
    EXCLUDE USING btree (version WITH OPERATOR(ops.=#)),
    CHECK (version OPERATOR(ops.>=#) ROW (0, 0)::ops.version)
);
INSERT INTO public.releases VALUES (1, ROW (1, 10)), (2, ROW (1, 9)), (3, ROW (2, 0));
CREATE UNIQUE INDEX releases_version ON public.releases (version DESC);
CREATE INDEX releases_backwards ON public.releases (id ops.backwards);
CREATE VIEW public.newest AS
SELECT id, OPERATOR(ops.-) version AS negative FROM public.releases ORDER BY version USING OPERATOR(ops.>#) LIMIT 1;

-- Casts: by function, by text, binary, assignment and implicit.
CREATE FUNCTION ops.version_from_text(value text) RETURNS ops.version LANGUAGE sql IMMUTABLE STRICT
RETURN ROW (split_part(value, '.', 1)::integer, split_part(value, '.', 2)::integer)::ops.version;
CREATE CAST (text AS ops.version) WITH FUNCTION ops.version_from_text(text) AS ASSIGNMENT;
CREATE TYPE ops.level AS ENUM ('low', 'high');
CREATE CAST (character varying AS ops.level) WITH INOUT AS IMPLICIT;
CREATE TYPE ops.kelvin AS RANGE (subtype = double precision, multirange_type_name = ops.kelvins);
CREATE CAST (ops.kelvin AS numrange) WITH INOUT;
COMMENT ON CAST (text AS ops.version) IS 'a cast';
COMMENT ON OPERATOR ops.<# (ops.version, ops.version) IS 'an operator';
COMMENT ON OPERATOR ops.- (NONE, ops.version) IS 'a prefix operator';
COMMENT ON OPERATOR CLASS ops.version_class USING btree IS 'an operator class';
COMMENT ON OPERATOR FAMILY ops.version_family USING btree IS 'an operator family';

-- Collations of the C library only: not every build has ICU.
CREATE COLLATION ops.c_like (provider = libc, locale = 'C');
CREATE COLLATION ops.two_sided (provider = libc, lc_collate = 'C', lc_ctype = 'POSIX');
CREATE COLLATION ops.copied FROM pg_catalog."POSIX";
CREATE TABLE public.collated (a text COLLATE ops.c_like, b text COLLATE ops.copied, c text COLLATE "default");
INSERT INTO public.collated VALUES ('a', 'B', 'c'), ('A', 'b', 'ä');
CREATE INDEX collated_index ON public.collated (a, b COLLATE "C", (c COLLATE ops.two_sided));
COMMENT ON COLLATION ops.c_like IS 'a collation';

CREATE CONVERSION ops.latin FOR 'LATIN1' TO 'UTF8' FROM pg_catalog.iso8859_1_to_utf8;
COMMENT ON CONVERSION ops.latin IS 'a conversion';

-- Text search: a parser, templates, dictionaries with options, a configuration that maps to them.
CREATE TEXT SEARCH PARSER ops.parser (
    START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline
);
CREATE TEXT SEARCH TEMPLATE ops.template (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY ops.words (TEMPLATE = ops.template, stopwords = 'english', accept = 'false');
CREATE TEXT SEARCH DICTIONARY ops.synonyms (TEMPLATE = pg_catalog.synonym, synonyms = 'synonym_sample');
CREATE TEXT SEARCH CONFIGURATION ops.search (PARSER = ops.parser);
ALTER TEXT SEARCH CONFIGURATION ops.search ADD MAPPING FOR asciiword, word WITH ops.synonyms, ops.words, pg_catalog.simple;
ALTER TEXT SEARCH CONFIGURATION ops.search ADD MAPPING FOR numword WITH pg_catalog.simple;
CREATE TABLE public.pages (
    id integer PRIMARY KEY,
    body text,
    search tsvector GENERATED ALWAYS AS (to_tsvector('ops.search', body)) STORED
);
INSERT INTO public.pages VALUES (1, 'The postgres is a postgresql'), (2, NULL);
CREATE INDEX pages_search ON public.pages USING gin (search);
COMMENT ON TEXT SEARCH PARSER ops.parser IS 'a parser';
COMMENT ON TEXT SEARCH TEMPLATE ops.template IS 'a template';
COMMENT ON TEXT SEARCH DICTIONARY ops.words IS 'a dictionary';
COMMENT ON TEXT SEARCH CONFIGURATION ops.search IS 'a configuration';

CREATE TRANSFORM FOR ops.level LANGUAGE sql (FROM SQL WITH FUNCTION pg_catalog.prsd_lextype(internal));
COMMENT ON TRANSFORM FOR ops.level LANGUAGE sql IS 'a transform';
