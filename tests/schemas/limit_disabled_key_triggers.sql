-- ALTER TABLE … DISABLE TRIGGER ALL switches foreign keys off too: pg_dump writes that for own triggers alone.
-- limit: restored differently: the foreign key is enforced again

CREATE TABLE public.users (id integer PRIMARY KEY);
CREATE TABLE public.messages (id integer PRIMARY KEY, user_id integer REFERENCES public.users);
INSERT INTO public.users VALUES (1);
INSERT INTO public.messages VALUES (1, 1);
CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER own BEFORE INSERT ON public.messages FOR EACH ROW EXECUTE FUNCTION public.nothing();
ALTER TABLE public.messages DISABLE TRIGGER ALL;
