-- A large object with a hole: a restore writes the hole's zeros, so it takes more pages for the same bytes.

SELECT lo_from_bytea(100001, 'begin');
SELECT lo_put(100001, 100000, 'end');
CREATE TABLE public.attachments (id integer PRIMARY KEY, content oid);
INSERT INTO public.attachments VALUES (1, 100001);
