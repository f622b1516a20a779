--
-- PostgreSQL database dump
--

\restrict key

-- Dumped from database version 18.6 (Debian 18.6-1)
-- Dumped by pg_dump version 18.7

CREATE TABLE public.t (
    a integer NOT NULL,
    b text DEFAULT 'x'::text
);

COPY public.t (a, b) FROM stdin;
1	\N
2	\\.
\.

--
-- PostgreSQL database dump complete
--

\unrestrict key

