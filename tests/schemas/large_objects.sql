-- Large objects: empty, of every byte, of several pages, with a hole, with a comment, and one that no row names.

SELECT lo_from_bytea(100001, 'plain text');
SELECT lo_create(100002);
SELECT lo_from_bytea(100003, (SELECT string_agg(decode(lpad(to_hex(byte), 2, '0'), 'hex'), '' ORDER BY byte) FROM generate_series(0, 255) AS byte));
-- 2,048 bytes are one page of pg_largeobject: one byte less, the same, one more.
SELECT lo_from_bytea(100004, decode(repeat('ab', 2047), 'hex'));
SELECT lo_from_bytea(100005, decode(repeat('ab', 2048), 'hex'));
SELECT lo_from_bytea(100006, decode(repeat('ab', 2049), 'hex'));
-- 200 KB: several of the 16 KB pieces in which pg_dump writes.
SELECT lo_from_bytea(100007, (SELECT string_agg(decode(md5(n::text), 'hex'), '' ORDER BY n) FROM generate_series(1, 12800) AS n));
SELECT lo_from_bytea(4294967295, E'\\\\.\n\\\\restrict x\n');
-- The hole takes no page here; restored, it is pages of zeros: the same bytes.
SELECT lo_from_bytea(100008, 'begin');
SELECT lo_put(100008, 100000, 'end');
COMMENT ON LARGE OBJECT 100001 IS E'it''s\na comment \\.';
COMMENT ON LARGE OBJECT 100002 IS 'nothing is in it';

CREATE TABLE public.attachments (id integer PRIMARY KEY, name text, content oid);
INSERT INTO public.attachments VALUES (1, 'text', 100001), (2, 'empty', 100002), (3, 'bytes', 100003), (4, 'gone', 999999);
