-- Children whose columns stand in another order than their parents': a dump puts the parents' first.
-- limit: restored differently: the position of columns

CREATE TABLE public.parent (a integer, b text);
CREATE TABLE public.adopted (own date, b text, a integer);
INSERT INTO public.parent VALUES (1, 'one');
INSERT INTO public.adopted VALUES ('2024-01-01', 'two', 2);
ALTER TABLE public.adopted INHERIT public.parent;

CREATE TABLE public.extended (own date) INHERITS (public.parent);
INSERT INTO public.extended VALUES (3, 'three', '2024-01-02');
ALTER TABLE public.parent ADD COLUMN c boolean DEFAULT true;
