-- Every kind of index: expression, partial, covering, ordered, nulls not distinct, gin, gist, brin, hash, spgist.

CREATE FUNCTION public.normal(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT RETURN lower(btrim(value));

CREATE TABLE public.documents (
    id integer PRIMARY KEY,
    title text NOT NULL,
    body text,
    tags text[],
    attributes jsonb,
    search tsvector GENERATED ALWAYS AS (to_tsvector('pg_catalog.simple', coalesce(body, ''))) STORED,
    place point,
    valid daterange,
    address inet,
    made_at timestamptz,
    rank integer
);
INSERT INTO public.documents (id, title, body, tags, attributes, place, valid, address, made_at, rank)
SELECT n, 'Title ' || n, repeat('word' || n % 7 || ' ', 5), ARRAY['t' || n % 3, 't' || n % 5],
       jsonb_build_object('n', n, 'odd', n % 2 = 1), point(n, -n), daterange(date '2024-01-01' + n, date '2024-01-09' + n),
       inet '10.0.0.0' + n, timestamptz '2024-01-01 00:00:00+00' + n * interval '1 hour', nullif(n % 10, 0)
FROM generate_series(1, 200) AS n;

CREATE FUNCTION public.row_key(document public.documents) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN (document).title || (document).id;

CREATE INDEX by_expression ON public.documents (public.normal(title), (id + 1), lower(body));
CREATE INDEX by_expression_with_quotes ON public.documents ((title || E' it''s \\. \n'));
CREATE INDEX partial ON public.documents (rank) WHERE rank IS NOT NULL AND title <> 'it''s';
CREATE INDEX covering ON public.documents (title) INCLUDE (rank, made_at);
CREATE INDEX ordered ON public.documents (rank DESC NULLS LAST, made_at ASC NULLS FIRST, title DESC NULLS FIRST);
CREATE UNIQUE INDEX nulls_not_distinct ON public.documents (id, rank) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX unique_partial ON public.documents (title) WHERE id > 0;
CREATE INDEX by_pattern ON public.documents (title text_pattern_ops);
CREATE INDEX by_collation ON public.documents (title COLLATE "C", body COLLATE "POSIX" varchar_pattern_ops);
CREATE INDEX gin_array ON public.documents USING gin (tags) WITH (fastupdate = off, gin_pending_list_limit = 64);
CREATE INDEX gin_jsonb ON public.documents USING gin (attributes jsonb_path_ops);
CREATE INDEX gin_jsonb_default ON public.documents USING gin (attributes);
CREATE INDEX gin_search ON public.documents USING gin (search);
CREATE INDEX gist_search ON public.documents USING gist (search tsvector_ops (siglen = 100));
CREATE INDEX gist_place ON public.documents USING gist (place);
CREATE INDEX gist_range ON public.documents USING gist (valid) WHERE (NOT isempty(valid));
CREATE INDEX spgist_address ON public.documents USING spgist (address);
CREATE INDEX spgist_text ON public.documents USING spgist (title);
CREATE INDEX brin_made_at ON public.documents USING brin (made_at) WITH (pages_per_range = 4, autosummarize = on);
CREATE INDEX brin_bloom ON public.documents USING brin (title text_bloom_ops (n_distinct_per_range = 50));
CREATE INDEX brin_minmax_multi ON public.documents USING brin (rank int4_minmax_multi_ops);
CREATE INDEX hash_title ON public.documents USING hash (title) WITH (fillfactor = 60);
CREATE INDEX with_options ON public.documents (made_at) WITH (fillfactor = 50, deduplicate_items = off);
CREATE INDEX by_row ON public.documents (public.row_key(documents)) WHERE id < 10;

ALTER INDEX public.by_expression ALTER COLUMN 2 SET STATISTICS 400;
COMMENT ON INDEX public.partial IS 'partial index';

-- The table in the order of an index; replica identities.
CREATE TABLE public.clustered (id integer NOT NULL, place integer);
INSERT INTO public.clustered SELECT n, (n * 37) % 101 FROM generate_series(1, 100) AS n;
CREATE INDEX clustered_place ON public.clustered (place);
CLUSTER public.clustered USING clustered_place;

CREATE TABLE public.replica_full (id integer);
ALTER TABLE public.replica_full REPLICA IDENTITY FULL;
CREATE TABLE public.replica_nothing (id integer PRIMARY KEY);
ALTER TABLE public.replica_nothing REPLICA IDENTITY NOTHING;
CREATE TABLE public.replica_index (id integer NOT NULL, code text NOT NULL);
CREATE UNIQUE INDEX replica_index_code ON public.replica_index (code);
ALTER TABLE public.replica_index REPLICA IDENTITY USING INDEX replica_index_code;
INSERT INTO public.replica_full VALUES (1), (1);
INSERT INTO public.replica_nothing VALUES (1);
INSERT INTO public.replica_index VALUES (1, 'a');

-- Two indexes that say the same; two of one name in two schemas.
CREATE INDEX twice ON public.clustered (id);
CREATE INDEX twice_again ON public.clustered (id);
CREATE SCHEMA other;
CREATE TABLE other.clustered (id integer);
CREATE INDEX twice ON other.clustered (id);
INSERT INTO other.clustered VALUES (5);
