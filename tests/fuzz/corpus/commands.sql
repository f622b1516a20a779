\restrict k
SELECT 1 \g |cmd
;
SELECT 'a' \; SELECT 2;
;
SELECT (1\! rm 'x
);
\connect b
\unrestrict k
