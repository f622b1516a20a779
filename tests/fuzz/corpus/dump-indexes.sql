ALTER TABLE ONLY public.replica_nothing REPLICA IDENTITY NOTHING;
ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.replica_nothing
    ADD CONSTRAINT replica_nothing_pkey PRIMARY KEY (id);
CREATE INDEX twice ON other.clustered USING btree (id);
CREATE INDEX brin_bloom ON public.documents USING brin (title text_bloom_ops (n_distinct_per_range='50'));
CREATE INDEX brin_made_at ON public.documents USING brin (made_at) WITH (pages_per_range='4', autosummarize='on');
CREATE INDEX brin_minmax_multi ON public.documents USING brin (rank int4_minmax_multi_ops);
CREATE INDEX by_collation ON public.documents USING btree (title COLLATE "C", body COLLATE "POSIX" varchar_pattern_ops);
CREATE INDEX by_expression ON public.documents USING btree (public.normal(title), ((id + 1)), lower(body));
ALTER INDEX public.by_expression ALTER COLUMN 2 SET STATISTICS 400;
CREATE INDEX by_expression_with_quotes ON public.documents USING btree (((title || ' it''s \. 
'::text)));
CREATE INDEX by_pattern ON public.documents USING btree (title text_pattern_ops);
CREATE INDEX by_row ON public.documents USING btree (public.row_key(documents.*)) WHERE (id < 10);
CREATE INDEX clustered_place ON public.clustered USING btree (place);
ALTER TABLE public.clustered CLUSTER ON clustered_place;
CREATE INDEX covering ON public.documents USING btree (title) INCLUDE (rank, made_at);
CREATE INDEX gin_array ON public.documents USING gin (tags) WITH (fastupdate=off, gin_pending_list_limit='64');
CREATE INDEX gin_jsonb ON public.documents USING gin (attributes jsonb_path_ops);
CREATE INDEX gin_jsonb_default ON public.documents USING gin (attributes);
CREATE INDEX gin_search ON public.documents USING gin (search);
CREATE INDEX gist_place ON public.documents USING gist (place);
CREATE INDEX gist_range ON public.documents USING gist (valid) WHERE (NOT isempty(valid));
CREATE INDEX gist_search ON public.documents USING gist (search tsvector_ops (siglen='100'));
CREATE INDEX hash_title ON public.documents USING hash (title) WITH (fillfactor='60');
CREATE UNIQUE INDEX nulls_not_distinct ON public.documents USING btree (id, rank) NULLS NOT DISTINCT;
CREATE INDEX ordered ON public.documents USING btree (rank DESC NULLS LAST, made_at NULLS FIRST, title DESC);
CREATE INDEX partial ON public.documents USING btree (rank) WHERE ((rank IS NOT NULL) AND (title <> 'it''s'::text));
COMMENT ON INDEX public.partial IS 'partial index';
CREATE UNIQUE INDEX replica_index_code ON public.replica_index USING btree (code);
ALTER TABLE ONLY public.replica_index REPLICA IDENTITY USING INDEX replica_index_code;
CREATE INDEX spgist_address ON public.documents USING spgist (address);
CREATE INDEX spgist_text ON public.documents USING spgist (title);
CREATE INDEX twice ON public.clustered USING btree (id);
CREATE INDEX twice_again ON public.clustered USING btree (id);
CREATE UNIQUE INDEX unique_partial ON public.documents USING btree (title) WHERE (id > 0);
CREATE INDE