-- Hash partitions by an enum: its hash follows the type's OID, so a restore spreads the rows differently.
-- limit: restored differently: rows per partition; the partitioned table as a whole is the same

CREATE TYPE public.colour AS ENUM ('red', 'green', 'blue', 'cyan', 'magenta', 'yellow', 'black', 'white');
CREATE TABLE public.paints (shade public.colour NOT NULL, litres integer NOT NULL) PARTITION BY HASH (shade);
CREATE TABLE public.paints_0 PARTITION OF public.paints FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE public.paints_1 PARTITION OF public.paints FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE public.paints_2 PARTITION OF public.paints FOR VALUES WITH (MODULUS 4, REMAINDER 2);
CREATE TABLE public.paints_3 PARTITION OF public.paints FOR VALUES WITH (MODULUS 4, REMAINDER 3);
INSERT INTO public.paints
SELECT shade, n FROM unnest(enum_range(NULL::public.colour)) AS shade, generate_series(1, 5) AS n;
