-- 300 tables, each with a key, an index, a sequence and a few rows: what is done once per table shows here.

DO $do$
BEGIN
    FOR n IN 1..300 LOOP
        EXECUTE format('CREATE TABLE public.%I (id serial PRIMARY KEY, name text NOT NULL UNIQUE, previous integer)', 'table_' || n);
        EXECUTE format('INSERT INTO public.%I (name, previous) SELECT %L || i, i FROM generate_series(1, %s) AS i', 'table_' || n, 'row ', n % 4);
        IF n > 1 THEN
            EXECUTE format('ALTER TABLE public.%I ADD FOREIGN KEY (previous) REFERENCES public.%I NOT VALID', 'table_' || n, 'table_' || n - 1);
        END IF;
    END LOOP;
END
$do$;
