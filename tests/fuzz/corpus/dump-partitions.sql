CREATE TABLE public.measurements (
    device text NOT NULL COLLATE pg_catalog."C",
    day date NOT NULL,
    value double precision,
    half double precision GENERATED ALWAYS AS ((value / (2)::double precision)) STORED
)
PARTITION BY RANGE (lower(device), EXTRACT(year FROM day));
CREATE TABLE public.measurements_a (
    device text CONSTRAINT measurements_device_not_null NOT NULL COLLATE pg_catalog."C",
    day date CONSTRAINT measurements_day_not_null NOT NULL,
    value double precision,
    half double precision GENERATED ALWAYS AS ((value / (2)::double precision)) STORED
);
CREATE TABLE public.measurements_b (
    device text CONSTRAINT measurements_device_not_null NOT NULL COLLATE pg_catalog."C",
    day date CONSTRAINT measurements_day_not_null NOT NULL,
    value double precision,
    half double precision GENERATED ALWAYS AS ((value / (2)::double precision)) STORED
);
CREATE TABLE public.measurements_empty (
    device text CONSTRAINT measurements_device_not_null NOT NULL COLLATE pg_catalog."C",
    day date CONSTRAINT measurements_day_not_null NOT NULL,
    value double precision,
    half double precision GENERATED ALWAYS AS ((value / (2)::double precision)) STORED
);
CREATE TABLE public.no_partitions (
    id integer
)
PARTITION BY HASH (id);
ALTER TABLE ONLY public.events ATTACH PARTITION parts.events FOR VALUES FROM ('2024-01-01 00:00:00+00') TO ('2025-01-01 00:00:00+00');
ALTER TABLE ONLY parts.events ATTACH PARTITION parts."events ""default""" DEFAULT;
ALTER TABLE ONLY parts."events ""default""" ATTACH PARTITION parts.events_hash_0 FOR VALUES WITH (modulus 3, remainder 0);
ALTER TABLE ONLY parts."events ""default""" ATTACH PARTITION parts.events_hash_1 FOR VALUES WITH (modulus 3, remainder 1);
ALTER TABLE ONLY parts."events ""default""" ATTACH PARTITION parts.events_hash_2 FOR VALUES WITH (modulus 3, remainder 2);
ALTER TABLE ONLY parts.events ATTACH PARTITION parts.events_quoted FOR VALUES IN ('it''s', 'line
feed', '\.', '');
ALTER TABLE ONLY public.counters ATTACH PARTITION public.counters_1 FOR VALUES FROM (0) TO (10);
ALTER TABLE ONLY public.counters ATTACH PARTITION public.counters_3 FOR VALUES FROM (20) TO (30);
ALTER TABLE ONLY public.counters ATTACH PARTITION public.counters_4 FOR VALUES FROM (30) TO (40);
ALTER TABLE ONLY public.customers ATTACH PARTITION public.customers_north FOR VALUES IN ('north', NULL);
ALTER TABLE ONLY public.customers ATTACH PARTITION public.customers_rest DEFAULT;
ALTER TABLE ONLY public.event_notes ATTACH PARTITION public.event_notes_low FOR VALUES FROM ('0') TO ('100');
ALTER TABLE ONLY public.event_notes ATTACH PARTITION public.event_notes_rest DEFAULT;
ALTER TABLE ONLY public.events ATTACH PARTITION public.events_new FOR VALUES FROM ('2025-01-01 00:00:00+00') TO (MAXVALUE);
ALTER TABLE ONLY public.events ATTACH PARTITION public.events_old FOR VALUES FROM (MINVALUE) TO ('2024-01-01 00:00:00+00');
ALTER TABLE ONLY public.measurements ATTACH PARTITION public.measurements_a FOR VALUES FROM (MINV