CREATE VIEW public.divides_by_zero AS
 SELECT (1 / (x - x)) AS y
   FROM public.base;
CREATE VIEW public.first_view AS
SELECT
    NULL::integer AS x;
CREATE VIEW public.never_ends AS
 WITH RECURSIVE r(n) AS (
         SELECT 1 AS "?column?"
        UNION ALL
         SELECT 1
           FROM r r_1
        )
 SELECT n
   FROM r;
CREATE VIEW public.raises AS
 SELECT public.fails() AS y;
CREATE VIEW public.reads_the_circle AS
 SELECT x
   FROM public.first_view;
CREATE VIEW public.second_view AS
 SELECT x
   FROM public.first_view;
CREATE OR REPLACE VIEW public.first_view AS
 SELECT x
   FROM public.second_view;