START TRANSACTION;
SET standard_conforming_strings = off;
ROLLBACK;
SELECT 'x\'; SELECT 1; SELECT '\
';
SELECT 'marker';
