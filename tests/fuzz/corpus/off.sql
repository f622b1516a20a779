SET standard_conforming_strings = off;
SELECT 'a\'b', U&'d\', E'\\', "\";
INSERT INTO t VALUES ('\'), (');
SET standard_conforming_strings = on;
SELECT 'x\';
