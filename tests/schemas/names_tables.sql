-- Schemas, tables and columns whose names hold quotes, line ends, dots, keywords and psql commands.

SET client_encoding = 'UTF8';

CREATE SCHEMA "select";
CREATE SCHEMA "a.b";
CREATE SCHEMA "with ""quotes""";
CREATE SCHEMA "line
feed";
CREATE SCHEMA "Ünïcode 数据";
CREATE SCHEMA "\connect postgres";

CREATE TABLE "select"."table" (
    "select" integer PRIMARY KEY,
    "from" text,
    "user" text,
    "order" text,
    "null" text,
    "true" text,
    "current_user" text
);
INSERT INTO "select"."table" VALUES (1, 'f', 'u', 'o', 'n', 't', 'c'), (2, NULL, NULL, NULL, NULL, NULL, NULL);

-- "a.b"."c" and "a"."b.c" differ, although both are a.b.c once the quotes are gone.
CREATE SCHEMA a;
CREATE TABLE "a.b".c (id integer PRIMARY KEY, "a.b.c" text);
CREATE TABLE a."b.c" (id integer PRIMARY KEY, "a.b.c" text);
CREATE TABLE public."a.b.c" (id integer PRIMARY KEY);
CREATE TABLE public."""a"".""b""" (id integer PRIMARY KEY);
INSERT INTO "a.b".c VALUES (1, 'schema with a dot');
INSERT INTO a."b.c" VALUES (1, 'table with a dot'), (2, 'one row more');
INSERT INTO public."a.b.c" VALUES (1), (2), (3);
INSERT INTO public."""a"".""b""" VALUES (1), (2), (3), (4);

CREATE TABLE "with ""quotes"""."it's ""quoted""" (
    """" integer PRIMARY KEY,
    "'" text,
    "''" text,
    "`id`" text,
    "$1" text,
    "{}" text,
    "%s" text,
    ":name" text,
    "&" text
);
INSERT INTO "with ""quotes"""."it's ""quoted""" VALUES (1, '"', '''', '`', '$1', '{}', '%s', ':name', '&');

CREATE TABLE "line
feed"."table
with
feeds" (
    "id
" integer PRIMARY KEY,
    "
" text,
    "a
\connect postgres
b" text
);
INSERT INTO "line
feed"."table
with
feeds" VALUES (1, 'one', 'two'), (2, E'line\nfeed', NULL);

-- The server takes carriage returns, tabs and other control characters in names too.
DO $do$
BEGIN
    EXECUTE format('CREATE TABLE public.%I (%I integer, %I text, %I text, %I text)',
                   E'return\rtab\tfeed\nend', E'crlf\r\n', E'\t', E'\x01\x7f', E'\b\f\v');
    EXECUTE format('INSERT INTO public.%I VALUES (1, %L, NULL, %L)',
                   E'return\rtab\tfeed\nend', E'\r\n', E'\x01');
END
$do$;

CREATE TABLE "Ünïcode 数据"."テーブル 😀" (
    "ключ" integer PRIMARY KEY,
    "é precomposed" text,
    "é combining" text,
    "‮right to left" text,
    "zero​width" text,
    " no-break" text,
    "😀" text
);
INSERT INTO "Ünïcode 数据"."テーブル 😀" VALUES (1, 'a', 'b', 'c', 'd', 'e', '😀'), (2, '', '', '', '', '', '');

CREATE TABLE "\connect postgres"."\! true" (
    "\q" integer PRIMARY KEY,
    "\." text,
    "\restrict x" text,
    "\unrestrict x" text,
    "\\" text,
    "\N" text,
    "\" text
);
INSERT INTO "\connect postgres"."\! true" VALUES (1, '\.', '\restrict x', '\unrestrict x', '\\', '\N', '\'), (2, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE public."-- not a comment" ("/* nor this" integer PRIMARY KEY, "*/" text, "--" text);
INSERT INTO public."-- not a comment" VALUES (1, '/*', '*/');
CREATE TABLE public."$$" ("$body$" integer PRIMARY KEY, "$$ LANGUAGE sql; --" text);
INSERT INTO public."$$" VALUES (1, '$$');
CREATE TABLE public."COPY public.victim (id) FROM stdin;" (id integer PRIMARY KEY);
INSERT INTO public."COPY public.victim (id) FROM stdin;" VALUES (1);
CREATE TABLE public."; DROP TABLE public.victim; --" (id integer PRIMARY KEY);
INSERT INTO public."; DROP TABLE public.victim; --" VALUES (1);
CREATE TABLE public.victim (id integer PRIMARY KEY);
INSERT INTO public.victim VALUES (1), (2);

-- What pg_dump writes around a table, as the name of one.
CREATE TABLE public."x
--
-- PostgreSQL database dump complete
--

\unrestrict x
" (id integer PRIMARY KEY);
INSERT INTO public."x
--
-- PostgreSQL database dump complete
--

\unrestrict x
" VALUES (7);
CREATE TABLE public."victim; Type: TABLE; Schema: public; Owner: -" (id integer PRIMARY KEY);
INSERT INTO public."victim; Type: TABLE; Schema: public; Owner: -" VALUES (1);

-- Leading digits, case, spaces at the ends, and names that only look empty.
CREATE TABLE public."1st" ("2nd" integer PRIMARY KEY, "3" text);
CREATE TABLE public."Users" ("Id" integer PRIMARY KEY, "ID" text, id text);
CREATE TABLE public.users (id integer PRIMARY KEY);
CREATE TABLE public."USERS" (id integer PRIMARY KEY);
CREATE TABLE public." users" (" id" integer PRIMARY KEY, "id " text, " " text);
CREATE TABLE public."users " (id integer PRIMARY KEY);
CREATE TABLE public."*" ("*" integer PRIMARY KEY);
CREATE TABLE public."user?" (id integer PRIMARY KEY);
CREATE TABLE public."[abc]+.*" (id integer PRIMARY KEY);
CREATE TABLE public."with/slash" (id integer PRIMARY KEY);
CREATE TABLE public."../../etc/passwd" (id integer PRIMARY KEY);
CREATE TABLE public."a,b(c)" ("d,e(f)" integer PRIMARY KEY);
CREATE TABLE public."<b>&amp;</b>" (id integer PRIMARY KEY);
CREATE TABLE public."dbname=x://" (id integer PRIMARY KEY);
CREATE TABLE public._ (_ integer PRIMARY KEY);
CREATE TABLE public.dollar$name (column$1 integer PRIMARY KEY);
INSERT INTO public."1st" VALUES (1, 'one');
INSERT INTO public."Users" VALUES (1, 'upper', 'lower');
INSERT INTO public.users VALUES (1), (2);
INSERT INTO public."USERS" VALUES (1), (2), (3);
INSERT INTO public." users" VALUES (1, 'a', 'b');
INSERT INTO public."users " VALUES (1), (2), (3), (4), (5);
INSERT INTO public."*" VALUES (1);
INSERT INTO public."user?" VALUES (1);
INSERT INTO public."[abc]+.*" VALUES (1);
INSERT INTO public."with/slash" VALUES (1);
INSERT INTO public."../../etc/passwd" VALUES (1);
INSERT INTO public."a,b(c)" VALUES (1);
INSERT INTO public."<b>&amp;</b>" VALUES (1);
INSERT INTO public."dbname=x://" VALUES (1);
INSERT INTO public._ VALUES (1);
INSERT INTO public.dollar$name VALUES (1);

-- 63 bytes, the longest that a server keeps; the second pair differs in the last byte alone.
DO $do$
BEGIN
    EXECUTE format('CREATE TABLE public.%I (%I integer PRIMARY KEY, %I text)',
                   repeat('n', 63), repeat('c', 63), repeat('c', 62) || 'd');
    EXECUTE format('INSERT INTO public.%I VALUES (1, %L)', repeat('n', 63), 'long');
    EXECUTE format('CREATE TABLE public.%I (id integer PRIMARY KEY)', repeat('n', 62) || 'm');
    EXECUTE format('INSERT INTO public.%I VALUES (1), (2)', repeat('n', 62) || 'm');
    EXECUTE format('CREATE TABLE public.%I (%I integer PRIMARY KEY)',
                   repeat('😀', 15) || 'abc', repeat('"', 63));
    EXECUTE format('INSERT INTO public.%I VALUES (1)', repeat('😀', 15) || 'abc');
    EXECUTE format('CREATE SCHEMA %I', repeat('é', 31) || 's');
    EXECUTE format('CREATE TABLE %I.%I (id integer PRIMARY KEY)', repeat('é', 31) || 's', repeat('é', 31) || 't');
    EXECUTE format('INSERT INTO %I.%I VALUES (1), (2)', repeat('é', 31) || 's', repeat('é', 31) || 't');
END
$do$;

-- The default constraint names of such tables are cut to 63 bytes; these keys point across them.
ALTER TABLE public.users ADD FOREIGN KEY (id) REFERENCES public."USERS";
ALTER TABLE "a.b".c ADD FOREIGN KEY (id) REFERENCES a."b.c";
