DO $$BEGIN SET standard_conforming_strings = off; END$$;
SELECT 'x\'; SELECT 1; SELECT '\
';
SELECT 'marker';
