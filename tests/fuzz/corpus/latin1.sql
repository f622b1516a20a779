SET client_encoding = 'LATIN1';
CREATE TABLE public."größe" (a int);
CREATE FUNCTION f("ä" text DEFAULT 'ü') RETURNS int LANGUAGE sql AS '';
