CREATE TABLE public.typed OF kinds.address (
    street DEFAULT 'somewhere'::text,
    "post code" NOT NULL
);
CREATE TABLE public.holds_rows (
    id integer,
    one public.typed,
    many public.typed[]
);
CREATE TABLE public.holds_held_rows (
    held public.holds_rows
);
ALTER TABLE ONLY public.everything
    ADD CONSTRAINT everything_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.typed
    ADD CONSTRAINT typed_pkey PRIMARY KEY ("post code");
CREATE INDEX everything_code ON public.everything USING btree (code, address);
CREATE INDEX everything_size ON public.everything USING btree (size, size_range);