SELECT 1;
SELECT E'a\';b';
SELECT e'a\\';
SELECT E'a'';b';
SELECT date'2024-01-01\';
INSERT INTO t VALUES (E'\';', ';');
SELECT 'a;''b\';
SELECT 'a;'
';b';
SELECT N'a;';
SELECT B'0;1', X'f;f';
SELECT U&'\0041;';
SELECT U&"\0041;";
SELECT "a;""b;";
SELECT $$;'$$, $a$;$b$;$ba$a$;
SELECT $$
\.
\! rm
$$;
SELECT a$b$, c$$;
SELECT $1, $2;
SELECT 1$$;$$;
SELECT 1 -- ;
;
SELECT 1 -- ;;
SELECT 1 /* ; */;
SELECT 1 /* /* ; */ ; /*/ ; */ */;
SELECT 1 +--;
 2 -/*;*/ 3 */**/ 4;
CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM a; DELETE FROM b);
SELECT ((((1);)));
SELECT a::text, f(b := 1);
SELECT :a, :'a', :"a", x[1:2], y[a:b];
SELECT 1.5e-3, .5, 1., 1..2, 1e5;
CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;
CREATE OR REPLACE PROCEDURE p(a int DEFAULT (1))
LANGUAGE sql
BEGIN ATOMIC
 SELECT CASE WHEN a THEN 1 END;
 SELECT (CASE a WHEN 1 THEN 2 END);
END;
CREATE TABLE t (begin int, end_ int);
CREATE VIEW function AS SELECT beginning FROM cases;
SELECT größe, 'é;' FROM "ü;";
SELECT '�;�';