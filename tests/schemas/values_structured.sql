-- Arrays with odd bounds and NULLs, JSON with duplicate keys and huge numbers, ranges, vectors of words, bytes.

SET client_encoding = 'UTF8';

CREATE TABLE public.arrays (
    id integer PRIMARY KEY,
    texts text[],
    numbers integer[][],
    floats double precision[],
    bytes bytea[],
    documents jsonb[],
    stamps timestamptz[],
    bounded integer[3]
);
INSERT INTO public.arrays VALUES
    (1, '{}', '{}', '{}', '{}', '{}', '{}', '{}'),
    (2, ARRAY[NULL, 'NULL', 'null', '', ' ', '"', '\', ',', '{', '}', '{}', E'\n', E'\t', E'\r', '\N', '\.', 'ü😀', ''''], '{{1,2},{3,NULL}}',
     '{NaN,Infinity,-0,0.1}', ARRAY['\x', '\x00ff5c22', NULL]::bytea[], ARRAY['null', NULL, '{"a": "\\\"\n"}', '"\\."', '[]']::jsonb[],
     '{"2024-01-01 00:00:00+00",infinity,NULL}', '{1,2,3,4,5}'),
    (3, '[0:2]={a,b,c}', '[-1:0][5:6]={{1,2},{3,4}}', '[5:5]={1}', NULL, NULL, NULL, '[-2147483648:-2147483647]={1,2}'),
    (4, '{{a,b},{c,d}}', '{{{{{{1}}}}}}', NULL, NULL, NULL, NULL, NULL),
    (5, ARRAY[repeat('x', 10000)], NULL, NULL, NULL, NULL, NULL, NULL),
    (6, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE public.json_documents (id integer PRIMARY KEY, plain json, binary_form jsonb, path jsonpath);
INSERT INTO public.json_documents VALUES
    (1, '{"b": 1, "a": 2, "b": 3}', '{"b": 1, "a": 2, "b": 3}', '$'),
    (2, E' {\n\t"spaces" :  [ 1 , 2 ]\r\n} ', E' {\n\t"spaces" :  [ 1 , 2 ]\r\n} ', '$.a[*] ? (@ > 1 && @.b like_regex "^\\d+$" flag "i")'),
    (3, '1e400', '1e400', 'strict $."quoted key".size()'),
    (4, '12345678901234567890123456789012345678901234567890.0', '12345678901234567890123456789012345678901234567890.0', '$[last]'),
    (5, '1.0', '1.0', '$.*'), (6, '-0', '-0', '$.x.double()'), (7, '1E+2', '1E+2', '(-$).abs()'), (8, 'null', 'null', NULL), (9, NULL, NULL, NULL),
    (10, '"\u0000"', '"\u0001"', NULL), (11, '"\ud83d\ude00 \u00e9 \/"', '"\ud83d\ude00 \u00e9 \/"', NULL),
    (12, '"\\. \\N \\restrict x \" \n \t"', '"\\. \\N \\restrict x \" \n \t"', NULL), (13, '""', '""', NULL), (14, '{}', '{}', NULL), (15, '[]', '[]', NULL),
    (16, '{"": {"": ""}}', '{"": {"": ""}}', NULL), (17, '[[[[[[[[[[1]]]]]]]]]]', '[[[[[[[[[[1]]]]]]]]]]', NULL), (18, 'true', 'true', NULL),
    (19, '{"aa": 1, "b": 2, "Z": 3, "ä": 4}', '{"aa": 1, "b": 2, "Z": 3, "ä": 4}', NULL);

CREATE TABLE public.byte_strings (id integer PRIMARY KEY, value bytea);
INSERT INTO public.byte_strings VALUES
    (1, ''), (2, NULL), (3, '\x00'), (4, '\x5c2e0a'), (5, '\x5c4e'),
    (6, (SELECT string_agg(decode(lpad(to_hex(byte), 2, '0'), 'hex'), '' ORDER BY byte) FROM generate_series(0, 255) AS byte)),
    (7, (SELECT string_agg(decode(lpad(to_hex(255 - byte), 2, '0'), 'hex'), '' ORDER BY byte) FROM generate_series(0, 255) AS byte));
INSERT INTO public.byte_strings
SELECT 1000 + byte, decode(lpad(to_hex(byte), 2, '0'), 'hex') FROM generate_series(0, 255) AS byte;

CREATE TABLE public.ranges (
    id integer PRIMARY KEY,
    integers int4range,
    numbers numrange,
    days daterange,
    plain tsrange,
    zoned tstzrange,
    many int8multirange,
    many_zoned tstzmultirange
);
INSERT INTO public.ranges VALUES
    (1, 'empty', 'empty', 'empty', 'empty', 'empty', '{}', '{}'),
    (2, '(,)', '(,)', '(,)', '(,)', '(,)', '{(,)}', '{(,)}'),
    (3, '[1,5]', '[1.0,2.50)', '[2024-01-01,infinity]', '["2024-01-01 00:00:00",infinity)', '("2024-01-01 00:00:00+00",)', '{[1,3),[5,7)}',
     '{["2024-01-01 00:00:00+00","2024-01-02 00:00:00+00"]}'),
    (4, '[2147483646,2147483647)', '(-Infinity,NaN]', '[0044-03-15 BC,0001-01-01)', NULL, NULL, '{[-9223372036854775808,0)}', NULL);

CREATE TABLE public.words (id integer PRIMARY KEY, document tsvector, query tsquery);
INSERT INTO public.words VALUES
    (1, '', ''), (2, 'a b c', 'a & !b | c <-> d <3> e'),
    (3, $$'it''s' 'back\\slash':1A,2B,16383 ' ' 'line
feed':5C '\\.':7$$, $$'it''s':*A & ( 'back\\slash' | !' ' )$$),
    (4, to_tsvector('pg_catalog.english', 'The quick brown foxes jumped over 3.14 lazy dogs'), plainto_tsquery('pg_catalog.english', 'quick foxes')),
    (5, NULL, NULL);

CREATE TABLE public.shapes (
    id integer PRIMARY KEY, point point, line line, segment lseg, box box, path path, polygon polygon, circle circle
);
INSERT INTO public.shapes VALUES
    (1, '(0,0)', '{1,-1,0}', '[(0,0),(1,1)]', '(1,1),(0,0)', '((0,0),(1,1),(2,0))', '((0,0),(1,1),(2,0))', '<(0,0),1>'),
    (2, '(-0,NaN)', '{0,1,-0.1}', '[(1e-300,1e300),(0.1,0.2)]', '(Infinity,Infinity),(-Infinity,-Infinity)', '[(0,0),(1,1)]', '((0.1,0.30000000000000004))',
     '<(1,2),0>'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE public.networks (id integer PRIMARY KEY, host inet, network cidr, mac macaddr, mac8 macaddr8, uuid uuid);
INSERT INTO public.networks VALUES
    (1, '10.0.0.1', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '00000000-0000-0000-0000-000000000000'),
    (2, '10.0.0.1/8', '::/0', 'ff:ff:ff:ff:ff:ff', '08002b:0102030405', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'),
    (3, '::ffff:1.2.3.4', '2001:db8::/32', NULL, NULL, '{ffffffffffffffffffffffffffffffff}'), (4, 'fe80::1/64', NULL, NULL, NULL, NULL);

-- Names of objects as values: they read otherwise when search_path differs.
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.networks (id integer);
INSERT INTO elsewhere.networks VALUES (1);
CREATE TABLE public.object_names (
    id integer PRIMARY KEY,
    relation regclass,
    type regtype,
    function regprocedure,
    operator regoperator,
    namespace regnamespace,
    configuration regconfig,
    snapshot pg_snapshot,
    position pg_lsn,
    tuple tid,
    transaction xid8,
    vector int2vector,
    objects oidvector
);
INSERT INTO public.object_names VALUES
    (1, 'public.networks', 'integer', 'pg_catalog.lower(text)', 'pg_catalog.+(integer,integer)', 'public', 'pg_catalog.english', '10:20:10,14,15',
     '16/B374D848', '(4294967295,65535)', '18446744073709551615', '1 2 3', '1 4294967295'),
    (2, 'elsewhere.networks', 'public.networks[]', 'pg_catalog.now()', '0', 'elsewhere', 'simple', '1:1:', '0/0', '(0,1)', '0', '', ''),
    (3, '4294967295', '-', '-', '0', '-', '-', NULL, NULL, NULL, NULL, NULL, NULL);
