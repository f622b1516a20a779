DO $$BEGIN END$$;
SET standard_conforming_strings = on;
SELECT 'x\'; SELECT 1; SELECT '\
';
SELECT 'marker';
