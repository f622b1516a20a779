-- A check by a function that finds its tables through search_path, which a dump sets to nothing: no restore.
-- limit: restore fails

CREATE TABLE public.countries (code text PRIMARY KEY);
INSERT INTO public.countries VALUES ('NL'), ('BE');
CREATE FUNCTION public.known_country(value text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM countries WHERE code = value);
END
$$;
CREATE TABLE public.addresses (id integer PRIMARY KEY, country text CHECK (public.known_country(country)));
INSERT INTO public.addresses VALUES (1, 'NL'), (2, 'BE');
