SET standard_conforming_strings = off;
\connect
SELECT 'x\'; SELECT 1; SELECT '\
';
SELECT 'marker';
