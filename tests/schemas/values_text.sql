-- Text that looks like COPY, psql commands, NULL, escapes or a whole dump, with every kind of line end.

SET client_encoding = 'UTF8';

CREATE TABLE public.texts (id integer PRIMARY KEY, what text NOT NULL, value text);
INSERT INTO public.texts VALUES
    (1, 'null', NULL),
    (2, 'empty', ''),
    (3, 'the text of null', '\N'),
    (4, 'null in words', 'NULL'),
    (5, 'end of copy', '\.'),
    (6, 'end of copy on its own line', E'before\n\\.\nafter'),
    (7, 'end of copy with CRLF', E'before\r\n\\.\r\nafter'),
    (8, 'restrict', '\restrict x'),
    (9, 'restrict lines', E'\n\\restrict abcdef\n\\unrestrict abcdef\n'),
    (10, 'connect', E'\n\\connect postgres\n'),
    (11, 'shell', E'\n\\! echo owned\n`echo owned`\n'),
    (12, 'one backslash', '\'),
    (13, 'backslashes', '\\\\\\\\\'),
    (14, 'backslash at the end of a line', E'a\\\nb\\'),
    (15, 'line feed', E'\n'),
    (16, 'carriage return', E'\r'),
    (17, 'both', E'\r\n'),
    (18, 'mixed line ends', E'a\nb\rc\r\nd\n\re'),
    (19, 'tab', E'\t'),
    (20, 'tabs', E'\ta\t\tb\t'),
    (21, 'vertical tab, form feed, backspace, bell, escape, delete', E'\v\f\b\a\x1b\x7f'),
    (22, 'escapes as text', '\n\r\t\v\f\b'),
    (23, 'NUL as text', '\000 \x00 \0 %00 \u0000 ^@'),
    (24, 'octal and hex as text', '\134\056 \x5c\x2e \x5C.'),
    (25, 'all control characters', (SELECT string_agg(chr(code), '' ORDER BY code) FROM generate_series(1, 31) AS code)),
    (26, 'Latin', 'àéîõü ß ẞ İ ı ſ'),
    (27, 'combining', U&'e\0301 a\030A\0327 \0301alone'),
    (28, 'precomposed', U&'\00e9'),
    (29, 'astral', '😀 𝒳 👩‍👩‍👧‍👦 🇳🇱'),
    (30, 'right to left', U&'\202e\05d0\05d1 \200f'),
    (31, 'byte order mark', U&'\feffat the start, \feff in the middle'),
    (32, 'separators of Unicode', U&'a\2028b\2029c\0085d\00a0e'),
    (33, 'not characters', U&'\ffff \fffe \fdd0 \+10ffff'),
    (34, 'single quotes', ''' '''' it''s'),
    (35, 'double quotes', '" "" "x"'),
    (36, 'dollar quotes', '$$ $body$ $1 $_$'),
    (37, 'comments', '-- x /* y */'),
    (38, 'variables of psql', ':x :''x'' :"x" :{?x}'),
    (39, 'spaces at the ends', '  x  '),
    (40, 'only spaces', '   '),
    (41, 'CSV', 'a,b;"c","d""e"'),
    (42, 'COPY line', 'COPY public.texts (id, what, value) FROM stdin;'),
    (43, 'trailer', E'--\n-- PostgreSQL database dump complete\n--\n\n'),
    (44, 'header', E'--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 18.6\n'),
    (45, 'statement', 'INSERT INTO public.texts VALUES (1); DROP TABLE public.texts;'),
    (46, 'format', '%s %d {} {0} %% ${x}'),
    (47, 'HTML', '<b>&amp;&#0;</b>'),
    (48, 'a whole dump', E'--\n-- PostgreSQL database dump\n--\n\n\\restrict KEY\n\nSET client_encoding = ''UTF8'';\n\nCREATE TABLE public.t (\n    id integer\n);\n\n\nCOPY public.t (id) FROM stdin;\n1\n\\N\n\\.\n\n\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict KEY\n\n'),
    (49, 'a whole dump with CRLF', E'--\r\n-- PostgreSQL database dump\r\n--\r\n\r\nCOPY public.t (id) FROM stdin;\r\n1\r\n\\.\r\n\r\n--\r\n-- PostgreSQL database dump complete\r\n--\r\n');

-- The same where the text is the first, the only, or the last thing on its line.
CREATE TABLE public.only_texts AS SELECT value FROM public.texts;
CREATE TABLE public.texts_first AS SELECT value, id FROM public.texts;
CREATE TABLE public.text_arrays AS SELECT array_agg(value ORDER BY id) AS values FROM public.texts;
CREATE TABLE public.text_rows AS SELECT texts AS "row" FROM public.texts;

-- Other types of text: blanks at the end count, or not.
CREATE TABLE public.text_types (id integer, fixed char(5), one char, varying varchar(10), plain "char", name name, unlimited varchar);
INSERT INTO public.text_types VALUES
    (1, 'a', '', 'a  ', 'x', 'name', E'\\.'), (2, '     ', ' ', '', '\', '', '\N'), (3, E'\\.', E'\\', E'\\.\n', '', 'a"b', NULL);

-- The same texts outside of rows: defaults, bodies, comments, checks.
CREATE TABLE public.texts_in_definitions (
    end_of_copy text DEFAULT E'before\n\\.\nafter',
    dump text DEFAULT E'\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict x\n',
    copy text DEFAULT E'\nCOPY public.texts (id) FROM stdin;\n1\n\\.\n',
    carriage text DEFAULT E'a\r\nb\rc',
    checked text CHECK (checked <> E'\n\\restrict x\n\\! true\n')
);
INSERT INTO public.texts_in_definitions DEFAULT VALUES;
COMMENT ON TABLE public.texts_in_definitions IS E'\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict x\n\\! true\nCOPY public.texts (id) FROM stdin;\n1\n\\.\n';
COMMENT ON COLUMN public.texts_in_definitions.carriage IS E'a\r\nb\rc';
CREATE VIEW public.texts_in_a_view AS SELECT E'\nCOPY public.texts (id) FROM stdin;\n1\n\\.\n' AS copy, E'a\r\nb' AS carriage;
CREATE FUNCTION public.texts_in_a_body() RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    /*
COPY public.texts (id) FROM stdin;
99	x	y
\.
\restrict not_a_key
\connect postgres
\! true
--
-- PostgreSQL database dump complete
--
\unrestrict not_a_key
    */
    RETURN 'it''s "quoted" \ $$ $_$ -- ' || E'\\';
END
$body$;
CREATE FUNCTION public.carriage_returns_in_a_body() RETURNS integer LANGUAGE sql AS E'\r\nSELECT 1\r\n--\r\n+ 1\r\n';
