-- needs: citext, hstore
-- Extensions in schemas of their own, whose types, operators and index classes tables use.

CREATE SCHEMA extensions;
CREATE SCHEMA "Ext 2";
CREATE EXTENSION citext SCHEMA extensions;
CREATE EXTENSION hstore SCHEMA "Ext 2";
COMMENT ON EXTENSION citext IS 'it''s case-insensitive';

CREATE TABLE public.people (
    id integer PRIMARY KEY,
    email extensions.citext UNIQUE,
    attributes "Ext 2".hstore DEFAULT 'a=>1, "b c"=>NULL',
    emails extensions.citext[]
);
INSERT INTO public.people VALUES
    (1, 'Ada@Example.com', '"it''s"=>"\"quoted\"", empty=>"", null=>NULL', '{A,a,NULL}'), (2, 'bob@example.com', DEFAULT, '{}'), (3, NULL, NULL, NULL);
CREATE INDEX people_attributes ON public.people USING gist (attributes);
CREATE INDEX people_attributes_gin ON public.people USING gin (attributes);
CREATE VIEW public.keys AS SELECT id, "Ext 2".akeys(attributes) AS keys FROM public.people WHERE email OPERATOR(extensions.=) 'ADA@example.com';
CREATE DOMAIN public.email AS extensions.citext CHECK (VALUE OPERATOR(extensions.~) '@');
CREATE TABLE public.mails (sender public.email);
INSERT INTO public.mails VALUES ('A@B');

CREATE FUNCTION extensions.made_here(value extensions.citext) RETURNS text LANGUAGE sql IMMUTABLE RETURN value::text;
