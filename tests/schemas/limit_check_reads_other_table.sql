-- A check that reads a table whose rows a dump writes later: no restore.
-- limit: restore fails

CREATE TABLE public.z_countries (code text PRIMARY KEY);
INSERT INTO public.z_countries VALUES ('NL'), ('BE');
CREATE FUNCTION public.known_country(value text) RETURNS boolean LANGUAGE sql STABLE AS
'SELECT EXISTS (SELECT 1 FROM public.z_countries WHERE code = value)';
CREATE TABLE public.addresses (id integer PRIMARY KEY, country text CHECK (public.known_country(country)));
INSERT INTO public.addresses VALUES (1, 'NL'), (2, 'BE');
