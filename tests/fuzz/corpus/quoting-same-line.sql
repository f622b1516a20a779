SET standard_conforming_strings = off; SELECT 'x\'; SELECT 1; SELECT '\
';
SELECT 'marker';
