-- A generated column whose function has changed since: its values are not dumped, a restore computes new ones.
-- limit: restored differently: the generated values of invoices

CREATE FUNCTION public.tax(amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT amount * 0.19';
CREATE TABLE public.invoices (id integer PRIMARY KEY, amount numeric, tax numeric GENERATED ALWAYS AS (public.tax(amount)) STORED);
INSERT INTO public.invoices VALUES (1, 100), (2, 50);
CREATE OR REPLACE FUNCTION public.tax(amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT amount * 0.21';
INSERT INTO public.invoices VALUES (3, 100);
